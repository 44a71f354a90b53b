"""`mainstay slo`, `health` and `metrics` on a workspace that was triaged, with a director at work and without one."""

import json

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.slo import BAR_WIDTH, bar
from tests.cli.conftest import Desk, until


def typed(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert command_line.run([*arguments, "-w", str(desk.root)]) == code
    said = capsys.readouterr()
    return said.out or said.err


def test_objectives_are_shown_with_what_came_of_them(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "slo", "show")
    for part in ("triage\n", "success 95%", "proposal 90% in 15m", "effect 95% in 10m", "exactness"):
        assert part in text
    assert [line for line in text.splitlines() if len(line) > 80] == []
    found = json.loads(typed(desk, capsys, "slo", "show", "triage", "--json"))["objectives"]
    assert [one["objective"] for one in found] == ["success", "proposal", "effect", "exactness"]
    with desk.workspace as opened:
        waiting = opened.waiting()
    proposal = found[1]["windows"]["3d"]
    assert proposal["total"] >= waiting, "every card was proposed of late"
    assert {one["state"] for one in found} <= {"met", "quiet"}
    assert "no workflow 'triag'" in typed(desk, capsys, "slo", "show", "triag", code=5)


def test_a_workflow_that_is_asked_too_much_of_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    settings = desk.root / "mainstay.toml"
    asked = '\n[slo.triage]\nsuccess = false\neffect = false\nproposal = { within = "PT1S", share = "99%" }\n'
    settings.write_text(settings.read_text("utf-8") + asked, "utf-8")
    with desk.workspace as opened:
        rows = opened.rows("samples", limit=1_000)
    found = json.loads(typed(desk, capsys, "slo", "show", "--json"))["objectives"]
    assert [one["objective"] for one in found] == ["proposal", "exactness"]
    late = sum(
        row["proposed_at"] - row["began_at"] > 1_000_000 for row in rows if row["proposed_at"] is not None
    )
    assert found[0]["windows"]["3d"]["bad"] == late


@pytest.mark.parametrize(
    ("left", "full", "said"),
    [
        (1_000_000, BAR_WIDTH, "100%"),
        (500_000, BAR_WIDTH // 2, "50%"),
        (0, 0, "0%"),
        (-2_000_000, 0, "-200%"),
        (9_000_000, BAR_WIDTH, "900%"),
    ],
)
def test_a_bar_never_leaves_its_place(left: int, full: int, said: str) -> None:
    text = bar(left)
    assert (text.count("█"), text.count("░")) == (full, BAR_WIDTH - full)
    assert text.endswith(said)


def test_health_and_figures_without_a_director(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(desk, capsys, "health", code=2)
    assert text.startswith("Down.")
    assert "director: It was stopped." in text
    told = json.loads(typed(desk, capsys, "health", "--json", code=2))
    assert (told["state"], told["ok"]) == ("down", False)
    figures = typed(desk, capsys, "metrics")
    assert "mainstay_director_up 0.0" in figures
    assert 'mainstay_health{state="down"} 1.0' in figures
    assert 'mainstay_objective_budget_left{objective="success",workflow="triage"} 1.0' in figures
    with desk.workspace as opened:
        assert f"mainstay_cards_waiting {opened.waiting():.1f}" in figures
        people = [str(one.message["from_address"]) for one in opened.approvals()]
    assert not [one for one in people if one in figures]


def test_health_and_figures_of_a_director_at_work(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.start()
    told = json.loads(command(desk, capsys, "health", "--json"))
    assert told["ok"]
    assert told["state"] in ("ok", "degraded")
    assert "director" not in {one["what"] for one in told["reasons"]}
    figures = command(desk, capsys, "metrics")
    assert "mainstay_director_up 1.0" in figures
    assert "mainstay_tick_seconds_count" in figures
    assert "mainstay_ingest_lag_seconds{" in figures
    # The watcher beside the director looks as soon as it comes up.
    until(lambda: "mainstay_objective_budget_left{" in command(desk, capsys, "metrics"))


def command(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command_line.run([*arguments, "-w", str(desk.root)]) in (0, 1)
    return capsys.readouterr().out
