"""Five steps on DBOS, with its system database in SQLite or PostgreSQL.

Steps and workflows are plain decorated functions. Unfinished workflows go on at `DBOS.launch()`, as its documentation
says: an executor recovers what it left itself, once it is started again under the same name and version.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID
from protocol import STEPS, main, output, sqlite_bytes

# Where the work happens; how many threads or connections; SQLite's journal ("" for DBOS's own engine, untouched).
SETTINGS: dict[str, tuple[str, int, str]] = {
    "threads2": ("threads", 2, "wal"),
    "threads4": ("threads", 4, "wal"),
    "threads8": ("threads", 8, "wal"),
    "threads16": ("threads", 16, "wal"),
    "queue8": ("queue", 8, "wal"),
    "queue32": ("queue", 32, "wal"),
    "async2": ("async", 2, "wal"),
    "async8": ("async", 8, "wal"),
    "async20": ("async", 20, "wal"),
    "threads8-default-engine": ("threads", 8, ""),
    "async8-default-engine": ("async", 8, ""),
}
_FASTEST = {"sqlite": "threads2", "postgresql": "threads8"}
_QUEUE = "bench"
_seen: Callable[[str, int], None]


@DBOS.step()
def step(name: str, number: int) -> dict[str, Any]:
    """The trivial step."""
    _seen(name, number)
    return output(name, number)


@DBOS.step()
async def async_step(name: str, number: int) -> dict[str, Any]:
    """The trivial step, on the event loop."""
    _seen(name, number)
    return output(name, number)


@DBOS.workflow()
def five_steps(name: str) -> str:
    """Five steps, one after the other."""
    for number in range(STEPS):
        step(name, number)
    return name


@DBOS.workflow()
async def five_async_steps(name: str) -> str:
    """Five steps, one after the other, on the event loop."""
    for number in range(STEPS):
        await async_step(name, number)
    return name


class DbosFlow:
    """DBOS in this process; the names of our workflows are its workflow ids."""

    seen: Callable[[str, int], None]

    def __init__(self, given: argparse.Namespace) -> None:
        self._url = given.url
        self._path = given.folder / "dbos.sqlite"
        setting = given.setting or _FASTEST["postgresql" if self._url else "sqlite"]
        self._way, self._width, self._journal = SETTINGS[setting]
        self._engine = self._own_engine()

    def recorded(self) -> set[tuple[str, int]]:
        engine = sa.create_engine(self._url or f"sqlite:///{self._path}")
        table = "dbos.operation_outputs" if self._url else "operation_outputs"
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text(f"SELECT workflow_uuid, function_id FROM {table} WHERE function_name LIKE '%step'")
            )
            found = {(name, number - 1) for name, number in rows}  # DBOS counts from 1
        engine.dispose()
        return found

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        global _seen
        _seen = lambda name, number: self.seen(name, number)  # noqa: E731
        DBOS(
            config={
                "name": "peers-bench",
                "system_database_url": self._url or f"sqlite:///{self._path}",
                "system_database_engine": self._engine,
                "sys_db_pool_size": self._width + 4,
                "max_executor_threads": self._width,
                "application_version": "bench",
                "executor_id": "bench",
                "log_level": "ERROR",
            }
        )
        DBOS.launch()
        if self._way == "queue":
            await DBOS.register_queue_async(_QUEUE, worker_concurrency=self._width, polling_interval_sec=0.01)
        yield
        DBOS.destroy()

    async def run(self, names: list[str], accepted: Callable[[str], None]) -> None:
        if self._way == "async":
            await self._run_async(names, accepted)
        else:
            await asyncio.to_thread(self._run_in_threads, names, accepted)

    async def _run_async(self, names: list[str], accepted: Callable[[str], None]) -> None:
        room = asyncio.Semaphore(self._width * 2)

        async def one(name: str) -> None:
            async with room:
                with SetWorkflowID(name):
                    handle = await DBOS.start_workflow_async(five_async_steps, name)
                accepted(name)
                # The default asks again after a second; a workflow of this process would wait for its poll.
                await handle.get_result(polling_interval_sec=0.005)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))

    def _run_in_threads(self, names: list[str], accepted: Callable[[str], None]) -> None:
        handles = []
        for name in names:
            with SetWorkflowID(name):
                if self._way == "queue":
                    handles.append(DBOS.enqueue_workflow(_QUEUE, five_steps, name))
                else:
                    handles.append(DBOS.start_workflow(five_steps, name))
            accepted(name)
        for handle in handles:
            handle.get_result()

    async def recover(self, names: list[str]) -> None:
        """Nothing to do: launching recovers."""

    def finished(self, names: list[str]) -> set[str]:
        wanted = set(names)
        with self._asking() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT workflow_uuid FROM "
                    + ("dbos.workflow_status" if self._url else "workflow_status")
                    + " WHERE status = 'SUCCESS'"
                )
            )
            return {row[0] for row in rows} & wanted

    def stored_bytes(self) -> int:
        if not self._url:
            return sqlite_bytes(self._path)
        with self._asking() as connection:
            connection.execute(sa.text("CHECKPOINT"))
            return int(
                connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
            )

    def setting(self) -> str:
        ways = {
            "threads": f"`start_workflow`, {self._width} executor threads",
            "queue": f"a queue polled every 10 ms, {self._width} at once on as many threads",
            "async": f"`start_workflow_async`, {self._width * 2} at once, {self._width} executor threads",
        }
        engines = {True: "", False: ", its default engine"}
        journal = ", an engine of the application's with WAL and FULL" if self._engine is not None else ""
        return ways[self._way] + (journal or engines[bool(self._url)])

    def durability(self) -> dict[str, Any]:
        if self._url:
            names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
            with self._asking() as connection:
                return {name: connection.execute(sa.text(f"SHOW {name}")).scalar_one() for name in names}
        if self._engine is not None:
            with self._engine.connect() as connection:
                return {
                    name: connection.execute(sa.text(f"PRAGMA {name}")).scalar_one()
                    for name in ("journal_mode", "synchronous")
                }
        other = sqlite3.connect(self._path)  # DBOS sets neither, so its connections have the same defaults
        return {
            name: other.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        }

    def _asking(self) -> sa.Connection:
        engine = sa.create_engine(
            self._url or f"sqlite:///{self._path}", poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        return engine.connect()

    def _own_engine(self) -> sa.Engine | None:
        """An engine of our own is DBOS's documented way to other settings than SQLite's defaults. What DBOS would set
        itself is set as well.
        """
        if self._url or not self._journal:
            return None
        engine = sa.create_engine(
            f"sqlite:///{self._path}",
            poolclass=sa.QueuePool,
            pool_size=self._width + 4,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )

        @sa.event.listens_for(engine, "connect")
        def configured(connection: sqlite3.Connection, record: Any) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in (
                "busy_timeout=30000",
                "foreign_keys=ON",
                f"journal_mode={self._journal}",
                "synchronous=FULL",
            ):
                connection.execute(f"PRAGMA {pragma}")

        return engine


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(DbosFlow, ("dbos", "sqlalchemy", "psycopg"), SETTINGS)
