"""Finding again what was remembered: by meaning where there is an embedder, by words where there is none.

Rules of this file: it filters first and scores exactly; ties are broken by source, so the same memory gives the
same hits. Vectors are computed once, at the first question, or handed in by whoever keeps them. What a record is
made of, and which records there are, is decided elsewhere; this only looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from mainstay.kernel.values import Json
from mainstay.memory.keywords import KeywordIndex

if TYPE_CHECKING:
    from mainstay.models.base import Embedder, Vectors


@dataclass(frozen=True, slots=True)
class Record:
    """One thing worth remembering. `text` is what it is found by; `fields` are what it says and is filtered by."""

    source: str  # how it is cited: "reply:sample-05"
    text: str
    fields: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found, and how near it is to the cue."""

    record: Record
    score: float  # similarity with an embedder, a share of matched words without one


class Recollection:
    """Records that can be asked. Safe to use from several threads."""

    def __init__(self, records: Sequence[Record], embedder: Embedder | None = None) -> None:
        self._records = tuple(sorted(records, key=lambda record: record.source))
        self._embedder = embedder
        self._lock = Lock()
        self._vectors: Vectors | None = None
        self._keywords: KeywordIndex | None = None

    @property
    def by_meaning(self) -> bool:
        """Whether an embedder does the search, rather than words."""
        return self._embedder is not None

    def __len__(self) -> int:
        return len(self._records)

    def find(self, cue: str, *, limit: int, **fields: Any) -> tuple[Hit, ...]:
        """At most `limit` records whose fields are as given, best first. None where nothing is like the cue."""
        rows = [row for row, record in enumerate(self._records) if _matches(record, fields)]
        if not rows or limit < 1 or not cue.strip():
            return ()
        scores = self._similar(cue) if self._embedder is not None else self._index().scores(cue)
        hits = [Hit(self._records[row], scores[row]) for row in rows if scores[row] > 0]
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.record.source))[:limit])

    def _similar(self, cue: str) -> list[float]:
        embedder = self._embedder
        assert embedder is not None
        with self._lock:
            if self._vectors is None:
                self._vectors = embedder.embed([record.text for record in self._records])
        scores: list[float] = (self._vectors @ embedder.embed([cue])[0]).tolist()
        return scores

    def _index(self) -> KeywordIndex:
        with self._lock:
            if self._keywords is None:
                self._keywords = KeywordIndex([record.text for record in self._records])
            return self._keywords


def _matches(record: Record, fields: Json) -> bool:
    return all(record.fields.get(name) == value for name, value in fields.items())
