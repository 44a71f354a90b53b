"""Proposals from the command line, and the command that clients start."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli import main as command_line
from tests.cli.conftest import Desk


def test_a_proposal_waits_for_a_director_and_is_made_once(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _a_run(desk)
    given = json.dumps({"message": run, "labels": ["later"]})
    command = ["propose", "email.label", given, "--why", "it can wait", "-w", str(desk.root), "--json"]
    assert command_line.run(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert command_line.run(command) == 0
    again = json.loads(capsys.readouterr().out)

    assert first["events"] > 0
    assert not first["live"]
    assert (again["run"], again["events"]) == (first["run"], 0)
    assert command_line.run(command[:-1]) == 0
    assert "proposed before" in capsys.readouterr().out


def test_what_can_be_proposed_is_listed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["propose", "-w", str(desk.root)]) == 0
    assert "email.reply  takes message, reply" in capsys.readouterr().out


def test_arguments_come_from_a_file_or_from_standard_input(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"message": _a_run(desk), "labels": ["later"]}
    (tmp_path / "given.json").write_text(json.dumps(given), "utf-8")
    told: list[Any] = []
    for how in (f"@{tmp_path / 'given.json'}", "-"):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
        assert command_line.run(["propose", "email.label", how, "-w", str(desk.root), "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out)["run"])

    assert told[0] == told[1], "the same act with the same arguments"


@pytest.mark.parametrize("given", ["", "[1]", "{", "@/no/such/file"])
def test_what_is_no_object_is_refused(desk: Desk, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["propose", "email.label", given, "-w", str(desk.root)]) == 5
    assert "no JSON object" in (err := capsys.readouterr().err) or "cannot be read" in err


def test_who_was_forgotten_is_not_answered(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    run = _a_run(desk)
    with desk.workspace as opened:
        opened.forgetting.forget(str(opened.message(run)["from_address"]))
    before = _head(desk)
    given = json.dumps({"message": run, "reply": {"text": "Thank you."}})

    assert command_line.run(["propose", "email.reply", given, "-w", str(desk.root)]) == 5
    assert "was forgotten" in capsys.readouterr().err
    assert _head(desk) == before


def test_a_token_that_opens_nothing_lets_no_client_in(
    desk: Desk, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "mst_nothing")
    assert command_line.run(["mcp", "-w", str(desk.root), "--token", "env:A_TOKEN"]) == 5
    told = capfd.readouterr()
    assert "This token opens nothing." in told.err
    assert told.out == ""


def _a_run(desk: Desk) -> str:
    with desk.workspace as opened:
        return next(str(row["run"]) for row in opened.runs(limit=50) if row["message"])


def _head(desk: Desk) -> int:
    with desk.workspace as opened:
        return opened.head
