"""The real SQLite store on a failing disk, measured against the in-memory store.

One trial is a sequence of lives: open the ledger, append what the seed says, until a power cut, an I/O
error or the end of the process; then open what is left. The checker knows what was acknowledged, and holds
each new life to it:

- everything acknowledged is there, event by event, row by row, blob by blob;
- the one append that was under way is there as a whole or not at all;
- a full disk wrote nothing, and the store goes on; any other failure closed the store for good;
- the hash chain holds, the epoch never falls, and the file passes SQLite's own integrity check.

`run_seed` is random; `strike_every_operation` puts one fault at the first, second, third … operation of a
short script until the script passes untouched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random

from mainstay.kernel.errors import MainstayError, StorageFailed, StorageFull
from mainstay.kernel.ids import StreamId, digest
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.connection import Driver
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import (
    Add,
    ColumnType,
    Delete,
    Epoch,
    EventStore,
    NewEvent,
    Put,
    RowChange,
    StreamAppend,
    Table,
)
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.faultfs import Disk, Fault, Survival, driver_on

PATH = "/workspace/ledger.sqlite3"
CHECKPOINT_PAGES = 40  # small, so that a short trial has many
LIVES_MAX = 8
APPENDS_MAX = 10
STREAMS = tuple(StreamId(f"run:{number}") for number in range(6))
TABLES = (
    Table(
        "runs",
        (("run", ColumnType.TEXT), ("state", ColumnType.TEXT), ("spent", ColumnType.INTEGER)),
        ("run",),
    ),
    Table("tally", (("day", ColumnType.INTEGER), ("messages", ColumnType.INTEGER)), ("day",)),
)

NO_EPOCH = Epoch(0)

OpenDriver = Callable[[Disk], AbstractContextManager[Driver]]


class Violation(AssertionError):
    """The store broke a promise."""


@dataclass(frozen=True, slots=True)
class Step:
    """The arguments of one append."""

    batch: tuple[StreamAppend, ...]
    at: Instant
    changes: tuple[RowChange, ...]
    blobs: dict[Digest, bytes]


@dataclass(slots=True)
class Trial:
    """What the disk was told, what was acknowledged, and what is under way."""

    disk: Disk
    driver: Driver
    random: Random
    reference: InMemoryStore = field(default_factory=lambda: InMemoryStore(tables=TABLES))
    known_blobs: set[Digest] = field(default_factory=set)
    epoch: Epoch = NO_EPOCH
    under_way: Step | None = None
    seen: Counter[str] = field(default_factory=Counter)

    def open(self) -> SqliteStore:
        """A new life: open what is there, check it, become the writer."""
        store = SqliteStore(PATH, tables=TABLES, driver=self.driver, checkpoint_pages=CHECKPOINT_PAGES)
        try:
            self.check(store)
            epoch = store.acquire()
        except BaseException:
            store.close()
            raise
        if epoch <= self.epoch:
            raise Violation(f"epoch {epoch} after {self.epoch}")
        self.epoch = epoch
        self.seen["lives"] += 1
        return store

    def append(self, store: SqliteStore, step: Step) -> None:
        """One append; raises `StorageFailed` when this life is over."""
        try:
            store.append(step.batch, epoch=self.epoch, at=step.at, changes=step.changes, blobs=step.blobs)
        except StorageFull:
            self.seen["refused: disk full"] += 1
            self.check(store)
            return
        except StorageFailed:
            self.under_way = step
            self._must_be_closed(store)
            raise
        self._acknowledge(step)
        self.seen["acknowledged"] += 1

    def check(self, store: EventStore) -> None:
        """Everything acknowledged is there, and what was under way is there or not."""
        step = self.under_way
        if step is not None:
            self.known_blobs.update(step.blobs)
        found, wanted = self._contents(store), self._contents(self.reference)
        self.under_way = None  # not before the ledger could be read
        if step is not None and found != wanted:
            self._acknowledge(step)
            wanted = self._contents(self.reference)
            self.seen["under way: kept"] += 1
        elif step is not None:
            self.seen["under way: lost"] += 1
        if found != wanted:
            raise Violation(
                f"the ledger has {found[0]} events, {wanted[0]} were acknowledged, or a row or blob differs"
            )
        if not isinstance(verdict := verify(store), Verified):
            raise Violation(f"the chain is broken: {verdict}")

    def check_file(self) -> None:
        """SQLite's own opinion of the file; nothing has it open."""
        connection = self.driver.connect(PATH)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        opinion = connection.execute("PRAGMA integrity_check").fetchall()
        connection.close()
        if [tuple(row) for row in opinion] != [("ok",)]:
            raise Violation(f"integrity check: {opinion}")

    def die(self, survival: Survival | None) -> None:
        """The end of a life: by power cut, or (None) the process alone if the disk still has power."""
        if survival is None and not self.disk.dead:
            self.seen["process ended"] += 1
            self.disk.end_process()
        else:
            survival = survival or Survival.SOME
            self.seen[f"power cut, {survival} survives"] += 1
            self.disk.cut_power(survival)

    def _must_be_closed(self, store: SqliteStore) -> None:
        try:
            store.append([], epoch=self.epoch, at=Instant(0))
        except StorageFailed:
            return
        raise Violation("the store went on after the disk had failed")

    def _acknowledge(self, step: Step) -> None:
        epoch = self.reference.acquire()
        self.reference.append(step.batch, epoch=epoch, at=step.at, changes=step.changes, blobs=step.blobs)
        self.known_blobs.update(step.blobs)

    def _contents(self, store: EventStore) -> tuple[object, ...]:
        events = store.read_all(limit=10_000)
        views = [store.select(table.name, limit=1_000) for table in TABLES]
        blobs = [(name, store.blob(name)) for name in sorted(self.known_blobs)]
        return (store.head, store.head_hash, events, views, blobs)


def run_seed(seed: int, *, open_driver: OpenDriver = driver_on) -> Counter[str]:
    """One random trial; what happened in it, counted. Raises `Violation`."""
    random = Random(seed)
    disk = Disk(Random(seed + 1_000_003))
    with open_driver(disk) as driver:
        trial = Trial(disk, driver, random)
        for _ in range(random.randint(2, LIVES_MAX)):
            _live(trial, ending=random.choice((*Survival, None)), abrupt=random.random() < 0.7)
        _settle(trial)
    return trial.seen + disk.struck + Counter({"operations": disk.operations.total()})


def strike_every_operation(
    fault: Fault, survival: Survival | None, *, open_driver: OpenDriver = driver_on, stride: int = 1
) -> Counter[str]:
    """The short script once for each operation that the fault can strike; raises `Violation`."""
    total: Counter[str] = Counter()
    after = 0
    while True:
        disk = Disk(Random(after))
        with open_driver(disk) as driver:
            trial = Trial(disk, driver, Random(7))
            disk.plan(fault, after)
            _live(trial, ending=survival, abrupt=after % 2 == 0, appends=6)
            struck = disk.struck[fault] > 0
            _settle(trial)
        total += trial.seen + Counter({"points": 1})
        if not struck:
            return total
        after += stride


def strike_after_a_failed_fsync(
    fsync: int, survival: Survival, *, open_driver: OpenDriver = driver_on
) -> Counter[str]:
    """Fail one fsync, end the process, and cut the power at every operation of the next life.

    The kernel goes on showing the second process what the first one wrote in vain.
    """
    total: Counter[str] = Counter()
    after = 0
    while True:
        disk = Disk(Random(after))
        with open_driver(disk) as driver:
            trial = Trial(disk, driver, Random(7))
            disk.plan(Fault.FSYNC_ERROR, fsync)
            _live(trial, ending=None, abrupt=True, appends=6)
            disk.plan(Fault.POWER_CUT, after)
            _live(trial, ending=survival, abrupt=True, appends=2)
            _settle(trial)
        total += trial.seen + Counter({"points": 1})
        if not disk.struck[Fault.POWER_CUT]:
            return total
        after += 1


def _live(trial: Trial, *, ending: Survival | None, abrupt: bool, appends: int | None = None) -> None:
    """One life, to its end or until the disk fails; `abrupt`: without time to close the ledger.

    With a number of appends there are no faults but the one that is planned already.
    """
    random = trial.random
    faults = appends is None
    if faults and random.random() < 0.3:
        _plan(trial, operations=60)
    store = None
    try:
        store = trial.open()
        for _ in range(random.randint(1, APPENDS_MAX) if appends is None else appends):
            if faults and random.random() < 0.25:
                _plan(trial, operations=25)
            trial.append(store, step_for(trial.reference, random))
    except StorageFull:
        trial.seen["opening refused: disk full"] += 1
    except StorageFailed:
        trial.seen["lives cut short"] += 1
    finally:
        if abrupt:
            trial.die(ending)
        if store is not None:
            store.close()
        if not abrupt:
            trial.die(ending)


def _plan(trial: Trial, *, operations: int) -> None:
    fault = trial.random.choice(list(Fault))
    rare = fault in (Fault.FSYNC_ERROR, Fault.READ_ERROR)  # there are fewer operations that these can strike
    trial.disk.plan(fault, trial.random.randrange(operations // 8 if rare else operations))


def _settle(trial: Trial) -> None:
    """After the last fault: what is left must be whole, and the ledger must go on."""
    trial.disk.plan(None)
    try:
        store = trial.open()
        trial.append(store, step_for(trial.reference, trial.random))
        store.close()
        trial.disk.cut_power(Survival.NOTHING)
        store = trial.open()
        store.close()
    except MainstayError as error:
        raise Violation(f"a sound disk, and yet: {error}") from error
    trial.check_file()


def step_for(reference: InMemoryStore, random: Random) -> Step:
    """An append that fits the ledger as it stands."""
    batch = []
    for stream in random.sample(STREAMS, random.randint(0, 3)):
        events = [_event(random) for _ in range(random.randint(1, 4))]
        batch.append(StreamAppend(stream, reference.version(stream), events))
    changes: list[RowChange] = []
    for _ in range(random.randint(0, 5)):
        run = (random.choice(STREAMS),)
        changes.append(
            random.choice(
                (
                    Put("runs", run, {"state": random.choice("abc")}),
                    Add("runs", run, {"spent": random.randint(1, 9)}),
                    Delete("runs", run),
                    Add("tally", (random.randint(1, 3),), {"messages": 1}),
                )
            )
        )
    blob = random.randbytes(random.randint(1, 9_000)) if random.random() < 0.3 else None
    return Step(
        batch=tuple(batch),
        at=Instant(1_760_000_000_000_000 + reference.head),
        changes=tuple(changes),
        blobs={digest(blob): blob} if blob is not None else {},
    )


def _event(random: Random) -> NewEvent:
    size = random.choice((0, 40, 200, 200, 6_000))
    return NewEvent(
        type=random.randint(1, 40),
        schema=1,
        data=random.randbytes(size),
        actor=random.choice(("director", "operator:local")),
        transaction=random.randbytes(16),
    )
