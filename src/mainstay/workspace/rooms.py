"""Threads beside a director in which the SDK is used: each with a workspace and a door of its own.

A room does one thing after the other. What it asks of the director is decided in the director's own loop, exactly as
if it had come through the control socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from mainstay.kernel.errors import DirectorUnavailable
from mainstay.kernel.values import Json
from mainstay.runtime.clock import Clock
from mainstay.workspace.folder import Folder
from mainstay.workspace.workspace import Workspace

Result = TypeVar("Result")
Operate = Callable[[str, Json], Coroutine[Any, Any, Json]]


class InnerDoor:
    """A door that leads into the loop of the director in this very process. Asked from another thread alone."""

    live = True

    def __init__(self, operate: Operate, loop: asyncio.AbstractEventLoop) -> None:
        self._operate = operate
        self._loop = loop
        self._waiting: Future[Json] | None = None
        self._closed = False

    def ask(self, operation: str, arguments: Json) -> Json:
        """See `Door.ask`."""
        if self._closed:
            raise _ended(sent=False)
        self._waiting = asyncio.run_coroutine_threadsafe(self._operate(operation, arguments), self._loop)
        try:
            return self._waiting.result()
        except CancelledError:
            raise _ended(sent=True) from None

    def close(self) -> None:
        """Nobody waits for an answer any more: the director ends."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()


class Room:
    """One thread, and the workspace that is used in it."""

    def __init__(self, name: str, folder: Folder, clock: Clock, operate: Operate) -> None:
        """Made in the director's loop."""
        self._folder = folder
        self._clock = clock
        self._door = InnerDoor(operate, asyncio.get_running_loop())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"web {name}")
        self._workspace: Workspace | None = None
        self._ended = False

    async def ask(self, do: Callable[[Workspace], Result]) -> Result:
        """What it returns. Raises what it raised."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, do)

    def _do(self, do: Callable[[Workspace], Result]) -> Result:
        if self._workspace is None:
            self._workspace = Workspace(self._folder, clock=self._clock, door=self._door)
        return do(self._workspace)

    def close(self) -> None:
        """End when what is under way has ended; what it waits for is not coming. Waits for nothing itself."""
        if self._ended:
            return
        self._ended = True
        self._door.close()
        self._thread.submit(self._leave)
        self._thread.shutdown(wait=False)

    def _leave(self) -> None:
        if self._workspace is not None:
            self._workspace.close()


def _ended(*, sent: bool) -> DirectorUnavailable:
    return DirectorUnavailable(
        "The director ends.",
        why="It was stopped while this was asked.",
        remedy="Start it again, then look at what became of it: what was decided is not decided twice.",
        sent=sent,
    )
