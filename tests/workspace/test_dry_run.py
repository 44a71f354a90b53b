"""A dry run decides with the real kernel and the real rules, and nothing of it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.workspace import Workspace
from mainstay.workspace.dry_run import DryRun
from mainstay.workspace.run_changes import read_changes
from tests.security.web_house import WebHouse

MESSAGE = {
    "from_address": "new@example.org",
    "mailbox": "support",
    "subject": "Refund",
    "text": "A refund, please.",
}
ANSWERS = ("annotate.intent=refund", "annotate.reply_expected=true")


@pytest.fixture(scope="module")
def opened(_web_house: WebHouse) -> Iterator[Workspace]:
    """One reader for all: its index is opened once."""
    with _web_house.service_reader() as reader:
        yield reader


def tried(opened: Workspace, *answers: str, **message: str) -> DryRun:
    return opened.dry_run.typed("triage", json.dumps({"message": MESSAGE | message}), answers=answers)


def files_of(root: Path) -> dict[str, int]:
    return {
        str(one): one.stat().st_size for one in (root / ".mainstay" / "blobs").rglob("*") if one.is_file()
    }


def test_every_task_is_told_in_the_order_of_the_plan(web: WebHouse, opened: Workspace) -> None:
    head, files = web.head, files_of(web.root)
    told = tried(opened, *ANSWERS)
    steps = {one.task: one for one in told.steps}
    assert list(steps) == ["annotate", "draft", "inspect", "label", "send"]
    assert (steps["label"].state, steps["label"].rule) == ("goes", "labels are free")
    assert steps["send"].state == "asks"
    assert steps["send"].rule
    assert steps["send"].reason
    assert steps["send"].recipients == ("new@example.org",)
    assert "Re: Refund" in steps["send"].text
    assert json.loads(steps["annotate"].output)["intent"] == "refund"
    assert told.unasked == ()
    assert web.head == head
    assert files_of(web.root) == files


def test_what_a_task_is_said_to_answer_decides_what_follows(opened: Workspace) -> None:
    told = tried(opened, "annotate.reply_expected=false")
    states = {one.task: one.state for one in told.steps}
    assert states["draft"] == states["send"] == "skipped"
    assert states["label"] == "goes"


def test_what_takes_too_long_ends_where_it_is(opened: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that may read can try a workflow, and what reads slowly waits behind it."""
    monkeypatch.setattr("mainstay.workspace.dry_walk.TIME_MAX_S", -1.0)
    told = tried(opened, *ANSWERS)
    assert told.status == "running"
    assert {one.state for one in told.steps} <= {"next", "skipped"}


def test_whether_such_an_input_starts_it_is_said(opened: Workspace) -> None:
    assert tried(opened, *ANSWERS).starts
    assert not tried(opened, *ANSWERS, mailbox="somewhere else").starts


def test_a_message_of_the_inbox_can_be_tried(web: WebHouse, opened: Workspace) -> None:
    head = web.head
    message = opened.dry_run.messages(limit=3)[0]
    told = opened.dry_run.message("triage", message.key)
    assert told.steps[0].state == "done"
    assert web.head == head


def test_a_workflow_and_a_message_that_are_not_there(opened: Workspace) -> None:
    with pytest.raises(NotFound):
        opened.dry_run.message("triage", "0" * 32)
    with pytest.raises(NotFound):
        opened.dry_run.typed("nobody", "{}")


@pytest.mark.parametrize("answer", ["annotate.nothing_like_it=1", "annotate=1", "annotate"])
def test_an_answer_that_fits_nothing_is_refused(opened: Workspace, answer: str) -> None:
    with pytest.raises(CommandRefused):
        tried(opened, answer)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a.b=refund", "refund"),
        ("a.b=true", True),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b= x = y", " x = y"),
        ("a.b=", ""),
    ],
)
def test_a_value_is_json_where_it_is_json(line: str, value: object) -> None:
    assert read_changes([line]) == {"a.b": value}


@pytest.mark.parametrize(
    "lines", [["a.b"], ["=1"], ["a.b=1", "a.b=2"], ['a.b={"x"'], ["a.b=" + "[" * 100_000]]
)
def test_what_is_no_change_is_refused(lines: list[str]) -> None:
    with pytest.raises(CommandRefused):
        read_changes(lines)


def test_a_program_gives_plain_values_and_nothing_that_refers_to_what_is_sealed(opened: Workspace) -> None:
    answers = {"annotate.intent": "refund", "annotate.reply_expected": True}
    told = opened.dry_run.given("triage", {"message": MESSAGE}, answers=answers)
    shown = [(one.task, one.state, one.rule) for one in told.steps]
    assert shown == [(one.task, one.state, one.rule) for one in tried(opened, *ANSWERS).steps]
    kept = str(opened.rows("messages", where={"own": 0}, limit=1)[0]["content"])
    for trigger in (
        {"message": {**MESSAGE, "content": kept}},
        {"message": kept},
        {"x": {"artifact": kept}},
        {"x": "sealed:" + kept},
    ):
        with pytest.raises(CommandRefused):
            opened.dry_run.given("triage", trigger, answers={})
    with pytest.raises(CommandRefused):
        opened.dry_run.given("triage", {}, answers={"annotate.intent": {"content": kept}})
