"""The demonstration of autonomy: every claim of it, and that a claim which does not hold is told."""

import json
from pathlib import Path

import pytest

from mainstay.cli.autonomy_demo import AutonomyDemo
from mainstay.cli.main import run
from mainstay.kernel import autonomy
from mainstay.kernel.errors import WorkspaceUnsafe


def test_every_claim_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--autonomy", "--json", "-w", str(tmp_path / "demo")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert all(one["held"] for one in told["claims"])
    assert "clean decision 43 proposes it" in {one["claim"] for one in told["claims"]}
    assert told["told_before"].startswith("1 more clean decision and faq replies stop asking")
    assert told["worst"] == 59


def test_a_claim_that_does_not_hold_is_told_and_ends_in_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autonomy, "RECENT_ERRORS_MAX", 99)  # nothing is ever taken back
    assert run(["demo", "--autonomy", "-w", str(tmp_path / "demo")]) == 1
    assert "NOT SO the second demotes" in capsys.readouterr().out


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(WorkspaceUnsafe):
        AutonomyDemo(tmp_path, quiet=True).run()
