"""The demonstration of forgetting: each of its claims is held against a search that knows nothing of how it is done."""

from pathlib import Path

import pytest

from mainstay.cli.forget_demo import ForgetDemo


@pytest.mark.long
def test_every_claim_holds(short_path: Path) -> None:
    demo = ForgetDemo(short_path / "demo", quiet=True)
    assert demo.run()
    report = demo.report()
    assert report["held"]
    assert len(report["claims"]) == 10
    assert report["sealed"] > 100


@pytest.mark.long
def test_a_key_that_is_kept_is_told(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mainstay.ledger.keys._DESTROY",
        "UPDATE subjects SET wrapped = NULL WHERE wrapped IS NOT NULL AND subject = :subject RETURNING subject",
    )
    assert not ForgetDemo(short_path / "demo", quiet=True).run()
