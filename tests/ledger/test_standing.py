"""The sealed copy of what decisions rest on: what differs from the events is found, and what is cut off is refused."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from mainstay.kernel.commands import CancelRun, PauseRun
from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.house import CRASH_LOOP
from mainstay.kernel.ids import RunId, StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger import standing
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.run_snapshot import save_run
from mainstay.ledger.standing import VIEWS, disagreements, seal, sealed_at
from mainstay.ledger.store import Add, Delete, EventBody, Put, RowChange, Version
from mainstay.runtime.director import Director
from mainstay.runtime.tick import Request
from tests.ledger.lived import PLAN, Lived

AT = Instant(1)


@pytest.fixture(params=["sealed in the middle", "never sealed"])
def lived(request: pytest.FixtureRequest) -> Lived:
    lived = Lived()
    lived.work(3)
    if request.param == "sealed in the middle":
        lived.change(seal(lived.store, STANDARD))
        assert sealed_at(lived.store) == lived.store.head
    lived.work(3)
    return lived


def found(lived: Lived) -> tuple[str, ...]:
    return disagreements(lived.store, lived.director.codec, STANDARD)


def test_what_the_views_say_is_what_the_events_say(lived: Lived) -> None:
    assert found(lived) == ()
    assert {table for table in VIEWS if lived.store.count(table)} >= {"done", "spent", "house"}


@pytest.mark.parametrize(
    ("change", "view"),
    [
        (lambda row: Add("done", (row["workflow"], row["act"]), {"count": 1}), "done"),
        (lambda row: Delete("done", (row["workflow"], row["act"])), "done"),
        (lambda row: Put("house", ("kill_switch",), {"value": "on"}), "house"),
        (lambda row: Put("house", ("epoch",), {"value": "0"}), "house"),
        (lambda row: Add("spent", (row["day"], row["workflow"]), {"cost_micros": -1}), "spent"),
        (lambda row: Put("workflows", ("other",), {"version": 1}), "workflows"),
        (lambda row: Put("cursors", ("email",), {"cursor": "{}"}), "cursors"),
        (lambda row: Delete("open_runs", (row["open"],)), "open_runs"),
        (lambda row: Put("open_runs", (row["open"],), {"status": "queued"}), "open_runs"),
        (lambda row: Put("open_runs", ("nobody",), {"status": "ending"}), "open_runs"),
        (lambda row: Put("runs", (row["open"],), {"status": "succeeded"}), "open_runs"),
        (lambda row: Put("runs", (row["open"],), {"ended_at": 1}), "open_runs"),
    ],
)
def test_a_row_that_no_event_made_is_found(lived: Lived, change: object, view: str) -> None:
    (done,) = lived.store.select("done", limit=1)
    spent = lived.store.select("spent", limit=1)[0]
    opened = lived.store.select("open_runs", limit=1)[0]
    made: RowChange = change({**done, **spent, "open": opened["run"]})  # type: ignore[operator]
    lived.change(made)
    assert found(lived) == (view,)


def test_a_run_that_is_paused_or_begins_later_stands_in_both_views(lived: Lived) -> None:
    paused, later = (str(row["run"]) for row in lived.store.select("open_runs", limit=2))
    lived.director.handle([Request(PauseRun(RunId(paused), "operator"), "operator")])
    assert lived.store.get("runs", (paused,))["status"] == "paused"  # type: ignore[index]
    assert found(lived) == ()
    for status in ("delayed", "compensating"):
        lived.change(Put("runs", (later,), {"status": status}))
        lived.change(Put("open_runs", (later,), {"status": status}))
        assert found(lived) == ()
    lived.change(Put("open_runs", (later,), {"status": "queued"}))
    assert found(lived) == ("open_runs",)


def test_a_run_that_ended_stands_there_only_while_an_effect_is_under_way(lived: Lived) -> None:
    run = lived.store.select("open_runs", limit=1)[0]["run"]
    lived.change(Put("open_runs", (run,), {"status": "ending"}))
    assert found(lived) == ("open_runs",)
    for status in ("failed", "cancelled", "superseded"):
        lived.change(Put("runs", (run,), {"status": status, "ended_at": 1}))
        assert found(lived) == ()
    lived.change(Put("runs", (run,), {"status": "succeeded"}))
    assert found(lived) == ("open_runs",)


def test_what_was_spent_long_ago_is_not_looked_at(lived: Lived) -> None:
    day = lived.store.select("spent", limit=1)[0]["day"]
    assert isinstance(day, int)
    if not sealed_at(lived.store):
        return
    lived.change(Put("spent", (day - standing.DAYS - 1, "old"), {"cost_micros": 1}))
    assert found(lived) == ()


def test_a_damaged_seal_is_not_used() -> None:
    lived = Lived()
    lived.work(2)
    put = seal(lived.store, STANDARD)
    data = put.columns["data"]
    assert isinstance(data, bytes)
    lived.change(Put(put.table, put.key, {**put.columns, "data": data[:-1] + bytes([data[-1] ^ 1])}))
    assert found(lived) == ()
    lived.change(
        Add(
            "done",
            tuple(lived.store.select("done", limit=1)[0][one] for one in ("workflow", "act")),
            {"count": 1},
        )
    )
    assert found(lived) == ("done",)  # folded from the beginning


def test_a_ledger_that_ends_before_its_seal_is_refused() -> None:
    lived = Lived()
    lived.work(2)
    put = seal(lived.store, STANDARD)
    lived.change(Put(put.table, put.key, {**put.columns, "position": lived.store.head + 5}))
    with pytest.raises(LedgerCorrupt) as told:
        found(lived)
    assert told.value.what == "The end of the ledger is missing."
    assert told.value.remedy


def test_a_director_seals_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.runtime.writing.SEAL_EVERY", 5)
    lived = Lived()
    lived.work(4)
    first = sealed_at(lived.store)
    assert 0 < first <= lived.store.head
    lived.work(4)
    assert first < sealed_at(lived.store) <= lived.store.head
    assert found(lived) == ()
    assert lived.store.get(SNAPSHOTS.name, (standing.NAME,)) is not None


class Watched(InMemoryStore):
    """A store that remembers from which version on the streams of runs were read."""

    def __init__(self) -> None:
        super().__init__(tables=TABLES)
        self.asked: dict[StreamId, Version] = {}

    def read_many(
        self, streams: Mapping[StreamId, Version]
    ) -> Iterator[tuple[StreamId, Sequence[EventBody]]]:
        self.asked.update(streams)
        yield from super().read_many(streams)


def sealed_with_runs_under_way() -> tuple[Lived, Watched]:
    """Six runs, three of them open, and then a seal."""
    store = Watched()
    lived = Lived(store)
    lived.work(6)
    lived.change(seal(store, STANDARD))
    return lived, store


def checked(lived: Lived, store: Watched) -> dict[StreamId, Version]:
    """Which runs were read to find that nothing differs."""
    store.asked.clear()
    plans = {PLAN.digest: PLAN}.__getitem__
    assert disagreements(store, lived.director.codec, STANDARD, plans=plans) == ()
    return dict(store.asked)


def test_a_run_in_whose_last_events_no_view_looks_is_not_folded() -> None:
    lived, store = sealed_with_runs_under_way()
    for run in list(lived.director.runs):
        lived.director.handle([Request(PauseRun(run, "operator"), "operator")])
    assert checked(lived, store) == {}


def test_a_run_that_a_view_looks_at_is_folded_from_its_snapshot_if_that_is_older() -> None:
    lived, store = sealed_with_runs_under_way()
    runs = list(lived.director.runs.items())
    (old, one), (new, other), _ = runs
    lived.change(save_run(one.state, one.version, store.head))
    for run in (old, new):
        lived.director.handle([Request(CancelRun(run, "operator"), "operator")])  # `spent` counts it
    lived.change(save_run(other.state, other.version, store.head))
    assert other.version > 1
    assert checked(lived, store) == {f"run:{old}": one.version - 1, f"run:{new}": 0}
    (row,) = lived.store.select("spent", limit=1)
    lived.change(Add("spent", (row["day"], row["workflow"]), {"withdrawn": 1}))
    assert found(lived) == ("spent",)


def test_a_boot_that_wrote_much_is_sealed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lived, store = sealed_with_runs_under_way()
    monkeypatch.setattr("mainstay.runtime.writing.SEAL_EVERY", 2 * len(lived.director.runs))
    before = sealed_at(store)
    for _ in range(CRASH_LOOP):
        assert sealed_at(store) == before
        Director(store, lived.clock, lived.director.plans, projections=STANDARD).boot()
    assert before < sealed_at(store) == store.head  # each run's work under way counts as a failed attempt
    assert checked(lived, store) == {}
