"""`mainstay service`: a director that the machine starts, watches and starts again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer
from mainstay.cli.render import emit, now_us, say, span
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.cli.units import Service
    from mainstay.workspace.folder import Folder

COMMAND_TIMEOUT_S = 120
PASSED_ON = ("MAINSTAY_KEY_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")  # where keys are looked for

service = new_typer("Let the machine start, watch and restart the director.")
Print = Annotated[bool, typer.Option("--print", help="Show what would be written, and write nothing.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    for command in (install, uninstall, status):
        service.command(command.__name__)(command)
    app.add_typer(service, name="service")


@dataclass(frozen=True, slots=True)
class Manager:
    """The service manager of this machine: where its files lie and how it is told."""

    kind: str  # "systemd", "launchd"
    folder: Path

    def files(self, of: Service) -> dict[str, str]:
        """File names and texts."""
        from mainstay.cli.units import launchd_files, systemd_units

        return systemd_units(of) if self.kind == "systemd" else launchd_files(of)

    def starting(self, names: Sequence[str]) -> list[list[str]]:
        """The commands that put these files in force."""
        if self.kind == "systemd":
            begun = [name for name in names if not name.endswith("-heartbeat.service")]
            return [_systemctl("daemon-reload"), _systemctl("enable", "--now", *begun)]
        return [["launchctl", "bootstrap", _domain(), str(self.folder / name)] for name in names]

    def stopping(self, names: Sequence[str]) -> list[list[str]]:
        """The commands that end what these files began."""
        if self.kind == "systemd":
            begun = [name for name in names if not name.endswith("-heartbeat.service")]
            return [_systemctl("disable", "--now", *begun)]
        return [["launchctl", "bootout", _domain(), str(self.folder / name)] for name in names]

    def stopped(self) -> list[list[str]]:
        """What is to be said once the files are gone."""
        return [_systemctl("daemon-reload")] if self.kind == "systemd" else []

    def active(self, label: str) -> str:
        """What it says of the director."""
        if self.kind == "systemd":
            said = _run(_systemctl("is-active", f"{label}.service")).stdout.strip()
            return said or "unknown"
        found = _run(["launchctl", "print", f"{_domain()}/org.{label}"])
        return "active" if found.returncode == 0 and "state = running" in found.stdout else "inactive"


def manager(platform: str = sys.platform) -> Manager:
    """That of this machine. Raises `CommandRefused` where there is none that we know."""
    home = Path.home()
    if platform == "darwin":
        return Manager("launchd", home / "Library" / "LaunchAgents")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return Manager("systemd", config / "systemd" / "user")


def require_manager(found: Manager) -> None:
    """Raises `CommandRefused` where it is not at work."""
    program = "systemctl" if found.kind == "systemd" else "launchctl"
    if shutil.which(program) is None:
        raise CommandRefused(
            f"There is no {found.kind} on this machine.",
            why=f"{program} is not installed.",
            remedy="Start `mainstay up` with what supervises your processes; "
            "`mainstay service install --print` shows what we would tell it.",
        )
    if found.kind == "systemd" and (said := _run(_systemctl("show-environment"))).returncode:
        raise CommandRefused(
            "systemd does not serve you here.",
            why=" ".join(said.stderr.split())[:200] or "Its manager for users does not answer.",
            remedy="Log in as yourself (not by su or sudo), or start `mainstay up` another way.",
        )


def service_of(folder: Folder) -> Service:
    """The workspace as a service."""
    from mainstay.cli.units import Service
    from mainstay.config.files import load_settings

    name = load_settings(folder.root).workspace.name
    given = {key: os.environ[key] for key in PASSED_ON if os.environ.get(key)}
    return Service(f"mainstay-{name}-{folder.id[:8]}", name, folder.root, sys.executable, given)


def install(
    show: Print = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Start the director now and at every login, restart it when it fails, and look every five minutes if it lives."""
    from mainstay.workspace.folder import find_folder
    from mainstay.workspace.outage import locked

    folder = find_folder(workspace)
    of, to = service_of(folder), manager()
    files = to.files(of)
    if show:
        return _print(to, files, as_json)
    require_manager(to)
    if to.active(of.label) != "active" and locked(folder):
        raise CommandRefused(
            "A director is at work already, outside of the service.",
            why="Two cannot hold one workspace.",
            remedy="End it with Ctrl-C, or `kill` it, then run this again.",
        )
    to.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (to.folder / name).write_text(text, "utf-8")
    for command in to.starting(list(files)):
        _must(command)
    if as_json:
        return emit({"service": of.label, "files": [str(to.folder / name) for name in files]})
    say(f"Installed {of.label} in {to.folder}: {', '.join(files)}.")
    say("The director starts now and whenever you log in; every five minutes its heartbeat is looked at.")
    if to.kind == "systemd":
        say("So that it runs without you being logged in, too: loginctl enable-linger")
    if hidden := _from_environment(folder):
        say(
            f"It does not see the environment of this terminal, so not {', '.join(hidden)}: "
            "keep these in the keyring or a file."
        )
    return say("Look: mainstay service status, mainstay logs -f")


def _from_environment(folder: Folder) -> list[str]:
    """The secrets that mainstay.toml takes from the environment."""
    import re

    from mainstay.config.settings import FILE

    file = folder.root / FILE
    return sorted(set(re.findall(r"env:\w+", file.read_text("utf-8")))) if file.exists() else []


def uninstall(show: Print = False, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """End the director's service and remove its files; the workspace stays as it is."""
    from mainstay.workspace.folder import find_folder

    of, to = service_of(find_folder(workspace)), manager()
    there = [name for name in to.files(of) if (to.folder / name).exists()]
    if show:
        return (
            emit([str(to.folder / name) for name in there])
            if as_json
            else say(*(f"would be removed: {to.folder / name}" for name in there))
        )
    if there:
        require_manager(to)
        for command in to.stopping(there):
            _must(command)
        for name in there:
            (to.folder / name).unlink(missing_ok=True)
        for command in to.stopped():
            _must(command)
    if as_json:
        return emit({"service": of.label, "removed": there})
    return say(f"Removed {', '.join(there)}." if there else "No service is installed for this workspace.")


def status(show: Print = False, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Whether the service is installed and at work, and when the director last gave a sign of life."""
    from mainstay.runtime.heartbeat import read_heartbeat
    from mainstay.workspace.folder import find_folder

    folder = find_folder(workspace)
    of, to = service_of(folder), manager()
    files = to.files(of)
    if show:
        return _print(to, files, as_json)
    there = [name for name in files if (to.folder / name).exists()]
    stale = [name for name in there if (to.folder / name).read_text("utf-8") != files[name]]
    active = "not installed"
    if there:
        require_manager(to)
        active = to.active(of.label)
    beat = read_heartbeat(folder.heartbeat)
    if as_json:
        return emit(
            {
                "service": of.label,
                "installed": len(there) == len(files),
                "current": not stale,
                "active": active,
                "last_sign_at": beat.at if beat else None,
                "stopped_on_purpose": bool(beat and beat.stopped),
            }
        )
    say(f"Service   {of.label}: {active}")
    if there and (stale or len(there) < len(files)):
        say(
            "          its files are not what this version writes: `mainstay service install` writes them again"
        )
    life = (
        "never" if beat is None else f"{span(now_us() - beat.at)} ago" + (", stopped" if beat.stopped else "")
    )
    return say(f"Sign      {life}")


def _print(to: Manager, files: dict[str, str], as_json: bool) -> None:
    if as_json:
        return emit({str(to.folder / name): text for name, text in files.items()})
    return say(*(f"# {to.folder / name}\n{text}" for name, text in files.items()))


def _systemctl(*words: str) -> list[str]:
    return ["systemctl", "--user", *words]


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _must(command: Sequence[str]) -> None:
    done = _run(command)
    if done.returncode:
        raise CommandRefused(
            f"`{' '.join(command)}` failed.",
            why=" ".join((done.stderr or done.stdout).split())[:300],
            remedy="Look at it by hand: what was written stays, and this command can be run again.",
        )
