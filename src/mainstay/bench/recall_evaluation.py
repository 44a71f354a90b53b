"""`mainstay evaluate recall`: how much of the evidence recall finds, beside keywords alone and vectors alone.

A fresh memory in this process; nothing is written but vectors to the cache. Each question is answered once by each
ranking, and timed for the one that ships. All figures are shares of the evidence, averaged over questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mainstay.kernel.values import DAY, Instant
from mainstay.memory.index import MemoryIndex
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.ranking import Ranker
from mainstay.memory.recall import recall
from mainstay.memory.units import Unit

if TYPE_CHECKING:
    from mainstay.bench.recall_files import Question, RecallFiles, Record
    from mainstay.models.embedding_cache import CachedEmbedder

# All of the memory, and no limit but the number of hits: what is measured is ranking.
POLICY = RetrievalPolicy("evaluation", hits_max=20, token_max=10**9)
KEYWORDS = Ranker("keywords alone", {"pair_words": 1.0})
VECTORS = Ranker("vectors alone", {"vector": 1.0})
_SLICE = 256
Told = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True, slots=True)
class RecallReport:
    """What was found.

    Attributes:
        recall: By ranking ("hybrid", "keywords", "vectors") and k: the mean share of evidence found.
        embedded: Vectors computed in this run; `cached`: taken from the cache.
        latency_p50_ms: A question by the hybrid, its embedding included where it was computed.
    """

    records: int
    questions: int
    untimed: int
    policy: str
    policy_version: str
    ranker: str
    recall: Mapping[str, Mapping[int, float]]
    latency_p50_ms: float
    latency_p99_ms: float
    questions_embedded: int
    embedded: int
    cached: int
    fill_s: float
    by_meaning: bool
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        shares = {
            name: {str(k): round(share, 4) for k, share in by_k.items()} for name, by_k in self.recall.items()
        }
        said = {
            key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()
        }
        return {**said, "recall": shares}


def evaluate(
    files: RecallFiles,
    embedder: CachedEmbedder | None,
    *,
    ks: Sequence[int] = (5, 10, 20),
    policy: RetrievalPolicy = POLICY,
    told: Told = lambda what, done, of: None,
) -> RecallReport:
    """Store, ask, count. Without an embedder keywords serve alone, and vectors are left out of the table."""
    index = MemoryIndex(embedder)
    start = time.perf_counter()
    index.add(_units(files.records))
    index.load()
    total = len(index)
    while index.fill(_SLICE):
        told("embedding", total - index.missing, total)
    fill_s = time.perf_counter() - start
    # A policy of a task has spaces of a workspace, and these records have none.
    policy = replace(policy, spaces=(), kinds=(), filters={}, hits_max=max(*ks, 1) if len(ks) > 1 else ks[0])
    # Relative times ("last week") are read as on the day after the last record.
    now = Instant(max((record.at for record in files.records), default=0) + DAY)
    rankings = {"hybrid": None, "keywords": KEYWORDS} | (
        {"vectors": VECTORS} if index.vectors is not None else {}
    )
    found: dict[str, dict[int, float]] = {name: dict.fromkeys(ks, 0.0) for name in rankings}
    taken: list[float] = []
    before = embedder.computed if embedder else 0
    ranker = ""
    for number, question in enumerate(files.questions, 1):
        begin = time.perf_counter()
        vector = embedder.embed([question.text])[0] if embedder else None
        narrowed = {"thread": question.thread} if question.thread else {}
        for name, given in rankings.items():
            context = recall(
                policy, question.text, index, now=now, filters=narrowed, ranker=given, vector=vector
            )
            if name == "hybrid":
                taken.append((time.perf_counter() - begin) * 1_000)
                ranker = context.ranker
            hits = [hit.unit.id for hit in context.hits if not hit.neighbour_of]
            for k in ks:
                found[name][k] += _share(hits[:k], question)
        told("asking", number, len(files.questions))
    taken.sort()
    return RecallReport(
        records=len(files.records),
        questions=len(files.questions),
        untimed=files.untimed,
        policy=policy.name,
        policy_version=policy.version,
        ranker=ranker,
        recall={
            name: {k: total / len(files.questions) for k, total in by_k.items()}
            for name, by_k in found.items()
        },
        latency_p50_ms=taken[len(taken) // 2],
        latency_p99_ms=taken[min(len(taken) - 1, len(taken) * 99 // 100)],
        questions_embedded=embedder.computed - before if embedder else 0,
        embedded=embedder.computed if embedder else 0,
        cached=embedder.reused if embedder else 0,
        fill_s=fill_s,
        by_meaning=embedder is not None,
        digest=index.digest(),
    )


def _share(hits: Sequence[str], question: Question) -> float:
    return len(set(hits) & set(question.evidence)) / len(question.evidence)


def _units(records: Sequence[Record]) -> list[Unit]:
    # Where no record names a thread, the file is one: its lines are neighbours in their order.
    alone = not any(record.thread for record in records)
    return [
        Unit(
            record.id,
            record.text,
            actor=record.actor,
            thread="records" if alone else record.thread,
            at=record.at,
            recorded=number,
        )
        for number, record in enumerate(records, 1)
    ]
