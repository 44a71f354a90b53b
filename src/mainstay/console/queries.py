"""What an address asks for after its question mark: filters and where to go on from, each within its bounds.

What makes no sense counts as not asked, since an address may be old, cut or made up; a day that is none is told, since
a person typed it.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import SECOND

TEXT_MAX = 400
NUMBER_MAX = 2**62


def text(request: Request, name: str, *, most: int = TEXT_MAX) -> str:
    """A filter as text, cut where it is too long."""
    return request.query_params.get(name, "").strip()[:most]


def number(request: Request, name: str) -> int:
    """A whole number from 1 on; 0 where there is none."""
    said = request.query_params.get(name, "")
    found = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0
    return found if found <= NUMBER_MAX else 0


def day(said: str, what: str, *, end: bool = False) -> int:
    """The beginning (or the end) of a day on this machine's clock, in microseconds; 0 where none was said.

    Raises `CommandRefused` for what is no day.
    """
    if not said:
        return 0
    try:
        begins = datetime.fromisoformat(said[:10])
        if len(said) != len("2026-11-01"):
            raise ValueError(said)
        at = int(begins.timestamp()) + (86_400 if end else 0)
    except (ValueError, OverflowError, OSError):
        raise CommandRefused(
            f"{what} is no day.", why="A day has a year, a month and a day.", remedy="Write 2026-11-01."
        ) from None
    return max(1, at * SECOND)


def address(path: str, **chosen: str | int) -> str:
    """A path with what is asked of it; what is empty is left out."""
    asked = {name: value for name, value in chosen.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path
