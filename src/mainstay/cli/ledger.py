"""Commands that care for the ledger: its numbers, its size, its backups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, counting, emit, now_us, say, show, table, tell

if TYPE_CHECKING:
    from mainstay.ledger.stats import LedgerStats

ledger = new_typer("Backups of the ledger, its size, and what it is made of.")

BAR_CELLS = 24
_US_A_DAY = 86_400_000_000
_YEARS = 10 * 365  # days: a disk that lasts longer is full in more than we know


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    ledger.command("backup")(backup)
    ledger.command("restore")(restore)
    ledger.command("compact")(compact)
    ledger.command("stats")(stats)
    app.add_typer(ledger, name="ledger")


@ledger.callback()
def _ledger() -> None:
    """Backups of the ledger, its size, and what it is made of."""


# --- backup and restore -------------------------------------------------------------------------------------


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new folder, or one that the backup is to lie in.")
    ],
    keys_to: Annotated[
        Path | None,
        typer.Option(
            "--keys-to", help="Also copy the keys, to a new file apart from it.", show_default=False
        ),
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger, also while a director works, and prove the copy. Keys are not in it."""
    from mainstay.workspace.ledger_care import keys_of
    from mainstay.workspace.signing_places import places_of

    with open_workspace(workspace) as opened:
        with _stages(quiet=as_json) as told:
            report = opened.back_up(target, keys_to=keys_to, progress=told)
        keys, master = keys_of(opened.folder)
        signing = places_of(opened.folder).key
    if as_json:
        return emit(
            {
                "backup": str(report.path),
                "events": report.manifest.head,
                "head": report.manifest.head_hash,
                "blobs": report.blobs,
                "segments": len(report.manifest.segments),
                "bytes": report.bytes,
                "took_us": report.took_us,
                "same_disk": report.same_disk,
                "keys": [str(keys), str(master)],
                "signing_key": str(signing) if signing.exists() else None,
                "keys_copied_to": str(keys_to.absolute()) if keys_to else None,
            }
        )
    say(f"{report.path}")
    tell(
        f"{count(report.manifest.head, 'event')} and {count(report.blobs, 'blob')}, {size(report.bytes)}, read back "
        f"and whole: head {report.manifest.head_hash[:16]}.",
        "Keys are never in a backup, and without them nothing personal in it can be read. Keep a copy apart from it:",
        hang=0,
    )
    say(f"  {keys}", f"  {master}")
    if signing.exists():
        say(f"  {signing} (signs checkpoints)")
    if keys_to:
        say("The first of them was copied, as fresh as this backup, to", f"  {keys_to.absolute()}")
    if report.same_disk:
        tell(
            "It lies on the disk of the workspace: what kills the one kills the other. Copy it to another.",
            hang=0,
        )
    return None


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder that `ledger backup` made.")],
    into: Annotated[
        Path,
        typer.Option(
            "--into",
            envvar="MAINSTAY_WORKSPACE",
            help="The workspace, or a folder with its keys.",
            show_default="here",
        ),
    ] = HERE,
    replacing: Annotated[
        bool, typer.Option("--replace", help="Also where the ledger there is newer, other or unreadable.")
    ] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Also where some keys are missing: that mail stays sealed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the ledger's place, which is moved aside. It begins under the kill switch."""
    from mainstay.kernel.values import Instant
    from mainstay.workspace.ledger_care import restore_ledger

    with _stages(quiet=as_json) as told:
        report = restore_ledger(
            backup,
            into,
            now=Instant(now_us()),
            replacing=replacing,
            without_keys=without_keys,
            progress=told,
        )
    if as_json:
        return emit(report)
    tell(f"{count(report.backup_head, 'event')} of {clock_time(report.made_at)} are the ledger again.")
    if report.aside:
        say("What was there before lies in", f"  {report.aside}")
    return tell(
        "The kill switch is on: the next `mainstay up` looks up what may have happened since, and sends nothing.",
        "Look with `mainstay status` and `mainstay approvals`; `mainstay resume` lets effects start again.",
        hang=0,
    )


class _stages:  # noqa: N801  used like a function
    """A progress bar that begins anew with each thing that is done."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._what = ""
        self._done = 0
        self._bar: Any = None
        self._more: Callable[[int], None] = lambda more: None

    def __enter__(self) -> Callable[[str, int, int], None]:
        return self._told

    def __exit__(self, *raised: object) -> None:
        self._end()

    def _told(self, what: str, done: int, of: int) -> None:
        if what != self._what:
            self._end()
            self._what, self._done = what, 0
            self._bar = counting(what, total=of or None, quiet=self._quiet)
            self._more = self._bar.__enter__()
        self._more(done - self._done)
        self._done = done

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


# --- size ---------------------------------------------------------------------------------------------------


def compact(
    before: Annotated[
        int | None,
        typer.Option(
            "--before", min=1, help="Only events before this position.", show_default="all that may"
        ),
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Seal what is over in compressed files. No event is dropped, and all are still proved."""
    with open_workspace(workspace) as opened:
        done = 0
        with counting("Sealing", quiet=as_json) as more:

            def told(position: int, of: int) -> None:
                nonlocal done
                more(position - done)
                done = position

            report = opened.compact(before=before, progress=told)
    if as_json:
        return emit(report)
    if not report.segments:
        return tell(
            f"Nothing was sealed: the events before {report.open_from:,} are few, or sealed already; those from there "
            "on belong to runs that are not over.",
            hang=0,
        )
    return tell(
        f"{count(report.events, 'event')} sealed in {count(report.segments, 'file')} of {size(report.bytes)}; "
        + (
            "the space in the ledger's file is used again. To give it back to the disk, compact without a director."
            if report.beside_director
            else f"{size(report.freed_bytes)} given back to the disk."
        ),
        f"All up to position {report.sealed:,} is sealed. `mainstay audit verify` proves it with the rest.",
        hang=0,
    )


def stats(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """What the ledger is made of, how it grows, and when the disk will be full."""
    with open_workspace(workspace) as opened:
        found = opened.stats()
    if as_json:
        return emit(found)
    return _show(found)


def _show(found: LedgerStats) -> None:
    lasting = f", from {clock_time(found.first_at)} to {clock_time(found.last_at)}" if found.head else ""
    tell(
        f"Events    {found.head:,}{lasting}",
        f"Head      {found.head_hash[:16]}",
        f"File      {size(found.file_bytes)}, of it free {size(found.free_bytes)}; log {size(found.log_bytes)}; "
        f"schema {found.schema}",
        f"Segments  {found.segments:,} of {size(found.segment_bytes)}, up to position {found.sealed:,}"
        + (f"; a run that began at {found.open_from:,} is not over" if found.open_from else ""),
        f"Blobs     {found.blob_rows:,} as rows, {found.blob_files:,} as files of {size(found.blob_file_bytes)}",
        f"Growth    {size(found.bytes_an_event)} an event, {size(found.bytes_a_day)} a day; "
        f"{size(found.disk_free_bytes)} left on the disk, {_lasts(found.disk_full_in_days)}",
        hang=10,
    )
    _bars("Events by type", ("Type", "Events"), list(found.types.items()))
    _bars("Events by stream", ("Kind", "Events"), list(found.kinds.items()))
    _bars("Bytes by table", ("Table", "Bytes"), [(one.table, one.bytes) for one in found.tables])
    _bars(
        "Events by day",
        ("Day", "Events"),
        [(clock_time(one.day * _US_A_DAY + _US_A_DAY // 2)[:10], one.events) for one in found.days],
    )
    say("")
    views = table("View", ("Version", {"justify": "right"}), "Mark", ("Rows", {"justify": "right"}))
    for one in found.views:
        mark = (
            "current"
            if one.current
            else f"of {one.mark}: folded anew at the next start"
            if one.mark
            else "not made"
        )
        views.add_row(*cells(one.name, one.version, mark, f"{one.rows:,}"))
    show(views)


def _bars(title: str, heads: tuple[str, str], rows: list[tuple[str, int]]) -> None:
    if not rows:
        return
    say("")
    made = table(heads[0], (heads[1], {"justify": "right"}), "", title=title)
    most = max(number for _, number in rows) or 1
    for name, number in rows:
        made.add_row(*cells(name, f"{number:,}"), "█" * -(-number * BAR_CELLS // most))
    show(made)


def _lasts(days: int | None) -> str:
    if days is None:
        return "and nothing was added this week"
    return "enough for more than ten years" if days > _YEARS else f"enough for {count(days, 'day')}"


def size(bytes: int) -> str:
    """Bytes in a unit that a person reads."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if bytes >= one:
            return f"{bytes / one:.1f} {unit}"
    return count(bytes, "byte")
