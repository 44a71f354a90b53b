"""Fit the weights that recall ships with: `python scripts/fit_reranker.py` writes src/mainstay/data/recall/ranker.json.

Learned from the sample corpora in tests/data/recall alone (scripts/make_recall_corpora.py), starting from the hand-set
weights. The strength that draws them back to these was chosen by leaving one corpus out in turn: at 300 the weights
learned from two corpora find more in the third than the hand-set ones do, at 30 less. A test fits again and compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from mainstay.kernel.values import DAY, Instant
from mainstay.memory.cue import read_cue
from mainstay.memory.features import candidates
from mainstay.memory.fitting import Judged, fitted
from mainstay.memory.index import MemoryIndex
from mainstay.memory.loose_time import read_time
from mainstay.memory.ranking import HAND_SET, Ranker
from mainstay.memory.units import Unit

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "recall"
TARGET = ROOT / "src" / "mainstay" / "data" / "recall" / "ranker.json"
CORPORA = ("conversations", "mails", "notes")
STRENGTH = 300.0
NAME = "sample-corpora 1"


class PinnedEmbedder:
    """The vectors that make_recall_corpora.py kept: the same on every machine, and no model needed."""

    model_id = "all-MiniLM-L6-v2, pinned"
    dimensions = 384
    recipe = "pinned"

    def __init__(self) -> None:
        keys = (DATA / "vectors.txt").read_text(encoding="ascii").split()
        self._rows = {key: row for row, key in enumerate(keys)}
        self._vectors = numpy.load(DATA / "vectors.npy", allow_pickle=False).astype(numpy.float32)

    def embed(self, texts: Sequence[str]) -> Any:
        rows = [self._rows[hashlib.sha256(text.encode()).hexdigest()[:16]] for text in texts]
        return self._vectors[rows]


class Corpus:
    """Records in an index, and questions."""

    def __init__(self, name: str, embedder: PinnedEmbedder | None) -> None:
        records = _rows(DATA / f"{name}.records.jsonl")
        self.questions = _rows(DATA / f"{name}.questions.jsonl")
        self.index = MemoryIndex(embedder)
        self.index.add(
            Unit(
                one["id"],
                one["text"],
                actor=one["actor"],
                thread=one["thread"],
                at=read_time(one["time"]),
                recorded=place,
            )
            for place, one in enumerate(records, 1)
        )
        self.index.fill(len(records))
        self.now = Instant(max(read_time(one["time"]) for one in records) + DAY)

    def judged(self, embedder: PinnedEmbedder | None) -> list[Judged]:
        """What ranking sees of each question, and which candidates are its evidence."""
        found = []
        for one in self.questions:
            narrowed = {"thread": one["thread"]} if "thread" in one else {}
            view = self.index.view(self.index.permitted(now=self.now, filters=narrowed))
            vector = embedder.embed([one["question"]])[0] if embedder else None
            seen = candidates(self.index, view, read_cue(one["question"], self.now), vector)
            ids = [self.index.unit(int(row)).id for row in seen.rows]
            found.append(Judged(seen.table, numpy.isin(ids, one["evidence"])))
        return found


def training_digest() -> str:
    """A hash of all that was learned from."""
    said = hashlib.sha256()
    for path in sorted(DATA.iterdir()):
        said.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return said.hexdigest()


def learn(corpora: Sequence[str] = CORPORA) -> tuple[Ranker, int]:
    """The weights, and from how many questions."""
    embedder = PinnedEmbedder()
    questions = [one for name in corpora for one in Corpus(name, embedder).judged(embedder)]
    return fitted(questions, HAND_SET, strength=STRENGTH, name=NAME), len(questions)


def main() -> None:
    ranker, count = learn()
    said = {
        "name": ranker.name,
        "weights": dict(ranker.weights),
        "bias": ranker.bias,
        "learned_from": {"corpora": list(CORPORA), "questions": count, "sha256": training_digest()},
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8", newline="\n")
    print(f"{TARGET.relative_to(ROOT)}: {count} questions")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
