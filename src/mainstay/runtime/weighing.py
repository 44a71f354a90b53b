"""What a person's decision says for or against letting a kind of act go by itself.

Approved as it stood is clean; a rejection is an error, and so is an edit that changes a typed field or more than a
tenth of the words; a smaller edit is neither. What was decided in a batch, or in under a second, was not looked at and
counts for nothing. Final acts of high stake never go by themselves, so nothing is learned from them. Taking back what
was on its way, by itself or by a person's yes, is an error at once; so is what came to light of an act that has left by
itself, by a complaint or by a correction of the annotation that it rests on.

A decision counts for the recipe by which the act was made when it was proposed. Of what is made another way by now it
says nothing; nor does the yes to a fork, in which the operator set what came in, nor to what was taken back or may be
out already, of which something was said before.

Rules of this file: pure; the director sees to it that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mainstay.kernel.authority import BY_A_PERSON, BY_ITSELF
from mainstay.kernel.commands import WeighEvidence
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import ActionEdited, ActionUndone, ApprovalGranted, ApprovalRejected, RunEvent
from mainstay.kernel.facts import Facts
from mainstay.kernel.gate import annotated_before
from mainstay.kernel.kinds import kind_of, recipe_of
from mainstay.kernel.plan import PROPOSED
from mainstay.kernel.recipe import contradicts
from mainstay.kernel.state import Act, Phase, RunState
from mainstay.kernel.values import SECOND

LOOKED_AT_US = SECOND  # a decision that came faster was not read
WORDS_SHARE = 10  # an edit of more than one word in so many is an error
# Of a card that was asked for these reasons, a yes says nothing new of how such acts are made.
_NO_NEWS = frozenset({"undone", "in doubt", "restored"})


def weighed(before: RunState, events: Sequence[RunEvent], facts: Facts) -> Iterator[WeighEvidence]:
    """The evidence in what was just decided; `before` is the run as the person saw it."""
    if before.head.workflow == PROPOSED or before.head.by:
        return  # it asks whatever it proves, and no agent makes evidence by beginning runs
    edits = {event.task: event for event in events if isinstance(event, ActionEdited)}
    for event in events:
        match event:
            case ApprovalGranted(task=number, batch=batch, open_us=open_us, actor=actor):
                verdict = _of_edit(edits.get(number))
                looked_at = not batch and open_us >= LOOKED_AT_US
            case ApprovalRejected(task=number, batch=batch, open_us=open_us, actor=actor):
                verdict, looked_at = "error", not batch and open_us >= LOOKED_AT_US
            case ActionUndone(task=number, actor=actor, authority=authority):
                # Also of what a person let go: the yes is taken back with it, and may have counted already.
                verdict, looked_at = "error", authority.startswith((BY_ITSELF, BY_A_PERSON))
            case _:
                continue
        act = before.task(number).act
        if not verdict or not looked_at or act is None or before.undoes(number) is not None:
            continue
        if verdict == "clean" and act.rule in _NO_NEWS:
            continue
        yield from _of(before, number, verdict, _source(event, act), actor, facts)


def _source(event: RunEvent, act: Act) -> str:
    drawn = act.rule == "audit"
    if isinstance(event, ActionUndone) and (drawn or act.authority.startswith(BY_ITSELF)):
        return "undo"
    return "audit" if drawn else "decision"  # what a rule asked for is no audit, whatever becomes of it


def came_to_light(
    state: RunState, number: int, source: str, actor: str, facts: Facts, *, note_sealed: str = ""
) -> Iterator[WeighEvidence]:
    """That an act which left by itself was wrong; nothing for one that did not."""
    if not left_by_itself(state, number):
        return
    for evidence in _of(state, number, "error", source, actor, facts):
        yield replace(evidence, note_sealed=note_sealed)


def corrected(state: RunState, annotation: int, actor: str, facts: Facts) -> Iterator[WeighEvidence]:
    """What a corrected annotation says of the acts that rest on it: of those that left by themselves, or wait.

    Whoever says that the message is about something else does not reject the card besides: it goes with its run.
    """
    for number, task in state.all_tasks():
        act = task.act
        if act is None or annotation not in (one for one, _ in annotated_before(state, number)):
            continue
        if left_by_itself(state, number):
            yield from _of(state, number, "error", "correction", actor, facts)
        elif task.phase is Phase.APPROVAL and not act.authority:
            source = "audit" if act.rule == "audit" else "decision"
            yield from _of(state, number, "error", source, actor, facts)
        elif task.phase is Phase.HELD and act.authority.startswith(BY_ITSELF):
            yield from _of(state, number, "error", "correction", actor, facts)


def left_by_itself(state: RunState, number: int) -> bool:
    """Whether no rule and no person let it go, but what its kind had earned."""
    act = state.task(number).act if state.plan is not None and state.exists(number) else None
    return act is not None and act.calls > 0 and act.authority.startswith(BY_ITSELF)


def _of(
    state: RunState, number: int, verdict: str, source: str, actor: str, facts: Facts
) -> Iterator[WeighEvidence]:
    act = state.task(number).act
    assert act is not None
    action = act.action
    if action.finality is Finality.FINAL_HIGH or state.unusual.forked is not None:
        return
    now = recipe_of(state, number, action, facts.recipes, facts.templates, anew=True)
    recipe = act.recipe or now  # a ledger of before recipes were kept with acts
    if contradicts(now, recipe):
        return
    kind = kind_of(state, number, action)
    yield WeighEvidence(kind, recipe, verdict, source, state.head.run, number, actor)


def _of_edit(edit: ActionEdited | None) -> str:
    """Clean without an edit or one that changed no word, an error with a large one; empty: neither.

    An edit of which nobody measured how much it changed is neither.
    """
    if edit is None:
        return "clean"
    if edit.typed or edit.changed * WORDS_SHARE > edit.words:
        return "error"
    return "clean" if edit.words and not edit.changed else ""
