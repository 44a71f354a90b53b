"""The index where numpy is not installed: words alone, in plain Python.

The same questions, filters and limits as `MemoryIndex`, with fewer features: BM25 of the unit and of the unit with what
stood before it, who said it, whether it asks. Right for some thousand units, which a base installation has; whoever
has more installs the extra `embedder` and gets both speed and meaning.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from threading import RLock

import msgspec

from mainstay.kernel.values import Instant, Json
from mainstay.memory.cue import Cue
from mainstay.memory.terms import raw_words, term
from mainstay.memory.units import Unit, believed, in_force

_SATURATION, _LENGTH_WEIGHT = 1.2, 0.6
_PLACES = ("thread", "actor", "source", "space", "kind")
_LENGTH_FULL = 5.0


@dataclass(frozen=True, slots=True)
class _Read:
    unit: Unit
    terms: Counter[str]
    said_before: Counter[str]
    words: int


class PlainIndex:
    """Units that can be asked by words. Safe to use from several threads."""

    embedder = None
    missing = 0

    def __init__(self) -> None:
        self.lock = RLock()
        self._read: dict[str, _Read] = {}

    def __len__(self) -> int:
        return len(self._read)

    def __contains__(self, unit_id: str) -> bool:
        return unit_id in self._read

    def add(self, units: Iterable[Unit]) -> None:
        """Put these in; a unit whose id is there already takes the place of the other."""
        with self.lock:
            for unit in units:
                terms = Counter(_terms(unit.text))
                self._read[unit.id] = _Read(
                    unit, terms, Counter(_terms(unit.before)), len(raw_words(unit.text))
                )

    def remove(self, ids: Iterable[str]) -> None:
        """Take these out; an id that is not there is passed over."""
        with self.lock:
            for name in ids:
                self._read.pop(name, None)

    def load(self) -> int:
        """There are no vectors."""
        return 0

    def fill(self, limit: int) -> int:
        """There are no vectors."""
        return 0

    def digest(self) -> str:
        """A hash of all units, whatever the order in which they came."""
        with self.lock:
            said = sorted(
                msgspec.json.encode(astuple(one.unit), order="sorted") for one in self._read.values()
            )
        return hashlib.sha256(b"\0".join(said)).hexdigest()

    def get(self, unit_id: str) -> Unit | None:
        """The unit with this id."""
        one = self._read.get(unit_id)
        return one.unit if one is not None else None

    def units(self) -> list[Unit]:
        """All units that are there."""
        with self.lock:
            return [one.unit for one in self._read.values()]

    def spaces(self, now: Instant) -> dict[str, int]:
        """How many units can be found now, by space."""
        with self.lock:
            return dict(Counter(one.unit.space for one in self._seen(now, None, (), (), ({},))))

    def candidates(
        self,
        cue: Cue,
        *,
        now: Instant,
        as_of: int | None,
        spaces: Sequence[str],
        kinds: Sequence[str],
        filters: Sequence[Json],
    ) -> tuple[list[tuple[Unit, dict[str, float]]], Mapping[str, Sequence[Unit]]]:
        """What has a word of the cue, with its features; and the permitted units of each thread, in order."""
        seen = sorted(
            self._seen(now, as_of, spaces, kinds, filters), key=lambda one: (one.unit.recorded, one.unit.id)
        )
        threads: dict[str, list[_Read]] = {}
        before: dict[str, _Read] = {}
        for one in seen:
            if one.unit.thread:
                row = threads.setdefault(one.unit.thread, [])
                if row:
                    before[one.unit.id] = row[-1]
                row.append(one)
        speakers = {one.unit.actor: frozenset(raw_words(one.unit.actor)) for one in seen if one.unit.actor}
        named = {name for name, words in speakers.items() if not words.isdisjoint(cue.names)}
        terms = cue.terms(without=frozenset().union(*(speakers[name] for name in named))) or cue.terms()
        rows = _scored(seen, before, list(dict.fromkeys(terms)))
        told = 0 < len(named) < len(speakers)
        for unit, features in rows:
            features["actor"] = (1.0 if unit.actor in named else -1.0 if unit.actor else 0.0) if told else 0.0
            features["asks"] = float(unit.text.rstrip().endswith("?"))
            previous = before.get(unit.id)
            features["answers"] = float(previous is not None and previous.unit.text.rstrip().endswith("?"))
        return rows, {name: [one.unit for one in row] for name, row in threads.items()}

    def _seen(
        self,
        now: Instant,
        as_of: int | None,
        spaces: Sequence[str],
        kinds: Sequence[str],
        filters: Sequence[Json],
    ) -> list[_Read]:
        return [
            one
            for one in self._read.values()
            if believed(one.unit, as_of=as_of)
            and in_force(one.unit, now)
            and (not spaces or one.unit.space in spaces)
            and (not kinds or one.unit.kind in kinds)
            and all(_passes(one.unit, narrowed) for narrowed in filters)
        ]


def _passes(unit: Unit, filters: Json) -> bool:
    for name, wanted in filters.items():
        value = getattr(unit, name) if name in _PLACES else unit.fields.get(name)
        if value not in (wanted if isinstance(wanted, list | tuple) else (wanted,)):
            return False
    return True


def _terms(text: str) -> list[str]:
    return [one for one in map(term, raw_words(text)) if one]


def _scored(
    seen: Sequence[_Read], before: Mapping[str, _Read], terms: Sequence[str]
) -> list[tuple[Unit, dict[str, float]]]:
    """Everything that has a word of the cue, itself or in what stood before it."""
    holders = {one: sum(one in read.terms for read in seen) for one in terms}
    rarity = {one: math.log(1 + (len(seen) - count + 0.5) / (count + 0.5)) for one, count in holders.items()}
    pairs = []
    for read in seen:
        previous = before.get(read.unit.id)
        context = read.said_before or (previous.terms if previous is not None else Counter())
        pairs.append((read, read.terms + context if context else read.terms))
    means = [
        max(1.0, sum(sizes) / max(1, len(sizes)))
        for sizes in ([read.terms.total() for read in seen], [pair.total() for _, pair in pairs])
    ]
    rows = []
    for read, pair in pairs:
        both = _bm25(pair, rarity, means[1])
        if both:
            covered = sum(rarity[one] for one in terms if one in read.terms) / (sum(rarity.values()) or 1.0)
            length = min(1.0, math.log1p(read.words) / _LENGTH_FULL)
            found = {"words": _bm25(read.terms, rarity, means[0]), "pair_words": both, "covered": covered}
            rows.append((read.unit, {**found, "length": length}))
    for name in ("words", "pair_words"):
        best = max((features[name] for _, features in rows), default=0.0) or 1.0
        for _, features in rows:
            features[name] /= best
    return rows


def _bm25(counts: Counter[str], rarity: Mapping[str, float], mean: float) -> float:
    penalty = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * counts.total() / mean)
    return sum(
        weight * counts[one] * (_SATURATION + 1) / (counts[one] + penalty)
        for one, weight in rarity.items()
        if one in counts
    )
