"""What the workspace remembers, as an index in memory that keeps up with the ledger.

Rules of this file:

- Rows of two views say what there is (`memories`, `correspondence`); the texts are opened from their sealed blobs and
  stand in memory alone. What lies under a destroyed key is left out, and counted.
- It reads on from where it came to, by position, so that keeping up costs what is new. A correction ends the version
  before it in the same step, so no search ever sees both.
- What the operator's files say (approved replies, examples) is there beside it, as long as the files say it.
- One lock for what changes the index. Embedding, which is slow, happens outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING

from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import EventReader, Value
from mainstay.memory.index import new_index
from mainstay.memory.plain_index import PlainIndex
from mainstay.memory.ranking import BY_WORDS, shipped
from mainstay.memory.recall import recall
from mainstay.memory.records import CONTENT, DATA_CLASS, DOCUMENT, decoded
from mainstay.memory.units import Unit
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.workspace.opened_mail import opened
from mainstay.workspace.refined_ranking import InForce, in_force

if TYPE_CHECKING:
    from mainstay.memory.context import Context
    from mainstay.memory.policy import RetrievalPolicy
    from mainstay.models.base import Embedder

ROWS_AT_ONCE = 20_000  # an index takes in ten times 2,000 for twice the price
LOOKED_UP_MAX = 500  # missing vectors that are worth looking for in the cache whenever something is new
FILLED_AT_ONCE = 300  # texts of the operator's files
SLICE = 16  # texts embedded at once in the background: a fifth of a second
Row = dict[str, Value]
Make = Callable[[Row, SubjectId | None], Unit]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an index stands: up to which position it read, how much is in it, and what is not."""

    through: int  # position
    units: int
    missing: int  # vectors that are still to be computed; words alone find these
    forgotten: int  # their keys were destroyed
    unreadable: int  # their blobs are gone
    by_meaning: bool
    ranker: str = ""  # the name of the weights that rank


class Remembered:
    """Everything that can be recalled in one workspace. Safe to use from several threads."""

    def __init__(
        self,
        store: EventReader,
        artifacts: Artifacts,
        embedder: Embedder | None = None,
        *,
        files: Iterable[Unit] = (),
        signature: str = "",
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._embedder = embedder
        self._files = tuple(files)
        self._signature = signature
        self._lock = RLock()
        self._begin()

    def _begin(self) -> None:
        self._index = new_index(self._embedder)
        self._opened = False  # whatever asks first reads it all
        self._memories = self._retractions = self._mail = 0  # positions, each of what was read of one view
        self._forgotten = self._unreadable = 0
        self._ranking = InForce()

    @property
    def missing(self) -> int:
        """How many vectors are still to be computed."""
        return self._index.missing

    @property
    def size(self) -> int:
        """How many units there are, those that were corrected or retracted included."""
        return len(self._index)

    @property
    def by_meaning(self) -> bool:
        """Whether an embedder takes part in the search."""
        return self._embedder is not None

    def catch_up(self) -> int:
        """Take in what the ledger has that the index has not; how much that was. The first time it is everything."""
        with self._lock:
            if not self._opened:
                self._index.add(self._files)
                self._index.load()
                # A handful that the operator wrote, and what drafts lean on first: worth waiting for.
                self._index.fill(min(self._index.missing, FILLED_AT_ONCE))
            changed = self._read()
            self._ranking = in_force(self._store, self._artifacts, self._ranking)
            if not self._opened or (changed > 0 and self._index.missing <= LOOKED_UP_MAX):
                # What a specialist has just read has been embedded by it.
                self._index.load()
            self._opened = True
            return changed

    def rebuild(self) -> None:
        """Make the index anew from the ledger, with the keys as they are now."""
        with self._lock:
            self._artifacts.vault.forget_cached()
            self._begin()
            self.catch_up()

    def _read(self) -> int:
        changed = 0
        for rows in self._after("memories", "recorded", self._memories):
            units = list(self._units(rows, self._unit))
            self._end_earlier(rows)
            self._index.add(units)
            self._memories = _int(rows[-1]["recorded"])
            changed += len(rows)
        # Those that were retracted since; the rest were read as such.
        for rows in self._after("memories", "retracted", self._retractions):
            ended = {f"{_text(row['memory'])}@{_int(row['version'])}": _int(row["retracted"]) for row in rows}
            self._index.add(
                [replace(unit, retracted=ended[unit.id]) for unit in self._there(ended) if not unit.retracted]
            )
            self._retractions = _int(rows[-1]["retracted"])
            changed += len(rows)
        for rows in self._after("correspondence", "position", self._mail):
            self._index.add(list(self._units(rows, self._mail_unit)))
            self._mail = _int(rows[-1]["position"])
            changed += len(rows)
        return changed

    def digest(self) -> str:
        """A hash of all that is in the index: the same after every rebuild."""
        return self._index.digest()

    def fill(self, limit: int = SLICE) -> int:
        """Compute at most so many missing vectors; how many it were. Searches go on meanwhile."""
        return self._index.fill(limit)

    def recall(
        self,
        policy: RetrievalPolicy,
        cue: str,
        *,
        now: Instant,
        as_of: int | None = None,
        filters: Json | None = None,
        data_class: str = "",
    ) -> Context:
        """What the policy finds for the cue, in all that is remembered by now.

        A cue of a `data_class` that the embedder may not be sent is searched by its words.
        """
        self.catch_up()
        refined = self._ranking.ranker
        return recall(
            policy,
            cue,
            self._index,
            now=now,
            as_of=as_of,
            filters=filters or {},
            refined=refined,
            data_class=data_class,
        )

    def standing(self) -> Standing:
        """How it stands now."""
        with self._lock:
            self.catch_up()
            return Standing(
                through=max(self._memories, self._retractions, self._mail),
                units=len(self._index),
                missing=self._index.missing,
                forgotten=self._forgotten,
                unreadable=self._unreadable,
                by_meaning=self._embedder is not None,
                ranker=self._ranker_name(),
            )

    def _ranker_name(self) -> str:
        if self._embedder is None or isinstance(self._index, PlainIndex):
            return BY_WORDS.name
        return (self._ranking.ranker or shipped()).name

    def counts(self, now: Instant) -> dict[str, int]:
        """How much can be found now, by space."""
        with self._lock:
            self.catch_up()
            found = self._index.spaces(now)
        return {name: count for name, count in sorted(found.items()) if name and count}

    def ended(self) -> tuple[int, int]:
        """How many versions were superseded, and how many retracted."""
        with self._lock:
            every = self._store.count("memories")
            superseded = every - self._store.count("memories", where={"superseded": 0})
            return superseded, every - self._store.count("memories", where={"retracted": 0})

    def units(self) -> list[Unit]:
        """All that is in the index."""
        with self._lock:
            self.catch_up()
            return self._index.units()

    def close(self) -> None:
        """Give up the connections that it reads by, and forget every text."""
        with self._lock:
            self._begin()
            self._store.close()
            self._artifacts.vault.close()

    # --- within ----------------------------------------------------------------------------------------------------

    def _after(self, table: str, order: str, position: int) -> Iterator[Sequence[Row]]:
        while True:
            rows = self._store.select(table, order=order, after=position, limit=ROWS_AT_ONCE)
            if not rows:
                return
            yield rows
            if len(rows) < ROWS_AT_ONCE:
                return
            position = _int(rows[-1][order])

    def _end_earlier(self, rows: Sequence[Row]) -> None:
        """The versions before these, if they are in the index already, are superseded from here on."""
        ended = {
            f"{_text(row['memory'])}@{_int(row['version']) - 1}": _int(row["recorded"])
            for row in rows
            if _int(row["version"]) > 1
        }
        if ended:
            self._index.add([replace(unit, superseded=ended[unit.id]) for unit in self._there(ended)])

    def _there(self, ids: Iterable[str]) -> list[Unit]:
        return [unit for one in ids if (unit := self._index.get(one)) is not None]

    def _units(self, rows: Sequence[Row], make: Make) -> Iterator[Unit]:
        for row in rows:
            if row["kind"] == DOCUMENT:
                continue
            try:
                unit = make(row, SubjectId(str(row["subject"])) if row["subject"] else None)
            except SubjectForgotten:
                self._forgotten += 1
            except (NotFound, ValueError):
                self._unreadable += 1  # a backup without its blobs; `audit verify` names them
            else:
                if unit.text:
                    yield unit

    def _unit(self, row: Row, subject: SubjectId | None) -> Unit:
        content = decoded(self._artifacts.get(Digest(str(row["content"])), subject, CONTENT))
        return Unit(
            id=f"{_text(row['memory'])}@{_int(row['version'])}",
            text=content.text,
            before=content.before,
            actor=_text(row["actor"]),
            thread=_text(row["thread"]),
            at=Instant(_int(row["recorded_at"])),
            space=_text(row["space"]),
            kind=_text(row["kind"]),
            source=_text(row["source"]) or _text(row["memory"]),
            fields=content.fields | {DATA_CLASS: row["tag"]} if row["tag"] else content.fields,
            valid_from=Instant(_int(row["valid_from"])),
            valid_to=Instant(_int(row["valid_to"])),
            expires_at=Instant(_int(row["expires_at"])),
            recorded=_int(row["recorded"]),
            superseded=_int(row["superseded"]),
            retracted=_int(row["retracted"]),
        )

    def _mail_unit(self, row: Row, subject: SubjectId | None) -> Unit:
        return opened(
            row, lambda digest, context: self._artifacts.get(digest, subject, context), self._signature
        )


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
