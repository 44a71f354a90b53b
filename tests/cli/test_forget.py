"""`mainstay forget`: what is held is shown before it goes, and nothing goes unasked."""

import json
from typing import Any

import pytest

from mainstay.cli import forget as command
from mainstay.cli.main import run
from mainstay.ledger.verify import Verified
from tests.cli.conftest import Desk


def sender_of(desk: Desk, card: str) -> str:
    with desk.workspace as opened:
        return str(opened.message(opened.approval(card).run)["from_address"])


def typed(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["forget", *arguments, "-w", str(desk.root)])
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def test_it_shows_what_is_held_and_does_nothing_where_nobody_can_be_asked(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    who = sender_of(desk, cards[0])
    with desk.workspace as opened:
        opened.memory.add("prefers mornings", about=who)
        waiting = opened.waiting()
    code, said = typed(desk, capsys, who.upper())
    assert code == 5
    assert "Nothing was forgotten" in said
    for part in ("1 message from them", "waits, and is withdrawn", "prefers mornings", "Out of reach"):
        assert part in said
    with desk.workspace as opened:
        assert opened.waiting() == waiting
        assert opened.message(opened.approval(cards[0]).run)["from_address"] == who


def test_it_forgets_without_a_director_and_says_what_went(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    who = sender_of(desk, cards[0])
    with desk.workspace as opened:
        before = opened.waiting()
        card = opened.approval(cards[0]).run
    code, said = typed(desk, capsys, who, "--yes")
    assert code == 0
    assert "Forgotten: 1 message" in said
    with desk.workspace as opened:
        assert opened.waiting() == before - 1
        assert opened.message(card)["from_address"] == "[forgotten]"
        assert "[forgotten]" in opened.explain(card).as_text()
        assert isinstance(opened.verify(), Verified)
    code, said = typed(desk, capsys, who)
    assert code == 5
    assert "forgotten before" in said


def test_at_a_terminal_it_asks_and_takes_no_for_an_answer(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = sender_of(desk, cards[0])
    monkeypatch.setattr(command, "_asked_at_a_terminal", lambda: True)
    said: list[Any] = []

    def answer(question: str, **options: Any) -> None:
        said.append(question)
        raise command.typer.Abort

    monkeypatch.setattr(command.typer, "confirm", answer)
    assert typed(desk, capsys, who)[0] == 1
    assert said == [f"Forget {who} for good?"]
    with desk.workspace as opened:
        assert opened.forgetting.plan(who).known


def test_a_mark_that_nobody_sees_does_not_hide_what_is_held(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    who = sender_of(desk, cards[0])
    for copied in (f"\u202e{who}", who.replace("@", "\u200b@"), f"{who}\ufeff"):
        code, said = typed(desk, capsys, copied)
        assert (code, "1 message from them" in said) == (5, True)


def test_for_programs(desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    who = sender_of(desk, cards[0])
    code, said = typed(desk, capsys, who, "--json")
    told = json.loads(said)
    assert (code, told["forgotten"], told["plan"]["messages"]) == (0, None, 1)
    code, said = typed(desk, capsys, told["plan"]["subject"], "--json", "--yes")
    assert json.loads(said)["forgotten"]["messages"] == 1


@pytest.mark.parametrize("who", ["nobody@nowhere.example", "not an address", "0" * 32])
def test_who_is_not_known_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str], who: str) -> None:
    code, said = typed(desk, capsys, who, "--yes")
    assert code == 5
    assert "no address" in said or "Nothing is held" in said
