"""A director at work inside the test's own process, for stories in which the clock or the mailbox is moved by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mainstay.kernel.values import SECOND
from mainstay.runtime.clock import Clock, ManualClock
from mainstay.workspace.serving import Service
from tests.end_to_end.desks import Desk


def clock_at_now() -> ManualClock:
    """Stands still at the present, which is what mail servers date their mail by."""
    return ManualClock(time.time_ns() // 1000)


@asynccontextmanager
async def at_work(desk: Desk, *, clock: Clock | None = None, reading: bool = False) -> AsyncIterator[Service]:
    """A director with its doors open. Without `reading` it looks into the mailbox only when it is told to."""
    service = Service(desk.folder, clock=clock, ingest=reading)
    ready = asyncio.Event()
    working = asyncio.create_task(service.run(ready.set))
    opened = asyncio.create_task(ready.wait())
    await asyncio.wait({working, opened}, return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    if working.done():
        working.result()
    try:
        yield service
    finally:
        service.stop()
        await working


async def until(condition: Callable[[], bool], what: str, *, each: Callable[[], Any] = lambda: None) -> None:
    """Let the director work until this holds."""
    end = time.monotonic() + 300.0
    while not condition():
        assert time.monotonic() < end, f"{what}: not within five minutes"
        each()
        await asyncio.sleep(0.01)


async def settled(service: Service) -> None:
    """Let the director work until nothing waits and nothing is under way."""
    await until(lambda: service.loop.quiet, "nothing left to do")


async def let_time_pass(service: Service, clock: ManualClock, until_true: Callable[[], bool]) -> None:
    """Move the clock whenever there is nothing to do, until this holds."""

    def move() -> None:
        if service.loop.quiet:
            clock.advance(5 * SECOND)

    await until(until_true, "it came with time", each=move)


async def asked(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """A call of the blocking SDK, beside the director that answers it."""
    return await asyncio.to_thread(function, *arguments, **named)
