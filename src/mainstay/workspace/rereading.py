"""A mailbox is read once more before something final leaves: the customer may have written again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from mainstay.runtime.clock import Clock
from mainstay.runtime.ingest import Ingest

EVERY_S = 2.0  # what was read so recently is not read again


class Rereading:
    """Reads the mailboxes of one director again, each once for all who ask at a time."""

    def __init__(self, ingests: Callable[[], Mapping[str, Ingest]], clock: Clock) -> None:
        self._ingests = ingests
        self._clock = clock
        self._read_at: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def read(self, instance: str) -> None:
        """Read the mailbox of this adapter, if it has one and was not read just now. Raises what reading raised."""
        one = self._ingests().get(instance)
        if one is None:
            return
        now = self._clock.monotonic_s()
        if now - self._read_at.get(instance, -EVERY_S) < EVERY_S:
            return
        reading = self._reading.get(instance)
        if reading is None:
            reading = self._reading[instance] = asyncio.create_task(self._read(instance, one))
        await asyncio.shield(reading)  # many may wait for it: the end of one is not the end of all

    async def _read(self, instance: str, mailbox: Ingest) -> None:
        try:
            await mailbox.pull()
            self._read_at[instance] = self._clock.monotonic_s()
        finally:
            del self._reading[instance]

    async def end(self) -> None:
        """Give up what is being read."""
        for reading in list(self._reading.values()):
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
