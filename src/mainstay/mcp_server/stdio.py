"""The protocol over standard input and output, for a client that starts us: one client, one process, and one end.

Nothing but the protocol may stand on standard output. So the descriptor is taken away first: whatever else is printed
in this process, by whomever, goes to standard error. A line that is longer than `LINE_BYTES_MAX` is answered as no
JSON, and no more than that of it is kept.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import anyio
from mcp.server.stdio import stdio_server

from mainstay.kernel.errors import CommandRefused
from mainstay.mcp_server.client import NOBODY, Client, beside, of_token
from mainstay.mcp_server.house import House, LocalHouse
from mainstay.mcp_server.offered import server_of
from mainstay.mcp_server.server import Context, Who
from mainstay.net.secrets import Secret
from mainstay.runtime.tokens import Token

LINE_BYTES_MAX = 1_000_000
_NO_JSON = b"too long"


class Lines:
    """Lines of a descriptor, each bounded. A thread that may be left alone reads them: at the end it still waits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = b""  # of a line that is not whole yet
        self._too_long = False

    def __aiter__(self) -> AsyncIterator[str]:
        return self._lines()

    async def _lines(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        read: asyncio.Queue[list[bytes] | None] = asyncio.Queue(1)
        threading.Thread(target=self._read, args=(loop, read), name="mcp reading", daemon=True).start()
        while (found := await read.get()) is not None:
            for one in found:
                yield one.decode("utf-8", "replace")

    def _read(self, loop: asyncio.AbstractEventLoop, into: asyncio.Queue[list[bytes] | None]) -> None:
        with suppress(OSError, RuntimeError, CancelledError):  # it ends with the loop that it reads for
            while part := os.read(self._descriptor, 65_536):
                asyncio.run_coroutine_threadsafe(into.put(self._cut(part)), loop).result()
            asyncio.run_coroutine_threadsafe(into.put(None), loop).result()

    def _cut(self, part: bytes) -> list[bytes]:
        """The lines that this completes. Of one that is too long nothing is kept."""
        *whole, rest = (self._begun + part).split(b"\n")
        found = [one if len(one) <= LINE_BYTES_MAX else _NO_JSON for one in whole]
        if self._too_long and found:
            found[0], self._too_long = _NO_JSON, False
        if len(rest) > LINE_BYTES_MAX:
            self._too_long, rest = True, b""
        self._begun = rest
        return found


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


def serve(root: Path, name: str, secret: Secret | None = None) -> None:
    """Answer until the client ends its side. With a token's secret it is let in by that, and as long as that is good.

    Raises `CommandRefused` for a token that opens nothing.
    """
    house = LocalHouse(root)
    who = by_token(house, secret) if secret is not None else let_in(beside(name))
    try:
        if secret is not None and asyncio.run(_known(house, secret)) is None:
            raise CommandRefused(
                "This token opens nothing.",
                why="It was revoked, its time is over, or it never was one of this workspace.",
                remedy="Issue another one with `mainstay tokens issue`, or leave it out.",
            )
        reading, writing = taken()
        asyncio.run(answering(house, who, reading, writing))
    except* BrokenPipeError:
        pass  # the client went away; there is nobody to tell
    finally:
        house.close()


def let_in(client: Client) -> Who:
    """Always this client."""

    async def who(context: Context) -> Client:
        return client

    return who


def by_token(house: House, secret: Secret) -> Who:
    """Whose token it is, asked at every request: one that is revoked is worth nothing from then on."""

    async def who(context: Context) -> Client:
        token = await _known(house, secret)
        return NOBODY if token is None else of_token(token)

    return who


async def _known(house: House, secret: Secret) -> Token | None:
    return await house.read(lambda workspace: workspace.tokens.known(secret.reveal()))


def taken() -> tuple[int, BinaryIO]:
    """Standard input, a descriptor, and output for the protocol alone.

    In their place nothing is read, and what is printed becomes an error message.
    """
    sys.stdout.flush()
    reading, writing = os.dup(0), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reading, writing


async def answering(house: House, who: Who, reading: int, writing: BinaryIO) -> None:
    """Answer one client over two streams."""
    server = server_of(house, who)
    lines, sink = cast("Any", Lines(reading)), cast("Any", Sink(writing))
    async with stdio_server(lines, sink) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
