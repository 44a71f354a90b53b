"""A boot folds what happened, however it was saved; it asks for many runs at once and refuses what was changed."""

import gc
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.bench.ledger_traffic import LEFT, POLICY, Traffic, workflows
from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.ids import RunId, StreamId, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Head, Phase, RunState, Status, TaskState, new_table
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import RebuildableStore
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import NEW, RecordedEvent, Version
from mainstay.runtime.boot import TOGETHER, fold_open, fold_run, snapshot_due
from mainstay.runtime.collector import paused_collector
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf

PLANS = workflows()


def director(store: RebuildableStore, traffic: Traffic) -> Director:
    """Another one, on the same ledger."""
    plans = PlanShelf(lambda wanted: PLANS[wanted][0])
    return Director(store, traffic.clock, plans, projections=STANDARD, policy=POLICY)


def left_behind(store: RebuildableStore, unfinished: int) -> Traffic:
    """A ledger with runs that are left in every way, and nothing else that goes on."""
    traffic = Traffic(store, events=1_000_000, unfinished=unfinished, left_by=0)
    while len(traffic.left) < unfinished:
        traffic.go_on(begin=False)
    traffic.drain()
    return traffic


class OneByOneIsRefused(InMemoryStore):
    """A store that cannot be asked for the events of one run."""

    def read(self, stream: StreamId, *, after: Version = NEW) -> Iterator[RecordedEvent]:
        raise AssertionError("a boot reads many streams at once")


def test_every_open_run_is_folded_as_its_events_say() -> None:
    store = InMemoryStore(tables=TABLES)
    traffic = left_behind(store, TOGETHER + 2 * len(LEFT))
    first = traffic.director
    assert 0 < len(store.select(SNAPSHOTS.name, limit=10_000)) < len(first.runs)
    codec, plans = first.codec, first.plans.__getitem__
    folded = dict(fold_open(store, codec, plans))
    begun = [RunId(str(row["run"])) for row in store.select("open_runs", order="position", limit=10_000)]
    assert list(folded) == begun
    for run, one in folded.items():
        state: RunState = nothing(run)
        for recorded in store.read(run_stream(run)):
            state = evolve(state, codec.event(recorded))  # type: ignore[arg-type]
        assert one.state == state == first.runs[run].state
        assert one.version == recorded.version
        assert fold_run(store, codec, plans, run) == one
    known = set(begun[:5])
    assert list(dict(fold_open(store, codec, plans, besides=known))) == begun[5:]
    assert fold_run(store, codec, plans, RunId("none")) is None


def test_a_boot_asks_for_many_runs_at_once() -> None:
    store = OneByOneIsRefused(tables=TABLES)
    traffic = left_behind(store, len(LEFT))
    second = director(store, traffic)
    second.boot()
    assert set(second.runs) == set(traffic.left)


def test_a_boot_refuses_an_event_that_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = SqliteStore(path, tables=TABLES)
    traffic = left_behind(store, 2 * len(LEFT))
    run = next(run for run, one in traffic.director.runs.items() if one.snapshot_at < one.version)
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER events_are_never_changed")
        raw.execute(
            "UPDATE events SET data = CAST(data || ' ' AS BLOB) WHERE position = (SELECT max(position) FROM events "
            "WHERE stream = (SELECT key FROM streams WHERE name = ?))",
            (run_stream(run),),
        )
    raw.close()
    again = SqliteStore(path, tables=TABLES)
    try:
        with pytest.raises(LedgerCorrupt, match="was changed, or damaged"):
            director(again, traffic).boot()
    finally:
        again.close()


def of_size(size: int, *, busy: int) -> RunState:
    tasks = new_table(TaskState(Phase.READY) for _ in range(size))
    return replace(nothing(RunId("r")), head=Head(RunId("r")), status=Status.RUNNING, tasks=tasks, busy=busy)


@pytest.mark.parametrize(
    ("size", "busy", "tail", "due"),
    [
        (10, 1, 31, False),
        (10, 1, 32, True),
        (10, 0, 7, False),
        (10, 0, 8, True),  # it waits for a person, perhaps for weeks
        (200, 1, 99, False),  # never more often than what is written is worth
        (200, 1, 100, True),
        (200, 0, 24, False),
        (200, 0, 25, True),
        (10_000, 0, 1_249, False),
        (10_000, 1, 5_000, True),
    ],
)
def test_a_run_is_saved_in_proportion_and_when_it_begins_to_wait(
    size: int, busy: int, tail: int, due: bool
) -> None:
    assert snapshot_due(of_size(size, busy=busy), tail, every=32) is due


def test_a_run_that_is_over_is_not_saved() -> None:
    over = replace(of_size(10, busy=0), status=Status.SUCCEEDED)
    assert not snapshot_due(over, 1_000, every=32)


def test_the_collector_rests_only_so_long() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), paused_collector():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled(), "it stays as it was found"
    finally:
        gc.enable()
