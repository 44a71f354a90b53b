"""The inbox a page at a time: what came in as a run, as nothing, or could not be read, in one order and each once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from mainstay.kernel.plan import PROPOSED
from mainstay.workspace import inbox as module
from mainstay.workspace.inbox import Inbox
from mainstay.workspace.triaged import UNHEARD, UNREADABLE


@dataclass
class Rows:
    """As much of a workspace as the list of messages asks for; no run of it is folded."""

    views: dict[str, list[dict[str, Any]]]
    begun: bool = True
    asked: list[tuple[str, int]] = field(default_factory=list)
    left: Any = field(default_factory=lambda: SimpleNamespace(count=lambda: 0))

    def rows(
        self,
        table: str,
        *,
        where: Any = MappingProxyType({}),
        order: str = "",
        descending: bool = False,
        after: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        self.asked.append((table, limit))
        found = [
            row for row in self.views.get(table, ()) if all(row[name] == is_ for name, is_ in where.items())
        ]
        if order:
            found.sort(key=lambda row: row[order], reverse=descending)
        if after is not None:
            found = [row for row in found if (row[order] < after if descending else row[order] > after)]
        return found[:limit]

    def in_doubt(self, *, sealed: bool) -> list[Any]:
        return []

    def received(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"from_address": f"{row['message']}@example.org", "subject": "Sample"}


def _message(position: int, **more: Any) -> dict[str, Any]:
    return {
        "message": f"m{position}", "thread": f"t{position}", "mailbox": "support", "own": 0, "history": 0,
        "position": position, "received_at": position, **more,
    }  # fmt: skip


def _rejected(position: int) -> dict[str, Any]:
    return {"item": f"i{position}", "reason": "no sender", "at": position, "position": position}


def _inbox(**views: list[dict[str, Any]]) -> tuple[Inbox, Rows]:
    rows = Rows({"runs": [], "messages": [], "rejected": [], "dead_letters": [], **views})
    return Inbox(rows), rows  # type: ignore[arg-type]


def _all(inbox: Inbox, limit: int, **how: Any) -> list[int]:
    found, before = [], 0
    for _ in range(100):
        page = inbox.page(before=before, limit=limit, **how)
        found += [one.position for one in page.messages]
        if not page.older:
            return found
        before = page.older
    raise AssertionError("it has no end")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_of_any_length_show_each_message_once_in_one_order(limit: int) -> None:
    inbox, _ = _inbox(
        messages=[_message(one) for one in range(1, 20, 2)], rejected=[_rejected(one) for one in (2, 8, 18)]
    )
    assert _all(inbox, limit) == sorted([*range(1, 20, 2), 2, 8, 18], reverse=True)


def test_the_last_page_says_that_there_is_no_more() -> None:
    inbox, _ = _inbox(messages=[_message(1), _message(2)])
    assert inbox.page(limit=2).older == 0
    assert inbox.page(limit=1).older == 2


def test_what_could_not_be_read_and_what_nothing_listened_for_need_a_person() -> None:
    inbox, _ = _inbox(messages=[_message(1)], rejected=[_rejected(2)])
    found = inbox.page(needs_you=True).messages
    assert [(one.outcome, one.sender, one.key) for one in found] == [
        (UNREADABLE, "", ""),
        (UNHEARD, "m1@example.org", "m1"),
    ]


def test_a_message_that_began_a_run_is_the_run_also_where_a_page_ends_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of each pair the run stands above its message, so a page may begin just below it."""
    monkeypatch.setattr(
        module.Inbox, "_told", lambda self, reading, row: SimpleNamespace(position=row[0], outcome=row[1])
    )
    runs = [{"run": f"r{at}", "message": f"m{at - 1}", "position": at} for at in (4, 6, 8)]
    late = {"run": "late", "message": "m1", "position": 5_000}
    inbox, _ = _inbox(runs=[*runs, late], messages=[_message(one) for one in (1, 3, 5, 7)])
    monkeypatch.setattr(module, "BEGUN_SOON_MAX", 1)
    for limit in (1, 2, 3, 9):
        assert _all(inbox, limit) == [5_000, 8, 6, 4]


def test_a_proposal_about_a_message_is_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module.Inbox, "_told", lambda self, reading, row: SimpleNamespace(position=row[0], outcome=row[1])
    )
    runs = [
        {"run": "r2", "message": "m1", "workflow": "triage", "position": 2},
        {"run": "r3", "message": "m1", "workflow": PROPOSED, "position": 3},
        {"run": "r5", "message": "m4", "workflow": PROPOSED, "position": 5},
    ]
    inbox, _ = _inbox(runs=runs, messages=[_message(1), _message(4)])
    for limit in (1, 2, 9):
        assert _all(inbox, limit) == [4, 2], "what nothing listened for is not begun by a proposal about it"


def test_a_look_for_what_needs_a_person_ends_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_MAX", 4)
    answered = [_message(one, thread="t") for one in range(10, 0, -1)]
    own = _message(99, thread="t", own=1)
    inbox, _ = _inbox(messages=[own, *answered, _message(0, thread="alone")])
    page = inbox.page(limit=2, needs_you=True)
    assert (page.messages, page.older) == ((), 7)
    assert _all(inbox, 2, needs_you=True) == [0]


def test_a_page_reads_no_more_rows_than_it_may_show() -> None:
    inbox, rows = _inbox(messages=[_message(one) for one in range(1_000)])
    inbox.page(limit=5)
    assert max(limit for _, limit in rows.asked) <= module.AT_ONCE


def test_nothing_was_begun_nothing_came_in() -> None:
    inbox, rows = _inbox()
    rows.begun = False
    assert inbox.page().messages == ()
    assert set(inbox.left().values()) == {0}
