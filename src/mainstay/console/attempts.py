"""How often a password may be tried: after a few failures each next one has to wait twice as long.

An attempt counts when it begins, so that many at once gain nothing; success takes it back. There is a count for each
client and one for all: whoever guesses from a thousand addresses waits as well. Nobody is made to wait inside of a
request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

FREE_EACH, FREE_ALL = 5, 20  # failures that cost nothing
DELAY_EACH_MAX_S, DELAY_ALL_MAX_S = 900.0, 60.0
FORGOTTEN_S = 3_600.0  # after so long without an attempt
CLIENTS_KEPT = 4_096
ALL = ""


class Attempts:
    """The counts."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._now_s = monotonic_s
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how often, and when last

    def begin(self, client: str) -> int:
        """Take an attempt; 0, or after how many seconds there is one."""
        waits = (
            self._wait_s(client, FREE_EACH, DELAY_EACH_MAX_S),
            self._wait_s(ALL, FREE_ALL, DELAY_ALL_MAX_S),
        )
        if max(waits) > 0:
            return ceil(max(waits))
        for one in (client, ALL):
            self._failed[one] = (self._count(one) + 1, self._now_s())
            self._failed.move_to_end(one)
        while len(self._failed) > CLIENTS_KEPT:
            oldest = next(iter(self._failed))
            self._failed.move_to_end(ALL) if oldest == ALL else self._failed.popitem(last=False)
        return 0

    def succeeded(self, client: str) -> None:
        """It was the right one: this client's count begins anew, and for all it was no failure."""
        self._failed.pop(client, None)
        count, last = self._failed.get(ALL, (0, 0.0))
        if count:
            self._failed[ALL] = (count - 1, last)

    def _count(self, who: str) -> int:
        count, last = self._failed.get(who, (0, 0.0))
        return count if self._now_s() - last < FORGOTTEN_S else 0

    def _wait_s(self, who: str, free: int, most_s: float) -> float:
        count = self._count(who)
        if count < free:
            return 0.0
        _, last = self._failed[who]
        return min(most_s, 2.0 ** min(count - free, 20)) - (self._now_s() - last)
