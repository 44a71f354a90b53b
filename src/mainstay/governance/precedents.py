"""What was decided before about acts of the same kind, or about the same recipient: the last few, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader, Value

SHOWN = 5
_ANSWERS = ("granted", "edited", "rejected")
_SAID = {"granted": "approved", "edited": "edited", "rejected": "rejected"}


@dataclass(frozen=True, slots=True)
class Precedent:
    """One decision."""

    approval: str
    run: str
    answer: str  # approved, edited, rejected
    at: Instant
    actor: str
    open_us: int  # how long the card was open; 0: nobody measured it
    same_kind: bool
    same_recipient: bool


def precedents(store: EventReader, row: Mapping[str, Any], *, limit: int = SHOWN) -> tuple[Precedent, ...]:
    """The last decisions on the same kind of act or the same recipient as this card's."""
    like: list[tuple[str, Value]] = [("kind", row["kind"]), ("subject", row["subject"])]
    found: dict[str, dict[str, Value]] = {}
    for column, value in like:
        for status in _ANSWERS if value else ():
            where: dict[str, Value] = {column: value, "status": status}
            rows = store.select(
                "approvals", where=where, order="decided_at", descending=True, limit=limit + 1
            )
            found |= {str(one["approval"]): one for one in rows}
    found.pop(str(row["approval"]), None)
    # The card that was edited says "edited"; the one that took its place was granted in the same breath.
    edited = {(one["run"], one["task"], one["decided_at"]) for one in found.values() if _is_edit(one)}
    kept = [one for one in found.values() if _is_edit(one) or _moment(one) not in edited]
    newest = sorted(kept, key=_when, reverse=True)[:limit]
    return tuple(_precedent(one, row) for one in newest)


def _is_edit(row: Mapping[str, Value]) -> bool:
    return row["status"] == "edited"


def _moment(row: Mapping[str, Value]) -> tuple[Value, Value, Value]:
    return row["run"], row["task"], row["decided_at"]


def _when(row: Mapping[str, Value]) -> tuple[int, str]:
    at = row["decided_at"]
    return (at if isinstance(at, int) else 0), str(row["approval"])


def _precedent(row: Mapping[str, Value], of: Mapping[str, Any]) -> Precedent:
    open_us = row["open_us"]
    return Precedent(
        approval=str(row["approval"]),
        run=str(row["run"]),
        answer=_SAID[str(row["status"])],
        at=Instant(_when(row)[0]),
        actor=str(row["actor"] or ""),
        open_us=open_us if isinstance(open_us, int) else 0,
        same_kind=bool(row["kind"]) and row["kind"] == of["kind"],
        same_recipient=bool(row["subject"]) and row["subject"] == of["subject"],
    )
