"""What the desk decides by, apart from any director: the second step, batches, what was decided before."""

import pytest

from mainstay.governance.batches import guard_of, why_alone
from mainstay.governance.precedents import precedents
from mainstay.governance.second_step import is_confirmed, second_step
from mainstay.kernel.contract import Finality
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.store import Put

EFFECT = Digest("abcdef0123456789" * 4)


def wanted(shown: Json | None, price_micros: int | None = 0, finality: str = Finality.FINAL_HIGH) -> str:
    return second_step(finality, shown, price_micros=price_micros, digest=EFFECT)


@pytest.mark.parametrize("finality", [Finality.REVERSIBLE, Finality.WITHDRAWABLE, Finality.FINAL_LOW])
def test_only_high_stake_wants_a_second_step(finality: Finality) -> None:
    assert wanted({"amount_micros": 5_000_000}, finality=finality) == ""


def test_the_amount_comes_first_then_the_recipient_then_what_there_is() -> None:
    to = {"recipients": ["ann@example.com", "bob@example.com"]}
    assert wanted({**to, "amount_micros": 1_250_000_000}) == "$1250.00"
    assert wanted({**to, "request": {"amount": "1,250.00", "currency": "EUR"}}) == "1,250.00 EUR"
    assert wanted({**to, "request": {"amount": True}}) == "ann@example.com"
    assert wanted(to, 90_000) == "ann@example.com"
    assert wanted({}, 90_000) == "$0.09"
    assert wanted(None) == EFFECT[:8]


@pytest.mark.parametrize(
    ("asked", "typed", "fits"),
    [
        ("1,250.00 EUR", "1250.00", True),
        ("1,250.00 EUR", "1 250.00 eur", True),
        ("$1250.00", "1250.00", True),
        ("$1250.00", "1250", False),
        ("$1250.00", "250.00", False),
        ("ann@example.com", " ANN@example.com ", True),
        ("ann@example.com", "ann@example.co", False),
        ("ann@example.com", "", False),
        ("a1b2@example.com", "12", False),
        ("", "", False),
    ],
)
def test_what_is_typed_is_compared_loosely_and_never_guessed(asked: str, typed: str, fits: bool) -> None:
    assert is_confirmed(asked, typed) is fits


def test_a_guard_stands_for_the_cards_and_what_they_showed() -> None:
    guard = guard_of([("a", "1"), ("b", "2")])
    assert guard == guard_of([("b", "2"), ("a", "1")])
    assert (
        len({guard, guard_of([("a", "1")]), guard_of([("a", "1"), ("b", "3")]), guard_of([("a", "12")])}) == 4
    )


@pytest.mark.parametrize(
    ("row", "alone"),
    [
        ({"finality": "final_high_stake", "undo": 0, "parent": None}, True),
        ({"finality": "final_low_stake", "undo": 1, "parent": None}, True),
        ({"finality": "final_low_stake", "undo": 0, "parent": "run"}, True),
        ({"finality": "final_low_stake", "undo": 0, "parent": None}, False),
    ],
)
def test_some_cards_are_decided_by_themselves(row: Json, alone: bool) -> None:
    assert bool(why_alone(row)) is alone


def test_the_last_decisions_on_the_same_kind_or_recipient_newest_first() -> None:
    store = InMemoryStore(tables=TABLES)
    decided = [
        ("one", "granted", "kind", "ann", 1),
        ("two", "rejected", "kind", "bob", 2),
        ("three", "granted", "other", "ann", 3),
        ("four", "granted", "other", "bob", 4),  # neither
        ("five", "expired", "kind", "ann", 5),  # nobody decided
        ("six", "edited", "kind", "ann", 6),
        ("seven", "granted", "kind", "ann", 6),  # what the edit became
        ("card", "waiting", "kind", "ann", None),
    ]
    store.append(
        (),
        epoch=store.acquire(),
        at=0,  # type: ignore[arg-type]
        changes=[
            Put(
                "approvals",
                (name,),
                {
                    "status": status,
                    "kind": kind,
                    "subject": subject,
                    "decided_at": at,
                    "run": "r" if at == 6 else name,
                    "task": 0,
                    "actor": "operator",
                    "open_us": 5,
                },
            )
            for name, status, kind, subject, at in decided
        ],
    )
    row = store.get("approvals", ("card",))
    assert row is not None
    found = precedents(store, row)
    assert [(one.approval, one.answer) for one in found] == [
        ("six", "edited"),
        ("three", "approved"),
        ("two", "rejected"),
        ("one", "approved"),
    ]
    assert (found[1].same_kind, found[1].same_recipient) == (False, True)
    assert len(precedents(store, row, limit=2)) == 2
