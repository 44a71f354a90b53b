"""The measured process of `bench console`: a director with its web server, told over its standard input what to do.

One JSON object a line comes in, one goes out. `load` starts runs of a trivial agent at a steady rate and tells when
each commit was made, on the clock that all processes of a machine share; `crowd` lets so many run as fast as they can.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from mainstay.agents.base import Agent
from mainstay.bench.console_fill import DEFINITION, PLAN, STEPS, Step
from mainstay.bench.rig import resident_mb
from mainstay.kernel.commands import StartRun
from mainstay.kernel.ids import run_id
from mainstay.models.base import Embedder, Unavailable
from mainstay.runtime.tick import Request, Tick
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service

TURN_S = 0.02  # how evenly runs are started
END_S = 60.0


class WithSteps(Assembly):
    """The usual agents, and the trivial one. No embedder: what it takes in memory is no part of the server."""

    @cached_property
    def embedder(self) -> Embedder | Unavailable:
        """None."""
        return Unavailable("left out", "this measures the web server")

    @cached_property
    def memory_embedder(self) -> Embedder | Unavailable:
        """None."""
        return self.embedder

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        """See `Assembly.agents`."""
        step: Any = Step()
        return {**super().agents, step.name: step}

    @cached_property
    def light_agents(self) -> Mapping[str, Agent]:
        """See `Assembly.light_agents`."""
        step: Any = Step()
        return {**super().light_agents, step.name: step}


class Measured(Service):
    """A director that notes when it committed, while it is asked to."""

    noted: list[tuple[int, float]] | None = None

    def _committed(self, tick: Tick) -> None:
        if self.noted is not None:
            self.noted.append((int(self.held.store.head), time.monotonic()))
        super()._committed(tick)


class Served:
    """What can be asked of it."""

    def __init__(self, service: Measured) -> None:
        self._service = service
        self._started = 0

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do it."""
        match asked["do"]:
            case "login":
                return {"url": self._service.web.login_link()["url"]}
            case "memory":
                return {"resident_mb": resident_mb()}
            case "cpu":
                return {"cpu_s": time.process_time()}
            case "house":
                return {"house_us": self._house_us()}
            case "load":
                return await self._load(asked["steps_per_s"], asked["s"])
            case "crowd":
                return await self._crowd(asked["runs"])
            case _:
                raise ValueError(asked)

    def _house_us(self) -> float:
        """What the figures of the rail cost, where a card was decided before each look."""
        front: Any = self._service.web._front
        count, began = 200, time.thread_time()
        for _ in range(count):
            for one in front.moves._listeners:
                one.moved |= -1  # everything moved
            front.house()
        return (time.thread_time() - began) / count * 1e6

    def _start(self, count: int) -> None:
        self._service.held.director.plans[DEFINITION] = PLAN
        for _ in range(count):
            self._started += 1
            one = run_id(self._service.held.clock.now(), "bench", f"{os.getpid()}-{self._started}")
            self._service.loop.send(Request(StartRun(one, "bench", DEFINITION), "bench"))

    async def _over(self, before: int) -> None:
        loop, director = self._service.loop, self._service.held.director
        async with asyncio.timeout(END_S):
            while len(director.runs) > before or not loop.quiet:
                await asyncio.sleep(0.001)

    async def _crowd(self, runs: int) -> dict[str, Any]:
        before, began, used = len(self._service.held.director.runs), time.perf_counter(), time.process_time()
        turn = time.thread_time()
        self._start(runs)
        await asyncio.sleep(0.005)
        await self._over(before)
        return {
            "s": time.perf_counter() - began,
            "cpu_s": time.process_time() - used,
            "director_cpu_s": time.thread_time() - turn,
            "steps": runs * STEPS,
        }

    async def _load(self, steps_per_s: int, seconds: float) -> dict[str, Any]:
        before = len(self._service.held.director.runs)
        noted = self._service.noted = []
        began, used, started = time.monotonic(), time.process_time(), 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * steps_per_s / STEPS)
            self._start(due - started)
            started = due
            await asyncio.sleep(TURN_S)
        took_s, used_s = time.monotonic() - began, time.process_time() - used
        await self._over(before)
        self._service.noted = None
        return {"commits": noted, "steps_per_s": started * STEPS / took_s, "cpu_share": used_s / took_s}


async def serve(root: Path) -> None:
    """Until the standard input ends."""
    # So that the bench, which asks faster than a person, is served. Streams and parts keep their limits.
    server: Any = import_module("mainstay.console.server")  # a layer above this one
    server.USUAL = replace(server.USUAL, burst=1_000_000, per_s=1_000_000.0)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    listening.setblocking(False)
    service = Measured(Folder(root), ingest=False, assembly=WithSteps, listening=listening)
    running, ready = asyncio.get_running_loop(), asyncio.Event()
    working = asyncio.create_task(service.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        waiting.cancel()
        await working
        return
    asked = asyncio.StreamReader()
    await running.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    served = Served(service)
    say({"port": listening.getsockname()[1]})
    while line := await asked.readline():
        say(await served.answer(json.loads(line)))
    service.stop()
    await working


def say(told: dict[str, Any]) -> None:
    """One line out."""
    os.write(1, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1])))
