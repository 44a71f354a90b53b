"""A pipeline of five tasks on huey, with its SQLite storage and `fsync=True`.

huey takes a task out of its table before it runs it and has no acknowledgement, as its documentation says: what a
killed consumer was working on, and the rest of that pipeline, is gone. It is measured because people use it, and what
it lost is told.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

from huey import SqliteHuey
from huey.api import Task
from huey.signals import SIGNAL_COMPLETE
from protocol import STEPS, main, output, sqlite_bytes

# How many worker threads.
SETTINGS: dict[str, int] = {"threads1": 1, "threads2": 2, "threads4": 4, "threads8": 8}
_FASTEST = "threads1"


class HueyFlow:
    """A consumer in this process. The last task's id is our workflow's name, so that its result tells the end."""

    seen: Callable[[str, int], None]

    def __init__(self, given: argparse.Namespace) -> None:
        logging.getLogger("huey").setLevel(logging.ERROR)
        self._path = given.folder / "huey.sqlite"
        self._workers = SETTINGS[given.setting or _FASTEST]
        self._huey = SqliteHuey("bench", filename=str(self._path), fsync=True, timeout=30)

        self._ended: Callable[[str], None] = lambda name: None

        @self._huey.signal(SIGNAL_COMPLETE)  # its result is stored by then
        def completed(signal: str, task: Task) -> None:
            name, _, number = task.id.rpartition(":")
            if int(number) == STEPS - 1:
                self._ended(name)

        @self._huey.task()
        def step(name: str, number: int, **before: Any) -> dict[str, Any]:
            self.seen(name, number)
            return {"before": output(name, number)}

        self._step = step

    def recorded(self) -> set[tuple[str, int]]:
        with sqlite3.connect(self._path) as asking:
            keys = [key for [key] in asking.execute("SELECT key FROM kv")]
        return {(name, int(number)) for name, _, number in (key.rpartition(":") for key in keys)}

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        consumer = self._huey.create_consumer(
            workers=self._workers, worker_type="thread", initial_delay=0.001, max_delay=0.05, periodic=False
        )
        consumer.start()
        yield
        consumer.stop(graceful=True)

    async def run(self, names: list[str], accepted: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        all_ended = asyncio.Event()
        waiting = set(names)

        def ended(name: str) -> None:
            waiting.discard(name)
            if not waiting:
                loop.call_soon_threadsafe(all_ended.set)

        self._ended = ended
        for name in names:
            self._huey.enqueue(self._pipeline(name))
            accepted(name)
        await all_ended.wait()

    def _pipeline(self, name: str) -> Task:
        tasks = [self._step.s(name, number) for number in range(STEPS)]
        for number, task in enumerate(tasks):
            task.id = f"{name}:{number}"
        for task, after in pairwise(tasks):
            task.then(after)
        return tasks[0]

    async def recover(self, names: list[str]) -> None:
        """Nothing to do: a consumer goes on with what is in the table."""

    def finished(self, names: list[str]) -> set[str]:
        last = f":{STEPS - 1}"
        with sqlite3.connect(self._path, timeout=30) as asking:
            keys = [key for [key] in asking.execute("SELECT key FROM kv WHERE key LIKE ?", (f"%{last}",))]
        return {key.removesuffix(last) for key in keys} & set(names)

    def stored_bytes(self) -> int:
        return sqlite_bytes(self._path)

    def setting(self) -> str:
        threads = "one worker thread" if self._workers == 1 else f"{self._workers} worker threads"
        return f"`SqliteHuey`, `fsync=True`, {threads} in the submitting process"

    def durability(self) -> dict[str, Any]:
        connection = self._huey.storage.conn
        return {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        }


if __name__ == "__main__":
    main(HueyFlow, ("huey",), SETTINGS)
