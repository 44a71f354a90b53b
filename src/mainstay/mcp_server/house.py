"""How the SDK is used on behalf of a client: in threads beside the protocol, each with a workspace of its own.

Beside a director the console's own rooms serve (`workspace.serving_web.Front` is a `House`). A process that a client
started has `LocalHouse`, which goes through whichever door is there, each time anew: the director may come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from mainstay.workspace import Workspace

Result = TypeVar("Result")


class House(Protocol):
    """Where the SDK is used."""

    async def read(self, look: Callable[[Workspace], Result]) -> Result:
        """What the SDK shows."""
        ...

    async def read_slowly(self, look: Callable[[Workspace], Result]) -> Result:
        """The same for what takes its time, so that nothing waits behind it."""
        ...

    async def act(self, do: Callable[[Workspace], Result]) -> Result:
        """What the SDK does. Raises what refused it."""
        ...


class LocalHouse:
    """The workspace of a folder, for a process of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rooms = {name: _Room(root, name) for name in ("read", "read slowly", "act")}

    async def read(self, look: Callable[[Workspace], Result]) -> Result:
        """See `House.read`."""
        return await self._rooms["read"].ask(look)

    async def read_slowly(self, look: Callable[[Workspace], Result]) -> Result:
        """See `House.read_slowly`."""
        return await self._rooms["read slowly"].ask(look)

    async def act(self, do: Callable[[Workspace], Result]) -> Result:
        """See `House.act`."""
        return await self._rooms["act"].ask(do)

    def close(self) -> None:
        """Give up what was opened."""
        for one in self._rooms.values():
            one.close()


class _Room:
    """One thread, and the workspace that is used in it: a connection to the ledger belongs to its thread."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"mcp {name}")
        self._workspace: Workspace | None = None

    async def ask(self, what: Callable[[Workspace], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, what)

    def close(self) -> None:
        self._thread.submit(self._leave)
        self._thread.shutdown(cancel_futures=False)

    def _do(self, what: Callable[[Workspace], Result]) -> Result:
        if self._workspace is None:
            self._workspace = Workspace.open(self._root)
        return what(self._workspace)

    def _leave(self) -> None:
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None
