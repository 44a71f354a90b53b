"""Five nodes in a LangGraph graph, with its SQLite checkpointer and `durability="sync"`: a node starts when the
checkpoint of the one before is on disk.

A workflow is a thread of the graph. LangGraph has no notion of accepted work; we count a workflow as accepted when its
first node runs, since then its input is in a checkpoint. After a restart the caller must find the threads that are not
at their end and invoke each with `None`, as the documentation says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypedDict

os.environ["LANGSMITH_TRACING"] = "false"

import aiosqlite
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from protocol import STEPS, main, output, sqlite_bytes

# The saver, and how many workflows at once.
SETTINGS: dict[str, tuple[str, int]] = {
    "sync1": ("sync", 1),
    "sync2": ("sync", 2),
    "sync8": ("sync", 8),
    "async8": ("async", 8),
    "async32": ("async", 32),
}
_FASTEST = "sync1"


class State(TypedDict):
    """What travels from node to node: the workflow's name and the last output."""

    name: str
    output: dict[str, Any]


class LangGraphFlow:
    """A compiled graph and its saver; the names of our workflows are its thread ids."""

    seen: Callable[[str, int], None]

    def __init__(self, given: argparse.Namespace) -> None:
        self._path = given.folder / "checkpoints.sqlite"
        self._kind, self._width = SETTINGS[given.setting or _FASTEST]
        self._accepted: Callable[[str], None] = lambda name: None
        self._graph: Any = None
        self._synchronous: Any = None

    def recorded(self) -> set[tuple[str, int]]:
        with SqliteSaver.from_conn_string(str(self._path)) as saver:
            graph = self._built("sync").compile(checkpointer=saver)
            found = set()
            for name in self._threads(saver.conn):
                values = graph.get_state(_config(name)).values
                done = values["output"]["number"] + 1 if values.get("output") else 0
                found |= {(name, number) for number in range(done)}
            return found

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        if self._kind == "async":
            async with aiosqlite.connect(str(self._path)) as connection:
                await connection.execute("PRAGMA synchronous=FULL")
                self._graph = self._built("async").compile(checkpointer=AsyncSqliteSaver(connection))
                async with connection.execute("PRAGMA synchronous") as cursor:
                    [self._synchronous] = await cursor.fetchone() or (None,)
                yield
            return
        connection = sqlite3.connect(str(self._path), check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        self._graph = self._built("sync").compile(checkpointer=SqliteSaver(connection))
        [self._synchronous] = connection.execute("PRAGMA synchronous").fetchone()
        yield
        connection.close()

    async def run(self, names: list[str], accepted: Callable[[str], None]) -> None:
        self._accepted = accepted
        await self._invoked([(name, State(name=name, output={})) for name in names])

    async def _invoked(self, work: list[tuple[str, State | None]]) -> None:
        if self._kind == "sync":
            await asyncio.to_thread(self._invoked_in_threads, work)
            return
        room = asyncio.Semaphore(self._width)

        async def one(name: str, given: State | None) -> None:
            async with room:
                await self._graph.ainvoke(given, _config(name), durability="sync")

        async with asyncio.TaskGroup() as group:
            for name, given in work:
                group.create_task(one(name, given))

    def _invoked_in_threads(self, work: list[tuple[str, State | None]]) -> None:
        def one(each: tuple[str, State | None]) -> None:
            self._graph.invoke(each[1], _config(each[0]), durability="sync")

        with ThreadPoolExecutor(self._width) as pool:
            for _ in pool.map(one, work):
                pass

    async def recover(self, names: list[str]) -> None:
        """Find the threads that are not at their end, and resume each."""
        open_threads = []
        with sqlite3.connect(self._path) as asking:
            threads = self._threads(asking)
        for name in threads:
            config = _config(name)
            state = (
                await self._graph.aget_state(config)
                if self._kind == "async"
                else self._graph.get_state(config)
            )
            if state.next:
                open_threads.append(name)
        await self._invoked([(name, None) for name in open_threads])

    def finished(self, names: list[str]) -> set[str]:
        wanted = set(names)
        with SqliteSaver.from_conn_string(str(self._path)) as saver:
            graph = self._built("sync").compile(checkpointer=saver)
            return {
                name for name in wanted if (found := graph.get_state(_config(name))).values and not found.next
            }

    def stored_bytes(self) -> int:
        return sqlite_bytes(self._path)

    def setting(self) -> str:
        saver = "SqliteSaver" if self._kind == "sync" else "AsyncSqliteSaver"
        width = "one" if self._width == 1 else self._width
        return f'`{saver}`, `durability="sync"`, {width} at once'

    def durability(self) -> dict[str, Any]:
        with sqlite3.connect(self._path) as asking:
            [journal] = asking.execute("PRAGMA journal_mode").fetchone()
        return {"journal_mode": journal, "synchronous": self._synchronous}

    def _threads(self, connection: sqlite3.Connection) -> list[str]:
        return [name for [name] in connection.execute("SELECT DISTINCT thread_id FROM checkpoints")]

    def _built(self, kind: str) -> StateGraph[State]:
        builder = StateGraph(State)
        before = START
        for number in range(STEPS):
            builder.add_node(
                f"step{number}", self._node(number) if kind == "sync" else self._async_node(number)
            )
            builder.add_edge(before, f"step{number}")
            before = f"step{number}"
        builder.add_edge(before, END)
        return builder

    def _node(self, number: int) -> Callable[[State], dict[str, Any]]:
        def node(state: State) -> dict[str, Any]:
            return self._stepped(state, number)

        return node

    def _async_node(self, number: int) -> Callable[[State], Any]:
        async def node(state: State) -> dict[str, Any]:
            return self._stepped(state, number)

        return node

    def _stepped(self, state: State, number: int) -> dict[str, Any]:
        if number == 0:
            self._accepted(state["name"])
        self.seen(state["name"], number)
        return {"output": output(state["name"], number)}


def _config(name: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


if __name__ == "__main__":
    main(LangGraphFlow, ("langgraph", "langgraph-checkpoint-sqlite"), SETTINGS)
