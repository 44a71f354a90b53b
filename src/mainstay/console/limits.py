"""How much anybody may ask: how often, how much at once, how large, how long, how slowly.

A bucket for each client: a burst empties it and it fills again at a steady rate, so that a person is never stopped
and a loop soon is. What is kept about clients is bounded, and the one not seen for longest is forgotten first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Limits:
    """The figures of one server."""

    burst: int = 120  # requests of one client at a stroke
    per_s: float = 20.0  # and from then on
    clients_kept: int = 4_096
    at_once: int = 256  # requests under way, in all
    at_once_each: int = 64  # and of one client
    parts_burst: int = (
        200  # parts of open pages that are brought up to date, which have a bucket of their own
    )
    parts_per_s: float = 40.0
    streams: int = 200  # live streams in all
    streams_each: int = 24  # and of one device
    streams_burst: int = 60  # how often one may begin: with each page that shows something else
    streams_per_s: float = 2.0
    connections: int = 512
    body_max: int = 1_000_000  # bytes
    json_depth_max: int = 32
    url_max: int = 2_048
    headers_max: int = 64
    header_max: int = 8_192  # bytes of one header
    head_max: int = 32_768  # bytes of all of them, with the line of the request
    head_s: float = 10.0  # until the head of a request has come whole
    body_s: float = 30.0  # and its body


class Kind(Enum):
    """What a request is for. Each kind has its own buckets, so that pages that are open keep no person from acting."""

    PAGE = auto()
    PART = auto()  # of an open page, which asks for it by itself
    STREAM = auto()


def limits_of(limits: Limits, kind: Kind) -> Limits:
    """The figures for requests of this kind."""
    match kind:
        case Kind.PAGE:
            return limits
        case Kind.PART:
            return replace(limits, burst=limits.parts_burst, per_s=limits.parts_per_s)
        case Kind.STREAM:
            return replace(
                limits,
                burst=limits.streams_burst,
                per_s=limits.streams_per_s,
                at_once=limits.streams,
                at_once_each=limits.streams_each,
            )
        case _:
            assert_never(kind)


class Rates:
    """The buckets."""

    def __init__(self, limits: Limits, monotonic_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = monotonic_s
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and as of when

    def wait_s(self, client: str) -> int:
        """Take one request; 0, or after how many seconds there is one again."""
        limits, now_s = self._limits, self._now_s()
        left, as_of = self._levels.get(client, (float(limits.burst), now_s))
        left = min(float(limits.burst), left + max(0.0, now_s - as_of) * limits.per_s)
        granted = left >= 1.0
        self._levels[client] = (left - 1.0 if granted else left, now_s)
        self._levels.move_to_end(client)
        while len(self._levels) > limits.clients_kept:
            self._levels.popitem(last=False)
        return 0 if granted else max(1, ceil((1.0 - left) / limits.per_s))


class UnderWay:
    """How many requests are being answered, in all and for each client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def begin(self, client: str) -> bool:
        """Whether one more may begin; then it has, until `end`."""
        limits = self._limits
        if self._counts.total() >= limits.at_once or self._counts[client] >= limits.at_once_each:
            return False
        self._counts[client] += 1
        return True

    def end(self, client: str) -> None:
        """One is over."""
        self._counts[client] -= 1
        if self._counts[client] <= 0:
            del self._counts[client]
