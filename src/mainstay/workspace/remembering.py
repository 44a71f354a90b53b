"""Keeps what is remembered up with the ledger while a director works, beside its loop and never in its way.

The first reading of a large memory takes seconds and a missing vector a hundredth of one, so both happen in a thread,
vectors in small slices with as long a rest after each. Until a vector is there, words alone find the text. What goes
wrong here is told and tried again later: a director that cannot search by meaning still does all else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mainstay.kernel.values import Json

if TYPE_CHECKING:
    from mainstay.runtime.clock import Clock
    from mainstay.workspace.remembered import Remembered

FIRST_AFTER_S = 3.0  # the director's own beginning comes first
EVERY_S = 5.0
AGAIN_AFTER_S = 60.0  # something was wrong
REST_MIN_S = 0.01

T = TypeVar("T")


class Remembering:
    """One round after another, until cancelled."""

    def __init__(
        self,
        remembered: Callable[[], Remembered],
        clock: Clock,
        noticed: Callable[[str, Exception], None],
    ) -> None:
        self._make = remembered
        self._clock = clock
        self._noticed = noticed
        self._remembered: Remembered | None = None

    async def run(self) -> None:
        """See the class."""
        wait_s = FIRST_AFTER_S
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self.round()
                wait_s = EVERY_S
            except Exception as error:  # an index is no reason to end a director
                self._noticed("memory", error)
                wait_s = AGAIN_AFTER_S

    async def round(self) -> None:
        """Read what is new, and compute what is missing."""
        if self._remembered is None:
            self._remembered = await _beside(self._make)
        remembered = self._remembered
        await _beside(remembered.catch_up)
        while remembered.missing:
            began_s = self._clock.monotonic_s()
            if not await _beside(remembered.fill):
                return
            await asyncio.sleep(max(REST_MIN_S, self._clock.monotonic_s() - began_s))

    def standing(self) -> Json | None:
        """How it stands, without waiting for it; None before it was opened."""
        one = self._remembered
        return (
            None if one is None else {"units": one.size, "missing": one.missing, "by_meaning": one.by_meaning}
        )


async def _beside(work: Callable[[], T]) -> T:
    """Do it in a thread. If this is cancelled it ends first, since what it reads by is closed afterwards."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise
