"""`mainstay bench memory`: how long a recall takes, how fast texts are taken in, how fast an index is rebuilt.

Each size is measured in a process of its own, in processor time: what the machine does besides must not show. A
recall is all of it: the question's embedding by the real model, filters, candidates, features, ranking, limits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mainstay.bench.engine import machine
from mainstay.bench.memory_texts import DISTINCT, joined, questions, sentences, units
from mainstay.bench.process import run_part
from mainstay.bench.report import Report
from mainstay.bench.rig import peak_mb
from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import Instant

if TYPE_CHECKING:
    from mainstay.memory.index import MemoryIndex
    from mainstay.models.base import Embedder

SMALL = 10_000
_NOW = Instant(2_000_000_000_000_000)
_SECRET = b"of the bench, for texts that it made"
_BITS_ASKED = 50
Told = Callable[[str, int, int], None]  # part, done, of how many


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    records: int = 100_000
    asked: int = 200
    folder: str = ""


def run_memory(options: Options, told: Told = lambda part, done, of: None) -> Report:
    """Measure the small size and, where it is another, the wanted one."""
    load_before = os.getloadavg()[0]
    figures: dict[str, Any] = {}
    with TemporaryDirectory(prefix="mainstay-bench-", dir=options.folder or None) as name:
        for size, prefix in _sizes(options.records):
            found = run_part(
                "memory_recalled",
                Path(name) / str(size),
                lambda done, of, size=size: told(f"{size:,} records", done, of),  # type: ignore[misc]
                records=size,
                asked=options.asked,
            )
            figures |= {f"{prefix}{key}": value for key, value in found.items()}
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench memory")


def _sizes(records: int) -> list[tuple[int, str]]:
    if records <= SMALL:
        return [(records, "small_")]
    return [(SMALL, "small_"), (records, "large_")]


def memory_recalled(
    folder: Path, progress: Callable[[int, int], None], *, records: int, asked: int
) -> dict[str, Any]:
    """The part that is measured: vectors into a cache, two rebuilds from it, then questions."""
    from mainstay.models.embedding_cache import CachedEmbedder, SqliteEmbeddingCache

    embedder = _embedder()
    distinct = sentences(min(DISTINCT, records), seed=3)
    begin = time.process_time()
    vectors = embedder.embed(distinct)
    ingested = len(distinct) / (time.process_time() - begin)
    made = list(units(records, distinct))
    cache = SqliteEmbeddingCache(folder / "vectors.sqlite3")
    cached = CachedEmbedder(embedder, cache, secret=_SECRET)
    for start in range(0, records, 5_000):
        part = made[start : start + 5_000]
        rows = joined(vectors, [pair for _, pair in part])
        cached.keep([unit.text for unit, _ in part], rows)
        progress(start // 100, records // 50 + asked)
    all_units = [unit for unit, _ in made]
    rebuilds: list[float] = []
    digests: list[str] = []
    index: MemoryIndex | None = None
    for _ in range(2):
        index = None  # two at once would be measured as the memory of one
        index, taken = _rebuilt(all_units, cached)
        rebuilds.append(taken)
        digests.append(index.digest())
    assert index is not None
    latencies = _latencies(
        index, embedder, asked, lambda done: progress(records // 50 + done, records // 50 + asked)
    )
    return {
        "records": records,
        "recall_p50_ms": latencies[len(latencies) // 2],
        "recall_p99_ms": latencies[len(latencies) * 99 // 100],
        "ingested_per_cpu_s": ingested,
        "rebuild_cpu_s": min(rebuilds),
        "rebuilds_agree": int(digests[0] == digests[1]),
        "bits_agree": _bits_agree(index, embedder),
        "memory_peak_mb": peak_mb(),
    }


def _rebuilt(all_units: list[Any], embedder: Any) -> tuple[MemoryIndex, float]:
    from mainstay.memory.index import MemoryIndex

    begin = time.process_time()
    index = MemoryIndex(embedder)
    index.add(all_units)
    index.load()
    assert index.missing == 0, "every vector is in the cache"
    return index, time.process_time() - begin


def _latencies(
    index: MemoryIndex, embedder: Embedder, asked: int, told: Callable[[int], None]
) -> list[float]:
    """Milliseconds of processor time for each question, in order of size. The first ones only warm up."""
    from mainstay.memory.policy import RetrievalPolicy
    from mainstay.memory.recall import recall

    policy = RetrievalPolicy("bench", hits_max=10, token_max=2_000)
    taken: list[float] = []
    for number, text in enumerate(questions(asked + 5)):
        begin = time.process_time()
        vector = embedder.embed([text])[0]
        context = recall(policy, text, index, now=_NOW, vector=vector)
        taken.append((time.process_time() - begin) * 1_000)
        assert context.hits, "there is always something"
        told(number)
    return sorted(taken[5:])


def _bits_agree(index: MemoryIndex, embedder: Embedder) -> float:
    """The share of the twenty nearest that the search by signs finds as well."""
    import numpy

    from mainstay.memory.vectors import RESCORED

    table = index.vectors
    assert table is not None
    allowed = index.permitted(now=_NOW)
    found = 0.0
    for text in questions(_BITS_ASKED):
        vector = embedder.embed([text])[0]
        exact = table.nearest(vector, allowed, 20, by_signs=False)
        signs = table.nearest(vector, allowed, 20, by_signs=True)
        found += len(numpy.intersect1d(exact, signs)) / len(exact)
    assert RESCORED >= 20, "twenty are looked for among those rescored"
    return found / _BITS_ASKED


def _embedder() -> Embedder:
    from mainstay.models.base import Unavailable as Missing
    from mainstay.models.embedder import find_embedder
    from mainstay.models.user_cache import user_folder

    user_folder().mkdir(parents=True, exist_ok=True)
    found = find_embedder(user_folder())
    if isinstance(found, Missing):
        raise Unavailable("There is no embedder to measure", why=found.reason, remedy=found.remedy)
    return found
