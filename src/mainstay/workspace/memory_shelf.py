"""Memory to be leafed through: what is kept, newest first, and what a person finds, with why each was found.

Rules of this file:

- A page looks at a bounded number of rows and says where it stopped, so that a narrow filter costs no more than none.
- Of whom something speaks is known by the subject alone; an address never comes here.
- What the operator's own files say is found and not listed: it is no record, and its file says it better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge

from mainstay.governance.forget import Whom
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader, Value
from mainstay.memory.context import Context, Hit
from mainstay.memory.ranking import BY_WORDS, shipped
from mainstay.memory.records import ABOUT, DOCUMENT
from mainstay.runtime.artifacts import Artifacts
from mainstay.workspace.memory_records import MemoryVersion, Records

MAIL = "mail"
SLICE = 200
LOOKED_AT_MAX = 20_000  # rows, for one page
FOUND_FROM = 100  # hits that are narrowed by time or person after the search
SHARE_OF_BEST = 0.05  # of the best hit's score: what reaches less is a tail
REASONS_MAX = 3
_LEAST = 0.05  # a part of the score that is worth a word
# What the features say, in words; of each family only the strongest is told.
_FAMILIES = (
    {
        "words": "it has the words",
        "pair_words": "it has the words, with what stood before it",
        "near_words": "the words stand near it",
        "covered": "it has the rare words",
        "session_words": "its conversation has the words",
    },
    {
        "vector": "it means much the same",
        "vector_before": "what stood before it means much the same",
        "vector_after": "what came after it means much the same",
    },
    {"actor": "it is by whom you name"},
    {"date": "it is of the time you name"},
    {"fits": "it has such a word as you ask for"},
    {"answers": "it answers a question"},
)
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is meant: of a space, a kind, about somebody, of some days."""

    space: str = ""
    kind: str = ""
    about: str = ""  # a subject
    since: int = 0
    until: int = 0  # before then; 0: up to now
    every: bool = False  # also what was retracted


@dataclass(frozen=True, slots=True)
class MemoryPage:
    """Records, newest first. `older` is the position to go on from; 0: there is nothing more."""

    records: tuple[MemoryVersion, ...]
    older: int


@dataclass(frozen=True, slots=True)
class FoundMemory:
    """One hit, and why it was found."""

    memory: str  # empty: the operator's own file says it
    space: str
    kind: str
    source: str
    actor: str
    at: Instant
    text: str
    answer: str  # of a reply: what was answered
    why: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class FoundMemories:
    """What was found, best first, and how it was looked for."""

    hits: tuple[FoundMemory, ...]
    by_meaning: bool
    missing: int  # memories that have no vector yet, and were found by words alone
    weaker: int  # hits that are not worth showing


class Shelf:
    """Leafs through the memory of one workspace."""

    def __init__(
        self,
        store: Callable[[], EventReader],
        artifacts: Callable[[], Artifacts],
        records: Records,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._records = records

    def page(self, wanted: Narrowed, *, before: int, limit: int) -> MemoryPage:
        """The newest records that are meant, from before this position on."""
        whom = self._whom(wanted.about)
        found: list[MemoryVersion] = []
        last = 0
        for looked_at, row in enumerate(self._rows(wanted, before), 1):
            last = _position(row)
            if _at(row) < wanted.since or looked_at > LOOKED_AT_MAX:
                last = 0 if _at(row) < wanted.since else last
                break
            if _is_meant(row, wanted, whom):
                found.append(self._opened(row))
                if len(found) == limit:
                    break
        else:
            last = 0
        return MemoryPage(tuple(found), last)

    def found(self, context: Context, wanted: Narrowed, *, k: int) -> FoundMemories:
        """The hits of a search that are meant, each with why it was found."""
        names = self._names(wanted) if wanted.about else None
        hits = [one for one in context.hits if not one.neighbour_of and _is_of_time(one, wanted)]
        if names is not None:
            hits = [one for one in hits if one.unit.id.rpartition("@")[0] in names]
        least = SHARE_OF_BEST * max((one.score for one in hits), default=0.0)
        shown = [one for one in hits if one.score >= least][:k]
        told = tuple(_found(one, context.ranker) for one in shown)
        return FoundMemories(told, context.by_meaning, context.missing, len(hits) - len(told))

    def about(self, memory: MemoryVersion) -> str:
        """The subject of whom a memory speaks; empty where it speaks of nobody, or of the house."""
        said = memory.fields.get(ABOUT)
        if said:
            return str(said)
        row = self._store().get("correspondence", (memory.memory,))
        return str(row["subject"] or "") if row is not None else ""

    # --- within ----------------------------------------------------------------------------------------------------

    def _rows(self, wanted: Narrowed, before: int) -> Iterator[Row]:
        """Rows of both views, newest first."""
        of_mail = wanted.space in ("", MAIL)
        of_records = wanted.space != MAIL
        views = [
            *([self._of("memories", "recorded", wanted, before)] if of_records else []),
            *([self._of("correspondence", "position", wanted, before)] if of_mail else []),
        ]
        return merge(*views, key=lambda row: -_position(row))

    def _of(self, table: str, order: str, wanted: Narrowed, before: int) -> Iterator[Row]:
        after: Value = before or None
        where: dict[str, Value] = {}
        if table == "memories":
            where |= {"superseded": 0} | ({"space": wanted.space} if wanted.space else {})
            where |= {} if wanted.every else {"retracted": 0}
        while rows := self._store().select(
            table, where=where, order=order, descending=True, after=after, limit=SLICE
        ):
            yield from rows
            after = rows[-1][order]

    def _opened(self, row: Row) -> MemoryVersion:
        if "version" in row:
            return self._records.version(row)
        return self._records.history(str(row["memory"]))[0]

    def _whom(self, about: str) -> Whom | None:
        if not about:
            return None
        subject = SubjectId(about)
        return Whom(subject, frozenset(self._artifacts().vault.joints(subject)))

    def _names(self, wanted: Narrowed) -> frozenset[str]:
        whom = self._whom(wanted.about)
        return frozenset(str(row["memory"]) for row in self._rows(wanted, 0) if _is_meant(row, wanted, whom))


def _is_meant(row: Row, wanted: Narrowed, whom: Whom | None) -> bool:
    if wanted.kind and row["kind"] != wanted.kind:
        return False
    if wanted.until and _at(row) >= wanted.until:
        return False
    if "version" in row and row["kind"] == DOCUMENT and wanted.kind != DOCUMENT:
        return False  # its pieces say what it says
    return whom is None or row["subject"] in whom.owners


def _is_of_time(hit: Hit, wanted: Narrowed) -> bool:
    at = hit.unit.at
    return at >= wanted.since and (not wanted.until or at < wanted.until)


def _found(hit: Hit, ranker: str) -> FoundMemory:
    unit = hit.unit
    name, _, _ = unit.id.rpartition("@")
    return FoundMemory(
        name,
        unit.space,
        unit.kind,
        unit.source,
        unit.actor,
        unit.at,
        unit.text,
        str(unit.fields.get("answer", "")),
        reasons(hit, ranker),
        hit.score,
    )


def reasons(hit: Hit, ranker: str) -> tuple[str, ...]:
    """What added most to the score, in words. Refined weights are the shipped ones, moved a little: these stand in."""
    weights = (BY_WORDS if ranker == BY_WORDS.name else shipped()).weights
    parts = {name: weights.get(name, 0.0) * value for name, value in hit.features.items()}
    best = [max((parts.get(name, 0.0), words) for name, words in family.items()) for family in _FAMILIES]
    told = [words for part, words in sorted(best, reverse=True) if part >= _LEAST]
    return tuple(told[:REASONS_MAX]) or ("nothing else was nearer",)


def _position(row: Row) -> int:
    found = row["recorded"] if "version" in row else row["position"]
    assert isinstance(found, int)
    return found


def _at(row: Row) -> int:
    found = row["recorded_at"] if "version" in row else row["at"]
    assert isinstance(found, int)
    return found
