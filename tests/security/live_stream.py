"""A page that listens, as a browser does: the stream of `/live`, message by message."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.security.web_house import WAIT_S, Browser


class Stream:
    """What is heard of one stream."""

    def __init__(self, answer: http.client.HTTPResponse, connected: socket.socket) -> None:
        self._answer, self._socket = answer, connected
        self.status = answer.status
        self.type = answer.headers.get("Content-Type", "")

    def next(self) -> dict[str, str]:
        """The next message; empty when the stream is over. What says nothing (`:`) is passed over."""
        told: dict[str, str] = {}
        while line := self._answer.readline().decode():
            if line == "\n" and told:
                return told
            name, _, value = line.rstrip("\n").partition(": ")
            if value:
                told[name] = value
        return {}

    def until(self, event: str) -> dict[str, str]:
        """The next message of this name."""
        while told := self.next():
            if told.get("event") == event:
                return told
        raise LookupError(f"the stream ended before {event!r}")

    def names(self, count: int) -> list[str]:
        """The names of the next messages."""
        return [self.next()["event"] for _ in range(count)]

    def over(self, patience_s: float = WAIT_S) -> bool:
        """Whether it ends, while it is waited for."""
        self._socket.settimeout(patience_s)
        try:
            while self.next():
                pass
        except TimeoutError:
            return False
        except (ConnectionError, http.client.IncompleteRead):
            return True
        return True


@contextmanager
def stream(
    browser: Browser,
    topics: str = "",
    *,
    since: int | str | None = None,
    timeout_s: float = WAIT_S,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Stream]:
    """Open it, as somebody with this browser."""
    sent = {"Host": browser.host, "Sec-Fetch-Site": "same-origin", "Accept": "text/event-stream"}
    if browser.cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    if since is not None:
        sent["Last-Event-ID"] = str(since)
    sent = {name: value for name, value in {**sent, **(headers or {})}.items() if value}
    connection: Any = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=timeout_s)
    try:
        connection.request("GET", f"/live?topics={topics}", headers=sent)
        connected = connection.sock
        answer = connection.getresponse()
        yield Stream(answer, connected)
        answer.close()
    finally:
        connection.close()
