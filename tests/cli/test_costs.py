"""`mainstay costs` and `mainstay allow` on a workspace that was triaged, and on one where money is short."""

import json

import pytest

from mainstay.cli import main as command_line
from tests.cli.conftest import Desk


def typed(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert command_line.run([*arguments, "-w", str(desk.root)]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_it_tells_what_was_spent_and_what_is_left(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "costs")
    for part in ("Spent       $0.00", "Today       $0.00 of $2.00", "This month", "Your time", "triage"):
        assert part in text
    assert [line for line in text.splitlines() if len(line) > 80] == []
    told = json.loads(typed(desk, capsys, "costs", "--json"))
    with desk.workspace as opened:
        runs = opened.rows("runs", limit=1_000)
    assert sum(one["runs"] for one in told["workflows"]) == told["total"]["runs"] == len(runs)
    assert told["waiting"] == []
    assert told["budgets"]["day"]["limit_micros"] == 2_000_000
    assert (told["guard_share"], told["models"]) == (None, [])


def test_a_window_in_which_nothing_ran_teaches(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "costs", "--since", "2019-01-01", "--until", "2019-02-01")
    assert "`--since 365d` looks further back" in text


@pytest.mark.parametrize("amount", ["much", "1,5"])
def test_what_is_no_amount_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str], amount: str) -> None:
    assert "no amount of money" in typed(desk, capsys, "allow", "00", amount, code=5)
