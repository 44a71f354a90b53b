"""docs/tour.md: every function it names exists, and a real message leaves the events it says."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from typing import Any

import pytest

from mainstay import Workspace
from mainstay.kernel import commands, effects, events
from mainstay.workspace.folder import Folder
from tests.docs.desk import work
from tests.docs.pages import PAGES, bare, modules_named, path_of, prose_of, rows

NAMED = [
    (page.name, module, name)
    for page in PAGES
    for module, name in dict.fromkeys(modules_named(prose_of(page.name)))
]
EVENTS = {kind.__name__ for kind in events.NUMBERS.values()}


@pytest.mark.parametrize(("page", "module", "name"), NAMED, ids=lambda one: str(one))
def test_what_a_page_names_exists(page: str, module: str, name: str) -> None:
    assert path_of(module).is_file()
    found: Any = importlib.import_module(f"mainstay.{module}")
    for part in name.split("."):
        found = getattr(found, part)


def test_the_tour_names_enough_to_follow_it() -> None:
    assert len([one for one in NAMED if one[0] == "tour.md"]) > 40


def test_every_capitalised_word_in_code_is_an_event_a_command_or_an_effect() -> None:
    known = EVENTS | set(vars(commands)) | set(vars(effects)) | {"ParsedMail", "Rejected"}
    said = set(re.findall(r"`([A-Z][A-Za-z]+)`", prose_of("tour.md")))
    assert said - known == set()


def test_every_event_of_a_run_is_told_somewhere_on_the_way() -> None:
    # What the tour leaves out on purpose: ways off its path.
    aside = {"AttemptFailed", "TaskFailed", "TaskSkipped", "TaskExpanded", "BudgetRefused"}
    aside |= {"ActionEdited", "ApprovalRejected", "RunCancelled", "ThreadAnswered", "BudgetWarned"}
    aside |= {"ApprovalSnoozed", "ApprovalResurfaced", "ActionHeld"}
    aside |= {"DirectorStarted", "PolicyAdopted", "FileSaved", "KillSwitchThrown", "DraftJudged"}
    # What is remembered and learned has a stream of its own, and no run waits for it.
    aside |= {events.NUMBERS[number].__name__ for number in events.NUMBERS if number >= 80}
    said = set(re.findall(r"`([A-Z][A-Za-z]+)`", prose_of("tour.md")))
    recovery = set(re.findall(r"`([A-Z][A-Za-z]+)`", prose_of("recovery.md")))
    assert EVENTS - said - recovery == aside


def test_a_message_leaves_the_events_that_the_tour_says(desk: Folder) -> None:
    with Workspace.open(desk.root) as workspace:
        (card,) = workspace.approvals()
        workspace.approve(card.approval, digest=card.digest)
    work(desk)

    left: dict[str, list[str]] = defaultdict(list)
    with Workspace.open(desk.root) as workspace:
        _, state = workspace.run(card.run)
        for _, event in workspace.events(card.run):
            number = getattr(event, "task", None)
            left["the run" if number is None else state.name(number)].append(type(event).__name__)

    told = {
        bare(task): re.findall(r"`(\w+)`", names) for task, names in rows("tour.md", "## What the run wrote")
    }
    assert dict(left) == told
