"""A page of cards: where it begins, what lies beside it, and that nothing is skipped or told twice."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.values import Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.store import Put
from mainstay.workspace.card_queue import DECIDED, PUT_OFF, WAITING, Alike, CardQueue

NOW = Instant(1_000)
COLUMNS: dict[str, Any] = {
    "run": "r",
    "task": 1,
    "workflow": "triage",
    "act": "email.reply",
    "finality": "final_low_stake",
    "digest": "d",
    "kind": "triage/email.reply/",
    "requested_at": 10,
    "expires_at": 0,
    "position": 1,
    "snoozed_until": 0,
    "decided_at": None,
    "undo": 0,
    "parent": None,
    "status": "waiting",
}


def queue_of(*rows: dict[str, Any]) -> CardQueue:
    """Cards with these columns, named in their order."""
    store = InMemoryStore(tables=TABLES)
    puts = [Put("approvals", (name_of(at),), COLUMNS | row) for at, row in enumerate(rows)]
    store.append((), epoch=store.acquire(), at=NOW, changes=puts)
    return CardQueue(store, cast("Any", _Line), NOW)


class _Line:
    def __init__(self, row: dict[str, Any]) -> None:
        self.approval = str(row["approval"])


def name_of(at: int) -> str:
    return f"{at:08x}"


def names(queue: CardQueue, show: str, **how: Any) -> list[str]:
    return [one.approval for one in queue.page(show, **how).lines]


def walked(queue: CardQueue, show: str, limit: int) -> list[str]:
    """Every page after the other."""
    found: list[str] = []
    start = ""
    while True:
        page = queue.page(show, start=start, limit=limit)
        found += [one.approval for one in page.lines]
        start = page.later
        if not start:
            return found


TIMES = st.lists(st.integers(1, 5), max_size=25)


@settings(max_examples=40)
@given(TIMES, st.integers(1, 7))
def test_each_card_is_on_one_page(times: list[int], limit: int) -> None:
    queue = queue_of(*({"requested_at": at} for at in times))
    inorder = [name_of(at) for at, _ in sorted(enumerate(times), key=lambda one: (one[1], one[0]))]
    assert walked(queue, WAITING, limit) == inorder


@settings(max_examples=40)
@given(TIMES, st.integers(1, 7))
def test_what_was_decided_is_told_from_the_newest_on(times: list[int], limit: int) -> None:
    queue = queue_of(*({"status": "rejected", "decided_at": at} for at in times))
    newest = [name_of(at) for at, _ in sorted(enumerate(times), key=lambda one: (one[1], one[0]))][::-1]
    assert walked(queue, DECIDED, limit) == newest


@settings(max_examples=40)
@given(st.integers(1, 25), st.integers(1, 7), st.data())
def test_a_page_knows_what_lies_beside_it(count: int, limit: int, data: st.DataObject) -> None:
    queue = queue_of(*({} for _ in range(count)))
    at = data.draw(st.integers(0, count - 1))
    page = queue.page(WAITING, start=name_of(at), limit=limit)
    assert page.before == (name_of(at - 1) if at else "")
    assert page.earlier == (name_of(max(0, at - limit)) if at else "")
    assert page.later == (name_of(at + limit) if at + limit < count else "")


def test_the_page_with_the_chosen_card_is_shown() -> None:
    queue = queue_of(*({} for _ in range(10)))
    assert names(queue, WAITING, chosen=name_of(2), limit=4)[0] == name_of(0)
    assert names(queue, WAITING, chosen=name_of(5), limit=4)[0] == name_of(5)
    last = names(queue, WAITING, chosen=name_of(9), limit=4)
    assert last == [name_of(at) for at in range(6, 10)], "the last page is as long as the others"
    assert names(queue, WAITING, chosen="nobody", limit=4)[0] == name_of(0)


def test_neighbours_reach_over_the_edge_of_the_page() -> None:
    page = queue_of(*({} for _ in range(9))).page(WAITING, start=name_of(3), limit=3)
    assert page.beside(name_of(3)) == (name_of(2), name_of(4))
    assert page.beside(name_of(5)) == (name_of(4), name_of(6))
    assert page.beside("nobody") == ("", name_of(3))


def test_after_an_answer_the_next_card_is_read_and_after_the_last_the_one_before() -> None:
    queue = queue_of({}, {"status": "granted", "decided_at": 20}, {}, {"status": "granted", "decided_at": 20})
    assert queue.next_to(name_of(1), WAITING) == name_of(2)
    assert queue.next_to(name_of(3), WAITING) == name_of(2)
    assert queue_of({"status": "granted", "decided_at": 20}).next_to(name_of(0), WAITING) == ""


def test_what_is_put_off_has_a_list_of_its_own_until_its_time() -> None:
    queue = queue_of({"snoozed_until": int(NOW) + 1}, {"snoozed_until": int(NOW)}, {})
    assert names(queue, WAITING) == [name_of(1), name_of(2)]
    assert names(queue, PUT_OFF) == [name_of(0)]
    page = queue.page(WAITING)
    assert (page.waiting, page.put_off) == (2, 1)


def test_an_edit_is_told_once() -> None:
    queue = queue_of(
        {"status": "edited", "decided_at": 20},
        {"status": "granted", "decided_at": 20},
        {"status": "granted", "decided_at": 30},
    )
    assert names(queue, DECIDED) == [name_of(2), name_of(0)]


@pytest.mark.parametrize(("status", "place"), [("superseded", name_of(1)), ("waiting", "")])
def test_what_waits_in_the_place_of_a_card(status: str, place: str) -> None:
    queue = queue_of({"status": status}, {"position": 2}, {"run": "another"})
    assert queue.in_its_place(name_of(0)) == place


def test_what_can_be_decided_together_and_what_cannot() -> None:
    queue = queue_of({}, {"finality": "final_high_stake"}, {}, {"snoozed_until": 1})
    alone = "it is final and of high stake"
    assert queue.alike() == [
        Alike("triage", "email.reply", "", "final_low_stake", 2),
        Alike("triage", "email.reply", "", "final_high_stake", 1, alone),
    ]
