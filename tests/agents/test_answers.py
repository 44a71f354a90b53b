from __future__ import annotations

import pytest

from mainstay.agents.answers import answer_of

BODY = "The invoice is attached.\n\nTell me if the address is wrong."


@pytest.mark.parametrize(
    "text",
    [
        f"Hi Ada,\n\n{BODY}\n\nBest regards\nNorth Desk",
        f"Dear Ms Example,\n{BODY}\n\nKind regards,\n\nSam\nNorth Desk",
        f"Guten Tag Frau Muster,\n\n{BODY}\n\nViele Grüße\nSam",
        f"Hello!\n\n{BODY}\n\nCheers,\nSam",
        BODY,
    ],
)
def test_greeting_and_closing_are_left_out(text: str) -> None:
    assert answer_of(text) == BODY


def test_a_signature_without_a_closing_is_known_by_its_words() -> None:
    assert answer_of(f"Hi,\n\n{BODY}\n\nSam Example\nNorth Desk", "Sam Example\nNorth Desk") == BODY


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for asking. Yes, that works.",
        "Hello world is the name of the program that prints a line, and you find it in the folder.",
        "Best of all, it costs nothing.\n\nYou find it under Settings.",
        "Hi Ada,",
        "",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert answer_of(text) == text
