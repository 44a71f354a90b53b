"""The bench of the ledger at a tiny size: it fills what a director would write, and what boots is all that was left."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mainstay.bench import ledger
from mainstay.bench.ledger import Options, run_ledger
from mainstay.bench.ledger_copies import AT_ONCE, MAILBOX, Copies
from mainstay.bench.ledger_traffic import LEFT, MIX, Traffic, workflows
from mainstay.bench.report import Report
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import rebuild
from mainstay.ledger.verify import Verified, verify


def views(store: InMemoryStore) -> dict[str, list[Any]]:
    return {table.name: store.select(table.name, limit=1_000_000) for table in TABLES}


@pytest.fixture(scope="module")
def filled() -> tuple[InMemoryStore, Traffic]:
    """Some copies beside some runs that are left."""
    store = InMemoryStore(tables=TABLES)
    traffic = Traffic(store, events=20_000, unfinished=2 * len(LEFT), left_by=4_000)
    copies = Copies(store)
    for _ in range(12):
        traffic.director.writing.position = copies.append(
            epoch=traffic.director.epoch, at=traffic.clock.now(), position=traffic.director.position
        )
        traffic.go_on(begin=False)
    while copies.active:
        traffic.director.writing.position = copies.append(
            epoch=traffic.director.epoch,
            at=traffic.clock.now(),
            position=traffic.director.position,
            begin=False,
        )
    while len(traffic.left) < 2 * len(LEFT):
        traffic.go_on()
    traffic.drain()
    return store, traffic


def test_copies_are_whole_runs_whose_views_are_what_their_events_say(
    filled: tuple[InMemoryStore, Traffic],
) -> None:
    store, traffic = filled
    kept = views(store)
    plans = workflows()
    codec = Codec(lambda wanted: plans[wanted][0])
    marks = [store.get("meta", (f"projection:{one.name}",)) for one in STANDARD]
    assert all(marks)
    for one in STANDARD:
        store._rows["meta"].pop((f"projection:{one.name}",))
    rebuild(store, codec, STANDARD, epoch=traffic.director.epoch, at=traffic.clock.now())
    assert views(store) == kept
    assert isinstance(verify(store), Verified)


def test_no_two_copies_share_an_id_or_a_blob(filled: tuple[InMemoryStore, Traffic]) -> None:
    store, _ = filled
    copied = store.version(MAILBOX)
    assert copied >= AT_ONCE
    messages = [row for row in store.select("messages", limit=1_000_000) if row["mailbox"] == "support"]
    contents = [row["content"] for row in store.select("messages", limit=1_000_000)]
    assert len(messages) == len(contents) > copied
    assert len(set(contents)) == len(contents)
    assert all(store.blob(Digest(str(one))) is not None for one in contents)
    runs = store.select("runs", where={"status": "succeeded"}, limit=1_000_000)
    assert len(runs) >= copied
    keys = [row["key"] for row in runs]
    assert len(set(keys)) == len(keys)


def test_those_that_are_left_stand_in_every_way_that_a_run_can_wait(
    filled: tuple[InMemoryStore, Traffic],
) -> None:
    _, traffic = filled
    runs = traffic.director.runs
    assert set(runs) == set(traffic.left)
    assert len(runs) == 2 * len(LEFT)
    phases = {task.phase for one in runs.values() for _, task in one.state.all_tasks()}
    assert phases >= {Phase.APPROVAL, Phase.RUNNING, Phase.RETRYING}
    queued = [one for one in runs.values() if one.state.status is Status.QUEUED]
    assert len(queued) == 2 * LEFT.count("queued")


def test_a_run_has_about_a_hundred_events() -> None:
    store = InMemoryStore(tables=TABLES)
    traffic = Traffic(store, events=100_000, unfinished=0, left_by=0)
    traffic.begin_max = len(MIX)
    traffic.go_on()
    traffic.drain()
    runs = store.select("runs", limit=100)
    assert len(runs) == len(MIX)
    mean = sum(store.version(run_stream(RunId(str(row["run"])))) for row in runs) / len(runs)
    assert 80 <= mean <= 125


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = str(tmp_path_factory.mktemp("bench"))
    return run_ledger(Options(events=6_000, unfinished=16, boot_at=2_000, samples=4, folder=folder))


@pytest.mark.long
def test_every_figure_is_there_and_is_json(report: Report) -> None:
    told = json.loads(json.dumps(report.as_dict()))
    wanted = ("append_growth", "boot_s", "cold_boot_s", "boot_growth", "boot_peak_mb", "bytes_per_event")
    assert all(told[name] > 0 for name in (*wanted, "append_p50_ms_first", "append_p50_ms_last"))
    assert told["unfinished"] == 16
    assert told["events"] >= 6_000
    assert len(told["windows"]) == 11
    assert told["windows"][0]["events"] < told["windows"][-1]["events"]
    assert sum(told["boots"]["phases"].values()) > 16
    assert len(told["boots"]["s"]) == ledger.BOOTS
    assert all(told[name] > 0 for name in ("crash_loop_boot_s", "boot_after_it_s", "first_boot_after_it_s"))


@pytest.mark.long
def test_nothing_is_left_behind_and_no_key_among_the_users(report: Report) -> None:
    assert list(Path(report.options["folder"]).iterdir()) == []
    assert "mainstay-bench-" not in os.environ.get("MAINSTAY_KEY_HOME", "")


def test_a_slower_append_or_boot_is_told() -> None:
    figures = {"append_growth": 1.4, "boot_s": 2.0, "boot_growth": 2.5, "boot_peak_mb": 100.0}
    missed = Report(figures, {}, {}, title="mainstay bench ledger").missed
    assert [goal.field for goal in missed] == ["append_growth", "boot_growth"]
