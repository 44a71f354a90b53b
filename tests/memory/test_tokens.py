"""The one rule for tokens: an upper estimate, and cutting by it."""

from hypothesis import given
from hypothesis import strategies as st

from mainstay.memory.tokens import cut_to, estimate


def test_what_a_text_weighs() -> None:
    assert estimate("") == 0
    assert estimate("the cat sat.") == 4
    assert estimate("information") == 3
    assert estimate("2026-11") == 2 + 1 + 1
    assert estimate("x" * 30) == 20
    assert estimate("\u6f22\u5b57") == 2


@given(st.text(max_size=200), st.integers(0, 50))
def test_a_cut_is_a_beginning_within_the_budget(text: str, token_max: int) -> None:
    cut = cut_to(text, token_max)
    assert text.startswith(cut)
    assert estimate(cut) <= token_max


def test_a_cut_ends_with_a_word() -> None:
    assert cut_to("alpha beta gamma", 4) == "alpha beta"
