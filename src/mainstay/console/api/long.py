"""What takes its time: begun by one request, and asked for by others until it is over.

That it was begun, and what came of it, stands in the ledger (`runtime.long_requests`): the one before it is answered,
the other before it is shown. So whoever was told of an operation is told what became of it by every later director.
What was cut off is `failed` and says so. The work itself is not gone on with: it is begun again, by who wants it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import Asked
from mainstay.console.api.noun import Noun, Reading
from mainstay.console.refused import Refused
from mainstay.kernel.errors import MainstayError, NotFound
from mainstay.kernel.governing import REQUEST_KEPT_US
from mainstay.kernel.values import DAY, Json
from mainstay.runtime.clock import Clock
from mainstay.runtime.long_requests import LongRequest, LongRequests

log = logging.getLogger("mainstay")

noun = Noun("operations")

Work = Callable[[], Awaitable[dict[str, Any]]]
ANSWERED = {
    202: {
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to ask for it."}},
    }
}
# What to do about one that was cut off.
AGAIN: Mapping[str, str] = {
    "verify": "Begin it again under a new key: a proof changes nothing.",
    "ingest": "Begin it again under a new key: what was read before is not read twice.",
    "backup": "Look whether its copy is there, and begin it again under a new key: a second copy does no harm.",
    "simulate": "Begin it again under a new key: it touches nothing real.",
    "evaluate": "Begin it again under a new key: it touches nothing real.",
}
KEYS_MAX = 20  # that stand for one under way: each is kept for good, and who begins a proof may only read
_FAULT = {"what": "This should not have happened.", "why": "", "remedy": "See `mainstay logs`."}


class LongOperation(BaseModel):
    """Something that was begun."""

    operation: str
    kind: str
    state: Literal["running", "done", "failed"]
    began_at: int
    ended_at: int | None = Field(default=None, description="Null also where its director ended before it.")
    result: dict[str, Any] | None = Field(default=None, description="What came of it, as far as it was kept.")
    error: dict[str, Any] | None = Field(default=None, description="What, why and remedy, where it failed.")


@dataclass(slots=True)
class _Running:
    """One that is under way here."""

    one: LongOperation
    about: str  # with what it was begun: what is begun with anything else is not the same
    keys: int = 0  # of who asked for the same meanwhile


class Operations:
    """Those of one server. One of a kind runs at a time: who asks for the same meanwhile is told of it."""

    def __init__(self, long: LongRequests, clock: Clock) -> None:
        self._long = long
        self._clock = clock
        self._running: dict[str, _Running] = {}  # by kind
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning = asyncio.Lock()

    async def begin(self, asked: Asked, kind: str, work: Work, *, about: str = "") -> LongOperation:
        """Begin it, unless it was begun by the same request or the same is under way.

        Raises `KeyReused`, and `Refused` while another one of its kind is under way.
        """
        request = asked.name or f"{asked.token.token} {secrets.token_hex(16)}"
        async with self._beginning:
            before = self._long.asked_before(request, asked.body) if asked.key else None
            if before is not None:
                return self._told(before)
            running = self._running.get(kind)
            if running is None:
                name = await self._long.begin(request, asked.body, kind, actor=asked.actor)
                one = LongOperation(operation=name, kind=kind, state="running", began_at=self._clock.now())
                self._running[kind] = _Running(one, about)
                task = asyncio.create_task(self._work(one, work, asked.actor))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return one
            if running.about != about:
                raise _busy(running.one)
            if asked.key:
                if running.keys >= KEYS_MAX:
                    raise _told_often(running.one)
                running.keys += 1
                same_as = running.one.operation
                await self._long.begin(request, asked.body, kind, actor=asked.actor, same_as=same_as)
            return running.one

    def close(self) -> None:
        """The server ends, and no process that works for it goes on: what is under way is cut off."""
        for one in self._tasks:
            one.cancel()

    def get(self, name: str) -> LongOperation:
        """One of them. Raises `NotFound`."""
        known = self._long.known(name)
        if known is None:
            raise NotFound(
                "There is no such operation.",
                why=f"None was begun by this name in the last {REQUEST_KEPT_US // DAY} days.",
                remedy="Begin it again.",
            )
        return self._told(known)

    def _told(self, known: LongRequest) -> LongOperation:
        running = self._running.get(known.kind)
        if running is not None and running.one.operation == known.name:
            return running.one
        one = LongOperation(operation=known.name, kind=known.kind, state="done", began_at=int(known.began_at))
        if known.over:
            return one.model_copy(update=known.outcome or {})
        return one.model_copy(update={"state": "failed", "error": _cut_off(known.kind)})

    async def _work(self, one: LongOperation, work: Work, actor: str) -> None:
        outcome: Json
        try:
            outcome = {"state": "done", "result": await work()}
        except MainstayError as error:
            told = {"what": error.what, "why": error.why, "remedy": error.remedy}
            outcome = {"state": "failed", "error": told}
        except Exception as error:
            log.error("a long operation failed: %s", type(error).__name__, exc_info=error)
            outcome = {"state": "failed", "error": _FAULT}
        try:
            await self._long.end(one.operation, outcome | {"ended_at": self._clock.now()}, actor=actor)
        except MainstayError as error:  # the director ends; the next one tells that it was cut off
            log.warning("what came of operation %s was not kept: %s", one.operation, error.what)
        finally:
            del self._running[one.kind]


async def begin(
    asked: Asked, request: Request, response: Response, kind: str, work: Work, *, about: str = ""
) -> LongOperation:
    """Begin an operation, and say where to ask for it. Raises what `Operations.begin` raises."""
    one = await operations_of(request).begin(asked, kind, work, about=about)
    response.headers["Location"] = f"/api/v1/operations/{one.operation}"
    return one


@noun.get("/operations/{operation}", response_model=LongOperation)
async def show_operation(
    asked: Reading, request: Request, operation: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
) -> Any:
    """Something that was begun: whether it is over, and what came of it, also after a restart."""
    return operations_of(request).get(operation)


def operations_of(request: Request) -> Operations:
    """Those of the server that a request came to."""
    found = request.app.state.long
    assert isinstance(found, Operations)
    return found


def _busy(one: LongOperation) -> Refused:
    return Refused(
        409,
        "Another one is under way.",
        why="One of a kind runs at a time, and this one was begun with something else.",
        remedy="Ask for that operation until it is over, then begin yours. Nothing was begun now.",
        kind="refused",
        fields={"operation": one.operation, "kind": one.kind},
    )


def _told_often(one: LongOperation) -> Refused:
    return Refused(
        409,
        "The same is under way, and enough keys stand for it.",
        why=f"Each key is kept, and {KEYS_MAX} were sent for this one since it began.",
        remedy="Ask for that operation by its name. Nothing was begun now.",
        kind="refused",
        fields={"operation": one.operation, "kind": one.kind},
    )


def _cut_off(kind: str) -> dict[str, str]:
    return {
        "what": "The director ended before it was done.",
        "why": "It was begun by a director that is not at work any more, and what it came to was not kept.",
        "remedy": AGAIN.get(kind, "Begin it again under a new key."),
    }
