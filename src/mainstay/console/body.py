"""The body of a request: counted as it comes, never kept beyond its bound, not waited for longer than its time.

JSON is looked at on its way as well: how deep it nests is known before a parser meets it.
"""

from __future__ import annotations

import asyncio
import re

from starlette.types import Message, Receive

from mainstay.console.limits import Limits
from mainstay.console.refused import Refused

_OF_INTEREST = re.compile(rb'["\\\[\]{}]')


class Body:
    """A way in that refuses what is too much. `unread` says whether something of it may still come."""

    def __init__(self, receive: Receive, limits: Limits, *, length: int | None, is_json: bool) -> None:
        self._receive = receive
        self._limits = limits
        self._depth = Depth(limits.json_depth_max) if is_json else None
        self._size = 0
        self._deadline: float | None = None
        self.unread = length is None or length > 0

    async def __call__(self) -> Message:
        """The next part. Raises `Refused`."""
        if not self.unread:
            return await self._receive()  # waits for the client to leave, which has no deadline
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._limits.body_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise Refused(
                408,
                "The request came too slowly.",
                why=f"It was not there within {self._limits.body_s:g} s.",
                remedy="Nothing was decided. Send it again.",
            ) from None
        if message["type"] != "http.request":
            self.unread = False
            return message
        part: bytes = message.get("body", b"")
        self._size += len(part)
        if self._size > self._limits.body_max:
            raise too_large(self._limits)
        if self._depth is not None and not self._depth.bears(part):
            raise Refused(
                400,
                "This JSON nests too deeply.",
                why=f"At most {self._limits.json_depth_max} levels are read.",
                remedy="Send it flat.",
            )
        self.unread = bool(message.get("more_body", False))
        return message


def too_large(limits: Limits) -> Refused:
    """What is said of a body that is too large."""
    return Refused(
        413,
        "The request is too large.",
        why=f"At most {limits.body_max:,} bytes are read.",
        remedy="Nothing was decided. Write a shorter text.",
    )


class Depth:
    """Counts how deep JSON nests, part by part, without keeping any of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def bears(self, part: bytes) -> bool:
        """Whether it nests no deeper than allowed, up to here."""
        expected = -1  # where the character after a backslash lies
        if self._escaped:
            expected, self._escaped = 0, False
        for found in _OF_INTEREST.finditer(part):
            if found.start() == expected:
                continue
            one = found[0]
            if one == b"\\":
                if self._in_text:
                    expected = found.end()
                    self._escaped = expected == len(part)
            elif one == b'"':
                self._in_text = not self._in_text
            elif self._in_text:
                continue
            elif one in b"[{":
                self._depth += 1
                if self._depth > self._most:
                    return False
            else:
                self._depth -= 1
        return True
