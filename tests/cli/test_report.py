"""`mainstay report WORKFLOW` on a workspace that was triaged, and how a window is typed."""

import json
from datetime import datetime

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.report import length
from mainstay.cli.window import moment
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import DAY, HOUR, SECOND
from tests.cli.conftest import Desk

NOW = 1_800_000_000 * SECOND


def typed(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert command_line.run(["report", *arguments, "-w", str(desk.root)]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_it_tells_how_a_workflow_does(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "triage")
    for part in ("succeeded", "in flight", "Where time went", "agents at work", "Cost ", "Your time "):
        assert part in text
    assert all(len(line) <= 80 for line in text.splitlines())
    told = json.loads(typed(desk, capsys, "triage", "--json"))
    with desk.workspace as opened:
        rows = opened.rows("runs", where={"workflow": "triage"}, limit=1_000)
    assert told["count"] == len(rows) > 0
    assert told["runs"]["succeeded"] == sum(row["status"] == "succeeded" for row in rows)
    assert told["cost_micros"] == sum(row["spent"] or 0 for row in rows)


def test_an_empty_window_teaches(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "triage", "--until", "2020-01-01", "--since", "2019-01-01")
    assert "0 runs begun 2019-01-01 00:00 to 2020-01-01 00:00" in text
    assert "No run of it began then." in text
    assert "mainstay runs" in text


def test_a_workflow_that_is_none_is_told_with_those_that_are(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    text = typed(desk, capsys, "triag", code=5)
    assert "There is no workflow 'triag'." in text
    assert "The ledger knows triage" in text


def test_moments_are_typed_as_people_say_them() -> None:
    def at(text: str) -> int:
        return moment(text, now_us=NOW, option="--since")

    assert (at("7d"), at("12h"), at("2W")) == (NOW - 7 * DAY, NOW - 12 * HOUR, NOW - 14 * DAY)
    assert at("2026-11-01") == int(datetime(2026, 11, 1).timestamp()) * SECOND
    assert at("2026-11-01T09:30") == int(datetime(2026, 11, 1, 9, 30).timestamp()) * SECOND
    assert at("2026-11-01T09:30Z") == 1_793_525_400 * SECOND
    assert at("999999w") == 0
    for wrong in ("", "yesterday", "7x", "2026-13-01", "1_000d"):
        with pytest.raises(CommandRefused, match="--since"):
            at(wrong)


def test_lengths_are_told_in_the_unit_that_fits() -> None:
    told = [length(us) for us in (0, 5, 45_000, 3_200_000, 100 * SECOND, 5 * 60 * SECOND, 27_000 * SECOND)]
    assert told == ["0", "<1 ms", "45 ms", "3.2 s", "100 s", "5.0 min", "7.5 h"]
    assert length(3 * DAY) == "3.0 d"
