"""Putting off, taking back, the second step and batches, typed; no director is at work."""

import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.main import run
from mainstay.kernel.errors import CommandRefused
from mainstay.workspace import Workspace
from tests.cli.conftest import Desk

Said = pytest.CaptureFixture[str]


def typed(root: Path, said: Said, *arguments: str) -> tuple[int, Any]:
    """The exit code of a command and the JSON that it printed."""
    said.readouterr()
    code = run([*arguments, "--json", "-w", str(root)])
    return code, json.loads(said.readouterr().out)


def plain(root: Path, said: Said, *arguments: str) -> str:
    said.readouterr()
    assert run([*arguments, "-w", str(root)]) == 0
    return said.readouterr().out


def low(root: Path, said: Said) -> list[dict[str, Any]]:
    """The cards that a yes is enough for."""
    _, listed = typed(root, said, "approvals")
    return [one for one in listed["waiting"] if not one["second_step"]]


def test_a_card_that_is_put_off_leaves_the_list_and_is_found_with_all(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    name = card["approval"]
    before = typed(desk.root, capsys, "approvals")[1]["total"]
    code, answer = typed(desk.root, capsys, "snooze", name[:8], "--for", "2h")
    assert (code, answer["events"]) == (0, 1)
    _, listed = typed(desk.root, capsys, "approvals")
    assert name not in [one["approval"] for one in listed["waiting"]]
    assert (listed["put_off"], listed["total"]) == (1, before - 1), "it does not wait now"
    _, listed = typed(desk.root, capsys, "approvals", "--all")
    assert name in [one["approval"] for one in listed["waiting"]]
    assert "1 card put off" in plain(desk.root, capsys, "approvals")
    for wrong in (["--for", "30d"], ["--until", "2001-01-01"], ["--until", "soon"], []):
        assert typed(desk.root, capsys, "snooze", name, *wrong)[0] != 0


def test_what_was_rejected_is_asked_again_once(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    said = plain(desk.root, capsys, "reject", card["approval"], "--reason", "the wrong key")
    assert f"`mainstay undo {card['run'][-8:]}` asks again." in said
    assert f"mainstay undo {card['run'][-8:]}" in plain(
        desk.root, capsys, "approvals", "show", card["approval"]
    )
    code, answer = typed(desk.root, capsys, "undo", card["run"][-8:])
    assert (code, answer["rejected"], answer["events"] > 0) == (0, card["approval"], True)
    with Workspace.open(desk.root) as opened:
        (row,) = opened.rows("runs", where={"parent": card["run"]})
        assert row["run"] == answer["run"]
        again = opened.ask_again(card["approval"])
        assert (again.run, again.events, again.live) == (row["run"], 0, False)
        with pytest.raises(CommandRefused, match="Only a person"):
            opened.ask_again(card["approval"], actor="agent:helper")
    assert "was asked again" in plain(desk.root, capsys, "approvals", "show", card["approval"])
    assert typed(desk.root, capsys, "undo", card["run"])[0] != 0, "there is nothing to take back any more"


def test_what_was_approved_is_listed_and_taken_back(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    code, answer = typed(desk.root, capsys, "approve", card["approval"], "--digest", card["digest"][:12])
    assert (code, answer["card"]) == (0, "granted")
    _, listed = typed(desk.root, capsys, "approvals")
    assert [one["run"] for one in listed["leaving"]] == [card["run"]]
    assert "Can still be taken back:" in plain(desk.root, capsys, "approvals")
    code, answer = typed(desk.root, capsys, "undo", card["run"][-8:])
    assert code == 0
    assert desk.status_of(answer["asks"]) == "waiting"
    assert typed(desk.root, capsys, "approvals")[1]["leaving"] == []
    assert typed(desk.root, capsys, "undo", card["run"])[0] != 0
    new = answer["asks"]
    for verb in (["approve", card["approval"]], ["edit", card["approval"], "--text", "Thank you."]):
        code, answer = typed(desk.root, capsys, *verb)
        assert (code, answer["fields"]["asks"], answer["fields"]["status"]) == (5, new, "taken back")
    shown = plain(desk.root, capsys, "approvals", "show", card["approval"])
    assert f"taken back before it left: card {new[:8]}" in shown
    assert desk.status_of(new) == "waiting"


def test_an_edit_that_was_taken_back_is_told_too(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    _, edited = typed(desk.root, capsys, "edit", card["approval"], "--text", "Thank you, noted.", "--anyway")
    assert "asked in its place" not in plain(desk.root, capsys, "approvals", "show", card["approval"])
    assert typed(desk.root, capsys, "approve", edited["approval"])[1]["events"] == 0
    _, undone = typed(desk.root, capsys, "undo", card["run"])
    for old in (card["approval"], edited["approval"]):
        assert typed(desk.root, capsys, "approve", old)[1]["fields"]["asks"] == undone["asks"]


def test_the_checks_of_a_draft_say_nothing_of_the_text_that_took_its_place(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    text = "Hello, my card is 4111 1111 1111 1111, {{name}}"
    assert typed(desk.root, capsys, "edit", card["approval"], "--text", text)[0] != 0
    typed(desk.root, capsys, "edit", card["approval"], "--text", text, "--anyway")
    new = typed(desk.root, capsys, "undo", card["run"])[1]["asks"]
    told = typed(desk.root, capsys, "approvals", "show", new)[1]
    names = [one["check"] for one in told["checks"]]
    assert names == ["not-inspected", "missing-placeholder", "leaked-secret"]
    assert (told["checks_made"], told["checks_passed"]) == (0, [])
    shown = plain(desk.root, capsys, "approvals", "show", new)
    assert "Check not-inspected (look): this text was written by you, and no inspector has seen it" in shown
    assert "Passed:" not in shown
    assert "Checks: nothing found" not in shown
    assert typed(desk.root, capsys, "approvals", "show", card["approval"])[1]["checks_made"] > 0
    _, preview = typed(desk.root, capsys, "approve", "--batch", "--act", "email.reply")
    assert new not in [one["approval"] for one in preview["cards"]]
    with Workspace.open(desk.root) as opened:
        apart = {one.approval: why for one, why in opened.preview("email.reply").apart}
    assert apart[new] == "its text was edited, and not inspected"


def test_many_alike_are_shown_first_and_decided_with_their_guard(desk: Desk, capsys: Said) -> None:
    _, preview = typed(desk.root, capsys, "approve", "--batch", "--act", "email.reply")
    cards = [one["approval"] for one in preview["cards"]]
    assert len(cards) >= 3
    remarked = {name for name in cards if typed(desk.root, capsys, "approvals", "show", name)[1]["checks"]}
    assert not remarked, "a line of a table is no look at what an inspector found"
    assert {desk.status_of(name) for name in cards} == {"waiting"}
    typed(desk.root, capsys, "reject", cards[0], "--reason", "not this one")
    decide = ("approve", "--batch", "--guard", preview["guard"])
    for wrong in ([cards[0], "f" * 8], ["f" * 16], cards):
        code, _ = typed(desk.root, capsys, *decide, *(part for one in wrong for part in ("--except", one)))
        assert code != 0
    assert desk.status_of(cards[1]) == "waiting"
    _, told = typed(desk.root, capsys, *decide, "--except", cards[-1])
    outcomes = {one["approval"]: one["outcome"] for one in told["outcomes"]}
    assert outcomes == {cards[0]: "left out"} | dict.fromkeys(cards[1:-1], "approved")
    assert desk.status_of(cards[-1]) == "waiting"
    for wrong in (
        ["--guard", "0" * 32],
        [],
        ["--act", "email.reply", cards[0]],
        ["--act", "a.b", "--except", "ff"],
    ):
        assert typed(desk.root, capsys, "approve", "--batch", *wrong)[0] != 0


def test_an_edit_is_checked_and_sent_anyway_if_that_is_wanted(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    text = "Look at https://elsewhere.example.net/offer"
    code, answer = typed(desk.root, capsys, "edit", card["approval"], "--text", text)
    assert code != 0
    assert [one["check"] for one in answer["fields"]["findings"]] == ["foreign-link"]
    code, answer = typed(desk.root, capsys, "edit", card["approval"], "--text", text, "--anyway")
    assert (code, answer["card"]) == (0, "edited")


def test_the_card_says_how_it_stands(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    shown = plain(desk.root, capsys, "approvals", "show", card["approval"])
    order = ["Subject:", "Why you are asked", "Costs:", "How final: final, low stake", "Without an answer"]
    places = [shown.index(words) for words in [*order, "Where it came from"]]
    assert places == sorted(places)
    typed(desk.root, capsys, "reject", card["approval"], "--reason", "no")
    other = low(desk.root, capsys)[0]
    assert "Before: rejected" in plain(desk.root, capsys, "approvals", "show", other["approval"])


def test_a_card_that_a_rule_withdrew_is_told_with_the_rule(desk: Desk, capsys: Said) -> None:
    (card, *_) = low(desk.root, capsys)
    rules = desk.root / "policies" / "default.toml"
    forbidden = (
        '[[rule]]\nname = "no mail"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n\n'
    )
    rules.write_text(forbidden + rules.read_text("utf-8"), "utf-8")
    typed(desk.root, capsys, "snooze", card["approval"], "--for", "1h")  # whoever writes puts them in force
    assert desk.status_of(card["approval"]) == "denied"
    assert "rule 'no mail' forbids it: we are closed" in plain(desk.root, capsys, "approvals", "--all")
