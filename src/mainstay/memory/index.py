"""All units that can be found, in memory: by words, by vectors, by what filters look at.

Rules of the file: it keeps and narrows; what a hit is worth is decided in `ranking`. Adding, replacing and removing
leave exactly what a rebuild from the remaining units gives, digest and hits alike. Nothing is written to disk: the
texts are personal, and vectors have a cache of their own. A missing vector is counted in `missing` and computed by
`fill`, a slice at a time, so that whoever calls decides when; until then words alone find the unit. A unit of a data
class that an embedder may not be sent gets no vector from it, ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from threading import RLock
from typing import TYPE_CHECKING

import msgspec

from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import Instant, Json
from mainstay.memory.columns import PLACES, Columns
from mainstay.memory.plain_index import PlainIndex
from mainstay.memory.postings import Postings
from mainstay.memory.records import DATA_CLASS, PUBLIC
from mainstay.memory.terms import Terms
from mainstay.memory.text_table import TextTable
from mainstay.memory.units import Unit
from mainstay.memory.vectors import VectorTable
from mainstay.memory.view import View, made_view

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.columns import Mask
    from mainstay.models.base import Embedder

# Views of the same permitted rows are made once; a workspace has a handful of policies.
_VIEWS_KEPT = 4
_MOD = 1 << 256


def may_send(embedder: Embedder | None, data_class: object) -> bool:
    """Whether an embedder may be sent a text of this class, if any; one on this device says of no class it may not."""
    allowed = getattr(embedder, "allowed_data", None)
    return allowed is None or not data_class or data_class == PUBLIC or data_class in allowed


def new_index(embedder: Embedder | None = None) -> MemoryIndex | PlainIndex:
    """An empty index: the one with arrays, or where numpy is not installed the plain one."""
    from importlib.util import find_spec

    return MemoryIndex(embedder) if find_spec("numpy") is not None else PlainIndex()


class MemoryIndex:
    """Units that can be asked. Safe to use from several threads."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder = embedder
        self.lock = RLock()
        self._clear()

    def _clear(self) -> None:
        self.terms = Terms()
        self.postings, self.befores = Postings(), Postings()
        self.columns = Columns()
        self.vectors: VectorTable | None = None
        self._units: list[Unit | None] = []
        self._row_of: dict[str, int] = {}
        self._missing: dict[int, None] = {}  # in the order in which they came
        self.texts = TextTable()
        self._views: list[View] = []
        self._digest = ""  # of what is there now; empty: not computed since it changed

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, unit_id: str) -> bool:
        return unit_id in self._row_of

    @property
    def missing(self) -> int:
        """How many units have no vector yet; 0 without an embedder."""
        return len(self._missing) if self.embedder is not None else 0

    def add(self, units: Iterable[Unit]) -> None:
        """Put these in; a unit whose id is there already takes the place of the other and keeps its vector."""
        with self.lock:
            fresh, self._digest = {}, ""
            for unit in units:
                row = self._row_of.get(unit.id)
                if row is not None and _same_text(self._units[row], unit):
                    self._put(row, unit)
                else:
                    fresh[unit.id] = unit
            self.remove([name for name in fresh if name in self._row_of])
            rows = list(range(len(self._units), len(self._units) + len(fresh)))
            texts = [self.terms.read(unit.text) for unit in fresh.values()]
            befores = [self.terms.read(unit.before).terms if unit.before else [] for unit in fresh.values()]
            if not fresh:
                return
            self.postings.add(rows, [text.terms for text in texts])
            self.befores.add(rows, befores)
            self._units.extend(fresh.values())
            self._row_of.update(zip(fresh, rows, strict=True))
            self.columns.add(list(fresh.values()))
            self._views.clear()
            self._missing.update(
                (row, None)
                for row, unit in zip(rows, fresh.values(), strict=True)
                if may_send(self.embedder, unit.fields.get(DATA_CLASS))
            )
            self.texts.add(texts, [len(terms) for terms in befores], list(fresh.values()))
            if self.vectors is not None:
                self.vectors.reserve(len(self._units))

    def remove(self, ids: Iterable[str]) -> None:
        """Take these out; an id that is not there is passed over."""
        with self.lock:
            self._digest = ""
            for name in ids:
                row = self._row_of.pop(name, None)
                if row is not None:
                    self.columns.bury(row)
                    self._units[row] = None
                    self._missing.pop(row, None)
                    self._views.clear()
            if len(self._units) > 1_000 and len(self._row_of) * 2 < len(self._units):
                self._pack()

    def load(self) -> int:
        """Take the vectors that the embedder knows already without computing any; how many these were."""
        known = getattr(self.embedder, "known", None)
        if known is None:
            return 0
        taken = 0
        with self.lock:
            rows = list(self._missing)
            for start in range(0, len(rows), 5_000):
                part = rows[start : start + 5_000]
                there, vectors = known([self._text(row) for row in part])
                self._keep([part[place] for place in there], vectors)
                taken += len(there)
        return taken

    def fill(self, limit: int) -> int:
        """Compute at most `limit` missing vectors; how many these were. Asking goes on meanwhile.

        0 also while an embedder that is reached by a network is down: what is missing stays counted.
        """
        if self.embedder is None or limit < 1:
            return 0
        with self.lock:
            rows = list(self._missing)[:limit]
            wanted = [self._units[row] for row in rows]
        if not rows:
            return 0
        try:
            vectors = self.embedder.embed([unit.text for unit in wanted if unit is not None])
        except Unavailable:
            return 0
        with self.lock:
            still = [
                place
                for place, (row, unit) in enumerate(zip(rows, wanted, strict=True))
                if row < len(self._units) and self._units[row] is unit and row in self._missing
            ]
            self._keep([rows[place] for place in still], vectors[still])
        return len(rows)

    def digest(self) -> str:
        """A hash of all units and vectors, whatever the order in which they came."""
        with self.lock:
            self._digest = self._digest or self._digested()
            return self._digest

    def _digested(self) -> str:
        total = 0
        with self.lock:
            for row in self._row_of.values():
                unit = self._units[row]
                assert unit is not None
                said = hashlib.sha256(msgspec.json.encode(astuple(unit), order="sorted"))
                if self.vectors is not None and self.vectors.known[row]:
                    said.update(self.vectors.rows([row]).tobytes())
                total = (total + int.from_bytes(said.digest(), "big")) % _MOD
            recipe = self.embedder.recipe if self.embedder else ""
        return hashlib.sha256(f"{recipe} {len(self._row_of)} {total:064x}".encode()).hexdigest()

    def unit(self, row: int) -> Unit:
        """The unit of a row that a view permits."""
        unit = self._units[row]
        assert unit is not None, "a removed row was permitted"
        return unit

    def get(self, unit_id: str) -> Unit | None:
        """The unit with this id."""
        row = self._row_of.get(unit_id)
        return self._units[row] if row is not None else None

    def spaces(self, now: Instant) -> dict[str, int]:
        """How many units can be found now, by space."""
        import numpy

        with self.lock:
            counts = numpy.bincount(self.columns.column("space")[self.permitted(now=now)])
            names = {number: name for name, number in self.columns.names("space").items()}
        return {names[number]: int(count) for number, count in enumerate(counts) if count}

    def units(self) -> list[Unit]:
        """All units that are there."""
        with self.lock:
            return [unit for unit in self._units if unit is not None]

    def row(self, unit_id: str) -> int:
        """Where this unit stands. Raises `KeyError` if it is not there."""
        return self._row_of[unit_id]

    def permitted(
        self,
        *,
        now: Instant,
        as_of: int | None = None,
        spaces: Sequence[str] = (),
        kinds: Sequence[str] = (),
        filters: Json | None = None,
    ) -> Mask:
        """The rows that pass: believed at the position, in force now, of these spaces and kinds, with these fields.

        `filters` compares thread, actor, source, space and kind with the unit's own, all else with its fields.
        """
        mask = self.columns.believed(as_of) & self.columns.in_force(now)
        if spaces:
            mask &= self.columns.among("space", spaces)
        if kinds:
            mask &= self.columns.among("kind", kinds)
        for name, wanted in (filters or {}).items():
            self._narrow(mask, name, wanted if isinstance(wanted, list | tuple) else (wanted,))
        return mask

    def view(self, allowed: Mask) -> View:
        """The permitted rows as if there were nothing else."""
        import numpy

        for view in self._views:
            if len(view.allowed) == len(allowed) and numpy.array_equal(view.allowed, allowed):
                return view
        view = made_view(self.columns, allowed, self.texts, (unit.id if unit else "" for unit in self._units))
        self._views = [view, *self._views[: _VIEWS_KEPT - 1]]
        return view

    def _narrow(self, mask: Mask, name: str, wanted: Sequence[object]) -> None:
        import numpy

        if name in PLACES:
            mask &= self.columns.among(name, (str(one) for one in wanted))
            return
        for row in numpy.flatnonzero(mask):
            mask[row] = self.unit(int(row)).fields.get(name) in wanted

    def _text(self, row: int) -> str:
        return self.unit(row).text

    def _keep(self, rows: Sequence[int], vectors: NDArray[numpy.float32]) -> None:
        import numpy

        if not len(rows):
            return
        self._digest = ""
        if self.vectors is None:
            self.vectors = VectorTable(int(vectors.shape[1]))
        self.vectors.reserve(len(self._units))
        self.vectors.put(numpy.asarray(rows, dtype=numpy.int64), vectors)
        for row in rows:
            self._missing.pop(row, None)

    def _put(self, row: int, unit: Unit) -> None:
        self._units[row] = unit
        self.columns.put(row, unit)
        self._views.clear()

    def _pack(self) -> None:
        """Start again with what is left, and the vectors that were there."""
        kept = list(self._row_of.values())
        units, vectors = [self.unit(row) for row in kept], self.vectors
        self._clear()
        self.add(units)
        if vectors is not None:
            new = [row for row, old in enumerate(kept) if vectors.known[old]]
            self._keep(new, vectors.rows([kept[row] for row in new]))


def _same_text(old: Unit | None, new: Unit) -> bool:
    return old is not None and old.text == new.text and old.before == new.before
