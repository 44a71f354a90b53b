"""The effect that a card has to be read with: what the parent of a forked run did, what is to be taken back, or what
another run of ours has answered to the same message.

An act after the point of a fork may have been done in the parent's name already, and nobody should say yes without
knowing. The same is true of a message that two workflows, or a workflow and somebody who proposes, would answer. What
the effect was (title, recipients) lies in its sealed card blob; opening that is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never, cast

from mainstay.governance.words import moment, short_run
from mainstay.kernel.cards import on_its_way_out
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ApprovalExpired,
    ApprovalRejected,
    CompensationFailed,
    DoubtResolved,
    Event,
    RunEvent,
    TaskCancelled,
    TaskFailed,
    TaskSkipped,
)
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.policy import Action
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Phase, RunState, may_have_left
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import EventReader, RecordedEvent, Value

_OF_ONE_MESSAGE = 100  # runs: each workflow begins one, and somebody may propose more
EventsOf = Callable[[RunId], Sequence[tuple[RecordedEvent, Event]]]  # a run's events, oldest first


class Relation(StrEnum):
    """How the earlier effect is related to the one on the card."""

    PARENT = "parent"  # the task of the same name in the run that this one goes on from
    TAKES_BACK = "takes_back"  # the act that the card would take back
    SAME_MESSAGE = "same_message"  # the same act of another run, about the same message


class Became(StrEnum):
    """What became of an effect."""

    DONE = "done"
    TAKEN_BACK = "taken_back"
    IN_DOUBT = "in_doubt"
    UNDER_WAY = "under_way"  # it may be leaving, or is looked for
    NOT_YET = "not_yet"
    NOT_DONE = "not_done"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An effect of another task, and what became of it. Without a proposal `digest` and `card` are empty."""

    relation: Relation
    run: RunId
    task: int
    name: str
    act: str
    digest: Digest
    card: Digest  # sealed blob
    subject: SubjectId | None  # whose key opens it
    became: Became
    at: Instant  # since when
    reason: str = ""


def earlier(events_of: EventsOf, run: RunId, task: int) -> Earlier | None:
    """What to read the card of this task with; None for a run that began by itself, or a task its parent has not."""
    state = _fold(run, events_of(run))
    if not state.exists(task):
        return None
    undone = state.undoes(task)
    if undone is not None:
        return _effect(Relation.TAKES_BACK, state, events_of(run), undone)
    name = state.name(task)
    while state.unusual.forked is not None:
        parent = state.unusual.forked.parent
        events = events_of(parent)
        state = _fold(parent, events)
        number = next((one for one, _ in state.all_tasks() if state.name(one) == name), None)
        if number is None:
            return None
        forked = state.unusual.forked
        if forked is None or not any(one.task == number for one in forked.inherited):
            return _effect(Relation.PARENT, state, events, number)
    return None


def other_answer(store: EventReader, events_of: EventsOf, row: Mapping[str, Value]) -> Earlier | None:
    """The newest effect of another run that has answered the same message, or is on its way out to.

    `row`: of the view `approvals`, a card that waits. What the parent of a run did is left to `earlier`.
    """
    its = store.get("runs", (row["run"],))
    if its is None or not its["message"] or row["undo"]:
        return None
    where = {"subject": its["subject"], "message": its["message"]}
    found: list[Earlier] = []
    for other in store.select("runs", where=where, order="position", descending=True, limit=_OF_ONE_MESSAGE):
        if other["run"] in (row["run"], row["parent"]):
            continue
        run = RunId(str(other["run"]))
        events = events_of(run)
        state = _fold(run, events)
        for number, task in state.all_tasks():
            if task.act is None or task.act.action.act != row["act"] or state.undoes(number) is not None:
                continue
            one = _effect(Relation.SAME_MESSAGE, state, events, number)
            if one.became in (Became.DONE, Became.IN_DOUBT, Became.UNDER_WAY):
                found.append(one)
            elif on_its_way_out(task):
                found.append(replace(one, reason="it was approved, and leaves soon"))
    return max(found, key=lambda one: one.at, default=None)


def tell(one: Earlier, title: str = "", recipients: Sequence[str] = ()) -> str:
    """The sentence for the card, with what the caller could open of the effect."""
    what = f"{one.act} {title!r}" if title else one.act
    what += f" to {', '.join(recipients)}" if recipients else ""
    if one.relation is Relation.TAKES_BACK:
        return f"This takes back {one.name} ({what}): {_became(one)}"
    if one.relation is Relation.SAME_MESSAGE:
        return f"This message has another answer, see run {short_run(one.run)} ({what}): {_became(one)}"
    return (
        f"Run {short_run(one.run)}, from which this one goes on, had the same task ({what}): {_became(one)}"
    )


def _became(one: Earlier) -> str:
    at, why = moment(one.at), f": {one.reason}" if one.reason else ""
    match one.became:
        case Became.DONE:
            return f"it was done at {at}"
        case Became.TAKEN_BACK:
            return f"it was done, and taken back at {at}"
        case Became.IN_DOUBT:
            return f"whether it went out is in doubt since {at}{why}"
        case Became.UNDER_WAY:
            return f"it may be leaving since {at}"
        case Became.NOT_YET:
            return f"it is not done yet{why}"
        case Became.NOT_DONE:
            return f"it was not done{why}"
        case _:
            assert_never(one.became)


def _fold(run: RunId, events: Sequence[tuple[RecordedEvent, Event]]) -> RunState:
    state = nothing(run)
    for _, event in events:
        state = evolve(state, cast(RunEvent, event))
    return state


def _effect(
    relation: Relation, state: RunState, events: Sequence[tuple[RecordedEvent, Event]], number: int
) -> Earlier:
    action: Action | None = None
    at, reason, answer = Instant(0), "", ""
    undo_at: Instant | None = None
    for recorded, event in events:
        about = getattr(event, "task", None)
        if about == number:
            at = recorded.at
            if isinstance(event, ActionProposed | ActionEdited):
                action, reason = event.action, ""
            elif isinstance(event, DoubtResolved):
                answer = event.answer
            else:
                reason = _reason(event) or reason
        elif isinstance(about, int) and state.undoes(about) == number:
            undo_at = recorded.at
    became = _outcome(state, number, answer)
    if became is Became.TAKEN_BACK and undo_at is not None:
        at = undo_at
    if action is None and became in (Became.NOT_DONE, Became.NOT_YET):
        reason = reason or "it was never proposed"
    return Earlier(
        relation,
        state.head.run,
        number,
        state.name(number),
        state.spec(number).act if action is None else action.act,
        Digest("") if action is None else action.digest,
        Digest("") if action is None else action.card,
        state.head.subject,
        became,
        at,
        "" if became is Became.DONE else reason,
    )


def _outcome(state: RunState, number: int, answer: str) -> Became:
    task = state.task(number)
    if task.phase is Phase.SUCCEEDED:
        undone = any(
            state.undoes(one) == number and other.phase is Phase.SUCCEEDED for one, other in state.all_tasks()
        )
        return Became.TAKEN_BACK if undone else Became.DONE
    if task.phase is Phase.DOUBT and task.act is not None and task.act.tried:
        return Became.IN_DOUBT
    if task.phase is Phase.FAILED and answer == "unknown":
        return Became.IN_DOUBT
    if may_have_left(task) and task.phase is not Phase.DOUBT:
        return Became.UNDER_WAY
    return Became.NOT_DONE if task.phase in (Phase.FAILED, Phase.SKIPPED) else Became.NOT_YET


def _reason(event: Event) -> str:
    match event:
        case (
            ActionDenied(reason=reason)
            | ActionInDoubt(reason=reason)
            | TaskFailed(reason=reason)
            | TaskSkipped(reason=reason)
            | CompensationFailed(reason=reason)
        ):
            return reason
        case TaskCancelled(actor=actor):
            return f"{actor} gave it up"
        case ApprovalRejected(actor=actor):
            return f"{actor} said no"
        case ApprovalExpired():
            return "nobody answered in time"
        case _:
            return ""
