"""Five steps on Mainstay: the rig of `mainstay bench engine`, a real director on a real ledger file with everything on.

That is the hash chain, a policy asked before every step, budgets of every scope, all standard views, snapshots and the
workspace's lock. Unfinished runs go on at boot. Runs are known by the ids that the rig derives.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from protocol import STEPS, main, sqlite_bytes

from mainstay.agents.base import Brief
from mainstay.bench.rig import LEDGER, Rig, chain
from mainstay.kernel.events import TaskSucceeded
from mainstay.kernel.ids import RunId
from mainstay.ledger.connection import SQLITE3, Driver
from mainstay.ledger.store import ORIGIN

_READ_AT_ONCE = 5_000


class MainstayFlow:
    """A rig, as `mainstay bench engine` measures it."""

    seen: Callable[[str, int], None]

    def __init__(self, given: argparse.Namespace) -> None:
        self._folder = given.folder
        self._connections: list[Any] = []
        self._runs: dict[str, str] = {}
        self._rig: Rig

    def recorded(self) -> set[tuple[str, int]]:
        rig = Rig(self._folder, chain(STEPS))
        codec, after = rig.director.codec, ORIGIN
        found = set()
        while batch := rig.store.read_all(after=after, limit=_READ_AT_ONCE):
            after = batch[-1].position
            for recorded in batch:
                event = codec.decode(recorded.type, recorded.schema, recorded.data)
                if isinstance(event, TaskSucceeded):
                    found.add((recorded.stream.removeprefix("run:"), event.task))
        rig.close()
        return found

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        driver = Driver(self._connected, SQLITE3.errors, SQLITE3.shared_memory, SQLITE3.read_afresh)
        self._rig = Rig(self._folder, chain(STEPS), driver=driver)
        self._rig.step.seen = self._stepped
        async with self._rig.working():
            yield
        self._rig.close()

    def _stepped(self, brief: Brief) -> None:
        self.seen(brief.run, int(brief.task.removeprefix("step")))

    def _connected(self, path: str) -> Any:
        self._connections.append(SQLITE3.connect(path))
        return self._connections[-1]

    async def run(self, names: list[str], accepted: Callable[[str], None]) -> None:
        told: list[str] = []

        def durable(run: RunId) -> None:
            told.append(run)
            accepted(run)

        wanted = self._rig.step.executions + STEPS * len(names)
        await self._rig.start(len(names), durable)
        await self._rig.step.reached(wanted)
        await self._rig.settled()
        self._runs |= dict(zip(names, told, strict=True))

    async def recover(self, names: list[str]) -> None:
        """Nothing to do: boot goes on with what is open."""

    def finished(self, names: list[str]) -> set[str]:
        """By name in the process that started them, by run id in the next."""
        return {name for name in names if self._succeeded(self._runs.get(name, name))}

    def _succeeded(self, run: str) -> bool:
        row = self._rig.store.get("runs", (RunId(run),))
        return row is not None and row["status"] == "succeeded"

    def stored_bytes(self) -> int:
        return sqlite_bytes(self._folder / LEDGER)

    def setting(self) -> str:
        return "the product's own: one director, hash chain, policy, budgets, views and snapshots on"

    def durability(self) -> dict[str, Any]:
        return {
            name: self._connections[0].execute(f"PRAGMA {name}").fetchall()[0][0]
            for name in ("journal_mode", "synchronous")
        }


if __name__ == "__main__":
    main(MainstayFlow, ("mainstay",))
