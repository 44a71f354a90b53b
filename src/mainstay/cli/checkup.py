"""The checks of `mainstay doctor`, one function each. They change nothing unless asked to mend."""

from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.cli import memory_checkup, model_checkup, trust_checkup
from mainstay.cli.finding import Finding as Finding
from mainstay.cli.places import obstacle
from mainstay.cli.render import clock_time, count, now_us, sentences, span
from mainstay.kernel.errors import ConfigError, MainstayError, WorkspaceLocked, WorkspaceNotFound
from mainstay.workspace import Workspace
from mainstay.workspace.doors import director_runs
from mainstay.workspace.folder import Folder, adopt, find_folder

if TYPE_CHECKING:
    from mainstay.governance.incidents import OpenIncident

SPACE_NONE_BYTES = 50_000_000
LATE_BACKUP = 2  # times as old as it should be
SQLITE_MIN = (3, 37, 0)  # strict tables
PROVED_MAX = 200_000  # events: a second; more is for `mainstay audit verify`


Check = Callable[[Folder, bool], Iterable[Finding]]


def check_up(start: Path, *, fix: bool) -> list[Finding]:
    """Everything, in the order in which one thing depends on another."""
    findings = [_python(), _sqlite(), *_extras()]
    try:
        folder = find_folder(start)
    except WorkspaceNotFound as error:
        return [*findings, Finding("workspace", "fail", error.what, error.remedy)]
    for check in (
        _folder,
        _director,
        _incidents,
        _space,
        _backups,
        _key,
        _files,
        _accounts,
        trust_checkup.secrets,
        trust_checkup.agents,
        _ledger,
        model_checkup.embedder,
        model_checkup.models,
        memory_checkup.memory,
    ):
        try:
            findings += check(folder, fix)
        except ConfigError as error:  # `_files` tells it in full, with every other mistake
            part = check.__name__.strip("_")
            findings.append(Finding(part, "note", f"not looked at: {error.file} cannot be read"))
        except MainstayError as error:
            part = check.__name__.strip("_")
            findings.append(Finding(part, "fail", sentences(error.what, error.why), error.remedy))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", "ok", version)
    return Finding("python", "warn", f"{version} is not one that we test with.", "Use 3.11, 3.12 or 3.13.")


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info >= SQLITE_MIN:
        return Finding("sqlite", "ok", sqlite3.sqlite_version)
    wanted = ".".join(map(str, SQLITE_MIN))
    return Finding(
        "sqlite",
        "fail",
        f"{sqlite3.sqlite_version} is too old.",
        f"Use a Python with SQLite {wanted} or newer.",
    )


def _extras() -> Iterable[Finding]:
    missing = [name for name in ("keyring", "pyrage") if find_spec(name) is None]
    if missing:
        yield Finding(
            "secrets",
            "note",
            f"{' and '.join(missing)} not installed: passwords come from the environment.",
            "pip install 'mainstay[secrets]' adds the keyring and age files.",
        )


def _folder(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.ledger.safety import check_folder

    open_to_others = stat.S_IMODE(folder.state.stat().st_mode) & 0o077
    if open_to_others and not fix:
        yield Finding(
            "folder",
            "warn",
            f"Others can look into {folder.state}.",
            "`mainstay doctor --fix` makes it private.",
        )
        return
    check_folder(folder.state)
    if open_to_others:
        yield Finding("folder", "mended", f"{folder.state} is private now.")
    else:
        yield Finding("folder", "ok", f"{folder.root}, on a disk of this machine, private")
    if fix:
        adopt(folder)


def _director(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.ledger.lock import WriterLock

    if director_runs(folder):
        yield Finding("director", "ok", "at work")
        return
    lock = WriterLock(folder.lock)
    try:
        lock.acquire()
    except WorkspaceLocked as error:
        yield Finding(
            "director",
            "warn",
            f"{error.why} It does not answer.",
            "It may be starting; look again in a moment.",
        )
        return
    try:
        if folder.socket.exists():
            if fix:
                folder.socket.unlink()
                yield Finding("director", "mended", "A socket that was left over is removed.")
            else:
                yield Finding(
                    "director",
                    "note",
                    "A socket is left over from a director that was killed.",
                    "The next start removes it.",
                )
        else:
            yield Finding("director", "note", "not running", "`mainstay up` starts it.")
    finally:
        lock.release()


def _space(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.kernel.values import Instant
    from mainstay.runtime.disk import look_at_disk

    found = look_at_disk(folder.state, folder.cache, Instant(now_us()), keep=False)
    level = "fail" if found.free_bytes < SPACE_NONE_BYTES else "warn" if found.short else "ok"
    grows = found.growth_bytes_a_day
    yield Finding(
        "disk",
        level,
        f"{found.free_bytes / 1e9:.1f} GB free; the workspace holds {found.held_bytes / 1e9:.1f} GB"
        + (f" and grows by {grows / 1e6:,.1f} MB a day" if grows else ""),
        ""
        if level == "ok"
        else f"There should be {found.needed_bytes / 1e9:.1f} GB: make room, "
        "nothing is taken in on a full disk.",
    )


def _backups(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.config.files import load_settings
    from mainstay.workspace.backing import last_good

    settings = load_settings(folder.root).backup
    if settings.folder is None:
        yield Finding(
            "backups",
            "note",
            "None are made by themselves.",
            "Name [backup] folder in mainstay.toml, best on another disk.",
        )
        return
    if said := obstacle(settings.folder, parents=False):
        yield Finding(
            "backups",
            "fail",
            f"No backup can be made in {settings.folder}: {said}",
            "Is the disk there? Make the folder above it, or name another in [backup] of mainstay.toml.",
        )
        return
    if not folder.ledger.exists():
        return
    last = last_good(settings, folder)
    if last is None:
        yield Finding(
            "backups", "warn", f"There is none in {settings.folder} yet.", "`mainstay up` makes it."
        )
        return
    age_us = now_us() - last.at
    late = age_us > LATE_BACKUP * settings.every_us
    yield Finding(
        "backups",
        "warn" if late else "ok",
        f"the last good one is {span(age_us)} old, up to event {last.head:,}",
        f"`mainstay ledger backup {settings.folder}` makes one now and shows what is wrong." if late else "",
    )


def _incidents(folder: Folder, fix: bool) -> Iterable[Finding]:
    if not folder.ledger.exists():
        return
    with Workspace(folder) as workspace:
        for one in workspace.incidents():
            about = " ".join(filter(None, (one.kind.replace("_", " "), one.subject)))
            yield Finding(
                "incident", "warn", f"{about}, since {clock_time(one.since)}: {one.what}", _ways(one)
            )


def _ways(one: OpenIncident) -> str:
    return "; ".join(one.candidates)[:1].upper() + "; ".join(one.candidates)[1:]


def _key(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.config.files import load_settings
    from mainstay.ledger.master_key import master_key_path, read_master_key

    named = load_settings(folder.root).workspace.key
    path = named or master_key_path(folder.id)
    if not path.exists() and named is not None and not folder.keys.exists():
        yield Finding("master key", "note", f"{path} is made at the first start.")
        return
    read_master_key(path)
    yield Finding("master key", "ok", str(path))
    yield Finding(
        "backup",
        "note",
        "Without the master key nothing personal can be read again.",
        f"Keep a copy of {path} apart from the workspace's.",
    )


def shipped_acts() -> list[str]:
    """The acts that can be done with what is shipped, whatever accounts there are."""
    from mainstay.adapters.email.contract import contract
    from mainstay.kernel.contract import Repeatability

    return [f"email.{one.name}" for one in contract(Repeatability.FINDABLE).operations]


def _files(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.config.advice import advice
    from mainstay.config.files import load_workspace_files
    from mainstay.workspace.known import catalog_of

    try:
        acts = shipped_acts()
        untyped = load_workspace_files(folder.root, acts=acts)
        files = load_workspace_files(folder.root, catalog_of(untyped))
    except ConfigError as error:
        for one in (error, *error.also):
            yield Finding("files", "fail", str(one))
        return
    languages = files.settings.workspace.language
    parts = (
        count(len(files.workflows), "workflow"),
        count(len(files.policy.rules), "rule"),
        count(len(files.intents), "intent"),
        count(len(files.templates), "template"),
    )
    yield Finding("files", "ok", ", ".join(parts))
    if set(languages) - {"en"}:
        yield Finding(
            "languages",
            "note",
            f"{', '.join(languages)}: the embedder of this device was made for English.",
            "What is written in another language never passes the gate, so it comes to you.",
        )
    else:
        yield Finding("languages", "ok", "English, for which the embedder of this device was made")
    if not files.settings.adapters:
        yield Finding("adapters", "warn", "No account is configured.", "`mainstay connect email` adds one.")
    for said in advice(files, acts):
        yield Finding(said.part, "warn", said.detail, said.remedy)


def _accounts(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.adapters.email.delivery import PARTS
    from mainstay.config.accounts import ImapSource, MaildirSend, MaildirSource, MboxSource, SmtpSend
    from mainstay.config.files import load_settings
    from mainstay.net.secrets import SecretStore

    store = SecretStore()
    for name, one in load_settings(folder.root).adapters.items():
        references = [one.source.password] if isinstance(one.source, ImapSource) else []
        references += [one.send.password] if isinstance(one.send, SmtpSend) and one.send.password else []
        for reference in dict.fromkeys(references):
            store.resolve(reference)
        source, send = one.source, one.send
        parts = [send.path / part for part in PARTS] if isinstance(send, MaildirSend) else []
        if said := next(filter(None, (obstacle(part, parents=True) for part in parts)), ""):
            detail = f"Its delivery folder cannot be made: {said}"
            yield Finding(
                f"adapter {name}", "fail", detail, "Remove what lies there, or name another folder."
            )
        elif isinstance(source, MboxSource | MaildirSource) and not source.path.exists():
            yield Finding(f"adapter {name}", "warn", f"{source.path} is not there.", "It is read once it is.")
        else:
            yield Finding(
                f"adapter {name}", "ok", "its passwords are found" if references else "needs no password"
            )


def _ledger(folder: Folder, fix: bool) -> Iterable[Finding]:
    from mainstay.ledger.verify import Broken

    if not folder.ledger.exists():
        yield Finding("ledger", "note", "not written yet", "`mainstay ingest` or `mainstay up` begins it.")
        return
    with Workspace(folder) as workspace:
        head, waiting = workspace.head, workspace.waiting()
        found = workspace.verify() if head <= PROVED_MAX else None
    if isinstance(found, Broken) and found.checkpoints:
        detail = f"What was signed about it does not hold: {found.reason}"
        yield Finding("ledger", "fail", detail, "Compare with a copy of the checkpoints; see docs/audit.md.")
        return
    if isinstance(found, Broken):
        yield Finding(
            "ledger",
            "fail",
            f"It does not hold from position {found.position} on: {found.reason}",
            "Restore the last good backup.",
        )
        return
    proved = ", the chain holds" if found is not None else "; `mainstay audit verify` proves it"
    yield Finding("ledger", "ok", f"{count(head, 'event')}{proved}; {count(waiting, 'card')} for you")
