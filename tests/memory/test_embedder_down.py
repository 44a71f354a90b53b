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
