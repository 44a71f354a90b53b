"""`Workspace.logs`: what the director said, newest first, a page at a time.

    page = workspace.logs.page(limit=100, level="warning")
    for one in page.lines:
        print(one.at, one.said)

Rules of this file:

- It reads backwards from the end, and no more than a page needs: a megabyte at most, however large the files are.
- A place is a file and a byte of it. Files take turns and keep their inodes, so a place means the same line when the
  next file was begun meanwhile; when its file is gone, there is nothing before it any more.
- What `runtime.logs` wrote names nobody. All the same only the fields that it writes are handed on, and what looks like
  an address or a secret is put out of sight once more: the file may be older than this rule, or of another hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from mainstay.kernel.values import Json
from mainstay.runtime.logs import FIELD_MAX, discreet, files, parsed

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical")
BLOCK = 65_536
LOOK_BYTES_MAX = 1_000_000  # of one page
LINE_MAX = 131_072  # no line of ours is that long: what is longer is none
FRAMES_MAX = 8


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `event` tells programs what kind of thing it is."""

    at: int
    level: str
    event: str
    said: str
    run: str = ""
    task: str = ""
    workflow: str = ""
    act: str = ""
    adapter: str = ""
    error: str = ""
    exception: str = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The beginning of a line."""

    file: int  # its inode
    byte: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines, newest first. `older`: where the next page goes on; None: there is no more."""

    lines: tuple[LogLine, ...]
    older: LogPlace | None = None


class LogLines:
    """The log of one workspace."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, *, before: LogPlace | None = None, limit: int = 100, level: str = "") -> LogPage:
        """Lines that were said before a place, of this gravity and above (empty: all)."""
        wanted = LEVELS[LEVELS.index(level) :] if level in LEVELS else ()
        found: list[LogLine] = []
        place, looked = before, 0
        for place, raw in self._back(before):
            looked += len(raw)
            one = _line(raw, wanted)
            if one is not None:
                found.append(one)
            if len(found) == limit or looked >= LOOK_BYTES_MAX:
                return LogPage(tuple(found), place if self._anything_before(place) else None)
        return LogPage(tuple(found))

    def _back(self, before: LogPlace | None) -> Iterator[tuple[LogPlace, bytes]]:
        """Whole lines with where each begins, the newest first."""
        met = before is None
        for path in reversed(files(self._folder)):
            try:
                with path.open("rb") as file:
                    inode, end = os.fstat(file.fileno()).st_ino, file.seek(0, os.SEEK_END)
                    if not met and before is not None:
                        if inode != before.file:
                            continue
                        end = min(end, before.byte)  # whoever names a place may name one that never was
                    met = True
                    for at, raw in _lines_back(file, end):
                        yield LogPlace(inode, at), raw
            except OSError:
                continue  # it was turned over while we looked

    def _anything_before(self, place: LogPlace) -> bool:
        return next(self._back(place), None) is not None


def _lines_back(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines before a byte and where each begins, last first."""
    at, rest = end, b""
    while at > 0:
        size = min(BLOCK, at)
        at -= size
        file.seek(at)
        pieces = (file.read(size) + rest).split(b"\n")
        begins = [at]
        for piece in pieces[:-1]:
            begins.append(begins[-1] + len(piece) + 1)
        for begin, piece in list(zip(begins, pieces, strict=True))[:0:-1]:
            if piece:
                yield begin, piece
        rest = pieces[0][:LINE_MAX]
    if rest:
        yield 0, rest


def _line(raw: bytes, wanted: Sequence[str]) -> LogLine | None:
    """A line of one of these gravities (empty: of any). To put things out of sight costs more than to read."""
    found = next(parsed([raw.decode("utf-8", "replace")]), None)
    if found is None or (wanted and found["level"] not in wanted):
        return None
    return _told(found)


def _told(found: Json) -> LogLine | None:
    def text(name: str) -> str:
        value = found.get(name, "")
        return discreet(str(value))[:FIELD_MAX] if isinstance(value, str | int) else ""

    where = found.get("where")
    frames: Sequence[object] = where if isinstance(where, list) else ()
    try:
        return LogLine(
            at=int(found["at"]),
            level=text("level"),
            event=text("event"),
            said=discreet(str(found["said"])),
            run=text("run"),
            task=text("task"),
            workflow=text("workflow"),
            act=text("act"),
            adapter=text("adapter"),
            error=text("error"),
            exception=text("exception"),
            where=tuple(discreet(str(one))[:FIELD_MAX] for one in frames[:FRAMES_MAX]),
        )
    except (TypeError, ValueError, OverflowError):
        return None
