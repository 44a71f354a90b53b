"""Compaction beside a director: one segment for each time it is asked.

A segment is read, packed and written in a thread of its own, which takes nothing from the ledger. Only the transaction
that names the file and lets go of its events is the writer's, between two ticks. Whoever asks, asks again until nothing
is left; so others have their turn after each segment, and whoever stops asking leaves a ledger that is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    from mainstay.ledger.compaction import Compaction
    from mainstay.ledger.compaction import Progress as Told
    from mainstay.ledger.sqlite import SqliteStore
    from mainstay.runtime.clock import Clock
    from mainstay.runtime.director import Director
    from mainstay.workspace.folder import Folder

SEGMENT_TIMEOUT_S = 600.0  # on a slow disk, behind somebody else's
Between = Callable[[Callable[[], None]], Awaitable[None]]  # the loop's


class Compacting:
    """Seals for whoever asks, one segment at a time."""

    def __init__(self, store: SqliteStore, director: Director, clock: Clock, between: Between) -> None:
        self._store = store
        self._director = director
        self._clock = clock
        self._between = between
        self._turn = asyncio.Lock()

    async def seal_one(self, before: int | None = None) -> Json:
        """The next segment, if there is one: its `events`, up to which position is `sealed`, and what is `left`.

        Raises what `ledger.compaction.compact` raises.
        """
        from mainstay.ledger.compaction import closed_until, made_durable
        from mainstay.ledger.store import Position

        if before is not None and before < 1:
            raise CommandRefused("Positions count from 1.", why=f"`before` was {before}.")
        async with self._turn:
            closed = closed_until(self._store)
            until = closed if before is None else Position(min(closed, before - 1))
            made = await asyncio.to_thread(made_durable, self._store, until, whole=before is None)
            if made is not None:
                epoch, at = self._director.epoch, self._clock.now()
                await self._between(lambda: self._store.seal(made, epoch=epoch, at=at))
            sealed = self._store.sealed.last()
            return {
                "events": made.last - made.first + 1 if made else 0,
                "bytes": len(made.data) if made else 0,
                "sealed": sealed,
                "open_from": closed + 1,
                "left": max(0, until - sealed),
            }


def compact_beside(folder: Folder, *, before: int | None, progress: Told) -> Compaction:
    """Ask the director at work in this folder until nothing is left. Raises what it raised."""
    from mainstay.ledger.compaction import SEGMENT_EVENTS, Compaction
    from mainstay.ledger.store import Position
    from mainstay.runtime.control import ControlClient

    client = ControlClient(folder.socket)
    arguments: Json = {} if before is None else {"before": before}
    segments = events = size = 0
    while True:
        one = client.ask("compact", arguments, timeout_s=SEGMENT_TIMEOUT_S)
        count = int(one["events"])
        segments, events, size = segments + bool(count), events + count, size + int(one["bytes"])
        progress(Position(events), Position(events + int(one["left"])))
        if count < SEGMENT_EVENTS:  # one that is not full was the last, however much was decided meanwhile
            sealed, open_from = Position(int(one["sealed"])), Position(int(one["open_from"]))
            return Compaction(segments, events, size, sealed, open_from, 0, beside_director=True)
