"""How the house stands, as open pages are told (`live`): the counts of the rail and its two lines, as one line of JSON.

What a person acts on is told at once, the count of events now and then: nobody reads it as fast as it grows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mainstay.console import rail
from mainstay.workspace.house_now import HouseNow

CALM_S = 2.0


class Figures:
    """How the house stands, as the rail is told: what a person acts on at once, the count of events now and then."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: HouseNow | None = None
        self._at_s = clock()

    def news(self, now: HouseNow) -> str:
        """The figures, if they are news."""
        if now == self._last:
            return ""
        calm = self._last is not None and _for_the_rail(now) == _for_the_rail(self._last)
        if calm and self._clock() - self._at_s < CALM_S:
            return ""
        self._last, self._at_s = now, self._clock()
        return figures_of(now)


def _for_the_rail(now: HouseNow) -> tuple[Any, ...]:
    return now.waiting, now.in_doubt, now.killed, now.restored, now.disk_full, bool(now.queued), now.unsound


def figures_of(now: HouseNow) -> str:
    """What the rail shows, for the page to put in its place."""
    house = rail.house_of(now)
    told = {
        "counts": {one.count: getattr(house, one.count) for one in rail.PLACES if one.count},
        "director": {"text": house.director.text, "tone": house.director.tone},
        "ledger": {"text": house.ledger.text, "tone": house.ledger.tone},
    }
    return json.dumps(told, separators=(",", ":"))
