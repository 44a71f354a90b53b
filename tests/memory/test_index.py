"""The index: whatever came and went, it answers as one that was made of what is left; filters hide the rest wholly."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.values import DAY, Instant
from mainstay.memory.index import MemoryIndex
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.units import Unit, believed, in_force
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder

pytest.importorskip("numpy")
NOW = Instant(1_800_000_000_000_000)
ALL = RetrievalPolicy("all", hits_max=50, token_max=100_000)
WORDS = ("printer", "paper", "invoice", "Monday", "late", "paid", "the", "kitchen", "cat")

texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
units = st.builds(
    Unit,
    id=st.integers(0, 12).map(lambda number: f"u{number}"),
    text=texts,
    before=st.sampled_from(("", "", "paper Monday")),
    actor=st.sampled_from(("", "Ann", "Bob")),
    thread=st.sampled_from(("", "one", "two")),
    at=st.integers(0, 40).map(lambda days: Instant(days * DAY)),
    space=st.sampled_from(("notes", "mail")),
    fields=st.sampled_from(({}, {"intent": "refund"})),
    recorded=st.integers(1, 9),
    superseded=st.sampled_from((0, 0, 5)),
    retracted=st.sampled_from((0, 0, 7)),
)
changes = st.lists(st.one_of(st.lists(units, max_size=4), st.integers(0, 12)), max_size=8)


def made(*given: Unit) -> MemoryIndex:
    index = MemoryIndex(ScriptedEmbedder(64))
    index.add(given)
    index.fill(100)
    return index


def answer(index: MemoryIndex, cue: str, **narrowed: Any) -> Any:
    context = recall(ALL, cue, index, now=NOW, **narrowed)
    # Where nothing is found, the digest still tells whether vectors could have taken part.
    return context.digest if context.hits else "", [
        (hit.unit, hit.rank, hit.score, hit.features) for hit in context.hits
    ]


@given(changes, texts)
@settings(max_examples=25)
def test_what_came_and_went_leaves_what_a_rebuild_makes(steps: list[Any], cue: str) -> None:
    index, left = made(), {}
    for step in steps:
        if isinstance(step, int):
            index.remove([f"u{step}"])
            left.pop(f"u{step}", None)
        else:
            index.add(step)
            index.fill(100)
            left |= {unit.id: unit for unit in step}
    again = made(*list(left.values())[::-1])
    assert len(index) == len(left)
    assert index.digest() == again.digest()
    assert answer(index, cue) == answer(again, cue)


@given(st.lists(units, max_size=8, unique_by=lambda unit: unit.id), texts, st.sampled_from((None, 4, 6, 9)))
@settings(max_examples=20)
def test_what_a_filter_hides_leaves_no_trace(some: list[Unit], cue: str, as_of: int | None) -> None:
    seen = [
        unit
        for unit in some
        if believed(unit, as_of=as_of) and in_force(unit, NOW) and unit.space == "mail" and unit.fields
    ]
    whole = answer(made(*some), cue, as_of=as_of, filters={"space": "mail", "intent": "refund"})
    assert whole == answer(made(*seen), cue, as_of=as_of)


def test_a_correction_takes_the_place_of_what_was_said() -> None:
    index = made(Unit("m@1", "the key is under the mat", recorded=1))
    index.add(
        [
            Unit("m@1", "the key is under the mat", recorded=1, superseded=5),
            Unit("m@2", "the key is with the neighbour", recorded=5),
        ]
    )
    assert [hit.unit.id for hit in recall(ALL, "where is the key", index, now=NOW).hits] == ["m@2"]
    assert [hit.unit.id for hit in recall(ALL, "where is the key", index, now=NOW, as_of=4).hits] == ["m@1"]


def test_what_has_ended_is_not_found() -> None:
    index = made(
        Unit("a", "milk in the fridge", expires_at=Instant(NOW - 1)),
        Unit("b", "milk in the cellar", valid_from=Instant(NOW + 1)),
        Unit("c", "milk on the table", valid_to=Instant(NOW + 1)),
    )
    assert [hit.unit.id for hit in recall(ALL, "milk", index, now=NOW).hits] == ["c"]


def test_vectors_that_are_missing_are_counted_and_words_serve_meanwhile() -> None:
    index = MemoryIndex(ScriptedEmbedder())
    index.add([Unit("a", "the printer"), Unit("b", "the kitchen")])
    assert index.missing == 2
    before = recall(ALL, "printer", index, now=NOW)
    assert ([hit.unit.id for hit in before.hits], before.by_meaning, before.missing) == (["a"], False, 2)
    assert (index.fill(1), index.missing) == (1, 1)
    assert (index.fill(9), index.missing) == (1, 0)
    assert recall(ALL, "printer", index, now=NOW).by_meaning


def test_load_takes_what_the_cache_knows_and_computes_nothing() -> None:
    cache = CachedEmbedder(ScriptedEmbedder(), InMemoryEmbeddingCache(), secret=b"x" * 16)
    cache.embed(["known"])
    index = MemoryIndex(cache)
    index.add([Unit("a", "known"), Unit("b", "new")])
    assert (index.load(), index.missing, cache.computed) == (1, 1, 1)


def test_a_unit_with_the_same_text_keeps_its_vector() -> None:
    index = made(Unit("a", "same", space="mail"))
    index.add([Unit("a", "same", space="notes")])
    assert index.missing == 0
    index.add([Unit("a", "other", space="notes")])
    assert index.missing == 1


def test_a_vector_that_comes_too_late_is_not_given_to_another_text() -> None:
    index = MemoryIndex()

    class Slow(ScriptedEmbedder):
        def embed(self, given: Any) -> Any:
            index.add([Unit("a", "changed meanwhile")])
            return super().embed(given)

    index.embedder = Slow()
    index.add([Unit("a", "first")])
    assert index.fill(5) == 1
    assert index.missing == 1


def test_without_an_embedder_nothing_is_missing_and_words_find() -> None:
    index = MemoryIndex()
    index.add([Unit("a", "Rechnung bezahlt"), Unit("b", "invoice")])
    assert index.missing == 0
    context = recall(ALL, "bezahlt", index, now=NOW)
    assert ([hit.unit.id for hit in context.hits], context.by_meaning) == (["a"], False)


def test_many_removals_pack_the_rest_without_a_trace() -> None:
    some = [
        Unit(f"u{number:04d}", f"text {number} {WORDS[number % 9]}", recorded=number)
        for number in range(1_200)
    ]
    index = MemoryIndex(ScriptedEmbedder(64))
    index.add(some)
    index.fill(1_200)
    index.remove([unit.id for unit in some[:700]])
    again = MemoryIndex(ScriptedEmbedder(64))
    again.add(some[700:])
    again.fill(1_200)
    assert (len(index), index.missing) == (500, 0)
    assert index.digest() == again.digest()
    assert answer(index, "invoice 900") == answer(again, "invoice 900")


def test_nobody_is_found_where_nothing_is() -> None:
    assert recall(ALL, "anything", MemoryIndex(), now=NOW).hits == ()
    assert recall(ALL, "", made(Unit("a", "text")), now=NOW).hits == ()
    assert recall(ALL, "text", made(Unit("a", "text")), now=NOW, filters={"thread": "none"}).hits == ()
