"""What a person's decision says for or against letting a kind of act go by itself.

Approved as it stood is clean; a rejection is an error, and so is an edit that changes a typed field or more than a
tenth of the words; a smaller edit is neither. What was decided in a batch, or in under a second, was not looked at and
counts for nothing. Final acts of high stake never go by themselves, so nothing is learned from them. Taking back what
was on its way by itself is an error at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mainstay.kernel.commands import WeighEvidence
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import ActionEdited, ActionUndone, ApprovalGranted, ApprovalRejected, RunEvent
from mainstay.kernel.facts import Facts
from mainstay.kernel.kinds import kind_of, recipe_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import SECOND

LOOKED_AT_US = SECOND  # a decision that came faster was not read
WORDS_SHARE = 10  # an edit of more than one word in so many is an error
BY_ITSELF = "autonomy:"


def weighed(before: RunState, events: Sequence[RunEvent], facts: Facts) -> Iterator[WeighEvidence]:
    """The evidence in what was just decided; `before` is the run as the person saw it."""
    edits = {event.task: event for event in events if isinstance(event, ActionEdited)}
    for event in events:
        match event:
            case ApprovalGranted(task=number, batch=batch, open_us=open_us, actor=actor):
                verdict = _of_edit(edits.get(number))
                looked_at = not batch and open_us >= LOOKED_AT_US
            case ApprovalRejected(task=number, batch=batch, open_us=open_us, actor=actor):
                verdict, looked_at = "error", not batch and open_us >= LOOKED_AT_US
            case ActionUndone(task=number, actor=actor, authority=authority):
                verdict, looked_at = "error", authority.startswith(BY_ITSELF)
            case _:
                continue
        act = before.task(number).act
        if not verdict or not looked_at or act is None or before.undoes(number) is not None:
            continue
        action = act.action
        if action.finality is Finality.FINAL_HIGH:
            continue
        source = "undo" if isinstance(event, ActionUndone) else "audit" if act.rule == "audit" else "decision"
        recipe = recipe_of(before, number, action, facts.recipes, facts.templates)
        yield WeighEvidence(
            *(kind_of(before, number, action), recipe, verdict, source),
            *(before.head.run, number, actor),
        )


def _of_edit(edit: ActionEdited | None) -> str:
    """Clean without an edit or one that changed nothing, an error with a large one; empty: neither."""
    if edit is None or (not edit.changed and not edit.typed):
        return "clean"
    return "error" if edit.typed or edit.changed * WORDS_SHARE > edit.words else ""
