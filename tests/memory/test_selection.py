"""A policy's limits, each by itself: what passes, what is dropped, and why."""

import pytest

from mainstay.kernel.values import DAY, Instant
from mainstay.memory.index import MemoryIndex
from mainstay.memory.policy import Recency, RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.selection import Ranked, select
from mainstay.memory.tokens import estimate
from mainstay.memory.units import Unit


def ranked(*scores: float, source: str = "", text: str = "word") -> list[Ranked]:
    return [Ranked(Unit(f"u{place}", text, source=source), score, {}) for place, score in enumerate(scores)]


def chosen(policy: RetrievalPolicy, given: list[Ranked]) -> tuple[list[str], list[str]]:
    found = select(policy, given, lambda unit: ())
    return [hit.unit.id for hit in found.hits], [one.reason for one in found.dropped]


def test_no_more_hits_than_the_policy_allows() -> None:
    assert chosen(RetrievalPolicy("p", hits_max=2), ranked(0.9, 0.8, 0.7)) == (
        ["u0", "u1"],
        ["too many hits"],
    )


def test_what_is_below_the_minimum_is_told() -> None:
    given = ranked(0.9, 0.2)
    assert chosen(RetrievalPolicy("p", score_min=0.5), given) == (["u0"], ["below the minimum"])


def test_a_long_text_does_not_keep_out_the_short_one_behind_it() -> None:
    long = Ranked(Unit("long", "word " * 500), 0.9, {})
    short = Ranked(Unit("short", "word"), 0.8, {})
    assert chosen(RetrievalPolicy("p", token_max=20), [long, short]) == (["short"], ["no tokens left"])


def test_one_source_has_its_share() -> None:
    given = ranked(0.9, 0.8, 0.7, source="document:1")
    assert chosen(RetrievalPolicy("p", per_source_max=1), given) == (["u0"], ["too many of this source"] * 2)
    assert chosen(RetrievalPolicy("p", per_source_max=1), ranked(0.9, 0.8))[0] == ["u0", "u1"]


@pytest.mark.parametrize(
    ("otherwise", "hits", "below"), [("nothing", 0, False), ("best", 1, True), ("ask", 0, False)]
)
def test_what_happens_when_nothing_passes(otherwise: str, hits: int, below: bool) -> None:
    policy = RetrievalPolicy("p", score_min=0.99, otherwise=otherwise)  # type: ignore[arg-type]
    index = MemoryIndex()
    index.add([Unit("a", "the blue boat"), Unit("b", "a red boat")])
    context = recall(policy, "boat", index, now=Instant(1))
    assert (len(context.hits), context.below, context.ask) == (hits, below, otherwise == "ask")


def test_neighbours_come_beside_their_hit_and_are_charged() -> None:
    index = MemoryIndex()
    index.add(
        Unit(f"u{place}", text, thread="t", recorded=place)
        for place, text in enumerate(("one thing", "the boat is blue", "another thing", "far away"), 1)
    )
    policy = RetrievalPolicy("p", hits_max=1, neighbours=1)
    context = recall(policy, "boat blue", index, now=Instant(1))
    assert [(hit.unit.id, hit.neighbour_of) for hit in context.hits] == [
        ("u2", ""),
        ("u1", "u2"),
        ("u3", "u2"),
    ]
    assert context.tokens == sum(estimate(hit.unit.text) for hit in context.hits)
    little = RetrievalPolicy("p", hits_max=1, neighbours=1, token_max=estimate("the boat is blue"))
    assert [hit.unit.id for hit in recall(little, "boat blue", index, now=Instant(1)).hits] == ["u2"]


def test_the_newer_one_is_preferred_where_the_policy_says_so() -> None:
    index = MemoryIndex()
    now = Instant(400 * DAY)
    index.add(
        [Unit("a", "opening hours", at=Instant(DAY)), Unit("b", "opening hours", at=Instant(399 * DAY))]
    )
    plain = recall(RetrievalPolicy("p"), "opening hours", index, now=now)
    newer = recall(RetrievalPolicy("p", recency=Recency(30, 0.2)), "opening hours", index, now=now)
    assert [hit.unit.id for hit in plain.hits] == ["a", "b"]
    assert [hit.unit.id for hit in newer.hits] == ["b", "a"]
    assert newer.hits[0].features["fresh"] > 0.9


def test_equal_scores_are_in_the_order_of_ids_and_the_digest_is_the_same() -> None:
    there, back = MemoryIndex(), MemoryIndex()
    some = [Unit(name, "the same text") for name in "cab"]
    there.add(some)
    back.add(some[::-1])
    one, other = (recall(RetrievalPolicy("p"), "same text", index, now=Instant(1)) for index in (there, back))
    assert [hit.unit.id for hit in one.hits] == ["a", "b", "c"]
    assert one.digest == other.digest
