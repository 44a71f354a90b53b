"""`mainstay autonomy`: what is missing, a grant that is refused, one that is asked about, its end, and a complaint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.main import run
from mainstay.runtime.clock import ManualClock
from mainstay.testing.earning import KIND, Earning
from mainstay.testing.plans import NOW
from mainstay.workspace import Workspace
from mainstay.workspace.held import Held

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    made, _ = Workspace.create(tmp_path / "desk", "desk")
    return made


@pytest.fixture
def typed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run_it(*arguments: str) -> tuple[int, str]:
        code = run(["autonomy", *arguments, "-w", str(workspace.folder.root)])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run_it


def lived(workspace: Workspace, story: Callable[[Earning], Any]) -> Any:
    """What a director does in this workspace, with the recipes that its files give."""
    held = Held(workspace.folder, ManualClock(NOW))
    try:
        earning = Earning(store=held.store, clock=held.director.clock, recipes=held.director.recipes)  # type: ignore[arg-type]
        return story(earning)
    finally:
        held.close()


def test_what_is_missing_is_said_in_decisions_and_a_grant_is_refused(
    workspace: Workspace, typed: Typed
) -> None:
    lived(workspace, lambda earning: [earning.decided(clean=True) for _ in range(34)])
    code, text = typed("show", "faq")
    assert (code, "9 more clean decisions and faq replies stop asking" in " ".join(text.split())) == (0, True)
    code, text = typed("show", "--json")
    [told] = [one for one in json.loads(text)["kinds"] if one["kind"] == KIND]
    assert (told["clean"], told["errors"], told["missing"], told["level"]) == (34, 0, 9, "ask")
    code, text = typed("grant", "faq", "--yes")
    assert (code != 0, "9 more clean decisions are wanted" in " ".join(text.split())) == (True, True)
    code, text = typed("propose")
    assert (code, text.startswith("Nothing is proved yet.")) == (0, True)


def test_a_grant_tells_the_worst_case_and_is_taken_back_by_word(
    workspace: Workspace, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(workspace, lambda earning: [earning.decided(clean=True) for _ in range(43)])
    code, text = typed("propose")
    assert (code, "59 later on" in " ".join(text.split()), "grant " + KIND in text) == (0, True, True)
    code, text = typed("grant", "faq", "--json")
    assert (code != 0, "Nothing was granted" in text) == (True, True)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda question, **_: asked.append(question))
    code, text = typed("grant", "faq")
    assert (code, asked) == (0, [f"Let {KIND} go by itself, held first?"])
    assert "6 would leave before two were looked at" in " ".join(text.split())
    assert typed("grant", "faq", "--yes")[1].endswith("already; nothing was written.\n")
    code, text = typed("revoke", "faq", "--reason", "I want to see them again", "--json")
    assert (code, json.loads(text)["level"]) == (0, "ask")
    code, text = typed("show", "faq")
    assert "the operator wants to be asked" in text


def test_a_complaint_is_about_what_left_by_itself_and_two_end_it(workspace: Workspace, typed: Typed) -> None:
    def story(earning: Earning) -> tuple[str, list[str]]:
        earning.earn("automatic")
        approved = earning.run_of(1)
        left: list[str] = []
        while len(left) < 2:
            one = earning.act()
            if earning.authority(one):
                left.append(str(one))
        earning.deliver()
        return approved, left

    approved, (one, two) = lived(workspace, story)
    code, text = typed("wrong", approved)
    assert (code != 0, "left by itself" in text) == (True, True)
    code, text = typed("wrong", one, "--reason", "the price was last year's")
    assert (code, "An error of" in text, "stays" in text) == (0, True, True)
    assert "said before" in typed("wrong", one)[1]
    code, text = typed("wrong", two, "send", "--json")
    assert (code, json.loads(text)["asks_again"]) == (0, True)
    assert "2 of the last 2" in typed("show", "faq")[1]


def test_the_shadow_needs_no_proof_and_an_unknown_kind_or_level_is_refused(
    workspace: Workspace, typed: Typed
) -> None:
    lived(workspace, lambda earning: earning.decided(clean=True))
    assert "only watched from here on" in typed("grant", "faq", "--level", "shadow", "--yes")[1]
    assert "are only watched" in typed("show", "faq")[1]
    code, text = typed("grant", "fax")
    assert (code != 0, "There is no kind of act" in text) == (True, True)
    code, text = typed("grant", "faq", "--level", "ask", "--yes")
    assert (code != 0, "no level that can be granted" in text) == (True, True)


def test_what_may_pass_is_simulated_and_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, less in (("ACTS_MAX", 9), ("DECISIONS_MAX", 25), ("LATER_ACTS", 2)):
        monkeypatch.setattr(f"mainstay.bench.autonomy_simulation.{name}", less)
    assert run(["evaluate", "autonomy", "--kinds", "20", "--target", "20%", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["decisions"], told["kinds"], len(told["degraded"]), len(told["steady"])) == (20, 20, 10, 4)
    assert run(["evaluate", "autonomy", "--kinds", "20", "--target", "20%"]) == 0
    assert "without an error 20" in " ".join(capsys.readouterr().out.split())
    assert run(["evaluate", "autonomy", "--target", "much"]) != 0
    assert "not a share in percent" in capsys.readouterr().err
