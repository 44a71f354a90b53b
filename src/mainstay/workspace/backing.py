"""A backup by rule: where `[backup]` says, read back whole, the old ones put away.

`python -m mainstay.workspace.backing FOLDER TIME` is what a director at work starts as a child of low priority: copying
and proving a large ledger takes minutes of processor time that the director should not give.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay import __version__
from mainstay.kernel.errors import CommandRefused, MainstayError
from mainstay.kernel.values import Instant
from mainstay.workspace.folder import Folder
from mainstay.workspace.signing_places import places_of

if TYPE_CHECKING:
    from mainstay.config.living import BackupSettings
    from mainstay.ledger.backup import BackupReport


@dataclass(frozen=True, slots=True)
class LastGood:
    """The newest backup of a workspace that is whole by its manifest."""

    path: Path
    at: Instant
    head: int


def last_good(settings: BackupSettings, folder: Folder) -> LastGood | None:
    """The newest one, or None; one that is not reachable now does not count."""
    from mainstay.ledger.backup import backups

    if settings.folder is None or not settings.folder.is_dir():
        return None
    found = [(path, one) for path, one in backups(settings.folder) if one.workspace == folder.id]
    if not found:
        return None
    path, one = max(found, key=lambda pair: pair[1].made_at)
    return LastGood(path, Instant(one.made_at), one.head)


def back_up_now(settings: BackupSettings, folder: Folder, *, now: Instant) -> BackupReport:
    """Make one, prove it, and put away what is more than `keep`. Raises what kept it from being made."""
    from mainstay.ledger.backup import back_up, prune

    place = settings.folder
    if place is None:
        raise CommandRefused(
            "No backup is configured.",
            why="mainstay.toml has no [backup] folder.",
            remedy="Name one, best on another disk.",
        )
    try:
        # Its parent is not made: that of a disk which is not there would be a folder on the wrong one.
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CommandRefused(
            f"{place} cannot be made.",
            why=error.strerror or str(error),
            remedy="Is the disk there? Make the folder above it, or name another in [backup] of mainstay.toml.",
        ) from error
    checkpoints = places_of(folder).files[0]
    report = back_up(folder.state, place, at=now, version=__version__, checkpoints=checkpoints)
    prune(place, settings.keep, workspace=folder.id)
    return report


def main(root: str, now: str) -> int:
    """The child's errand: one JSON object on the standard output."""
    import msgspec

    from mainstay.config.files import load_settings

    folder = Folder(Path(root))
    try:
        report = back_up_now(load_settings(folder.root).backup, folder, now=Instant(int(now)))
    except MainstayError as error:
        sys.stdout.write(msgspec.json.encode(error.as_dict()).decode() + "\n")
        return 1
    told = {"path": str(report.path), "head": report.manifest.head, "bytes": report.bytes}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
