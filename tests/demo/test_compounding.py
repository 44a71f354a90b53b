"""The demonstration that it compounds: a short one each time, the whole of it at night."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainstay.cli.compounding import BATCH, Compounding, _binomial_max
from mainstay.cli.main import run
from mainstay.data.stream import SIZE
from mainstay.kernel.errors import WorkspaceUnsafe


@pytest.fixture(autouse=True)
def _key_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(
        "MAINSTAY_KEY_HOME", str(tmp_path / "elsewhere")
    )  # the demo sets its own, and it is put back


@pytest.mark.long
def test_a_day_of_it_is_answered_and_learned(tmp_path: Path) -> None:
    demo = Compounding(tmp_path / "demo", quiet=True, size=BATCH)
    demo.run()
    told = demo.report()
    (window,) = told["windows"]
    assert (told["annotated"], window["messages"], window["asked"]) == (BATCH, BATCH, BATCH)
    assert told["learned"] == BATCH, "every answer says something of an annotation"
    assert window["open_us"] > 0
    held = {one["claim"]: one["held"] for one in told["claims"]}
    assert held["every message was annotated"]
    assert held["the ledger's chain is whole"]
    assert not told["held"], "twenty messages show no curve, and it says so"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(WorkspaceUnsafe):
        Compounding(tmp_path, quiet=True).run()


def test_so_many_errors_a_promise_explains() -> None:
    assert [_binomial_max(cases, 0.02) for cases in (0, 1, 50, 300)] == [0, 0, 3, 10]


@pytest.mark.nightly
def test_what_is_asked_falls_and_the_error_stays_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--compounding", "--json", "-w", str(tmp_path / "demo")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["messages"] == SIZE
    assert all(one["held"] for one in told["claims"])
