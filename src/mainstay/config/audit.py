"""`[audit]` of mainstay.toml: where signed checkpoints are kept besides the key home, and how often they are made."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from mainstay.kernel.values import HOUR, MINUTE
from mainstay.workflows.document import Section


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Signed checkpoints."""

    checkpoints: tuple[Path, ...] = ()  # folders, or files ending in .jsonl, besides the one beside the keys
    every_us: int = HOUR
    every_events: int = 10_000


def read_audit(section: Section, folder: Path) -> AuditSettings:
    """`[audit]`. A place within the workspace's own state would be lost, and changed, together with the ledger."""
    section.only("checkpoints", "every", "every_events")
    named: tuple[str, ...] = ()
    if section.has("checkpoints"):
        one = section.value("checkpoints")
        named = (one,) if isinstance(one, str) else section.words("checkpoints")
    places = tuple(_place(section, text, folder) for text in named)
    every_us = section.duration_us("every", HOUR)
    assert every_us is not None
    if every_us < MINUTE:
        raise section.error(
            "every",
            "that is too often",
            why="each one is an event of its own",
            remedy='write at least "PT1M"',
        )
    return AuditSettings(places, every_us, section.whole("every_events", 10_000, least=100, most=1_000_000))


def _place(section: Section, text: str, folder: Path) -> Path:
    if not text or "\0" in text:
        raise section.error("checkpoints", f"{text!r} is no path", remedy='write "/media/safe" or the like')
    try:
        place = folder.absolute() / Path(text).expanduser()
    except RuntimeError:
        raise section.error(
            "checkpoints", f"nobody's home is meant by {text!r}", remedy="write the whole path"
        ) from None
    if Path(normpath(place)).is_relative_to(normpath(folder.absolute() / ".mainstay")):
        raise section.error(
            "checkpoints",
            "checkpoints must lie outside of .mainstay",
            why="whoever can rewrite the ledger there could rewrite them with it",
            remedy="name a folder on another disk, or one under git",
        )
    return place
