"""What moved in the house, by topic: what a page shows that is brought up to date while somebody looks at it.

A topic moved when a row of a view behind it did (`TOPIC_OF_TABLE`), a run when its stream did. Whoever listens is
noted after each commit, in the director's own turn; where nobody listens, a tick costs one look at an empty list. What
moved since a position, for somebody who was away, the ledger itself says (`since`), which may say too much and never
too little.

Topics are bits of one number here, and words everywhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mainstay.kernel.events import NUMBER_OF
from mainstay.kernel.ids import RunId, run_stream
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.store import EventReader, Position
from mainstay.runtime.tick import Tick

TOPICS = (
    "house",
    "approvals",
    "doubts",
    "runs",
    "memory",
    "rules",
    "autonomy",
    "costs",
    "slo",
    "audit",
    "adapters",
)
BIT = {topic: 1 << place for place, topic in enumerate(TOPICS)}
ALL = (1 << len(TOPICS)) - 1
# Sums and reports move with nearly every event, and nobody reads them faster than this. The rest goes at once.
CALM = BIT["costs"] | BIT["slo"] | BIT["audit"] | BIT["autonomy"]
LOOKED_AT_MAX = 1_000  # events read for somebody who was away; of more than that, everything moved

TOPIC_OF_TABLE: dict[str, tuple[str, ...]] = {
    "approvals": ("approvals",),
    "leaving": ("approvals",),
    "in_doubt": ("doubts",),
    "dead_letters": ("doubts",),
    "rejected": ("doubts",),
    "runs": ("runs",),
    "open_runs": ("runs",),
    "messages": ("runs",),
    "stopped": ("runs",),
    "memories": ("memory",),
    "fits": ("memory",),
    "reviews": ("memory",),
    "annotations": ("memory",),
    "annotation_words": ("memory",),
    "judged_drafts": ("memory",),
    "lesson_trials": ("memory",),
    "correspondence": ("memory",),
    "forgotten": ("memory",),
    "workflows": ("rules", "house"),
    "adoptions": ("rules",),
    "templates": ("rules",),
    "schedules": ("rules",),
    "pauses": ("house", "rules", "adapters"),
    "house": ("house",),
    "incidents": ("house", "adapters"),
    "breakers": ("house", "adapters"),
    "devices": ("house",),
    "links": ("house",),
    "tokens": ("house",),
    "cursors": ("adapters",),
    "secrets": ("adapters",),
    "executables": ("adapters",),
    "autonomy": ("autonomy",),
    "evidence": ("autonomy",),
    "unasked": ("autonomy",),
    "spent": ("costs",),
    "outcomes": ("costs",),
    "models_used": ("costs",),
    "replies": ("costs",),
    "written": ("costs",),
    "done": ("costs",),
    "done_lately": ("costs",),
    "recipients": ("costs",),
    "objectives": ("slo", "house"),
    "samples": ("slo",),
    "ended": ("slo",),
    "mistakes": ("slo",),
    "checkpoints": ("house",),  # the rail says as of when the ledger is intact
    "signing_keys": ("audit",),
    "event_places": ("audit",),
    "requests": ("audit",),
}


def bits_of(topics: Iterable[str]) -> int:
    """These topics as one number. Raises `KeyError` for one that is none."""
    found = 0
    for one in topics:
        found |= BIT[one]
    return found


def topics_of(bits: int) -> tuple[str, ...]:
    """The topics in a number."""
    return tuple(topic for topic in TOPICS if bits & BIT[topic])


_TABLES = {table: bits_of(topics) for table, topics in TOPIC_OF_TABLE.items()}
_HELD = ("held",)  # a row of `house` that goes with money, at nearly every tick


@lru_cache(maxsize=1)
def bits_of_events() -> dict[int, int]:
    """By the number of an event: the topics that it may move, since it moves views behind them."""
    found: dict[int, int] = {}
    for one in STANDARD:
        bits = 0
        for table in one.tables:
            bits |= _TABLES.get(table.name, 0)
        for event in one.events:
            found[NUMBER_OF[event]] = found.get(NUMBER_OF[event], 0) | bits
    return found


@dataclass(slots=True)
class Listener:
    """What moved since it was last taken."""

    moved: int = 0
    runs: set[RunId] = field(default_factory=set)  # of those that are watched
    position: int = 0  # up to which all that moved is in here
    watched: frozenset[str] = frozenset()  # streams of runs
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> tuple[int, set[RunId]]:
        """What moved, which is forgotten here."""
        found = self.moved, self.runs
        self.moved, self.runs = 0, set()
        self.news.clear()
        return found


class Moves:
    """Tells whoever listens. Used in the director's loop alone, but for `since`."""

    def __init__(self, store: EventReader) -> None:
        self._store = store
        self._listeners: list[Listener] = []

    @property
    def listened_to(self) -> bool:
        """Whether anybody is."""
        return bool(self._listeners)

    def listen(self) -> Listener:
        """From here on."""
        one = Listener(position=int(self._store.head))
        self._listeners.append(one)
        return one

    def leave(self, one: Listener) -> None:
        """No more."""
        self._listeners = [other for other in self._listeners if other is not one]

    def committed(self, tick: Tick) -> None:
        """Called after every commit."""
        if not self._listeners:
            return
        known, moved = _TABLES, 0
        for change in tick.changes:
            if change.table == "house" and change.key == _HELD:
                moved |= BIT["costs"]
            else:
                moved |= known.get(change.table, 0)
        if tick.batch:
            moved |= BIT["audit"]
        position = int(self._store.head)
        for one in self._listeners:
            one.moved |= moved
            one.position = position
            if one.watched:
                one.runs.update(
                    RunId(append.stream.removeprefix("run:"))
                    for append in tick.batch
                    if append.stream in one.watched
                )
            one.news.set()

    def since(self, position: int, runs: frozenset[RunId] = frozenset()) -> tuple[int, frozenset[RunId]]:
        """What may have moved after a position, of these runs and of every topic. May be asked in any thread."""
        ahead = int(self._store.head) - position
        if not 0 <= ahead <= LOOKED_AT_MAX or position < 0:  # a position that is not of this ledger, too
            return ALL, runs
        if not ahead:
            return CALM, frozenset()  # what goes out late may not have reached them
        bits, known, watched = CALM, bits_of_events(), {run_stream(run): run for run in runs}
        moved = set()
        for event in self._store.read_all(after=Position(position), limit=LOOKED_AT_MAX):
            bits |= known.get(event.type, 0)
            if event.stream in watched:
                moved.add(watched[event.stream])
        return bits, frozenset(moved)
