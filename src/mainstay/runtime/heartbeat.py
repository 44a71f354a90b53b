"""The director's sign of life: a small file that a director at work touches, and what follows when it goes stale.

A director that is dead cannot say so. Somebody else looks at the file every few minutes (`mainstay heartbeat check`)
and tells the operator once that it is down, and once that it is back.

Rules of this file:

- A director that was stopped on purpose says so with its last touch, and is not missed.
- A stale file is believed at the second look: a machine that has just woken finds every file stale, and the director
  needs its turn too.
- That the operator is being told is written down before it is done: better told once or not at all than twice. Only
  what certainly was not sent is tried again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from mainstay.kernel.values import MINUTE, SECOND, Instant

Kind = TypeVar("Kind")

BEAT_EVERY_S = 30.0
SECOND_LOOK_US = MINUTE  # between the first look that found it stale and the one that believes it


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life."""

    at: int  # microseconds, wall clock
    position: int = 0  # of the ledger
    epoch: int = 0
    pid: int = 0
    stopped: bool = False  # on purpose


@dataclass(frozen=True, slots=True)
class Outage:
    """What was noticed of the director being away."""

    last_beat_at: int
    noticed_at: int
    told_at: int = 0  # 0: not yet


class Way(StrEnum):
    """What a look leads to."""

    NOTHING = "nothing"
    NOTICE = "notice"  # stale for the first time: look again
    TELL_DOWN = "tell_down"
    TELL_BACK = "tell_back"
    FORGET = "forget"  # it is over, and nobody was told


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look found, and what is to be done."""

    state: str  # "at work", "down", "hangs", "stopped", "unknown"
    way: Way
    outage: Outage | None = None  # as it is to be written down


def judge(
    beat: Heartbeat | None, outage: Outage | None, *, locked: bool, now: Instant, down_after_us: int
) -> Judgement:
    """What the last sign of life means. `locked`: somebody holds the workspace."""
    if beat is None:
        return Judgement("unknown", Way.NOTHING, outage)
    if beat.stopped:
        return Judgement("stopped", Way.FORGET if outage else Way.NOTHING)
    stale_us = now - beat.at
    if abs(stale_us) < down_after_us:  # a clock that was set back is no outage either
        if outage is not None and beat.at > outage.last_beat_at:
            return Judgement("at work", Way.TELL_BACK if outage.told_at else Way.FORGET)
        return Judgement("at work" if locked else "down", Way.NOTHING, outage)
    state = "hangs" if locked else "down"
    if outage is None or outage.last_beat_at != beat.at:
        told_at = outage.told_at if outage is not None else 0  # it came up and went down between two looks
        return Judgement(state, Way.NOTICE, Outage(beat.at, now, told_at))
    if outage.told_at or now - outage.noticed_at < SECOND_LOOK_US:
        return Judgement(state, Way.NOTHING, outage)
    return Judgement(state, Way.TELL_DOWN, Outage(beat.at, outage.noticed_at, now))


def beat(path: Path, heartbeat: Heartbeat) -> None:
    """Touch the file. What cannot be written now is written in half a minute."""
    _write(path, heartbeat)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """The last sign of life; None where there never was one, or none that can be read."""
    return _read(path, Heartbeat)


def read_outage(path: Path) -> Outage | None:
    """What was written down of an outage."""
    return _read(path, Outage)


def write_outage(path: Path, outage: Outage | None) -> None:
    """Write it down, or that it is over. Raises `OSError`: nobody is told what cannot be written down."""
    if outage is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, outage, durable=True)


def _write(path: Path, value: object, *, durable: bool = False) -> None:
    begun = path.with_name(path.name + ".tmp")
    with begun.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(msgspec.json.encode(value) + b"\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())
    begun.replace(path)


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def told_length(us: int) -> str:
    """`12 minutes`, for people."""
    minutes = max(1, us // MINUTE)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{us // (86_400 * SECOND)} days"
