"""`mainstay simulate`: an operator's own workflow in invented histories, and what is told of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.main import run
from mainstay.data import sample_path
from mainstay.testing import simulation
from mainstay.testing.observed import BECAME
from mainstay.testing.planted import PLANTED
from mainstay.testing.workflow_simulation import Part

Said = Callable[..., tuple[int, str, str]]

NEVER = """
  escalate:
    role: specialist
    agent: intent
    when: { and: [{ field: annotate.intent, is: refund }, { field: annotate.intent, is: invoice }] }
    in:
      message: ${trigger.message}
"""


ROUNDS = """
name: rounds
version: 1
concurrency: { runs: 1 }
tasks:
  sort:
    role: specialist
    agent: intent
    for_each: ${trigger.rows}
    in:
      message: ${trigger.message}
    delay: PT10M
  mark:
    act: email.label
    needs: [sort]
    in:
      message: ${trigger.message}
      labels: ${trigger.labels}
    compensate: email.label
  answer:
    act: email.reply
    needs: [mark]
    in:
      message: ${trigger.message}
      reply: ${trigger.reply}
"""

QUICK = """
name: quick
version: 1
deadline: PT40S
tasks:
  sort:
    role: specialist
    agent: intent
    in:
      message: ${trigger.message}
  mark:
    act: email.label
    needs: [sort]
    in:
      message: ${trigger.message}
      labels: ${trigger.labels}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The files of the sample workspace, and nothing else: no key, no ledger, no mailbox."""
    root = tmp_path / "desk"
    shutil.copytree(str(sample_path("workspace")), root)
    return root


@pytest.fixture
def said(desk: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    def say(*arguments: str) -> tuple[int, str, str]:
        code = run(["simulate", *arguments, "--workspace", str(desk)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return say


def test_what_becomes_of_a_workflow_is_told(said: Said) -> None:
    code, out, _ = said("triage", "--seeds", "20")

    assert code == 0
    assert out.startswith("triage, version 1: 20 histories, ")
    for word in ("How runs ended", "succeeded", "cards", "in doubt", "retries", "annotate", "A run cost"):
        assert word in out
    assert "Every promise was kept" in out


def test_the_same_figures_come_as_json(said: Said) -> None:
    told: dict[str, Any] = json.loads(said("triage", "--seeds", "20", "--json")[1])

    assert told["workflow"] == "triage"
    assert told["histories"] == 20
    assert sum(told["runs"].values()) >= 20
    assert told["counted"]["cards"]["total"] > 0
    assert set(told["tasks"]) >= {"annotate", "draft", "inspect", "label", "send"}
    assert {word for one in told["tasks"].values() for word in one} <= set(BECAME)
    assert told["violations"] == []
    assert told["cost_micros"]["most"] >= told["cost_micros"]["middle"] >= told["cost_micros"]["least"]


def test_nothing_is_left_behind(desk: Path, said: Said) -> None:
    before = sorted(desk.rglob("*"))
    said("triage", "--seeds", "2")
    assert sorted(desk.rglob("*")) == before


def test_a_seed_is_one_history_and_is_told_the_same_again(said: Said) -> None:
    first, again = said("triage", "--seed", "3"), said("triage", "--seed", "3")

    assert first == again
    assert "run 1, annotate: The work began" in first[1]
    assert first[1].endswith("Every promise was kept.\n")
    assert said("triage", "--seed", "4")[1] != first[1]


def test_a_task_that_never_runs_is_pointed_out(desk: Path, said: Said) -> None:
    file = desk / "workflows" / "triage.yaml"
    file.write_text(file.read_text("utf-8").rstrip() + NEVER, "utf-8")

    _, out, _ = said("triage", "--seeds", "15")

    assert "`escalate` never ran: its condition was never true in 15 histories." in out


def test_a_rule_that_never_decides_is_pointed_out(desk: Path, said: Said) -> None:
    rules = desk / "policies" / "own.toml"
    rules.write_text(
        '[[rule]]\nname = "elsewhere"\nwhen = { act = "email.reply", mailbox = "sales" }\nthen = "deny"\nwhy = "x"\n'
    )
    (line,) = [one for one in said("triage", "--seeds", "15")[1].split("\n") if "never decided" in one]
    assert "'elsewhere'" in line


def test_the_rules_in_force_are_the_operators_own(desk: Path, said: Said) -> None:
    rules = desk / "policies" / "default.toml"
    rules.write_text('[[rule]]\nname = "no"\nwhen = { act = "email.*" }\nthen = "deny"\nwhy = "never"\n')

    told = json.loads(said("triage", "--seeds", "15", "--json")[1])

    assert told["counted"]["denied by a rule"]["total"] > 0
    assert told["counted"]["cards"]["total"] == told["counted"]["acts done"]["total"] == 0


def test_a_broken_promise_is_told_as_the_shortest_story(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = next(one for one in PLANTED if one.name == "counts are not kept")
    with planted.active() as parts:
        monkeypatch.setattr("mainstay.testing.history.Parts", lambda: parts)
        code, out, _ = said("triage", "--seeds", "20")
        told = json.loads(said("triage", "--seeds", "20", "--json")[1])
        seed = str(told["violations"][0]["seed"])
        again = said("triage", "--seed", seed)

    assert code == 1
    assert "A promise was broken in history" in out
    assert "counts equal what the log says" in out
    assert "A run of triage began" in out
    assert f"Again: mainstay simulate triage --seed {seed}" in out
    assert told["story"][-1].endswith("It is done.")
    assert again[0] == 1
    assert len(told["story"]) < again[1].count("\n")


def test_a_workflow_of_ones_own_with_a_fan_out_and_acts_that_are_taken_back(desk: Path, said: Said) -> None:
    (desk / "workflows" / "rounds.yaml").write_text(ROUNDS, "utf-8")
    settings = desk / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[throttles]\nworkspace = "20/minute"\n', "utf-8")

    told = json.loads(said("rounds", "--seeds", "40", "--json")[1])

    assert told["violations"] == []
    assert told["tasks"]["sort"]["ran"] > 0
    assert told["tasks"]["mark"]["done"] > 0
    assert told["counted"]["took back what it did"]["total"] > 0
    assert told["counted"]["put off"]["total"] > 0


def test_a_name_that_is_not_there(said: Said) -> None:
    code, _, err = said("triaje")
    assert code == 5
    assert "There is no workflow 'triaje'." in err
    assert "triage" in err


def test_a_workflow_that_does_not_load(desk: Path, said: Said) -> None:
    file = desk / "workflows" / "triage.yaml"
    file.write_text(file.read_text("utf-8").replace("agent: intent", "agent: nobody"), "utf-8")

    code, _, err = said("triage")

    assert code != 0
    assert "workflows/triage.yaml" in err
    assert "nobody" in err


def test_a_folder_that_is_no_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["simulate", "triage", "--workspace", str(tmp_path / "empty")]) != 0
    assert "is no workspace" in capsys.readouterr().err


@pytest.mark.long
def test_several_processes_see_the_same(said: Said) -> None:
    alone = json.loads(said("triage", "--seeds", "60", "--json", "--workers", "1")[1])
    together = json.loads(said("triage", "--seeds", "60", "--json", "--workers", "2")[1])
    assert alone == together


def test_the_reason_is_told_where_a_run_failed_as_a_whole(desk: Path, said: Said) -> None:
    (desk / "workflows" / "quick.yaml").write_text(QUICK, "utf-8")

    lines = said("quick", "--seeds", "40")[1].split("\n")

    (at,) = [number for number, line in enumerate(lines) if "where nothing went wrong outside" in line]
    failed = int(lines[at].split()[-2])
    told = [line.strip() for line in lines[at + 1 :] if "the whole run" in line]
    assert told == [f"the whole run, {failed} times: its deadline passed"]


def test_an_interrupt_is_told_in_a_word(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Generator[Part]:
        yield Part()
        raise KeyboardInterrupt

    monkeypatch.setattr("mainstay.testing.workflow_simulation.run_parts", interrupted)
    code, out, err = said("triage", "--seeds", "60")
    assert (code, out, err) == (130, "", "\nStopped. What was seen so far is lost.\n")


def test_the_developers_simulation_is_interrupted_likewise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "_simulate", interrupted)
    assert simulation.main(["--seeds", "60"]) == 130
    assert capsys.readouterr().err == "\nStopped. What was seen so far is lost.\n"
