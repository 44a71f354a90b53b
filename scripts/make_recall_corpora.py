"""Make the sample corpora that recall is fitted to and tested on: three of a kind each, all invented.

    python scripts/make_recall_corpora.py          writes tests/data/recall/*.jsonl
    python scripts/make_recall_corpora.py --vectors  also computes their vectors (a minute, needs the embedder)

Deterministic: the same files every time. The vectors are kept beside them as float16, so that tests and fitting need
no embedder and give the same numbers everywhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recall_conversations import conversations
from recall_mails import mails
from recall_notes import notes

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "data" / "recall"
CORPORA = {"conversations": (conversations, 11), "mails": (mails, 12), "notes": (notes, 13)}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts: dict[str, None] = {}
    for name, (made, seed) in CORPORA.items():
        records, questions = made(seed)
        for what, rows in (("records", records), ("questions", questions)):
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (FOLDER / f"{name}.{what}.jsonl").write_text(lines, encoding="utf-8", newline="\n")
        texts |= dict.fromkeys(
            [str(row["text"]) for row in records] + [str(row["question"]) for row in questions]
        )
        print(f"{name}: {len(records)} records, {len(questions)} questions")
    if "--vectors" in sys.argv[1:]:
        _write_vectors(list(texts))


def _write_vectors(texts: list[str]) -> None:
    import hashlib

    import numpy

    from mainstay.models.base import Unavailable
    from mainstay.models.user_cache import user_cache

    embedder = user_cache()
    if isinstance(embedder, Unavailable):
        raise SystemExit(f"{embedder.reason} {embedder.remedy}")
    keyed = {hashlib.sha256(text.encode()).hexdigest()[:16]: text for text in texts}
    order = sorted(keyed)
    vectors = numpy.concatenate(
        [embedder.embed([keyed[key] for key in order[at : at + 256]]) for at in range(0, len(order), 256)]
    )
    numpy.save(FOLDER / "vectors.npy", vectors.astype(numpy.float16), allow_pickle=False)
    (FOLDER / "vectors.txt").write_text("\n".join(order) + "\n", encoding="ascii", newline="\n")
    print(f"vectors: {len(order)} texts, {embedder.recipe[:12]}")


if __name__ == "__main__":
    main()
