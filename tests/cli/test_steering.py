"""Pause, resume, cancel, restart, fork and dead letters at the command line: what is done, shown and refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.runs import _changes
from mainstay.kernel.errors import CommandRefused
from mainstay.workspace import Workspace
from tests.cli.conftest import Desk, until


class Typed:
    """A command in this process, in one workspace."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys

    def text(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = command_line.run([*arguments, "-w", str(self.root)])
        said = self._capsys.readouterr()
        assert ended == code, said.out + said.err
        return said.err if code else said.out

    def value(self, *arguments: str) -> Any:
        return json.loads(self.text(*arguments, "--json"))


@pytest.fixture
def typed(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(desk.root, capsys)


@pytest.fixture
def waiting(typed: Typed) -> str:
    """A run whose reply waits for approval."""
    return str(typed.value("approvals")["waiting"][0]["run"])


@pytest.fixture
def over(typed: Typed) -> str:
    """A run that has succeeded."""
    return str(typed.value("runs", "--status", "succeeded")[0]["run"])


# --- pause and resume ---------------------------------------------------------------------------------------


def test_resume_takes_back_what_is_on(typed: Typed) -> None:
    assert typed.text("resume") == "Nothing is paused, and the kill switch is off.\n"
    assert "No director is at work" in typed.text("kill")
    assert "The kill switch is now off." in typed.text("resume")
    assert "Paused: the whole workspace." in typed.text("pause")
    assert "It was paused already" in typed.text("pause")
    assert "Goes on: the whole workspace." in typed.text("resume")
    assert typed.value("resume", "workspace")["events"] == 0


def test_resume_asks_which_where_both_are_on(typed: Typed) -> None:
    typed.text("kill")
    typed.text("pause", "workspace", "--reason", "moving house")
    refused = typed.text("resume", code=5)
    assert "Both the kill switch and a pause of the workspace are on." in refused
    assert "mainstay resume --kill-switch" in refused
    assert typed.value("status")["kill_switch"] is True
    assert "Still paused: the whole workspace: mainstay resume workspace" in typed.text(
        "resume", "--kill-switch"
    )
    assert typed.value("status")["kill_switch"] is False
    assert "moving house" in typed.text("status")
    typed.text("resume", "workspace")
    assert typed.value("status")["paused"] == []


def test_a_workflow_and_an_adapter_are_paused_by_name(typed: Typed) -> None:
    paused = typed.value("pause", "workflow", "triage")
    assert (paused["what"], paused["name"], paused["events"], paused["live"]) == (
        "workflow",
        "triage",
        1,
        False,
    )
    typed.text("pause", "adapter", "support")
    assert [(row["scope"], row["name"]) for row in typed.value("status")["paused"]] == [
        ("adapter", "support"),
        ("workflow", "triage"),
    ]
    told = typed.text("kill"), typed.text("resume")  # names are paused, so a word is not needed
    assert "The kill switch is now off." in told[1]
    assert "mainstay resume workflow triage" in told[1]
    assert "mainstay resume adapter support" in typed.text("resume", "workflow", "triage")


def test_a_run_is_paused_and_goes_on(typed: Typed, waiting: str) -> None:
    assert f"mainstay resume run {waiting[-8:]}" in typed.text("pause", "run", waiting[-8:])
    assert [row["run"] for row in typed.value("runs", "--status", "paused")] == [waiting]
    assert "1 paused" in typed.text("status")
    typed.text("resume", "run", waiting)
    assert typed.value("runs", "--status", "paused") == []
    assert "--task send" in typed.text("pause", "run", waiting, "--task", "send")
    assert "approval, paused" in typed.text("run", "show", waiting)
    assert "Goes on: send of run" in typed.text("resume", "run", waiting, "--task", "send")
    assert "is done: succeeded" in typed.text("pause", "run", waiting, "--task", "annotate")


@pytest.mark.long
def test_what_people_read_keeps_to_the_width_of_their_screen(
    typed: Typed, waiting: str, tmp_path: Path
) -> None:
    typed.text("pause", "--reason", "because " * 600)
    with Workspace.open(typed.root) as opened:
        card = next(one.approval for one in opened.approvals() if one.run == waiting)
    for command in (
        "inbox",
        "status",
        "schedules",
        "incidents",
        "ledger stats",
        "ledger compact",
        f"explain {waiting}",
        f"approvals show {card}",
        f"ledger backup {tmp_path}/b",
    ):
        for line in typed.text(*command.split()).splitlines():
            quoted = line.startswith(("  | ", "  > "))
            assert quoted or len(line) <= 80 or " " not in line.strip(), (command, line)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("pause workflow nope", "There is no workflow 'nope'"),
        ("pause adapter nope", "There is no adapter 'nope'"),
        ("pause workflow", "Which workflow?"),
        ("pause run", "Which run?"),
        ("pause workspace support", "has no name"),
        ("pause elsewhere", "nothing that can be paused"),
        ("pause run ffffffff", "There is no run 'ffffffff'"),
        ("pause run zz", "is no id of a run"),
        ("pause workflow triage --task send", "a task of one run"),
        ("resume --kill-switch workspace", "for the whole workspace"),
        ("resume workflow triage --reason done", "recorded with a pause"),
        ("resume --task send", "a task of one run"),
        ("cancel", "What is to be ended?"),
        ("cancel --all --workflow triage", "--workflow and --all were both given"),
        ("cancel --workflow nope", "There is no workflow 'nope'"),
        ("cancel --adapter nope", "There is no adapter 'nope'"),
        ("cancel --all --task send", "Name the run"),
        ("cancel ffffffff", "There is no run"),
        ("runs restart ffffffff", "There is no run"),
        ("runs fork ffffffff", "There is no run"),
        ("dead-letters show ffffffff", "There is no dead letter 'ffffffff'"),
        ("dead-letters replay zz", "is no id of a dead letter"),
        ("dead-letters purge ffffffff", "There is no dead letter"),
        ("runs --status walking", "is no status of a run"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(typed: Typed, command: str, says: str) -> None:
    head = typed.value("status")["position"]
    refused = typed.text(*command.split(), code=5)
    assert says in refused
    assert "  Do:  " in refused
    assert json.loads(_json(typed, command))["exit_code"] == 5
    assert typed.value("status")["position"] == head, "nothing was decided"


def _json(typed: Typed, command: str) -> str:
    typed._capsys.readouterr()
    command_line.run([*command.split(), "--json", "-w", str(typed.root)])
    return typed._capsys.readouterr().out


def test_what_has_ended_is_neither_paused_nor_given_up(typed: Typed, over: str) -> None:
    assert "has ended" in typed.text("pause", "run", over, code=5)
    assert "has ended" in typed.text("cancel", over, "--task", "annotate", code=5)
    assert "had ended already: it is succeeded" in typed.text("cancel", over)


# --- cancel -------------------------------------------------------------------------------------------------


def test_a_task_is_given_up_and_a_done_one_is_not(typed: Typed, desk: Desk, waiting: str) -> None:
    assert "There is no task 'nope'" in typed.text("cancel", waiting, "--task", "nope", code=5)
    assert "It is succeeded" in typed.text("cancel", waiting, "--task", "annotate", code=5)
    assert "Given up: send" in typed.text("cancel", waiting, "--task", "send")
    assert typed.value("run", "show", waiting)["status"] == "succeeded"
    head = typed.value("status")["position"]
    assert "It was given up already: send" in typed.text("cancel", waiting, "--task", "send")
    assert typed.value("cancel", waiting, "--task", "send")["status"] == "skipped"
    assert typed.value("status")["position"] == head
    outcome = {one["run"]: one["outcome"] for one in typed.value("inbox")["messages"]}
    assert outcome[waiting] == "cancelled"


def test_many_are_ended_only_after_a_yes(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workspace.open(typed.root) as opened:
        runs = opened.count("open_runs")
    assert runs >= 4
    asked: list[str] = []

    def no(question: str, **_: Any) -> bool:
        asked.append(question)
        raise typer.Abort

    import typer

    monkeypatch.setattr(typer, "confirm", no)
    assert "Nothing was done." in typed.text("cancel", "--workflow", "triage", code=1)
    assert asked == [f"End {runs} open runs of workflow triage?"]
    refused = json.loads(_json(typed, "cancel --all"))
    assert refused["remedy"] == "Add --yes to do it."
    given_up = typed.value("cancel", "--adapter", "support", "--yes")["cancelled"]
    assert len(given_up) == runs
    assert {one["status"] for one in given_up} == {"cancelled"}
    assert "There is no open run" in typed.text("cancel", "--all")
    assert typed.value("cancel", "--all") == {"cancelled": []}


def test_all_is_ended(typed: Typed) -> None:
    said = typed.text("cancel", "--all", "--yes", "--reason", "a new start")
    assert "first" in said  # labels are taken back by the next director
    with Workspace.open(typed.root) as opened:
        assert opened.waiting() == 0
        assert all(row["status"] in ("compensating", "ending") for row in opened.rows("open_runs", limit=100))


# --- restart and fork ---------------------------------------------------------------------------------------


def test_runs_still_lists_whatever_stands_before_or_after(typed: Typed) -> None:
    assert len(typed.value("runs", "-n", "2")) == 2
    assert command_line.run(["runs", "--json", "-n", "1", "-w", str(typed.root)]) == 0
    assert len(json.loads(typed._capsys.readouterr().out)) == 1


def test_a_restart_names_its_parent_and_is_asked_for_once(typed: Typed, over: str, waiting: str) -> None:
    assert "has not ended" in typed.text("runs", "restart", waiting, code=5)
    assert "There is no task 'nope'" in typed.text("runs", "restart", over, "--from", "nope", code=5)
    begun = typed.value("runs", "restart", over[-8:], "--from", "annotate")
    assert (begun["parent"], begun["first"], begun["live"]) == (over, "annotate", False)
    again = typed.text("runs", "restart", over, "--from", "annotate")
    assert f"it is run {begun['run'][-8:]}" in again
    assert typed.value("runs", "restart", over, "--from", "annotate", "--again")["run"] != begun["run"]
    listed = typed.text("runs")
    assert over[-8:] in next(line for line in listed.splitlines() if begun["run"][-8:] in line)
    assert all(len(line) <= 80 for line in listed.splitlines())


def test_a_fork_goes_on_from_an_event_with_other_inputs(typed: Typed, desk: Desk, waiting: str) -> None:
    events = typed.value("explain", waiting, "--events")["events"]
    assert [one["version"] for one in events] == list(range(1, len(events) + 1))
    shown = typed.text("explain", waiting, "--events")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert f"mainstay runs fork {waiting[-8:]} --at EVENT" in shown
    drafted = next(one for one in events if one["event"] == "TaskSucceeded" and one["task"] == "draft")
    at = str(drafted["version"])
    text = desk.root / "answer.txt"
    text.write_text("Hello,\n\nplease come at ten.\n\nNorth Desk\n")
    fork = ("runs", "fork", waiting, "--at", at)

    assert "has no event 999" in typed.text("runs", "fork", waiting, "--at", "999", code=5)
    assert "had not begun to follow its plan" in typed.text("runs", "fork", waiting, "--at", "1", code=5)
    assert "There is no field 'nope.x'" in typed.text(*fork, "--set", "nope.x=1", code=5)
    assert "There is no field 'send.id'" in typed.text(*fork, "--set", "send.id=1", code=5)
    assert "It is text, and this is a number" in typed.text(*fork, "--set", "annotate.intent=1", code=5)
    assert "begins like JSON and is none" in typed.text(*fork, "--set", 'annotate.labels=["a"', code=5)
    assert "a message itself cannot be changed" in typed.text(*fork, "--set", "trigger.message=x", code=5)
    begun = typed.value(*fork, "--set", f"draft.reply=@{text}")
    assert begun["changed"] == ["draft.reply"]
    assert begun["point"] == drafted["version"]
    assert typed.value("run", "show", waiting)["status"] == "running"  # the parent goes on as it was

    desk.start()
    with desk.workspace as opened:
        opened.cancel(waiting)  # of one thread one run is at work at a time
        until(lambda: any(card.run == begun["run"] for card in opened.approvals()))
        until(lambda: any(c.run == begun["run"] and c.act == "email.reply" for c in opened.approvals()))
        (card,) = [one for one in opened.approvals() if one.run == begun["run"] and one.act == "email.reply"]
        assert "please come at ten" in card.text
        assert f"Run {waiting[:16]}, from which this one goes on, had the same task" in card.read_with
        assert "it was not done" in card.read_with
    assert "Before:   Run " in typed.text("approvals", "show", card.approval)


@pytest.mark.parametrize("given", ["nothing", "=3", "a.b=@/no/such/file", "a.b={", 'a.b="'])
def test_changes_that_are_none(given: str) -> None:
    with pytest.raises(CommandRefused):
        _changes([given])


def test_changes_are_json_where_they_are_json(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("1\n")
    given = ["a.a=1", "a.b=one two", 'a.c=["x"]', 'a.d="2"', "a.e=x=y", "a.f=true", f"a.g=@{file}", "a.h="]
    assert list(_changes(given).values()) == [1, "one two", ["x"], "2", "x=y", True, "1\n", ""]
    with pytest.raises(CommandRefused, match="set twice"):
        _changes(["a.b=1", "a.b=2"])


# --- dead letters -------------------------------------------------------------------------------------------


@pytest.mark.long
def test_an_unreadable_message_is_a_dead_letter_that_is_replayed_and_purged(typed: Typed) -> None:
    typed.text("cancel", "--all", "--yes")
    assert "No dead letters." in typed.text("dead-letters")
    assert typed.value("dead-letters") == []
    box = typed.root / "inbox.mbox"
    box.write_bytes(
        box.read_bytes() + b"From x@example.com Mon Mar  2 08:14:00 2026\nSubject: nobody\n\nno sender\n\n"
    )
    typed.text("ingest")
    (letter,) = typed.value("dead-letters", "list")
    assert (letter["kind"], letter["mailbox"], letter["status"]) == ("message", "support", "waiting")
    short = letter["letter"][:8]
    listed = typed.text("dead-letters")
    assert short in listed
    assert all(len(line) <= 80 for line in listed.splitlines())
    assert f"mainstay dead-letters replay {short}" in typed.text("dead-letters", "show", short)
    assert "It still cannot be read" in typed.text("dead-letters", "replay", short)
    assert typed.value("dead-letters", "show", short)["outcome"] == "rejected"
    assert f"Put away: message {short}" in typed.text("dead-letters", "purge", short, "--reason", "spam")
    assert "it is purged" in typed.text("dead-letters", "purge", short)
    assert "No dead letters." in typed.text("dead-letters")
    assert "purged" in typed.text("dead-letters", "--all")
    assert "purged" in typed.text("dead-letters", "list", "--all")
    assert "Put away" in typed.text("dead-letters", "show", short)


# --- with a director at work --------------------------------------------------------------------------------


def test_what_was_approved_waits_for_a_paused_adapter(typed: Typed, desk: Desk, low_cards: list[str]) -> None:
    desk.start()
    until(lambda: typed.value("status")["director"] == "at work")
    assert typed.value("pause", "adapter", "support")["live"] is True
    typed.text("approve", low_cards[0])
    until(lambda: typed.value("status")["deferred"] == {"pause:adapter:support": 1})
    assert desk.delivered() == []
    assert "Goes on: adapter support." in typed.text("resume", "adapter", "support")
    until(lambda: len(desk.delivered()) == 1)
    assert typed.value("status")["deferred"] == {}


def test_status_says_what_waits_at_a_throttle(typed: Typed, desk: Desk) -> None:
    settings = desk.root / "mainstay.toml"
    settings.write_text(
        settings.read_text("utf-8") + '\n[throttles]\n"adapter.support" = "1/hour"\n', "utf-8"
    )
    desk.start()
    until(lambda: typed.value("status")["director"] == "at work")

    def plain_replies() -> list[dict[str, str]]:  # one of high stake wants a second step
        cards = typed.value("approvals")["waiting"]
        return [one for one in cards if (one["act"], one["finality"]) == ("email.reply", "final_low_stake")]

    until(lambda: len(plain_replies()) >= 3)
    for card in plain_replies()[:3]:
        typed.text("approve", card["approval"])
    until(lambda: typed.value("status")["deferred"] == {"throttle:adapter:support": 2})
    assert "Throttled 2 starts at adapter:support" in typed.text("status")
    assert len(desk.delivered()) <= 1
