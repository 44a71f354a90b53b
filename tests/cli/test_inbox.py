"""`mainstay inbox`, and the counts of `status`: nothing that came in is out of the operator's sight."""

import json
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.inbox import for_you
from mainstay.runtime import forgetting, inbox
from mainstay.workspace.left_to_you import is_left
from mainstay.workspace.run_search import RunFilter
from mainstay.workspace.triaged import (
    _OVERTAKEN,
    ANSWERED,
    FAILED,
    FORGOTTEN,
    LEFT,
    SENT,
    UNDER_WAY,
    outcome_of,
)
from tests.cli.conftest import MESSAGES, Desk, lay_out


def _value(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert command_line.run([*arguments, "-w", str(desk.root), "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def _text(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command_line.run([*arguments, "-w", str(desk.root)]) == 0
    return capsys.readouterr().out


def test_every_message_is_there_newest_first(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    listed = _value(desk, capsys, "inbox")["messages"]
    assert isinstance(listed, list)
    assert len(listed) == MESSAGES
    assert [one["at"] for one in listed] == sorted((one["at"] for one in listed), reverse=True)
    assert all(one["outcome"] and one["why"] for one in listed)
    assert len(_value(desk, capsys, "inbox", "-n", "3")["messages"]) == 3  # type: ignore[arg-type]
    assert len(_value(desk, capsys, "inbox", "-n", "3", "--all")["messages"]) == MESSAGES  # type: ignore[arg-type]


def test_only_what_needs_the_operator(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with desk.workspace as opened:
        cards, left = opened.waiting(), opened.inbox.left()
    assert left["left_to_you"] > 0
    found = _value(desk, capsys, "inbox", "--waiting")
    assert found["needs_you"] == len(found["messages"]) == cards + sum(left.values())  # type: ignore[arg-type]
    assert "left to you" in _text(desk, capsys, "inbox", "--waiting")


def test_what_is_left_is_the_same_for_every_door(desk: Desk) -> None:
    with desk.workspace as opened:
        left = [one.run for one in opened.inbox.newest(sealed=True) if one.outcome == LEFT][::-1]
        assert left
        assert [row["run"] for row in opened.left.rows()] == left
        assert opened.left.count() == len(left)
        assert [one.run for one in opened.run_search.page(RunFilter(status="left")).runs] == left
        found = opened.run_search.find(left[0][-12:], RunFilter(status="left"))
        assert [one.run for one in found.runs] == left[:1]


def test_what_is_known_of_runs_that_are_over_is_not_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.workspace as opened:
        found = opened.left.rows()
        monkeypatch.setattr(opened.left, "state", None)
        assert opened.left.rows() == found


@pytest.mark.parametrize(
    ("noted", "flags", "left"),
    [
        ({"reply_expected": False}, ("money",), True),
        ({"reply_expected": False}, ("language",), False),
        ({"reply_expected": False}, ("money", "machine"), False),
        ({"reply_expected": True}, ("money",), False),
        ({}, (), False),
    ],
)
def test_what_was_remarked_leaves_a_message_to_a_person(
    noted: dict[str, object], flags: tuple[str, ...], left: bool
) -> None:
    assert is_left(noted, flags) is left


def test_it_fits_a_narrow_screen(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.rstrip() for line in _text(desk, capsys, "inbox").splitlines()]
    foot = next(index for index, line in enumerate(lines) if line.startswith(f"{MESSAGES} messages since"))
    assert len([line for line in lines[2:foot] if line]) == MESSAGES
    assert max(len(line) for line in lines) <= 80


def test_status_counts_what_has_no_card(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with desk.workspace as opened:
        left = opened.inbox.left()
    found = _value(desk, capsys, "status")
    assert {name: found[name] for name in left} == left
    assert f"{left['left_to_you']} left to you" in _text(desk, capsys, "status")


def test_what_was_decided_is_told(desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with desk.workspace as opened:
        refused = opened.reject(cards[0], reason="no").run
        ended = opened.approval(cards[1]).run
        opened.cancel(ended)
    with desk.workspace as opened:
        outcomes = {one.run: one.outcome for one in opened.inbox.newest()}
    assert (outcomes[refused], outcomes[ended]) == ("rejected by you", "cancelled")


def test_an_empty_workspace_has_no_messages(
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(root / "keys"))
    assert command_line.run(["init", str(root / "desk")]) == 0
    capsys.readouterr()
    assert command_line.run(["inbox", "-w", str(root / "desk")]) == 0
    assert "No messages yet" in capsys.readouterr().out
    assert command_line.run(["status", "-w", str(root / "desk")]) == 0
    assert "0 cards, 0 in doubt\n" in capsys.readouterr().out


def test_mail_that_no_workflow_took_is_shown_with_its_sender(
    short_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    desk = Desk(short_path / "desk")
    lay_out(desk.root, messages=3)
    settings = desk.root / "mainstay.toml"
    text = settings.read_text("utf-8").replace('mailbox = "support"', 'mailbox = "sales"')
    settings.write_text(text, "utf-8")
    assert command_line.run(["ingest", "-w", str(desk.root)]) == 0
    capsys.readouterr()

    found = _value(desk, capsys, "inbox", "--waiting")["messages"]

    assert isinstance(found, list)
    assert [one["outcome"] for one in found] == ["no workflow"] * 3
    assert all("@" in one["sender"] and "sales" in one["why"] for one in found)
    assert "3 that no workflow took" in _text(desk, capsys, "status")


def test_what_was_put_away_is_counted_no_more(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    box = desk.root / "inbox.mbox"
    odd = "From x@example.com Mon Mar  2 08:1{n}:00 2026\nSubject: nobody {n}\n\nno sender\n\n"
    box.write_bytes(box.read_bytes() + "".join(odd.format(n=number) for number in range(2)).encode())
    _text(desk, capsys, "ingest")
    assert "2 unreadable" in _text(desk, capsys, "status")
    waiting = _value(desk, capsys, "inbox", "--waiting")
    first, second = desk.workspace.steering.dead_letters()
    _text(desk, capsys, "dead-letters", "purge", str(first["letter"]))
    assert "1 unreadable" in _text(desk, capsys, "status")
    _text(desk, capsys, "dead-letters", "purge", str(second["letter"]))
    assert _value(desk, capsys, "status")["unreadable"] == 0
    after = _value(desk, capsys, "inbox", "--waiting")
    assert after["needs_you"] == waiting["needs_you"] - 2  # type: ignore[operator]
    assert "put away" in _text(desk, capsys, "inbox")


def test_outcomes_of_a_run() -> None:
    expected = {"reply_expected": True}
    assert outcome_of("failed", {}, expected, ())[0] == FAILED
    assert outcome_of("failed", {"send": "succeeded"}, expected, ())[0] == SENT
    assert outcome_of("succeeded", {}, {"reply_expected": False}, ("money",))[0] == LEFT
    assert outcome_of("queued", {}, {}, ()) == (UNDER_WAY, "it waits for its turn")


def test_the_line_of_what_is_for_you() -> None:
    found = {"waiting": 2, "in_doubt": 0, "left_to_you": 3, "failed": 1, "unreadable": 1}
    assert for_you(found) == "2 cards, 0 in doubt, 3 left to you, 1 failed, 1 unreadable"
    assert for_you({"waiting": 2, "in_doubt": 0, "put_off": 1}) == "2 cards (1 put off), 0 in doubt"


def test_a_run_that_ended_since_somebody_was_forgotten_says_so(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.workspace as opened:
        run = opened.approval(cards[0]).run
        who = str(opened.message(run)["from_address"])
    assert command_line.run(["forget", who, "--yes", "-w", str(desk.root)]) == 0
    with desk.workspace as opened:
        found = {one.run: (one.outcome, one.why) for one in opened.inbox.newest()}
    assert found[run] == (FORGOTTEN, "it is about somebody who was forgotten")


def test_the_reasons_of_a_superseded_run_are_those_that_are_given() -> None:
    assert {reason: outcome for reason, (outcome, _) in _OVERTAKEN.items()} == {
        forgetting.WHY: FORGOTTEN,
        inbox.BY_HAND: ANSWERED,
    }
