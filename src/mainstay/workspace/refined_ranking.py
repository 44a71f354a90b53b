"""The ranking that a workspace's own use refined: how it is kept as a version, and which one is in force.

An artifact holds weights by the names of features, and nothing else: numbers that belong to no one, so that they stay
when somebody is forgotten. It is sealed under a key of the house all the same, as every fitted model is. One of another
recipe (other features, other weights that ship) is passed over: what it was measured against is no more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import derive
from mainstay.kernel.values import Digest
from mainstay.ledger.store import EventReader
from mainstay.memory.features import NAMES
from mainstay.memory.ranking import Ranker, ranker_of, shipped
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.keeping import house_subject

log = logging.getLogger("mainstay")

MODEL = "ranking"
CONTEXT = b"fit"


@dataclass(frozen=True, slots=True)
class InForce:
    """The ranking of a workspace. `ranker` is None where what ships is in force."""

    version: int = 0  # of the last artifact, whether it is of this recipe or not; 0: there is none
    ranker: Ranker | None = None
    through: int = 0  # position up to which use was learned from


def recipe() -> str:
    """What an artifact belongs to: the features, and the weights that it was held against."""
    weights = msgspec.json.encode(dict(shipped().weights), order="sorted").decode()
    return f"ranking 1, {shipped().name}, {derive(*NAMES, weights, size=6).hex()}"


def frozen(ranker: Ranker) -> bytes:
    """A ranking as an artifact: the same bytes for the same weights."""
    said = {"name": ranker.name, "weights": dict(ranker.weights), "bias": ranker.bias}
    return msgspec.json.encode(said, order="sorted")


def in_force(store: EventReader, artifacts: Artifacts, known: InForce | None = None) -> InForce:
    """The ranking that the ledger says; `known` comes back where nothing changed since."""
    rows = store.select("fits", where={"model": MODEL}, order="version", descending=True, limit=1)
    if not rows:
        return InForce()
    row = rows[0]
    version = int(str(row["version"]))
    if known is not None and known.version == version:
        return known
    if row["recipe"] != recipe():
        return InForce(version)
    try:
        owner = house_subject(artifacts.vault, MODEL)
        ranker = ranker_of(artifacts.get(Digest(str(row["artifact"])), owner, CONTEXT))
    except (MainstayError, SubjectForgotten, ValueError) as error:
        log.warning(
            "memory is ranked as it ships: version %d of its ranking cannot be opened: %s", version, error
        )
        return InForce(version)
    return InForce(version, ranker, int(str(row["through"])))
