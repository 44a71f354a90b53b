"""One line for the next page of a device: what came of what it did. Kept in memory, shown once, bounded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from mainstay.console.sessions import session_of

KEPT = 256


@dataclass(frozen=True, slots=True)
class Offer:
    """The way back, as a button beside the line; it exists elsewhere too, since the line is shown once."""

    word: str
    address: str
    form: str  # the name that its token is bound to


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says once."""

    text: str
    tone: str = "ok"  # "ok", "warn", "bad"
    offer: Offer | None = None


class Notices:
    """What waits to be said, by device; what is not fetched is forgotten, the oldest first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Notice] = OrderedDict()

    def leave(self, request: HTTPConnection, notice: Notice) -> None:
        """Say it on the next page of this device."""
        session = session_of(request)
        if session is None:
            return
        self._waiting[session.device.device] = notice
        self._waiting.move_to_end(session.device.device)
        while len(self._waiting) > KEPT:
            self._waiting.popitem(last=False)

    def fetch(self, request: HTTPConnection) -> Notice | None:
        """What is to be said now, once."""
        session = session_of(request)
        return self._waiting.pop(session.device.device, None) if session else None
