"""Every build folds every ledger that a past version wrote, and still tells its story."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.governance.costs import costs, total
from mainstay.kernel.events import NUMBERS
from mainstay.kernel.ids import digest
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import NAMES, Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rebuild import outdated, rebuild
from mainstay.ledger.run_snapshot import decode_run, encode_run
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.verify import Verified, verify
from tests.golden import scenario_console, scenario_governance, scenario_memory, scenario_recovery, shelf

LOGS = pytest.mark.parametrize("path", shelf.logs(), ids=lambda path: path.stem)


@LOGS
def test_it_still_folds_to_what_it_folded_to(path: Path) -> None:
    golden = shelf.read(path)
    assert shelf.expectation(golden) == json.loads(golden.expected.read_text("utf-8"))


@LOGS
def test_explain_still_tells_its_story(path: Path) -> None:
    golden = shelf.read(path)
    told = golden.stories.read_text("utf-8")
    assert shelf.stories_text(golden) == told, "if the words are better now: make_golden_log.py --retell"


@LOGS
def test_its_chain_holds_and_is_linked_today_as_it_was_then(path: Path) -> None:
    golden = shelf.read(path)
    store = InMemoryStore()
    shelf.stored_again(golden, store)
    assert store.read_all(limit=len(golden.events) + 1) == golden.events
    assert verify(store) == Verified(len(golden.events), golden.events[-1].hash)


@LOGS
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_views_can_be_rebuilt_from_it(path: Path, kind: str, tmp_path: Path) -> None:
    golden = shelf.read(path)
    tables = Projector(STANDARD).tables
    store: InMemoryStore | SqliteStore = InMemoryStore(tables=tables)
    if kind == "sqlite":
        store = SqliteStore(tmp_path / "ledger.sqlite3", tables=tables)
    shelf.stored_again(golden, store)
    codec = Codec(golden.plans.__getitem__)
    rebuild(store, codec, STANDARD, epoch=store.epoch(), at=Instant(golden.events[-1].at))
    expected = json.loads(golden.expected.read_text("utf-8"))
    rows = {row["run"]: row for row in store.select("runs", limit=100_000)}
    assert {run: row["spent"] for run, row in rows.items()} == {
        run: one["spent"] for run, one in expected.items()
    }
    assert {row["run"] for row in store.select("open_runs", limit=100_000)} == {
        run for run, one in expected.items() if one["left"]
    }
    assert total(costs(store)).cost_micros == sum(one["spent"] for one in expected.values())
    waiting = [
        task for one in expected.values() for task in one["tasks"].values() if task["phase"] == "APPROVAL"
    ]
    assert store.count("approvals", where={"status": "waiting"}) == len(waiting)
    assert outdated(store, STANDARD) == ()
    store.close()


@LOGS
def test_its_runs_survive_a_snapshot(path: Path) -> None:
    golden = shelf.read(path)
    for state in shelf.folded(golden).values():
        assert decode_run(encode_run(state, 1), golden.plans.__getitem__) == (state, 1)


@LOGS
def test_its_definitions_can_still_be_read_under_their_digests(path: Path) -> None:
    golden = shelf.read(path)
    assert golden.definitions
    for name, raw in golden.definitions.items():
        assert digest(raw) == name
        assert golden.plans[name].workflow.name


@LOGS
def test_a_changed_byte_in_it_is_seen(path: Path) -> None:
    golden = shelf.read(path)
    at = len(golden.events) // 2
    event = golden.events[at]
    changed = replace(event, data=event.data.replace(b"1", b"2", 1) if b"1" in event.data else b"{}")
    store = InMemoryStore()
    shelf.stored_again(
        replace(golden, events=(*golden.events[:at], changed, *golden.events[at + 1 :])), store
    )
    assert store.read_all(limit=len(golden.events))[at].hash != event.hash


def test_the_shelf_holds_every_event_in_every_shape_that_can_be_read() -> None:
    codec = Codec({}.__getitem__)
    there = {(one.type, one.schema) for path in shelf.logs() for one in shelf.read(path).events}
    missing = {
        f"{NAMES[number]}/{schema}"
        for number in NUMBERS
        for schema in range(1, codec.schema(number) + 1)
        if (number, schema) not in there
    }
    assert not missing, f"make_golden_log.py NAME would shelve these: {sorted(missing)}"


def test_logs_are_numbered_without_gaps() -> None:
    assert [int(path.stem[:4]) for path in shelf.logs()] == list(range(1, len(shelf.logs()) + 1))


def test_the_plays_of_whole_directors_tell_every_event_and_the_same_each_time() -> None:
    told: set[int] = set()
    plays = (scenario_recovery, scenario_memory, scenario_governance, scenario_console)
    for play in (one.play for one in plays):
        office = play()
        events = office.store.read_all(limit=100_000)
        told |= {one.type for one in events}
        assert events == play().store.read_all(limit=100_000)
        assert office.director.cards_agree()
    assert {NAMES[number] for number in set(NUMBERS) - told} == set()
