"""Finding again: filters first, exact scores, ties by source; the same by words and by meaning."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.memory.keywords import KeywordIndex, words
from mainstay.memory.recall import Recollection, Record

RECORDS = [
    Record("b", "the printer is out of paper", {"kind": "office"}),
    Record("a", "the printer is out of paper", {"kind": "home"}),
    Record("c", "invoices are sent on Monday", {"kind": "office"}),
]


class LetterEmbedder:
    """Vectors of letter counts: enough to tell texts apart, and exact."""

    model_id = "letters"
    dimensions = 26
    recipe = "letters 1"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def embed(self, texts: Sequence[str]) -> Any:
        numpy = pytest.importorskip("numpy")
        self.calls.append(len(texts))
        rows = [[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts]
        vectors = numpy.array(rows or [[0] * 26], dtype=numpy.float32)[: len(texts)]
        return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def sources(found: Sequence[Any]) -> list[str]:
    return [hit.record.source for hit in found]


@pytest.mark.parametrize("embedder", [None, LetterEmbedder()])
def test_the_best_come_first_and_ties_go_by_source(embedder: Any) -> None:
    memory = Recollection(RECORDS, embedder)
    assert sources(memory.find("the printer is out of paper", limit=2)) == ["a", "b"]
    assert sources(memory.find("the printer is out of paper", limit=9, kind="office"))[0] == "b"
    assert memory.find("printer", limit=9, kind="none") == ()
    assert memory.find("printer", limit=0) == ()
    assert memory.find("  ", limit=9) == ()
    assert memory.by_meaning is (embedder is not None)
    assert len(memory) == 3


def test_the_order_of_telling_does_not_matter() -> None:
    there, back = Recollection(RECORDS), Recollection(RECORDS[::-1])
    assert there.find("printer paper", limit=3) == back.find("printer paper", limit=3)


def test_records_are_embedded_once() -> None:
    embedder = LetterEmbedder()
    memory = Recollection(RECORDS, embedder)
    memory.find("x", limit=1)
    memory.find("y", limit=1)
    assert embedder.calls == [3, 1, 1]


def test_an_empty_memory_finds_nothing() -> None:
    assert Recollection([]).find("anything", limit=3) == ()
    assert Recollection([], LetterEmbedder()).find("anything", limit=3) == ()


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
