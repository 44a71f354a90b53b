"""The protocol over standard input and output, for a client that starts us: one client, one process, and one end.

Nothing but the protocol may stand on standard output. So the descriptor is taken away first: whatever else is printed
in this process, by whomever, goes to standard error. A line that is longer than `LINE_BYTES_MAX` is answered as no
JSON, and no more than that of it is kept.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import anyio
from mcp.server.stdio import stdio_server

from mainstay.mcp_server.client import Client
from mainstay.mcp_server.house import LocalHouse
from mainstay.mcp_server.offered import server_of

LINE_BYTES_MAX = 1_000_000
_NO_JSON = "too long"


class Lines:
    """Lines of a stream, each bounded."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[str]:
        return self._lines()

    async def _lines(self) -> AsyncIterator[str]:
        while True:
            raw = await anyio.to_thread.run_sync(self._next, abandon_on_cancel=True)
            if not raw:
                return
            yield raw.decode("utf-8", "replace")

    def _next(self) -> bytes:
        raw = self._stream.readline(LINE_BYTES_MAX + 1)
        if len(raw) <= LINE_BYTES_MAX:
            return raw
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(LINE_BYTES_MAX)
        return _NO_JSON.encode()


class Sink:
    """Where the answers go. It ends quietly when nobody reads them any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    async def write(self, text: str) -> None:
        """One message."""
        self._stream.write(text.encode("utf-8", "replace"))

    async def flush(self) -> None:
        """On its way. Raises `BrokenPipeError` where the client is gone."""
        await anyio.to_thread.run_sync(self._stream.flush)


def serve(root: Path, client: Client) -> None:
    """Answer until the client ends its side."""
    reading, writing = taken()
    house = LocalHouse(root)
    try:
        asyncio.run(answering(house, client, reading, writing))
    except* BrokenPipeError:
        pass  # the client went away; there is nobody to tell
    finally:
        house.close()


def taken() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone; in their place nothing is read, and output becomes error."""
    sys.stdout.flush()
    reading, writing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reading, writing


async def answering(house: LocalHouse, client: Client, reading: BinaryIO, writing: BinaryIO) -> None:
    """Answer one client over two streams."""
    server = server_of(house, lambda context: client)
    lines, sink = cast("Any", Lines(reading)), cast("Any", Sink(writing))
    async with stdio_server(lines, sink) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
