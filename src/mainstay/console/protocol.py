"""A connection: how many there may be, and how long one may take to say what it wants.

HTTP is read by h11, which refuses what two readers could read in two ways: a length beside chunks, two lengths, a
line break within a header, a chunk that is none. What it refuses is answered and the connection ended.

When there are as many connections as there may be, a new one takes the place of the one that has waited longest
without asking for anything: whoever holds a thousand open keeps nobody out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mainstay.console.headers import ALWAYS, NOT_KEPT
from mainstay.console.limits import Limits


def patience_s(limits: Limits) -> float:
    """How long a connection may take until the whole head of a request has come."""
    return limits.head_s


def too_many(connections: Iterable[Any], newest: Any) -> Any:
    """Which connection ends: the one that has waited longest without asking; the newest where all are answered."""
    idle = [one for one in connections if one is not newest and one.idle]
    return min(idle, key=lambda one: one.since, default=newest)


def protocol(limits: Limits) -> type[asyncio.Protocol]:
    """The protocol with these limits."""

    class Bounded(H11Protocol):
        """One connection."""

        waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()
            if len(self.connections) > limits.connections:
                too_many(self.connections, self).transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            before = self.cycle
            super().handle_events()
            if self.cycle is not before:
                self._stop_waiting()  # a whole head has come
                scope: Any = self.cycle.scope
                scope["mainstay.abort"] = self.transport.abort  # of who does not read what is told

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing() and self.idle:
                self._wait()  # for the next request, which may come slowly as well

        def send_400_response(self, msg: str) -> None:
            text = b"This is not HTTP as it is spoken here. Nothing was done. Open the page in a browser.\n"
            headers = [
                *ALWAYS,
                NOT_KEPT,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(text)).encode()),
                (b"connection", b"close"),
            ]
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                for event in (
                    h11.Response(status_code=400, headers=headers),
                    h11.Data(text),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event))
            self.transport.close()

        def _should_upgrade(self) -> bool:
            return False

        @property
        def idle(self) -> bool:
            """Whether nothing of it is being answered."""
            cycle: Any = self.cycle
            return cycle is None or bool(cycle.response_complete)

        def _wait(self) -> None:
            self._stop_waiting()
            self.since = self.loop.time()
            self.waiting = self.loop.call_later(patience_s(limits), self._too_slow)

        def _stop_waiting(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

        def _too_slow(self) -> None:
            if self.idle:
                self.transport.abort()

    return Bounded
