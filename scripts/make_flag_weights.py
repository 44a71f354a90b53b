"""Make the weights behind learned flags from the examples in the package: `scripts/make_flag_weights.py [--check]`.

One logistic regression for each flag over the sentence embeddings, fitted by Newton's method in double precision, so
that the same examples give the same weights. The threshold of a flag is the highest probability that a harmless line
reaches when it is judged by weights made without it (parts by a hash of the line), and never below one half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy

from mainstay.agents.learned_flags import WEIGHTS
from mainstay.data import flag_path
from mainstay.models.base import Unavailable
from mainstay.models.embedder import find_embedder

FLAGS = ("money", "credentials", "legal", "threat", "instruction")
RIDGE = 1.2
PARTS = 5
ROUNDS = 12
THRESHOLD_MIN = 0.5
DIGITS = 5


def fit(vectors: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """Weights with the offset last. Both sides weigh the same; the offset is not drawn to zero."""
    rows = numpy.hstack([vectors, numpy.ones((len(vectors), 1))])
    share = numpy.where(labels > 0, 0.5 / labels.sum(), 0.5 / (1 - labels).sum()) * len(labels)
    ridge = numpy.full(rows.shape[1], 1 / RIDGE)
    ridge[-1] = 1e-6
    found = numpy.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        likely = 1 / (1 + numpy.exp(-(rows @ found)))
        slope = rows.T @ (share * (likely - labels)) + ridge * found
        bend = (rows * (share * likely * (1 - likely))[:, None]).T @ rows + numpy.diag(ridge)
        step = numpy.linalg.solve(bend, slope)
        found -= step
        if numpy.abs(step).max() < 1e-10:
            break
    return found


def threshold(
    vectors: numpy.ndarray, labels: numpy.ndarray, plain: numpy.ndarray, parts: numpy.ndarray
) -> float:
    harmless = []
    for part in range(PARTS):
        inside = parts == part
        weights = fit(vectors[~inside], labels[~inside])
        likely = 1 / (1 + numpy.exp(-(vectors[inside] @ weights[:-1] + weights[-1])))
        harmless.extend(likely[plain[inside]])
    return float(round(max(THRESHOLD_MIN, max(harmless)), 2))


def make() -> str:
    text = flag_path("examples.tsv").read_text("utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        embedder = find_embedder(Path(folder))
        if isinstance(embedder, Unavailable):
            sys.exit(f"{embedder.reason} {embedder.remedy}")
        vectors = embedder.embed([line[1] for line in lines]).astype(numpy.float64)
        recipe = embedder.recipe
    parts = numpy.array([hashlib.sha256(line[1].encode()).digest()[0] % PARTS for line in lines])
    plain = numpy.array([line[0] == "none" for line in lines])
    rows, offsets, thresholds = [], [], []
    for flag in FLAGS:
        labels = numpy.array([float(line[0] == flag) for line in lines])
        weights = fit(vectors, labels)
        rows.append([round(float(value), DIGITS) for value in weights[:-1]])
        offsets.append(round(float(weights[-1]), DIGITS))
        thresholds.append(threshold(vectors, labels, plain, parts))
    made = {
        "about": "made by scripts/make_flag_weights.py",
        "recipe": recipe,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "flags": FLAGS,
        "offsets": offsets,
        "thresholds": thresholds,
        "rows": rows,
    }
    return json.dumps(made) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="say whether the weights are those of the examples"
    )
    asked = parser.parse_args()
    place = Path(str(flag_path(WEIGHTS)))
    made = make()
    if asked.check:
        return 0 if place.read_text("utf-8") == made else 1
    place.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
