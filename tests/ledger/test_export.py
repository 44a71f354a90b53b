from __future__ import annotations

import json
import re

import pytest

from mainstay.kernel.values import Instant
from mainstay.ledger.export import cloud_event, export, rfc3339
from mainstay.ledger.store import Position
from tests.ledger.any_run import Play, wander

SOURCE = "urn:mainstay:north-desk"
REQUIRED = {"id", "source", "specversion", "type"}
ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")


def test_every_event_is_a_cloud_event() -> None:
    play = wander(3)
    lines = list(export(play.store, SOURCE))
    assert len(lines) == play.store.head
    for position, line in enumerate(lines, start=1):
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        event = json.loads(line)
        assert set(event) >= REQUIRED
        assert event["specversion"] == "1.0"
        assert event["id"] == str(position)
        assert all(isinstance(value, str) and value for name, value in event.items() if name != "data")
        assert all(ATTRIBUTE.fullmatch(name) for name in event)


def test_the_stored_bytes_are_the_data() -> None:
    play = Play()
    play.start("triage", key="thread")
    recorded = play.store.read_all(limit=1)[0]
    [first, *_] = export(play.store, SOURCE)
    assert b'"data":' + recorded.data + b"}\n" in first
    event = json.loads(first)
    assert event["type"] == "run.started/1"
    assert event["time"] == "2023-11-14T22:13:20.000000Z"
    assert event["subject"] == event["correlationid"] == recorded.stream
    assert event["hash"] == recorded.hash.hex()
    assert event["transactionid"] == recorded.transaction.hex()
    assert event["streamversion"] == "1"
    assert "causationid" not in event
    assert event["data"]["workflow"] == "triage"


def test_causes_are_positions() -> None:
    play = Play()
    play.start("triage")
    second = play.store.read_all(limit=10)[1]
    assert second.causation == 1
    assert cloud_event(second, SOURCE)["causationid"] == "1"


def test_an_export_can_go_on_where_another_ended() -> None:
    play = wander(4)
    lines = list(export(play.store, SOURCE))
    assert list(export(play.store, SOURCE, after=Position(5))) == lines[5:]


def test_times_are_exact_to_the_microsecond() -> None:
    assert rfc3339(Instant(0)) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(Instant(1_700_000_000_000_001)) == "2023-11-14T22:13:20.000001Z"


@pytest.mark.parametrize(
    ("at", "text"),
    [(-(10**18), "0001-01-01T00:00:00.000000Z"), (10**18, "9999-12-31T23:59:59.999999Z")],
)
def test_a_time_that_no_calendar_has_is_told_as_the_nearest(at: int, text: str) -> None:
    assert rfc3339(Instant(at)) == text
