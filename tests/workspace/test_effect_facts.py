"""What an act without a text does is told in names and values, not as data."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.workspace.effect_facts import facts_of, lines_of, title_of

MESSAGE = {
    "message_id": "1@example.org",
    "references": [],
    "from": "ada@example.org",
    "from_name": "Ada",
    "reply_to": [],
    "seen_before": ["ada@example.org"],
    "subject": "Charged twice",
    "date": 1_772_440_860_000_000,
    "thread": "74a207089139cf75e9ca400a06e3c51e",
}


def test_a_label_says_which_on_whose_message() -> None:
    shown = {"request": {"labels": ["later"], "message": MESSAGE}}
    assert title_of("email.label", shown, "label later") == "Label later: ada@example.org, Charged twice"
    assert title_of("email.unlabel", shown, "") == "Take off later: ada@example.org, Charged twice"
    many = {"request": {"labels": list("abcde"), "message": MESSAGE}}
    assert title_of("email.label", many, "").startswith("Label a, b, c and 2 more: ada@")


@pytest.mark.parametrize("shown", [{}, {"request": {}}, {"request": {"labels": ["x"], "message": {}}}])
def test_what_cannot_be_told_keeps_its_title(shown: dict[str, Any]) -> None:
    assert title_of("email.label", shown, "[forgotten]") == "[forgotten]"
    assert title_of("email.reply", shown, "Re: a") == "Re: a"


def test_facts_are_names_and_values() -> None:
    assert facts_of({"message": MESSAGE, "labels": ["later", "vip"]}) == (
        ("Labels", "later, vip"),
        ("Message", "Charged twice"),
        ("From", "ada@example.org"),
        ("Name", "Ada"),
        ("Sent", "2 March 2026, 08:41 UTC"),
        ("Written to before", "ada@example.org"),
        ("Message id", "1@example.org"),
        ("Thread", "74a207089139…"),
    )


def test_any_request_is_told_whole() -> None:
    facts = facts_of(
        {
            "amount_micros": 1_772_440_860_000_000,
            "paid_at": 1_772_440_860_000_000,
            "urgent": False,
            "lines": [{"text": "a", "count": 0}, {"text": "b", "count": 2}],
            "nothing": None,
        }
    )
    assert facts == (
        ("Amount micros", "1772440860000000"),
        ("Paid at", "2 March 2026, 08:41 UTC"),
        ("Urgent", "no"),
        ("Lines", "text a; count 0, text b; count 2"),
    )
    assert lines_of(facts[1:3]) == "Paid at: 2 March 2026, 08:41 UTC\nUrgent:  no"
    assert facts_of("nothing") == ()
