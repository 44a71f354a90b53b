"""The small values that everything is made of: times, money, digests, usage.

Times and amounts are plain integers with a `NewType` name: microseconds since 1970-01-01 UTC and millionths
of a US dollar. A wrapper class would say more but costs a microsecond at each of a million places; the unit
stands in each name instead (`at`, `hold_micros`, `timeout_s`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NewType

from mainstay.kernel.swift import swift

Instant = NewType("Instant", int)  # microseconds since the epoch, UTC
Micros = NewType("Micros", int)  # millionths of a US dollar; never a float
Digest = NewType("Digest", str)  # lower-case hex SHA-256 of stored bytes

Json = dict[str, Any]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_DURATION = re.compile(
    r"P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})S)?)?"
)
_MONEY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?")


@swift
@dataclass(frozen=True, slots=True)
class Usage:
    """What one attempt consumed: money in micro-units, tokens, calls to a model."""

    cost_micros: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


NO_USAGE = Usage()


def parse_duration(text: str) -> int:
    """Microseconds of an ISO 8601 duration such as `P2D` or `PT30M`; weeks to seconds, no months or years.

    Raises `ValueError` for anything else, zero included.
    """
    match = _DURATION.fullmatch(text)
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0,) * 5
    micros = (weeks * 7 + days) * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND
    if micros == 0:
        raise ValueError(f"{text!r} is not a duration such as P2D, PT12H or PT30M")
    return micros


def parse_money(text: str) -> Micros:
    """Micro-units of a decimal amount written as text, such as `"0.02"`. Raises `ValueError` otherwise."""
    match = _MONEY.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not an amount such as "2.00" (at most six decimals, written as text)')
    whole, part = match.groups()
    return Micros(int(whole) * 1_000_000 + int((part or "").ljust(6, "0")))


def money(micros: int) -> str:
    """An amount for people: `$0.02`, with more decimals only where they matter."""
    sign, amount = ("-", -micros) if micros < 0 else ("", micros)
    text = f"{amount // 1_000_000}.{amount % 1_000_000:06d}"
    trimmed = text.rstrip("0")
    decimals = len(trimmed) - trimmed.index(".") - 1
    return sign + "$" + (text[: len(text) - 6 + max(2, decimals)])
