"""`mainstay ask`: a decision with its reason is found again, and what it cites can be looked up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli import ask as command
from mainstay.cli.main import run
from mainstay.config.settings import read_settings
from mainstay.governance.episodes import Cited
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Instant
from mainstay.models.base import Unanswered
from mainstay.models.scripted import ScriptedModel, in_turn
from mainstay.workspace.ask_summary import holds, summary_of
from mainstay.workspace.folder import Folder, open_vault
from tests.cli.conftest import Desk

REASON = "we never promise a date for the new floor"


def ask(desk: Desk, question: str, **options: Any) -> Any:
    with desk.workspace as opened:
        return opened.ask(question, by_meaning=False, **options)


def test_a_decision_with_its_reason_is_found_again(desk: Desk, cards: list[str]) -> None:
    with desk.workspace as opened:
        run = opened.approval(cards[0]).run
        subject = opened.message(run)["subject"]
        opened.reject(cards[0], reason=REASON)
    answer = ask(desk, "what did we decide about the new floor?")
    assert answer.about == "the new floor"
    assert answer.sentences[0].run == run
    assert subject in answer.sentences[0].text
    (told,) = [one for one in answer.sentences if REASON in one.text]
    with desk.workspace as opened:
        story = opened.explain(told.run)
    lines = [*story.lines, *(line for chapter in story.chapters for line in chapter.lines)]
    assert {one.position for one in answer.sentences if one.run == run} <= {line.position for line in lines}
    assert any(line.position == told.position and REASON in line.text for line in lines)
    assert answer.complete
    assert answer.looked_at > 5
    by_subject = ask(desk, f"what did we decide about {subject}")
    assert any(REASON in one.text for one in by_subject.sentences)


def test_time_and_workflow_narrow_it(desk: Desk, cards: list[str]) -> None:
    with desk.workspace as opened:
        opened.reject(cards[0], reason=REASON)
    assert ask(desk, "what did we decide this year").sentences
    assert not ask(desk, "what did we decide about the new floor last year").sentences
    assert not ask(desk, "what did we decide about the new floor", until=1).sentences
    assert not ask(desk, "what did we decide about the new floor", workflow="nothing").sentences
    assert ask(desk, "the new floor", run_max=1).complete is False


def test_what_was_written_down_is_found_and_what_was_never_said_is_not(desk: Desk) -> None:
    with desk.workspace as opened:
        opened.memory.add("The press kit lies in the shared folder; ask Ada before giving it away.")
    (found,) = ask(desk, "what did we say about the press kit?").sentences
    assert "shared folder" in found.text
    assert not found.run
    answer = ask(desk, "what did we decide about elephants?")
    assert not answer.sentences


def test_a_handbook_does_not_push_out_what_was_written_down(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainstay.workspace.asking.PAGE", 2)  # several pages lie between
    handbook = tmp_path / "handbook.md"
    handbook.write_text("".join(f"# Part {n}\n\nThe press kit, part {n}.\n\n" for n in range(5)), "utf-8")
    with desk.workspace as opened:
        opened.memory.add("The press kit is given to nobody before June.")
        opened.memory.import_paths([handbook])
    (found,) = ask(desk, "what did we decide about the press kit?").sentences
    assert "before June" in found.text


def test_an_empty_question_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", " ", "-w", str(desk.root)]) == 5
    assert "Do:" in capsys.readouterr().err


def test_the_command_cites_positions_and_says_how_far_it_looked(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.workspace as opened:
        opened.reject(cards[0], reason=REASON)
    question = "what did we decide about the new floor?"
    command.ask(question, words=True, workspace=desk.root, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["found"]
    position = next(one["position"] for one in said["sentences"] if REASON in one["text"])
    command.ask(question, words=True, workspace=desk.root)
    told = " ".join(capsys.readouterr().out.split())
    assert f"[#{position}, operator]" in told
    assert "mainstay explain" in told
    assert "Looked by words through all" in told
    command.ask("what about elephants", words=True, workspace=desk.root)
    assert "Nothing was found" in capsys.readouterr().out
    with pytest.raises(CommandRefused, match="no day"):
        command.ask("x", since="soon", workspace=desk.root)


def test_a_summary_stays_only_where_every_citation_holds() -> None:
    assert holds("We never promise dates [#12]. Ada was told so [#12, #15].", {12, 15})
    assert not holds("We never promise dates [#12]. Ada was told so.", {12, 15})
    assert not holds("We never promise dates [#13].", {12, 15})
    assert not holds("", {12})


def test_what_was_forgotten_stays_forgotten(desk: Desk, cards: list[str]) -> None:
    with desk.workspace as opened:
        card = opened.approval(cards[0])
        sender = opened.message(card.run)["from_address"]
        subject = opened.message(card.run)["subject"]
        opened.reject(cards[0], reason=REASON)
    key = read_settings((desk.root / "mainstay.toml").read_bytes(), desk.root).workspace.key
    vault = open_vault(Folder(desk.root), key)
    assert vault.forget(vault.subject(sender))
    vault.close()
    answer = ask(desk, "what did we decide this year", run_max=400)
    told = " ".join(one.text for one in answer.sentences)
    assert sender not in told
    assert subject not in told
    assert any("[forgotten]" in one.text for one in answer.sentences if one.run == card.run)
    assert not ask(desk, f"what did we decide about {subject}").sentences


CITED = (Cited(12, Instant(0), "operator said no", "operator", "approval.rejected/1", "a", "triage"),)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("It was refused [#12].", "It was refused [#12]."),
        ("It was refused [#13].", ""),
        ("It was refused.", ""),
        (Unanswered("unreachable", "nobody there"), ""),
    ],
)
def test_a_model_sums_up_what_was_found_or_is_not_heard(said: str | Unanswered, kept: str) -> None:
    model = ScriptedModel(in_turn(said))
    assert asyncio.run(summary_of("what about it", CITED, model.complete)) == kept
    asked = model.prompts[0].messages[0].text
    assert "#12 operator: operator said no" in asked
    assert "outside-" in asked  # marked as data
