"""Whether a workspace is well: what counts as down, what as degraded, and that each reason says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.store import NewEvent, Put, RowChange, StreamAppend, Version
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.heartbeat import Heartbeat, Outage, beat, write_outage
from mainstay.workspace import health as module
from mainstay.workspace.folder import Folder, create
from mainstay.workspace.health import Health, Within, health, read_told

OURS = Within()


@pytest.fixture
def folder(short_path: Path) -> Folder:
    made, _ = create(short_path / "desk", "desk")
    made.ledger.touch()
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def store_with(*rows: RowChange, at: int = 0, events: int = 0) -> InMemoryStore:
    store = InMemoryStore(tables=TABLES)
    new = [NewEvent(1, 1, b"{}", "test", bytes(16)) for _ in range(events)]
    batch = [StreamAppend(StreamId("workspace"), Version(0), new)] if new else []
    store.append(batch, epoch=store.acquire(), at=Instant(at), changes=rows)
    return store


def told(found: Health) -> list[tuple[str, bool]]:
    assert all(one.why and one.remedy for one in found.reasons)
    return [(one.what, one.down) for one in found.reasons]


def test_all_is_well(folder: Folder, clock: ManualClock) -> None:
    found = health(folder, clock, store=store_with(), within=OURS)
    assert (found.state, found.ok, found.reasons) == ("ok", True, ())
    beat(folder.heartbeat, Heartbeat(clock.now()))
    assert health(folder, clock, store=store_with()).state == "ok"


@pytest.mark.parametrize(
    ("ago_s", "stopped", "state", "said"),
    [
        (None, False, "down", "None was ever at work"),
        (100, False, "ok", ""),
        (130, False, "down", "No sign of life for 2 minutes"),
        (-7200, False, "down", "No sign of life for 2 hours"),
        (1, True, "down", "It was stopped"),
    ],
)
def test_a_director_is_known_by_its_sign_of_life(
    folder: Folder, clock: ManualClock, ago_s: int | None, stopped: bool, state: str, said: str
) -> None:
    if ago_s is not None:
        beat(folder.heartbeat, Heartbeat(clock.now() - ago_s * SECOND, stopped=stopped))
    found = health(folder, clock, store=store_with())
    assert found.state == state
    assert said in "".join(one.why for one in found.reasons)


def test_a_director_that_does_not_answer_is_down_however_fresh_its_sign_of_life_is(
    folder: Folder, clock: ManualClock
) -> None:
    beat(folder.heartbeat, Heartbeat(clock.now() - 5 * SECOND))
    found = health(folder, clock, store=store_with(), answers=False)
    assert told(found) == [("director", True)]
    assert "does not answer" in found.reasons[0].why


def test_a_full_disk_and_a_ledger_that_cannot_be_written_are_down(
    folder: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(health(folder, clock, store=store_with(), within=Within(disk_full=True))) == [("disk", True)]
    monkeypatch.setattr(module, "SPACE_NONE_BYTES", 2**62)
    assert told(health(folder, clock, store=store_with(), within=OURS)) == [("disk", True)]
    monkeypatch.undo()
    monkeypatch.setattr("os.access", lambda place, mode: False)  # whoever runs the tests may be root
    assert told(health(folder, clock, store=store_with(), within=OURS)) == [("ledger", True)]


def test_a_ledger_that_cannot_be_read_is_down(folder: Folder, clock: ManualClock) -> None:
    folder.ledger.write_bytes(b"this is no database, it is much too short for one" * 40)
    assert told(health(folder, clock, within=OURS)) == [("ledger", True)]


INCIDENT: dict[str, Any] = {"what": "Nothing was heard.", "known": "{}", "candidates": '["look at it"]'}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (Put("house", ("kill_switch",), {"value": "on"}), "kill switch"),
        (
            Put("incidents", ("source_silent", "support"), {**INCIDENT, "at": 1, "times": 1}),
            "mailbox support",
        ),
        (Put("incidents", ("backup_failed", ""), {**INCIDENT, "at": 1, "times": 1}), "backup"),
        (Put("incidents", ("crash_loop", ""), {**INCIDENT, "at": 1, "times": 1}), "crash loop"),
        (
            Put(
                "breakers",
                ("support", "reply"),
                {"until": 9, "failures": 5, "reason": "ada@example.org is full"},
            ),
            "support.reply",
        ),
        (
            Put("objectives", ("triage", "success"), {"bad": 3, "total": 9, "breached_at": 1}),
            "objective triage",
        ),
        (Put("secrets", ("keyring:support",), {"expires_at": 5}), "secret"),
    ],
)
def test_what_is_wrong_in_part_degrades(folder: Folder, clock: ManualClock, row: Put, what: str) -> None:
    found = health(folder, clock, store=store_with(row), within=OURS)
    assert (found.state, found.ok, told(found)) == ("degraded", True, [(what, False)])
    assert "ada" not in str(found.told()), "what an outside system said is sealed, and stays so"


@pytest.mark.parametrize(
    "row",
    [
        Put("house", ("kill_switch",), {"value": "off"}),
        Put("incidents", ("backup_failed", ""), {**INCIDENT, "at": 1, "cleared_at": 2}),
        Put("objectives", ("triage", "success"), {"bad": 3, "total": 9, "breached_at": 1, "met_at": 2}),
        Put("secrets", ("keyring:support",), {"expires_at": 0}),
    ],
)
def test_what_is_over_does_not(folder: Folder, clock: ManualClock, row: Put) -> None:
    assert health(folder, clock, store=store_with(row), within=OURS).state == "ok"


def test_the_clock_and_the_checkpoints_are_held_against_the_ledger(
    folder: Folder, clock: ManualClock
) -> None:
    ahead = store_with(at=clock.now() + 2 * MINUTE, events=1)
    assert told(health(folder, clock, store=ahead, within=OURS)) == [("clock", False)]
    assert health(folder, clock, store=store_with(at=clock.now(), events=1), within=OURS).state == "ok"
    signed = Put("checkpoints", (1,), {"root": "", "key": "", "signature": "", "at": clock.now()})
    late = store_with(signed, at=clock.now(), events=9)
    clock.advance(2 * DAY)
    assert health(folder, clock, store=late, within=OURS).state == "ok"
    clock.advance(HOUR)
    assert told(health(folder, clock, store=late, within=OURS)) == [("checkpoint", False)]
    nothing_since = store_with(signed, at=clock.now(), events=2)
    assert health(folder, clock, store=nothing_since, within=OURS).state == "ok", (
        "one event: the signing itself"
    )


def test_an_embedder_that_is_missing_and_a_notifier_that_fails(folder: Folder, clock: ManualClock) -> None:
    found = health(
        folder, clock, store=store_with(), within=Within(embedder_missing="onnx is not installed.")
    )
    assert told(found) == [("embedder", False)]
    beat(folder.heartbeat, Heartbeat(clock.now()))
    write_outage(folder.outage, Outage(1, clock.now() - 3 * MINUTE))
    assert told(health(folder, clock, store=store_with())) == [("notifier", False)]
    write_outage(folder.outage, Outage(1, clock.now() - 3 * MINUTE, told_at=5))
    assert health(folder, clock, store=store_with()).state == "ok"


def test_the_gravest_comes_first_and_it_survives_the_socket(folder: Folder, clock: ManualClock) -> None:
    killed = store_with(Put("house", ("kill_switch",), {"value": "on"}))
    found = health(folder, clock, store=killed, within=Within(disk_full=True, embedder_missing="none"))
    assert told(found) == [("disk", True), ("embedder", False), ("kill switch", False)]
    assert read_told(found.told()) == found
    assert (found.told()["state"], found.told()["ok"]) == ("down", False)
