"""Cards that are decided together: which may be, and the guard that binds a decision to what was looked at.

Only what is alike: one kind (workflow, act and class) and one finality, nothing of high stake, and nothing that must be
read with another effect. The guard is a digest over the cards of the preview and the effects that they showed; what
changed since is left out by name, since each card is answered by its own digest. Whoever looked at them may leave some
out: the guard of the rest is made from what was shown, and never from what somebody names instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import CommandRefused, StaleApproval
from mainstay.kernel.ids import derive

if TYPE_CHECKING:
    from mainstay.kernel.state import RunState

SHORT_ID_MIN = 4  # as of every id that is typed
REMARKED = "an inspector found something in it"
ANSWERED = "its message has another answer"
TOGETHER_MAX = 200  # cards: nobody looks at more in one go
Chosen = Sequence[tuple[str, str]]  # approval and digest, as they were shown


def guard_of(cards: Chosen) -> str:
    """The guard of a preview, as 32 hex digits; the order of the cards does not matter."""
    return derive("batch", *(part for card in sorted(map(tuple, cards)) for part in card)).hex()


def chosen_of(shown: Chosen, guard: str, without: Collection[str]) -> tuple[list[tuple[str, str]], str]:
    """Those of a preview that are decided, and the guard that binds an answer to exactly them.

    `guard` is that of all that were shown; `without` names those that are left out, by whole or short ids. Raises
    `StaleApproval` where something else was shown, and `CommandRefused` for a name that fits none or several of them.
    """
    cards = [(str(name), str(digest)) for name, digest in shown]
    if guard != guard_of(cards):
        raise other_guard()
    left: set[str] = set()
    for short in without:
        fitting = [name for name, _ in cards if len(short) >= SHORT_ID_MIN and name.startswith(short.lower())]
        if len(fitting) != 1:
            raise CommandRefused(
                f"{short[:40]!r} is {'none' if not fitting else 'several'} of the cards that were shown.",
                why="Only what was shown can be left out. Nothing was decided.",
                remedy="Name a card of this batch as its list does.",
            )
        left.add(fitting[0])
    chosen = [one for one in cards if one[0] not in left]
    if not chosen:
        raise CommandRefused(
            "Every card was left out.", why="There is nothing to decide.", remedy="Leave fewer of them out."
        )
    return chosen, guard_of(chosen)


def other_guard() -> StaleApproval:
    """A guard and cards that do not belong together."""
    return StaleApproval(
        "This guard belongs to other cards.",
        why="It is made from the cards and effects that the preview showed.",
        remedy="Look at the preview again, and decide by its guard.",
    )


def why_alone(row: Mapping[str, Any]) -> str:
    """Why a card can only be decided by itself; empty if it can be with others."""
    if row["finality"] == Finality.FINAL_HIGH:
        return "it is final and of high stake"
    if row["undo"]:
        return "it takes back what its run did"
    if row["parent"]:
        return "its run goes on from another one"
    return ""


def is_remarked(state: RunState) -> bool:
    """Whether an inspector found something in what a card of this run shows: then it is read on its card."""
    return any(
        task.output and task.output.get("findings") and state.spec(number).role == "inspector"
        for number, task in state.all_tasks()
    )


def likeness(row: Mapping[str, Any]) -> tuple[str, str]:
    """What all cards of a batch have in common."""
    return str(row["kind"] or ""), str(row["finality"])
