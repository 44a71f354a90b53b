"""`mainstay workflows`: versions, who follows them, how they differ, and what becomes of a file that is taken away."""

import json
import sqlite3
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.workspace import Workspace
from tests.cli.conftest import Desk, until

UNMARKED = """
name: mark
version: 1
tasks:
  mark:
    act: email.label
    in:
      labels: [seen]
"""


class Typed:
    """A command in this process, in one workspace."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys

    def text(self, *arguments: str, code: int = 0) -> str:
        assert command_line.run([*arguments, "-w", str(self.root)]) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def value(self, *arguments: str) -> object:
        return json.loads(self.text(*arguments, "--json"))

    @property
    def file(self) -> Path:
        return self.root / "workflows" / "triage.yaml"

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text("utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new, 1), "utf-8")


@pytest.fixture
def typed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(desk.root, capsys)


def open_runs(root: Path) -> int:
    with Workspace.open(root) as opened:
        return opened.count("open_runs")


def test_the_list_tells_versions_and_runs_in_flight(typed: Typed) -> None:
    runs = open_runs(typed.root)
    assert runs >= 4
    text = typed.text("workflows", "list")
    assert "in force, in the folder" in text
    assert text.splitlines()[-1].split()[-1] == str(runs)

    typed.edit("deadline: P2D", "deadline: P3D")
    text = typed.text("workflows", "list")
    assert "workflows/triage.yaml differs from what is in force: mainstay workflows diff triage" in text
    found = typed.value("workflows", "list")
    assert isinstance(found, dict)
    (state,) = found["workflows"]
    assert [(one["in_force"], one["in_file"], one["runs"]) for one in state["versions"]] == [
        (False, True, 0),
        (True, False, runs),
    ]


def test_the_difference_between_what_is_in_force_and_the_file(typed: Typed) -> None:
    error = typed.text("workflows", "diff", "triage", code=5)
    assert "nothing to compare it with" in error
    typed.edit("deadline: P2D", "deadline: P3D")
    typed.edit("version: ", "priority: high\nversion: 1")
    text = typed.text("workflows", "diff", "triage")
    assert [line.split() for line in text.splitlines() if "deadline" in line] == [
        ["task", "send", "deadline", "P2D", "P3D"]
    ]
    assert "normal" in text
    assert f"{open_runs(typed.root)} runs in flight stay on version" in text
    found = typed.value("workflows", "diff", "triage")
    assert isinstance(found, dict)
    assert {"task": "send", "key": "deadline", "before": "P2D", "after": "P3D"} in found["changes"]
    digests = [found[one]["definition"] for one in ("old", "new")]
    back = typed.value("workflows", "diff", "triage", digests[1][:8], digests[0][:8])
    assert isinstance(back, dict)
    assert {"task": "send", "key": "deadline", "before": "P3D", "after": "P2D"} in back["changes"]
    assert typed.value("workflows", "diff", "triage", digests[0]) == found
    assert "They say the same." in typed.text("workflows", "diff", "triage", "file", "file")


def test_what_is_not_there_is_told(typed: Typed) -> None:
    assert "Did you mean 'triage'?" in typed.text("workflows", "diff", "trage", code=5)
    assert "There is no version '77'" in typed.text("workflows", "diff", "triage", "77", code=5)
    typed.file.write_text("name: [", "utf-8")
    assert "workflows/triage.yaml" in typed.text("workflows", "diff", "triage", "file", code=2)
    assert "Cannot be loaded: workflows/triage.yaml" in listed(typed)


def listed(typed: Typed) -> str:
    """The list, where a file cannot be loaded."""
    assert command_line.run(["workflows", "list", "-w", str(typed.root)]) == 2
    return typed._capsys.readouterr().out


def test_a_workflow_that_is_wrong_in_what_it_means_is_listed_and_told(typed: Typed) -> None:
    (typed.root / "workflows" / "mark.yaml").write_text(UNMARKED, "utf-8")
    text = listed(typed)
    assert "in force, in the folder" in text
    assert "Cannot be loaded: workflows/mark.yaml" in text
    assert "'email.label' needs message" in text
    assert command_line.run(["doctor", "--json", "-w", str(typed.root)]) == 1
    findings = json.loads(typed._capsys.readouterr().out)["findings"]
    (files,) = [one for one in findings if one["part"] == "files"]
    assert files["level"] == "fail"
    assert f"Cannot be loaded: {files['detail']}" in " ".join(text.split())


def test_what_keeps_the_director_from_knowing_what_workflows_may_name_is_told(typed: Typed) -> None:
    (typed.root / "mainstay.toml").write_text("[workspace\n", "utf-8")
    assert "Cannot be loaded: mainstay.toml" in listed(typed)


@pytest.mark.long
def test_a_file_that_is_taken_away_leaves_its_runs_at_work_and_starts_none(desk: Desk, typed: Typed) -> None:
    runs = open_runs(typed.root)
    typed.file.unlink()
    assert "triage has no file any more: `mainstay workflows apply` retires it" in typed.text(
        "workflows", "list"
    )
    desk.start()
    card = desk.workspace.approvals()[0]
    with desk.workspace as opened:
        assert opened.approve(card.approval).live
    until(lambda: open_runs(typed.root) == runs - 1)
    with desk.workspace as opened:
        row, _ = opened.run(card.run)
        assert row["status"] == "succeeded"
        assert opened.rows("workflows") == []
        before = opened.count("runs")
    assert desk.delivered()
    with (desk.root / "inbox.mbox").open("ab") as mailbox:
        mailbox.write(
            b"\nFrom eve@example.com Thu Jan  1 00:00:00 2026\nFrom: eve@example.com\n"
            b"To: help@northdesk.example\nSubject: Price?\nMessage-ID: <late@example.com>\n\nWhat does it cost?\n"
        )
    with desk.workspace as opened:
        opened.ingest()
        assert opened.count("runs") == before
    desk.stop_all()
    text = typed.text("workflows", "list")
    assert "retired" in text
    assert text.splitlines()[-1].split()[-1] == str(runs - 1)


def test_a_definition_that_was_lost_is_missed(desk: Desk, typed: Typed) -> None:
    (state,) = typed.value("workflows", "list")["workflows"]  # type: ignore[index]
    (one,) = state["versions"]
    typed.text("audit", "verify")
    with sqlite3.connect(desk.root / ".mainstay" / "ledger.db") as ledger:
        gone = ledger.execute("DELETE FROM blobs WHERE digest = ?", (bytes.fromhex(one["definition"]),))
        assert gone.rowcount == 1
    error = typed.text("audit", "verify", code=4)
    assert f"Its blob {one['definition']} is gone" in error


@pytest.mark.long
def test_a_run_that_is_cancelled_takes_its_labels_back(desk: Desk, typed: Typed) -> None:
    labels = desk.root / ".mainstay" / "labels.jsonl"
    set_before = [json.loads(line) for line in labels.read_text("utf-8").splitlines()]
    assert all("taken" not in one for one in set_before)
    desk.start()
    with desk.workspace as opened:
        card = opened.approvals()[0]
        opened.cancel(card.run, reason="a mistake")
    until(lambda: "taken" in labels.read_text("utf-8"))
    until(lambda: desk.workspace.run(card.run)[0]["status"] == "cancelled")
    desk.stop_all()
    taken = [one for one in map(json.loads, labels.read_text("utf-8").splitlines()) if "taken" in one]
    assert len(taken) == 1
    was = {(one["message_id"], tuple(one["labels"])) for one in set_before}
    assert (taken[0]["message_id"], tuple(taken[0]["taken"])) in was
    assert not desk.delivered()
    assert "undo label" in typed.text("run", "show", card.run)


def test_workflows_are_applied_and_their_history_told(typed: Typed) -> None:
    typed.edit("version: 1", "version: 2")
    assert "`mainstay workflows apply` puts it in force" in typed.text("workflows", "list")
    typed.text("workflows", "apply")
    told = typed.value("workflows", "history", "triage")
    assert isinstance(told, list)
    assert [(one["version"], one["in_force"]) for one in told] == [(2, True), (1, False)]
    assert "in force, now" in typed.text("workflows", "history", "triage")
    typed.edit("version: 2", "version: x")
    assert "version" in typed.text("workflows", "apply", code=2)


def test_a_run_is_started_by_hand_once(typed: Typed) -> None:
    (typed.root / "workflows" / "cases.yaml").write_text(
        "name: cases\nversion: 1\ntasks:\n  one: { role: specialist, agent: intent, for_each: '${trigger.cases}',"
        " in: { message: '${item.message}' } }\n"
    )
    typed.text("workflows", "apply")
    begun = [typed.value("workflows", "start", "cases", "cases=[]", "--request", "once") for _ in range(2)]
    assert [one["events"] > 0 for one in begun] == [True, False]  # type: ignore[index]
    assert begun[0]["run"] == begun[1]["run"]  # type: ignore[index]
    assert "There is no field 'other'" in typed.text("workflows", "start", "cases", "other=1", code=5)
    assert "nobody can type" in typed.text("workflows", "start", "triage", code=5)


def test_a_workflow_is_tried_and_nothing_comes_of_it(typed: Typed, tmp_path: Path) -> None:
    given = tmp_path / "message.json"
    message = {
        "text": "Could you send me the invoice again?",
        "subject": "Invoice",
        "from": "ann@example.org",
    }
    given.write_text(json.dumps({"message": message}), "utf-8")
    with Workspace.open(typed.root) as opened:
        head = opened.head
    told = typed.value("workflows", "try", "triage", str(given))
    assert isinstance(told, dict)
    assert {one["task"] for one in told["steps"]} >= {"annotate", "draft", "send"}
    said = typed.text("workflows", "try", "triage", str(given))
    assert "annotate" in said
    assert "Nothing left" in said
    with Workspace.open(typed.root) as opened:
        assert opened.head == head
    assert "Say what to try it with" in typed.text("workflows", "try", "triage", code=5)
