"""Keyword search in plain Python: words that carry meaning, scores between 0 and 1."""

from hypothesis import given
from hypothesis import strategies as st

from mainstay.memory.keywords import KeywordIndex, words


def test_words_that_carry_no_meaning_do_not_count() -> None:
    assert words("How do I get the invoices, please?") == words("invoice")
    assert words("Ｌｏｇging IN’s") == words("logging in's")
    assert KeywordIndex(["the and of"]).scores("the and of") == [0.0]


def test_rare_words_count_more_than_common_ones() -> None:
    index = KeywordIndex(["desk booking fails", "desk booking works", "desk colour"])
    fails, works, _ = index.scores("desk fails")
    assert fails > works


@given(st.lists(st.text(max_size=60), max_size=6), st.text(max_size=200))
def test_scores_lie_between_none_and_all(texts: list[str], query: str) -> None:
    scores = KeywordIndex(texts).scores(query)
    assert len(scores) == len(texts)
    assert all(0 <= score <= 1 for score in scores)
