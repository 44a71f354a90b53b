"""Pages by a cursor: a place in an order that does not move when something is added before or after it.

A cursor is for whoever got it to hand back, and for nobody to read. It says of which list it is, so that one of another
list is refused and not misread.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mainstay.console.refused import Refused

LIMIT, LIMIT_MAX = 50, 200
CURSOR_MAX = 600
Item = TypeVar("Item")
Key = Sequence[Any]

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str,
    Query(
        max_length=CURSOR_MAX,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="`next` of the page before; left out: the first page.",
    ),
]


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    model_config = ConfigDict(from_attributes=True)

    items: list[Item]
    next: str | None = Field(description="The cursor of what follows; null: there is no more.")


@dataclass(frozen=True, slots=True)
class Place:
    """Which page of which list is wanted."""

    of: str
    limit: int
    after: tuple[Any, ...] | None

    def next(self, key: Key) -> str:
        """The cursor of what follows what has this key."""
        raw = json.dumps([self.of, *key], separators=(",", ":")).encode()
        return urlsafe_b64encode(raw).decode().rstrip("=")


def place(of: str, limit: int, cursor: str, *kinds: type) -> Place:
    """What a request wants; `kinds` are the types of the list's key. Raises `Refused` for a cursor that is none."""
    if not cursor:
        return Place(of, limit, None)
    try:
        found = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        found = None
    fits = isinstance(found, list) and len(found) == len(kinds) + 1 and found[0] == of
    if not fits or not all(type(one) is kind for one, kind in zip(found[1:], kinds, strict=True)):
        raise Refused(
            422,
            "This cursor is none of this list.",
            why="A cursor is handed back as it was given, to the list that gave it.",
            remedy="Leave it out to begin at the first page.",
            kind="bad-cursor",
        )
    if any(isinstance(one, int) and abs(one) >= 2**63 for one in found[1:]):
        return Place(of, limit, None)
    return Place(of, limit, tuple(found[1:]))


def sliced(items: Iterable[Item], key: Callable[[Item], Key], wanted: Place) -> tuple[list[Item], str | None]:
    """The page of a list that is held in memory, in the order of its keys."""
    ordered = sorted(((tuple(key(one)), at, one) for at, one in enumerate(items)), key=lambda one: one[:2])
    rest = [(name, one) for name, _, one in ordered if wanted.after is None or name > wanted.after]
    shown = rest[: wanted.limit]
    more = len(rest) > wanted.limit
    return [one for _, one in shown], wanted.next(shown[-1][0]) if more else None


def cut(rows: Sequence[Item], key: Callable[[Item], Key], wanted: Place) -> tuple[list[Item], str | None]:
    """The page of a list of which one more than wanted was read, in its order."""
    shown = list(rows[: wanted.limit])
    return shown, wanted.next(key(shown[-1])) if len(rows) > wanted.limit else None


def linked(request: Request, response: Response, found: tuple[list[Item], str | None]) -> Any:
    """The page as it is answered, with where the next one is."""
    items, following = found
    if following is not None:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = (
            f'<{request.url.path}?{urlencode([*asked, ("cursor", following)])}>; rel="next"'
        )
    return {"items": items, "next": following}
