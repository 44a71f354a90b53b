"""When a card was first shown: the decision records how long its reader took, whichever door it comes through.

A mark is an empty file in the workspace's cache, its time the moment of the first look; each device has its own, since
one person's look says nothing of another's. Who looks again after an hour reads it anew: a card that was left open
overnight was not read all night. Losing a mark loses a measurement and nothing else, so nothing here fails.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mainstay.kernel.values import HOUR

OPEN_US_MAX = HOUR


def mark_shown(cache: Path, name: str, now_us: int, *, by: str = "") -> None:
    """It is on the screen now: the first look counts, and the first after a long while."""
    mark = _mark(cache, name, by)
    with contextlib.suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            os.utime(mark, ns=(now_us * 1_000, now_us * 1_000))
            return
        if not 0 <= now_us - mark.stat().st_mtime_ns // 1_000 <= OPEN_US_MAX:
            os.utime(mark, ns=(now_us * 1_000, now_us * 1_000))


def open_for_us(cache: Path, name: str, now_us: int, *, by: str = "") -> int:
    """How long ago it was first shown; 0 if it never was."""
    try:
        shown_us = _mark(cache, name, by).stat().st_mtime_ns // 1_000
    except OSError:
        return 0
    return min(max(0, now_us - shown_us), OPEN_US_MAX)


def forget_shown(cache: Path, name: str) -> None:
    """It was decided: nobody asks again how long it was open."""
    with contextlib.suppress(OSError):
        for mark in (cache / "shown").glob(f"{_safe(name)}*"):
            mark.unlink()


def _mark(cache: Path, name: str, by: str) -> Path:
    return cache / "shown" / (_safe(name) + (f".{_safe(by)}" if by else ""))


def _safe(text: str) -> str:
    """A name as a file may have it: what stands for a card or a device is hexadecimal, or a word with a dash."""
    return "".join(one for one in text if one.isalnum() or one in "-_")[:120]
