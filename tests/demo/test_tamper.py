"""The demonstration of tampering: every claim of it, and that a claim which does not hold is told."""

import json
from pathlib import Path

import pytest

from mainstay.cli.main import run
from mainstay.cli.tamper_demo import TamperDemo
from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.ledger.signed import Against


def test_every_claim_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--tamper", "--json", "-w", str(tmp_path / "demo")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["claims"]) == 10
    assert all(one["held"] for one in told["claims"])


def test_a_claim_that_does_not_hold_is_told_and_ends_in_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Against, "_held", lambda self, through, hash: None)
    assert run(["demo", "--tamper"]) == 1
    assert "NOT SO who decided is rewritten" in capsys.readouterr().out


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(WorkspaceUnsafe):
        TamperDemo(tmp_path, quiet=True).run()
