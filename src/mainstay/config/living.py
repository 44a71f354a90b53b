"""`[logs]` and `[backup]` of mainstay.toml: what a workspace that runs by itself for a month needs."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from mainstay.config.reading import path_of
from mainstay.kernel.values import DAY, HOUR
from mainstay.workflows.document import Section

LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The director's log: files of at most so many megabytes, and so many old ones beside the newest."""

    size_mb: int = 5
    count: int = 5
    level: str = "info"  # debug, info, warning, error: what is less grave is not written


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Backups made by the director itself; off without a folder."""

    folder: Path | None = None
    every_us: int = DAY
    keep: int = 7


def read_logs(section: Section) -> LogSettings:
    """`[logs]`."""
    section.only("size_mb", "count", "level")
    return LogSettings(
        section.whole("size_mb", LogSettings().size_mb, least=1, most=1_000),
        section.whole("count", LogSettings().count, least=1, most=100),
        section.choice("level", LEVELS, LogSettings().level),
    )


def read_backup(section: Section, folder: Path) -> BackupSettings:
    """`[backup]`. A place within the workspace's own state would copy itself."""
    section.only("folder", "every", "keep")
    place = path_of(section, "folder", folder) if section.has("folder") else None
    if place is not None and Path(normpath(place)).is_relative_to(normpath(folder.absolute() / ".mainstay")):
        raise section.error(
            "folder",
            "backups must lie outside of .mainstay",
            why="each would hold all those before it",
            remedy="name a folder on another disk",
        )
    every_us = section.duration_us("every", DAY)
    assert every_us is not None
    if every_us < HOUR:
        raise section.error(
            "every", "that is too often", why="each is read back whole", remedy='write at least "PT1H"'
        )
    return BackupSettings(place, every_us, section.whole("keep", 7, least=1, most=1_000))
