"""What the director noticed about its own house and is not over, from the views."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from mainstay.kernel.values import Json
from mainstay.ledger.store import EventReader

_ROWS_MAX = 10_000  # one for each kind and subject: far fewer


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """One thing that is wrong: since when, what is known, what can be done and what was done."""

    kind: str
    subject: str
    what: str
    known: Json
    candidates: tuple[str, ...]
    remedy: str
    since: int
    times: int  # how often it came, with this time


def open_incidents(store: EventReader) -> list[OpenIncident]:
    """Those that are not over, oldest first."""
    try:
        rows = store.select("incidents", where={"cleared_at": None}, order="at", limit=_ROWS_MAX)
    except KeyError:
        return []  # a ledger of an earlier version: its first director makes the view
    return [
        OpenIncident(
            kind=str(row["kind"]),
            subject=str(row["subject"]),
            what=str(row["what"]),
            known=msgspec.json.decode(str(row["known"])),
            candidates=tuple(msgspec.json.decode(str(row["candidates"]))),
            remedy=str(row["remedy"]),
            since=_number(row["at"]),
            times=_number(row["times"]),
        )
        for row in rows
    ]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
