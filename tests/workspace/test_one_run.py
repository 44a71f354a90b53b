"""What is decided about one card looks at no other run: the list of them is proved when somebody needs it."""

from pathlib import Path

import pytest

from mainstay.ledger.store import Put
from mainstay.runtime.clock import ManualClock
from mainstay.testing.plans import NOW
from mainstay.workspace.doors import LockDoor
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held
from mainstay.workspace.said_of_cards import ON_CARDS
from tests.end_to_end.desks import file_settings, lay_out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A workspace whose list of open runs names one that never was."""
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    folder = Folder(lay_out(tmp_path / "desk", file_settings()).root)
    held = Held(folder, ManualClock(NOW))
    try:
        held.director.acquire()
        held.register()
        ghost = Put("open_runs", ("nobody",), {"status": "running", "workflow": "triage", "position": 1})
        held.store.append((), epoch=held.director.epoch, at=NOW, changes=[ghost])
    finally:
        held.close()
    return folder


def test_a_list_that_was_taken_at_its_word_is_proved_before_it_is_used(folder: Folder) -> None:
    held = Held(folder, ManualClock(NOW), one_run=True)
    try:
        assert held.disagreed == ""
        held.director.acquire()
        held.load_all()
        assert held.disagreed == "open_runs"
        assert held.store.get("open_runs", ("nobody",)) is None
        assert held.director.runs == {}
    finally:
        held.close()


def test_everybody_else_proves_it_at_once(folder: Folder) -> None:
    held = Held(folder, ManualClock(NOW))
    try:
        assert held.disagreed == "open_runs"
        assert held.store.get("open_runs", ("nobody",)) is None
    finally:
        held.close()


@pytest.mark.parametrize("operation", ["approve", "undo", "decide_together", ""])
def test_only_what_is_said_of_one_card_goes_without(folder: Folder, operation: str) -> None:
    with LockDoor(folder, ManualClock(NOW), operation=operation) as door:
        assert door._held is not None
        assert (door._held.store.get("open_runs", ("nobody",)) is not None) == (operation in ON_CARDS)


def test_changed_rules_are_held_against_runs_that_were_proved(folder: Folder) -> None:
    rules = sorted((folder.root / "policies").glob("*.toml"))[0]
    text = '[[rule]]\nname = "closed"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "closed"\n\n'
    rules.write_text(text + rules.read_text())
    with LockDoor(folder, ManualClock(NOW), operation="approve") as door:
        assert door._held is not None
        assert door._held.disagreed == "open_runs"
        assert door._held.director.policy.rules[0].name == "closed"
