"""Bugs in what a person says of cards, planted on purpose: `testing.planted` says how they are found."""

from __future__ import annotations

from typing import Any

from mainstay.kernel.commands import UndoAct
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import ActionUndone
from mainstay.kernel.policy import Action
from mainstay.testing.planting import Planted


def _never_held(draft: Draft, action: Action, authority: str) -> int:
    return 0


def _said_and_not_done(draft: Draft, command: UndoAct) -> None:
    """Tells that it was taken back, and leaves it on its way."""
    number = command.task
    act = draft.state.task(number).act if draft.state.exists(number) else None
    if act is not None and act.authority and not act.calls and not act.tried and act.held_until:
        draft.emit(ActionUndone(number, command.actor, act.authority))


def _never_comes_back(draft: Draft, number: int) -> None:
    return


def _a_yes_is_enough(action: Any) -> bool:
    return False


_CARDS = "mainstay.kernel.cards"

PLANTED_CARDS: tuple[Planted, ...] = (
    Planted("what was approved is not held", patches=(("mainstay.kernel.door", "_hold_us", _never_held),)),
    Planted("what was taken back leaves", patches=(("mainstay.kernel.run", "undo", _said_and_not_done),)),
    Planted(
        "a card that was put off never comes back",
        patches=(("mainstay.kernel.waking", "resurface", _never_comes_back),),
    ),
    Planted(
        "high stake is granted without its second step",
        patches=((_CARDS, "wants_second_step", _a_yes_is_enough),),
    ),
)
