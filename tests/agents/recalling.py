"""Recall over a few units, without a ledger: what tests of agents remember."""

from collections.abc import Iterable, Sequence
from typing import Any

from mainstay.agents.base import Recalled
from mainstay.agents.tools import NoTools, recalled
from mainstay.kernel.values import Instant
from mainstay.memory.index import MemoryIndex
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.units import Unit
from mainstay.models.base import Embedder


class Recalling(NoTools):
    """`Tools` that find these units, all by one policy."""

    def __init__(self, units: Iterable[Unit], embedder: Embedder | None = None) -> None:
        self._index = MemoryIndex(embedder)
        self._index.add(units)
        self._index.fill(self._index.missing)

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        """See `Tools.recall`."""
        asked = RetrievalPolicy("all", hits_max=limit, token_max=100_000)
        found = recall(asked, cue, self._index, now=Instant(0), filters=fields)
        return [recalled(one, by_meaning=found.by_meaning) for one in found.hits]
