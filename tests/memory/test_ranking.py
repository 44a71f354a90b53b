"""Ranking on three sample corpora: never worse than its parts, and its weights are what the corpora teach."""

import json
from functools import cache

import pytest

numpy = pytest.importorskip("numpy")

from mainstay.data import ranker_path  # noqa: E402
from mainstay.memory.features import NAMES  # noqa: E402
from mainstay.memory.fitting import Judged, judged, quality, refined  # noqa: E402
from mainstay.memory.ranking import BY_WORDS, HAND_SET, Ranker, ranker_of, shipped  # noqa: E402
from scripts.fit_reranker import CORPORA, STRENGTH, Corpus, PinnedEmbedder, fitted, training_digest  # noqa: E402

PARTS = tuple(Ranker(name, {name: 1.0}) for name in ("words", "pair_words", "vector"))


@cache
def questions(name: str) -> tuple[list[Judged], list[int]]:
    embedder = PinnedEmbedder()
    corpus = Corpus(name, embedder)
    return corpus.judged(embedder), [len(one["evidence"]) for one in corpus.questions]


def recall_at(name: str, ranker: Ranker, k: int) -> float:
    found = 0.0
    asked, wanted = questions(name)
    for one, count in zip(asked, wanted, strict=True):
        order = numpy.argsort(-ranker.scores(one.table), kind="stable")[:k]
        found += float(one.good[order].sum()) / count
    return found / len(asked)


@pytest.mark.parametrize("k", [5, 10, 20])
@pytest.mark.parametrize("name", CORPORA)
def test_the_hybrid_is_never_worse_than_its_parts(name: str, k: int) -> None:
    parts = {part.name: recall_at(name, part, k) for part in PARTS}
    for ranker in (shipped(), HAND_SET):
        assert recall_at(name, ranker, k) >= max(parts.values()), (ranker.name, parts)


@pytest.mark.parametrize("name", CORPORA)
def test_words_alone_are_ranked_better_than_by_one_score(name: str) -> None:
    assert recall_at(name, BY_WORDS, 10) >= max(recall_at(name, part, 10) for part in PARTS[:2])


def test_what_was_learned_finds_more_than_what_was_set_by_hand() -> None:
    learned, by_hand = (
        sum(recall_at(name, ranker, 10) for name in CORPORA) for ranker in (shipped(), HAND_SET)
    )
    assert learned >= by_hand


def test_fitting_again_gives_the_weights_that_ship() -> None:
    again = fitted(
        [one for name in CORPORA for one in questions(name)[0]],
        HAND_SET,
        strength=STRENGTH,
        name=shipped().name,
    )
    assert set(again.weights) == set(shipped().weights) == set(NAMES)
    # The last digit may differ between processors.
    assert all(again.weights[name] == pytest.approx(shipped().weights[name], abs=2e-3) for name in NAMES)
    assert again.bias == pytest.approx(shipped().bias, abs=2e-2)


def test_the_weights_name_what_they_were_learned_from() -> None:
    assert json.loads(ranker_path().read_bytes())["learned_from"]["sha256"] == training_digest()


def test_a_file_with_an_unknown_feature_is_refused() -> None:
    with pytest.raises(ValueError, match="no such feature"):
        ranker_of(b'{"name": "x", "weights": {"luck": 1.0}, "bias": 0}')


def test_a_score_is_one_number_whatever_stands_beside_it() -> None:
    table = questions("notes")[0][0].table
    whole = shipped().scores(table)
    assert [shipped().scores(row[None, :])[0] for row in table] == whole.tolist()
    assert shipped().score(dict(zip(NAMES, table[0].tolist(), strict=True))) == pytest.approx(whole[0])


def uses(count: int, *, liked: int) -> list[Judged]:
    """Recalls of four hits, in which what has the one feature is what was used."""
    found = []
    for number in range(count):
        table = numpy.zeros((4, len(NAMES)))
        table[:, 0] = (0.9, 0.6, 0.3, 0.1)
        table[number % 4, liked] = 1.0
        found.append(Judged(table, numpy.arange(4) == number % 4))
    return found


def test_use_refines_the_weights_where_it_says_something() -> None:
    taught = refined(uses(80, liked=NAMES.index("of_self")), shipped(), name="own")
    assert taught.name == "own"
    assert taught.weights["of_self"] > shipped().weights["of_self"]


def test_refining_never_makes_it_worse_on_what_was_held_out() -> None:
    learned = uses(60, liked=NAMES.index("of_self"))
    # What is held out says the opposite of what is learned.
    contrary = [judged([({"words": 0.9}, True), ({"words": 0.1, "of_self": 1.0}, False)])] * 20
    mixed = []
    for place in range(80):
        mixed.append(contrary[place // 4] if place % 4 == 3 else learned[place * 3 // 4])
    assert refined(mixed, shipped(), name="own") is shipped()
    assert quality(contrary, refined(mixed, shipped(), name="own")) == quality(contrary, shipped())


def test_little_use_refines_nothing() -> None:
    assert refined(uses(30, liked=3), shipped(), name="own") is shipped()
    assert refined([], shipped(), name="own") is shipped()
    assert refined([judged([])] * 90, shipped(), name="own") is shipped()
