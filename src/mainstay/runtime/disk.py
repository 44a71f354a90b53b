"""How fast the workspace grows, and whether the disk has room for a month of it.

One sample a day of what `.mainstay/` holds is kept in its cache. Losing the samples loses the estimate of growth for a
day and nothing else, so what goes wrong here is no error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mainstay.kernel.values import DAY, Instant

FREE_MIN_BYTES = 1_000_000_000
SAMPLED_US = 7 * DAY  # growth is measured over so long
AHEAD_DAYS = 30  # and there should be room for so much more of it

Sample = tuple[int, int]  # when, bytes held


@dataclass(frozen=True, slots=True)
class DiskState:
    """What there is and what there should be."""

    free_bytes: int
    held_bytes: int  # by the workspace's state
    growth_bytes_a_day: int  # 0 while it is not known, or shrinks

    @property
    def needed_bytes(self) -> int:
        """Free space below which the operator is warned."""
        return max(FREE_MIN_BYTES, self.growth_bytes_a_day * AHEAD_DAYS)

    @property
    def short(self) -> bool:
        """Whether there is less."""
        return self.free_bytes < self.needed_bytes


def growth_bytes_a_day(samples: Sequence[Sample], now: Instant, held_bytes: int) -> int:
    """Over the last seven days; 0 for less than a day of samples."""
    known = [(at, held) for at, held in samples if now - SAMPLED_US <= at <= now]
    if not known:
        return 0
    at, held = min(known)
    if now - at < DAY:
        return 0
    return max(0, (held_bytes - held) * DAY // (now - at))


def look_at_disk(state: Path, cache: Path, now: Instant, *, keep: bool = True) -> DiskState:
    """Measure, and with `keep` put today's sample beside the others."""
    free, held = shutil.disk_usage(state).free, held_by(state)
    path = cache / "growth.json"
    samples = _read(path)
    found = DiskState(free, held, growth_bytes_a_day(samples, now, held))
    if keep and not any(0 <= now - at < DAY for at, _ in samples):
        recent = [one for one in samples if 0 <= now - one[0] <= SAMPLED_US]
        with suppress(OSError):
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.encode([*recent, (now, held)]))
    return found


def held_by(folder: Path) -> int:
    """The bytes of all files below; what vanishes meanwhile counts nothing."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += held_by(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _read(path: Path) -> list[Sample]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Sample])
    except (OSError, msgspec.MsgspecError):
        return []
