"""Whoever asks while the disk is full is told so at once: it may take hours until there is space."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from mainstay.kernel.errors import StorageFull
from mainstay.kernel.values import Json

log = logging.getLogger("mainstay")


class FullDisk:
    """Answers for a director whose tick may have to wait for space."""

    def __init__(self) -> None:
        self._found = asyncio.Event()  # that the disk is full, since somebody asked
        self._unanswered: set[asyncio.Task[Json]] = set()  # what goes on although its asker was sent away

    def noticed(self, error: Exception) -> None:
        """Something went wrong with a tick, perhaps for want of space."""
        if isinstance(error, StorageFull):
            self._found.set()

    def refuse(self) -> None:
        """Nothing is accepted while a tick waits. Raises `StorageFull`."""
        raise StorageFull(
            "The disk is full, so nothing can be decided.",
            why="What was asked before still waits for space. Nothing was accepted.",
            remedy="Free some space: the director goes on by itself. Then run this command again.",
        )

    async def answer(
        self, asked: Coroutine[Any, Any, Json], decided: Callable[[asyncio.Task[Json]], None]
    ) -> Json:
        """What comes of it; `StorageFull` if the disk turns out to be full first. `decided` is told at the end."""
        self._found.clear()
        working = asyncio.create_task(asked)
        working.add_done_callback(decided)
        full = asyncio.create_task(self._found.wait())
        try:
            await asyncio.wait({working, full}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            full.cancel()
        if working.done():
            return await working
        # It waits with the tick in hand and cannot be called back. Asking twice decides once.
        self._unanswered.add(working)
        working.add_done_callback(self._answered_nobody)
        raise StorageFull(
            "The disk is full.",
            why="What was asked waits for space and is not durable yet; if the director ends before, it is forgotten.",
            remedy="Free some space: the director goes on by itself. Then run the same command again: what was "
            "decided is not decided twice.",
        )

    def _answered_nobody(self, task: asyncio.Task[Json]) -> None:
        self._unanswered.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("what waited for space: %s", error)
