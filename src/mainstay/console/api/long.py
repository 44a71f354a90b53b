"""What takes its time: begun by one request, and asked for by others until it is over.

Nothing of this is kept beyond the director's end: what it did is in the ledger or on the disk, and to look once more
does no harm.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, Field

from mainstay.console.api.asked import Asked
from mainstay.console.api.noun import Noun, Reading
from mainstay.kernel.errors import MainstayError, NotFound
from mainstay.runtime.clock import Clock

log = logging.getLogger("mainstay")

noun = Noun("operations")

KEPT = 100
ANSWERED = {
    202: {
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to ask for it."}},
    }
}


class LongOperation(BaseModel):
    """Something that was begun."""

    operation: str
    kind: str
    state: Literal["running", "done", "failed"]
    began_at: int
    ended_at: int | None = None
    result: dict[str, Any] | None = Field(default=None, description="What came of it.")
    error: dict[str, Any] | None = Field(default=None, description="What, why and remedy, where it failed.")


class Operations:
    """Those of one server. One of a kind runs at a time: who begins another is told of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, LongOperation]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, asked: Asked, kind: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> LongOperation:
        """Begin it, unless it runs already or was begun by the same request."""
        name = hashlib.sha256(f"{kind} {asked.name or self._clock.now()}".encode()).hexdigest()[:32]
        if name in self._known:
            return self._known[name][1]
        running = next(
            (one for _, one in self._known.values() if one.kind == kind and one.state == "running"), None
        )
        if running is not None:
            return running
        one = LongOperation(operation=name, kind=kind, state="running", began_at=self._clock.now())
        self._known[name] = (asked.token.token, one)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        task = asyncio.create_task(self._work(one, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return one

    def get(self, name: str) -> LongOperation:
        """One of them. Raises `NotFound`."""
        if name not in self._known:
            raise NotFound(
                "There is no such operation.",
                why="It was begun before this director, or never.",
                remedy="Begin it again.",
            )
        return self._known[name][1]

    async def _work(self, one: LongOperation, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        try:
            one.result = await work()
            one.state = "done"
        except MainstayError as error:
            one.error = {"what": error.what, "why": error.why, "remedy": error.remedy}
            one.state = "failed"
        except Exception as error:
            log.error("a long operation failed: %s", type(error).__name__, exc_info=error)
            one.error = {
                "what": "This should not have happened.",
                "why": "",
                "remedy": "See `mainstay logs`.",
            }
            one.state = "failed"
        finally:
            one.ended_at = self._clock.now()


@noun.get("/operations/{operation}", response_model=LongOperation)
async def show_operation(
    asked: Reading, request: Request, operation: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
) -> Any:
    """Something that was begun: whether it is over, and what came of it."""
    return operations_of(request).get(operation)


def operations_of(request: Request) -> Operations:
    """Those of the server that a request came to."""
    found = request.app.state.long
    assert isinstance(found, Operations)
    return found
