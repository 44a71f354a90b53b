"""uvicorn on a socket that is bound already, in the director's event loop.

It handles no signals (the director does), writes no log of its own (addresses hold tokens), names neither itself nor
its version, and believes no header about who asks: that is for `client`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn

from mainstay.console.app import build
from mainstay.console.limits import Limits
from mainstay.console.live import Live
from mainstay.console.protocol import protocol
from mainstay.workspace.serving_web import Front

USUAL = Limits()
END_S = 2  # what is being answered may take so long at the end


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    front: Front, listening: socket.socket, ending: asyncio.Event, limits: Limits | None = None
) -> None:
    """Answer on the socket until told to end."""
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails at a request, the guard has told
    live = Live(front)
    server = _Server(configured(front, limits or USUAL, live))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    waiting = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        live.close()
        server.should_exit = True
    await serving


def configured(front: Front, limits: Limits, live: Live) -> uvicorn.Config:
    """How it is served."""
    settings = front.settings
    return uvicorn.Config(
        build(front, limits, live),
        http=protocol(limits),
        ws="none",
        lifespan="off",
        loop="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=limits.head_max,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=END_S,
        ssl_certfile=settings.cert,
        ssl_keyfile=settings.key,
    )
