"""The sealed copy of what decisions rest on: what differs from the events is found, and what is cut off is refused."""

import pytest

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.values import Instant
from mainstay.ledger import standing
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.standing import VIEWS, disagreements, seal, sealed_at
from mainstay.ledger.store import Add, Delete, Put, RowChange
from tests.ledger.lived import Lived

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
    ],
)
def test_a_row_that_no_event_made_is_found(lived: Lived, change: object, view: str) -> None:
    (done,) = lived.store.select("done", limit=1)
    spent = lived.store.select("spent", limit=1)[0]
    opened = lived.store.select("open_runs", limit=1)[0]
    made: RowChange = change({**done, **spent, "open": opened["run"]})  # type: ignore[operator]
    lived.change(made)
    assert found(lived) == (view,)


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
    monkeypatch.setattr("mainstay.runtime.director.SEAL_EVERY", 5)
    lived = Lived()
    lived.work(4)
    first = sealed_at(lived.store)
    assert 0 < first <= lived.store.head
    lived.work(4)
    assert first < sealed_at(lived.store) <= lived.store.head
    assert found(lived) == ()
    assert lived.store.get(SNAPSHOTS.name, (standing.NAME,)) is not None
