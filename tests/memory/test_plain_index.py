"""The index without numpy: the same filters and limits, by words."""

import pytest

from mainstay.kernel.values import Instant
from mainstay.memory.index import new_index
from mainstay.memory.plain_index import PlainIndex
from mainstay.memory.policy import Recency, RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.units import Unit

NOW = Instant(1_800_000_000_000_000)
UNITS = (
    Unit("a", "What did you pay for the boat?", actor="Bob", thread="t", recorded=1, space="mail"),
    Unit("b", "Nine hundred.", actor="Ann", thread="t", recorded=2, space="mail", fields={"intent": "price"}),
    Unit("c", "The boat is red.", actor="Cem", recorded=3, superseded=5, space="notes"),
    Unit("d", "The boat is blue.", actor="Cem", recorded=5, space="notes", expires_at=Instant(NOW + 1)),
)


def index(*units: Unit) -> PlainIndex:
    made = PlainIndex()
    made.add(units or UNITS)
    return made


def found(policy: RetrievalPolicy, cue: str, given: PlainIndex, **narrowed: object) -> list[str]:
    return [hit.unit.id for hit in recall(policy, cue, given, now=NOW, **narrowed).hits]  # type: ignore[arg-type]


def test_an_answer_is_found_by_the_question_before_it() -> None:
    assert set(found(RetrievalPolicy("p", hits_max=2), "what did Ann pay for her boat", index())) == {
        "a",
        "b",
    }


def test_filters_and_as_of() -> None:
    everything = RetrievalPolicy("p")
    assert set(found(everything, "boat", index(), as_of=4)) == {"a", "b", "c"}
    assert set(found(everything, "boat", index())) == {"a", "b", "d"}
    assert found(RetrievalPolicy("p", spaces=("notes",)), "boat", index()) == ["d"]
    assert found(everything, "nine", index(), filters={"thread": "t", "intent": ["price"]}) == ["b"]
    assert found(everything, "nine", index(), filters={"intent": "refund"}) == []
    assert found(everything, "nothing of the kind", index()) == []
    assert index().spaces(NOW) == {"mail": 2, "notes": 1}


def test_neighbours_and_recency() -> None:
    given = index()
    assert found(RetrievalPolicy("p", hits_max=1, neighbours=1), "nine hundred", given) == ["b", "a"]
    late = Unit("e", "The boat is blue.", actor="Cem", recorded=9, space="notes", at=NOW)
    assert found(
        RetrievalPolicy("p", hits_max=1, recency=Recency(10, 0.3)), "boat blue", index(*UNITS, late)
    ) == ["e"]


def test_what_came_and_went_leaves_no_trace() -> None:
    given = index()
    given.add([Unit("e", "gone")])
    given.remove(["e", "never there"])
    assert (len(given), "e" in given, given.get("a")) == (4, False, UNITS[0])
    assert given.digest() == index(*UNITS[::-1]).digest()
    assert (given.load(), given.fill(9), given.missing) == (0, 0, 0)


def test_it_stands_in_where_numpy_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(new_index(), PlainIndex)
