"""The list of cards beside the one that is read: a page of it, and which card comes before and after.

Cards lie in the order in which they were asked for, those of one moment in the order of their ids; a page begins with
a card, not with a number, so that it stays where it is while others come and go. However many wait, a page of them is
read, and only of those that were put off, all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mainstay.governance.batches import why_alone
from mainstay.governance.cards_waiting import cards_waiting
from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader, Value
from mainstay.workspace.cards import PAGE, CardLine

WAITING, PUT_OFF, DECIDED = "waiting", "put-off", "decided"
SHOWS = (WAITING, PUT_OFF, DECIDED)
ENDED = (
    *("granted", "edited", "rejected", "denied", "expired", "cancelled", "superseded", "withdrawn"),
    "happened",
)
_ALL = 100_000
Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of cards, and the ways on from it."""

    show: str
    lines: tuple[CardLine, ...]
    waiting: int  # in all, without those that are put off
    put_off: int
    before: str = ""  # the card directly before the page
    earlier: str = ""  # the card that the page before begins with
    later: str = ""  # the card that the next page begins with

    def beside(self, approval: str) -> tuple[str, str]:
        """The cards before and after one; of one that is not on the page, none and the first."""
        names = [one.approval for one in self.lines]
        if approval not in names:
            return "", names[0] if names else ""
        at = names.index(approval)
        return (
            names[at - 1] if at else self.before,
            names[at + 1] if at + 1 < len(names) else self.later,
        )


@dataclass(frozen=True, slots=True)
class Alike:
    """Waiting cards of one kind and finality."""

    workflow: str
    act: str
    kind_class: str
    finality: str
    count: int
    alone: str = ""  # why each of them can only be decided by itself


class CardQueue:
    """Reads pages of cards."""

    def __init__(self, store: EventReader, line: Callable[[Row], CardLine], now: Instant) -> None:
        self._store = store
        self._line = line
        self._now = now

    def page(self, show: str, *, start: str = "", chosen: str = "", limit: int = PAGE) -> Queue:
        """The page that begins with `start`; else the first one, or where `chosen` is not on that, the one with it."""
        first = self._store.get("approvals", (start,)) if start else None
        rows = self._rows(show, first, limit + 1)
        if chosen and first is None and chosen not in [row["approval"] for row in rows[:limit]]:
            row = self._store.get("approvals", (chosen,))
            if row is not None and self._belongs(row, show):
                first = self._whole_page_with(row, show, limit)
                rows = self._rows(show, first, limit + 1)
        back = self._rows(show, first, limit, backwards=True) if first is not None else []
        return Queue(
            show,
            tuple(map(self._line, rows[:limit])),
            *cards_waiting(self._store, self._now),
            *(_name(back[0]) if back else "", _name(back[-1]) if back else ""),
            _name(rows[limit]) if len(rows) > limit else "",
        )

    def _whole_page_with(self, row: Row, show: str, limit: int) -> Row:
        """The card that a page begins with which shows this one: itself, or as far before it as the end is near."""
        missing = limit - len(self._rows(show, row, limit))
        before = self._rows(show, row, missing, backwards=True) if missing else []
        return before[-1] if before else row

    def next_to(self, approval: str, show: str) -> str:
        """The card that is read after this one, which may be in the list no more: the one behind it, or before it."""
        row = self._store.get("approvals", (approval,))
        rows = [one for one in self._rows(show, row, 2) if one["approval"] != approval]
        rows = rows or (self._rows(show, row, 1, backwards=True) if row is not None else [])
        return _name(rows[0]) if rows else ""

    def in_its_place(self, approval: str) -> str:
        """The card that waits now for the act of this one; empty if there is none, or if it waits itself."""
        row = self._store.get("approvals", (approval,))
        if row is None or row["status"] == "waiting":
            return ""
        where: Row = {"run": row["run"], "task": row["task"], "status": "waiting"}
        rows = self._store.select("approvals", where=where, order="position", descending=True, limit=1)
        return _name(rows[0]) if rows else ""

    def alike(self) -> list[Alike]:
        """What waits, by what can be decided together; the most first."""
        counts: dict[tuple[str, str, str, str, str], int] = {}
        for row in self._store.select(
            "approvals", where={"status": "waiting", "snoozed_until": 0}, limit=_ALL
        ):
            kind_class = str(row["kind"] or "").rpartition("/")[2]
            key = (
                *(str(row["workflow"]), str(row["act"]), kind_class, str(row["finality"])),
                why_alone(row),
            )
            counts[key] = counts.get(key, 0) + 1
        found = [Alike(*key[:4], count, key[4]) for key, count in counts.items()]
        return sorted(found, key=lambda one: (bool(one.alone), -one.count, one.act))

    def _rows(self, show: str, first: Row | None, limit: int, *, backwards: bool = False) -> list[Row]:
        """Rows from `first` on, which is among them; backwards: those before it, the nearest first."""
        by, descending = ("decided_at", not backwards) if show == DECIDED else ("requested_at", backwards)
        found: list[Row] = []
        match show:
            case "decided":
                for status in ENDED:
                    found += self._select({"status": status}, by, first, limit, descending=descending)
                found = _told_once(found)
            case "put-off":
                found = self._put_off()
            case _:
                where: Row = {"status": "waiting", "snoozed_until": 0}
                found = self._select(where, by, first, limit, descending=descending)
                found += [row for row in self._snoozed() if _whole(row["snoozed_until"]) <= self._now]
        found.sort(key=lambda row: _at(row, by), reverse=descending)
        if first is not None:
            bound = _at(first, by)
            found = [
                row
                for row in found
                if (_at(row, by) < bound if descending else _at(row, by) > bound)
                or (not backwards and _at(row, by) == bound)
            ]
        return found[:limit]

    def _select(self, where: Row, by: str, first: Row | None, limit: int, *, descending: bool) -> list[Row]:
        """Rows in order, from the moment of `first` on; those of that moment all, since their order is ours."""
        most = 2 * limit  # an edit counts as one, and is two rows
        if first is None:
            return self._store.select("approvals", where=where, order=by, descending=descending, limit=most)
        at = first[by] or 0
        same = self._store.select("approvals", where=where | {by: at}, limit=_ALL)
        beyond = self._store.select(
            "approvals", where=where, order=by, descending=descending, after=at, limit=most
        )
        return [*same, *beyond]

    def _snoozed(self) -> list[Row]:
        return self._store.select(
            "approvals", where={"status": "waiting"}, order="snoozed_until", after=0, limit=_ALL
        )

    def _put_off(self) -> list[Row]:
        return [row for row in self._snoozed() if _whole(row["snoozed_until"]) > self._now]

    def _belongs(self, row: Row, show: str) -> bool:
        waits, later = row["status"] == "waiting", _whole(row["snoozed_until"]) > self._now
        return {WAITING: waits and not later, PUT_OFF: waits and later, DECIDED: not waits}[show]


def _told_once(rows: list[Row]) -> list[Row]:
    """The card that was edited says so; the one that took its place was granted in the same breath."""
    edited = {(row["run"], row["task"], row["decided_at"]) for row in rows if row["status"] == "edited"}
    return [
        row
        for row in rows
        if row["status"] != "granted" or (row["run"], row["task"], row["decided_at"]) not in edited
    ]


def _at(row: Row, by: str) -> tuple[int, str]:
    return _whole(row[by]), str(row["approval"])


def _name(row: Row) -> str:
    return str(row["approval"])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
