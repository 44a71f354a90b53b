"""`mainstay upgrade`: a verified backup first, then the new version, then a look whether it reads the ledger.

Nothing is installed without `--yes`, nothing before the backup is proved, and nothing while a director is at work.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import emit, now_us, say
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.config.living import BackupSettings
    from mainstay.workspace.folder import Folder

PACKAGE = "mainstay"
INSTALL_TIMEOUT_S = 1_800
END_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.1


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("upgrade")(upgrade)


@dataclass(frozen=True, slots=True)
class Installed:
    """How this version was installed, and what brings the next one."""

    way: str  # "pip", "pipx", "uv", "editable"
    version: str
    command: tuple[str, ...]
    back: tuple[str, ...]  # to this very version

    @property
    def ours(self) -> bool:
        """Whether we may run the command: a checkout is its owner's to update."""
        return self.way != "editable"


def installed(prefix: Path = Path(sys.prefix)) -> Installed:
    """How the running version came here."""
    from mainstay import __version__

    parts = prefix.parts
    pip = (sys.executable, "-P", "-m", "pip", "install")
    exact = f"{PACKAGE}=={__version__}"
    if _editable():
        return Installed("editable", __version__, ("git", "pull"), ("git", "checkout", f"v{__version__}"))
    if (prefix / "pipx_metadata.json").exists() or "pipx" in parts:
        return Installed(
            "pipx", __version__, ("pipx", "upgrade", PACKAGE), ("pipx", "install", "--force", exact)
        )
    if (prefix / "uv-receipt.toml").exists():
        return Installed(
            "uv", __version__, ("uv", "tool", "upgrade", PACKAGE), ("uv", "tool", "install", "--force", exact)
        )
    return Installed("pip", __version__, (*pip, "--upgrade", PACKAGE), (*pip, exact))


def _editable() -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        raw = distribution(PACKAGE).read_text("direct_url.json")
    except PackageNotFoundError:
        return True  # run from a checkout
    if not raw:
        return False
    info = json.loads(raw).get("dir_info")
    return isinstance(info, dict) and bool(info.get("editable"))


def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Install too, do not only say how.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End a director that is at work first.")] = False,
    backup_to: Annotated[
        Path | None, typer.Option(help="Where the backup goes.", show_default="[backup] folder")
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Bring the next version: back up, install, and look whether it reads the ledger."""
    from dataclasses import replace

    from mainstay.config.files import load_settings
    from mainstay.workspace.folder import find_folder

    folder, now = find_folder(workspace), installed()
    settings = load_settings(folder.root).backup
    if backup_to is not None:
        settings = replace(settings, folder=backup_to.absolute())
    if check:
        return _told_only(folder, settings, now, as_json)
    _free(folder, stop=stop)
    backup = _backed_up(folder, settings, as_json)
    if not (yes and now.ours):
        if as_json:
            return emit({"backup": backup, "way": now.way, "command": now.command, "installed": False})
        say(f"This is {now.version}, installed by {now.way}. To go on:", f"    {_line(now.command)}")
        say("    mainstay doctor", f"If it does not work: {_line(now.back)}" + _restoring(backup))
        return None
    _install(now, backup)
    after = _proved(folder, now, backup)
    if as_json:
        return emit(
            {"backup": backup, "way": now.way, "command": now.command, "installed": True, "from": now.version}
            | {"to": after}
        )
    return say(f"Upgraded from {now.version} to {after}; it reads the ledger. Start it again: mainstay up")


def _told_only(folder: Folder, settings: BackupSettings, now: Installed, as_json: bool) -> None:
    from mainstay.workspace.outage import locked

    at_work = locked(folder)
    place = str(settings.folder) if settings.folder else ""
    if as_json:
        return emit(
            {
                "version": now.version,
                "way": now.way,
                "command": now.command,
                "backup_to": place,
                "director": "at work" if at_work else "not running",
            }
        )
    say(f"This is {now.version}, installed by {now.way}.")
    say(f"Backup    {place or 'nowhere yet: --backup-to FOLDER, or [backup] folder in mainstay.toml'}")
    say(f"Director  {'at work: --stop ends it first' if at_work else 'not running'}")
    return say(f"Then      {_line(now.command)}" + ("" if now.ours else "  (by hand: it is your checkout)"))


def _free(folder: Folder, *, stop: bool) -> None:
    """Nobody may hold the ledger while its code is replaced."""
    from mainstay.kernel.errors import WorkspaceLocked
    from mainstay.ledger.lock import WriterLock

    lock = WriterLock(folder.lock)
    try:
        lock.acquire()
    except WorkspaceLocked as error:
        pid = error.fields.get("pid")
        if not stop or not isinstance(pid, int):
            raise CommandRefused(
                "A director is at work in this workspace.",
                why="Its code must not be replaced under it. Nothing was done.",
                remedy="Add --stop, or end it and run this again.",
                pid=pid,
            ) from error
        _end(folder, pid)
        return
    lock.release()


def _end(folder: Folder, pid: int) -> None:
    from mainstay.workspace.outage import locked

    os.kill(pid, signal.SIGTERM)  # as Ctrl-C: it ends in order, and a service does not start it again
    deadline = time.monotonic() + END_TIMEOUT_S
    while locked(folder):
        if time.monotonic() > deadline:
            raise CommandRefused(
                f"Process {pid} does not end.",
                why="It was asked to.",
                remedy="End it by hand, then run this again.",
            )
        time.sleep(LOOK_EVERY_S)


def _backed_up(folder: Folder, settings: BackupSettings, as_json: bool) -> str:
    from mainstay.kernel.values import Instant
    from mainstay.workspace.backing import back_up_now

    if not folder.ledger.exists():
        return ""
    if settings.folder is None:
        raise CommandRefused(
            "There is no place for the backup.",
            why="Nothing is upgraded without one.",
            remedy="Add --backup-to FOLDER, or name [backup] folder in mainstay.toml.",
        )
    report = back_up_now(settings, folder, now=Instant(now_us()))
    if not as_json:
        say(f"Backed up and proved: {report.manifest.head:,} events in {report.path}")
    return str(report.path)


def _install(now: Installed, backup: str) -> None:
    if shutil.which(now.command[0]) is None:
        raise CommandRefused(
            f"{now.command[0]} is not found.",
            why=f"This version was installed by {now.way}.",
            remedy=f"Run it by hand: {_line(now.command)}",
        )
    done = _run(now.command)
    if done.returncode:
        raise CommandRefused(
            "The new version could not be installed.",
            why=" ".join((done.stderr or done.stdout).split())[-300:],
            remedy=f"Nothing of the workspace was touched. To be sure of this version: {_line(now.back)}",
            backup=backup,
        )


def _proved(folder: Folder, now: Installed, backup: str) -> str:
    """Open the ledger with what is installed now; its version. Raises `CommandRefused` with the way back."""
    doctor = _run((sys.executable, "-P", "-m", PACKAGE, "doctor", "--json", "--workspace", str(folder.root)))
    if doctor.returncode:
        raise CommandRefused(
            "The new version does not work in this workspace.",
            why=_failed(doctor),
            remedy=f"Go back: {_line(now.back)}" + _restoring(backup),
            backup=backup,
        )
    said = _run((sys.executable, "-P", "-m", PACKAGE, "--version")).stdout.split()
    return said[-1] if said else "?"


def _failed(doctor: subprocess.CompletedProcess[str]) -> str:
    try:
        findings = json.loads(doctor.stdout)["findings"]
        return "; ".join(f"{one['part']}: {one['detail']}" for one in findings if one["level"] == "fail")[
            :300
        ]
    except (ValueError, KeyError, TypeError):
        return " ".join((doctor.stderr or doctor.stdout).split())[-300:] or f"code {doctor.returncode}"


def _restoring(backup: str) -> str:
    return f". If the ledger was changed, too: mainstay ledger restore {backup}" if backup else ""


def _line(command: Sequence[str]) -> str:
    import shlex

    return shlex.join(command)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
