"""An embedder of a network may be down: what is asked is found by words, and what is missing is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import Instant
from mainstay.memory.index import MemoryIndex
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.units import Unit
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder

if TYPE_CHECKING:
    from mainstay.models.base import Vectors


class Down(ScriptedEmbedder):
    """An embedder that can be down."""

    down = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.down:
            raise Unavailable("nobody answers", remedy="wait")
        return super().embed(texts)


def test_recall_goes_on_by_words_and_says_so() -> None:
    embedder = Down()
    index = MemoryIndex(embedder)
    index.add([Unit(id="a", text="the parcel is late"), Unit(id="b", text="our choir sings")])
    assert index.fill(10) == 2
    embedder.down = True
    index.add([Unit(id="c", text="the parcel is lost")])
    assert (index.fill(10), index.missing) == (0, 1)
    found = recall(RetrievalPolicy("all"), "late parcel", index, now=Instant(0))
    assert not found.by_meaning
    assert found.hits[0].unit.id == "a"
    embedder.down = False
    assert (index.fill(10), index.missing) == (1, 0)
    assert recall(RetrievalPolicy("all"), "late parcel", index, now=Instant(0)).by_meaning


class Elsewhere(ScriptedEmbedder):
    """An embedder of a network: what it was sent is kept."""

    allowed_data = ("public", "customer")

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.sent += texts
        return super().embed(texts)


def test_a_record_of_a_class_that_an_embedder_may_not_be_sent_is_found_by_words_alone() -> None:
    embedder = Elsewhere()
    index = MemoryIndex(CachedEmbedder(embedder, InMemoryEmbeddingCache(), secret=bytes(16)))
    index.add(
        [
            Unit(id="a", text="the parcel is late", fields={"data_class": "customer"}),
            Unit(id="b", text="the margin of a parcel", fields={"data_class": "private"}),
            Unit(id="c", text="parcels are sent on Monday"),
        ]
    )
    index.load()
    assert (index.fill(10), index.missing) == (2, 0)
    assert sorted(embedder.sent) == ["parcels are sent on Monday", "the parcel is late"]
    found = recall(RetrievalPolicy("all"), "margin", index, now=Instant(0))
    assert [hit.unit.id for hit in found.hits][:1] == ["b"]
    index.add([Unit(id="b", text="the margin of a parcel", fields={"data_class": "private"}, retracted=4)])
    assert index.missing == 0


def test_a_cue_of_a_class_that_an_embedder_may_not_be_sent_is_searched_by_its_words() -> None:
    embedder = Elsewhere()
    index = MemoryIndex(embedder)
    index.add([Unit(id="a", text="the parcel is late")])
    index.fill(10)
    embedder.sent.clear()
    found = recall(RetrievalPolicy("all"), "late parcel", index, now=Instant(0), data_class="private")
    assert (embedder.sent, found.by_meaning, found.hits[0].unit.id) == ([], False, "a")
    assert recall(
        RetrievalPolicy("all"), "late parcel", index, now=Instant(0), data_class="customer"
    ).by_meaning
