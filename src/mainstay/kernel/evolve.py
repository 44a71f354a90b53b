"""`evolve`: how each event changes a run. It never refuses and never chooses.

An event that cannot happen to the state (only a damaged log could hold one) leaves it as it is: `kernel.possible`. The
two events of every step come first, and see for themselves whether they fit: asked by way of the tables and the
`match`, as all others are, they cost 1.2 µs more each. Each function remembers one part of the union and hands on the
rest, the frequent first; the last proves that no event was left out. States are built by spelling out the constructor,
which costs a third of `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from mainstay.kernel.authority import BY_A_PERSON
from mainstay.kernel.events import (
    ActEvent,
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    BudgetRefused,
    CardEvent,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    ContextRecalled,
    DeadlineSet,
    DoubtResolved,
    FailureDiagnosed,
    LookupDeferred,
    LookupStarted,
    ModelUsed,
    OperatorNotified,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunDelayed,
    RunEvent,
    RunFailed,
    RunForked,
    RunPaused,
    RunQueued,
    RunRecovered,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    SpendingAllowed,
    StartDeferred,
    SteeringEvent,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    WorkEvent,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.moves import compensating, ended, expanded, finish, move, planned, sent_back, undoing
from mainstay.kernel.possible import OPEN, possible
from mainstay.kernel.recovery import UNPROVEN
from mainstay.kernel.state import (
    UNDER_WAY,
    Act,
    Head,
    Phase,
    RunState,
    Status,
    TaskState,
    Unusual,
)
from mainstay.kernel.values import Instant

_MAY_START = frozenset({Phase.READY, Phase.RETRYING, Phase.BLOCKED, Phase.DELAYED})


def nothing(run: RunId) -> RunState:
    """The state of a run before its first event."""
    return RunState(Head(run))


def evolve(state: RunState, event: RunEvent) -> RunState:
    """The state after the event."""
    if isinstance(event, TaskSucceeded):
        old = state.find(event.task)
        if old is None or old.phase not in OPEN:
            return state
        done = TaskState(Phase.SUCCEEDED, 0, event.attempt, 0, event.output, old.act)
        return finish(state, event.task, done, event.cost)
    if isinstance(event, TaskStarted):
        old = state.find(event.task)
        if old is None or old.phase not in _MAY_START:
            return state
        return move(state, event.task, TaskState(Phase.RUNNING, 0, event.attempt, event.hold))
    if not possible(state, event):
        return state
    match event:
        case RunStarted():
            head = Head(
                event.run,
                event.workflow,
                event.definition,
                event.trigger,
                event.key,
                event.subject,
                event.sealed_under,
                event.by,
            )
            return RunState(head, Status.RUNNING, unusual=state.unusual)
        case PlanAccepted(plan=plan):
            return planned(state, plan)
        case RunSucceeded():
            return ended(state, Status.SUCCEEDED)
        case RunQueued():
            return RunState(state.head, Status.QUEUED, unusual=state.unusual)
        case RunReleased():
            return RunState(state.head, Status.RUNNING, unusual=state.unusual)
        case RunFailed():
            return ended(state, Status.FAILED)
        case RunSuperseded():
            return ended(state, Status.SUPERSEDED)
        case RunCancelled():
            return ended(state, Status.CANCELLED)
        case _:
            return _work(state, event)


def _work(state: RunState, event: WorkEvent | ActEvent | CardEvent | SteeringEvent) -> RunState:
    """The tasks of a run."""
    match event:
        case ContextRecalled() | ModelUsed():
            return state  # what an attempt cost in all stands in the event that ends it
        case AttemptFailed(task=number, attempt=attempt, retry_at=retry_at, cost=cost):
            old = state.task(number)
            act, hold = old.act, 0
            if act is not None and (act.tried or event.failure in UNPROVEN):
                act, hold = replace(act, tried=True), old.hold  # released only on proof that nothing happened
            return move(state, number, TaskState(Phase.RETRYING, 0, attempt, hold, None, act, retry_at), cost)
        case TaskFailed(task=number, attempt=attempt, cost=cost):
            return finish(state, number, TaskState(Phase.FAILED, 0, attempt), cost)
        case TaskSkipped(task=number):
            return finish(state, number, _closed(state, number), 0)
        case TaskExpanded(task=number, count=count):
            return expanded(state, number, count)
        case RevisionRequested():
            return sent_back(state, event)
        case BudgetRefused(task=number, wake_at=wake_at):
            old = state.task(number)
            phase = Phase.RETRYING if event.passing else Phase.BLOCKED
            known = old.notified and old.phase is Phase.BLOCKED
            refused = old.act
            if refused is not None and old.phase is Phase.SEEKING:
                refused = replace(refused, tried=False)  # a look-up proved it absent
            return move(state, number, TaskState(phase, 0, old.attempt, 0, None, refused, wake_at, known))
        case SpendingAllowed(scope="run", amount=amount):
            return _with(state, replace(state.unusual, run_max=amount))
        case SpendingAllowed(amount=amount):
            return _with(state, replace(state.unusual, price_max=amount))
        case TaskStarted() | TaskSucceeded():
            return state  # `evolve` remembers these two itself
        case _:
            return _act(state, event)


def _act(state: RunState, event: ActEvent | CardEvent | SteeringEvent) -> RunState:
    """The one door out."""
    match event:
        case ActionProposed(task=number, action=action, cost=cost, recipe=recipe):
            old = state.task(number)
            proposed = TaskState(Phase.RUNNING, 0, old.attempt, 0, None, Act(action, recipe=recipe))
            return move(state, number, proposed, cost)
        case ActionDenied(task=number) | ActionShadowed(task=number):
            return finish(state, number, _closed(state, number), 0)
        case ActionHeld(task=number, until=until, authority=authority):
            held = replace(state.act(number), authority=authority, snoozed_until=Instant(0), held_until=until)
            return _phase(state, number, Phase.HELD, held, wake_at=until)
        case ActionStarted(task=number, attempt=attempt, authority=authority, hold=hold):
            act = state.act(number)
            tried = act.tried and state.task(number).phase is Phase.RETRYING  # a look-up proved it absent
            allowed = replace(
                act, authority=authority, seek_until=Instant(0), tried=tried, calls=act.calls + 1
            )
            return move(state, number, TaskState(Phase.ACTING, 0, attempt, hold, None, allowed))
        case LookupStarted(task=number, until=until):
            act = state.act(number)
            sought = replace(act, seek_until=until, tried=True, sought=act.sought or not act.calls)
            return _phase(state, number, Phase.SEEKING, sought)
        case LookupDeferred(task=number, again_at=again_at):
            return _phase(state, number, Phase.SEEKING, state.act(number), wake_at=again_at)
        case ActionInDoubt(task=number):
            act = state.act(number)
            return _phase(
                state, number, Phase.DOUBT, replace(act, tried=True, sought=act.sought or not act.calls)
            )
        case _:
            return _card(state, event)


def _card(state: RunState, event: CardEvent | SteeringEvent) -> RunState:
    """What a person is asked, and says."""
    match event:
        case ApprovalRequested(task=number, approval=approval, expires_at=expires_at):
            act = state.act(number)
            asked = replace(
                act,
                approval=approval,
                authority="",
                expires_at=expires_at,
                rule=event.rule,
                reason=event.reason,
                tried=False,  # proven, or the operator's word: nothing of it has arrived
                asked=act.asked + 1,
                snoozed_until=Instant(0),
                held_until=Instant(0),
            )
            return _phase(state, number, Phase.APPROVAL, asked, wake_at=expires_at)
        case OperatorNotified(task=number):
            old = state.task(number)
            told = TaskState(
                old.phase, old.waiting, old.attempt, old.hold, old.output, old.act, old.wake_at, notified=True
            )
            return move(state, number, told)
        case ActionEdited(task=number, approval=approval, action=action):
            act = state.act(number)
            edited = replace(
                act,
                action=action,
                approval=approval,
                authority="",
                asked=act.asked + 1,
                sought=False,
                held_until=Instant(0),
            )
            return _phase(state, number, Phase.APPROVAL, edited, wake_at=act.expires_at)
        case ApprovalGranted(task=number, approval=approval):
            act = state.act(number)
            granted = replace(act, approval=approval, authority=f"{BY_A_PERSON}{approval}")
            return _phase(state, number, Phase.APPROVAL, granted, wake_at=act.expires_at)
        case ApprovalRejected(task=number) | ApprovalExpired(task=number):
            return finish(state, number, _closed(state, number), 0)
        case ApprovalSnoozed(task=number, until=until):
            act = replace(state.act(number), snoozed_until=until)
            # Who put it off knows of it.
            return move(state, number, replace(state.task(number), act=act, wake_at=until, notified=True))
        case ApprovalResurfaced(task=number):
            act = replace(state.act(number), snoozed_until=Instant(0))
            return _phase(state, number, Phase.APPROVAL, act, wake_at=act.expires_at)
        case ActionUndone() | DoubtResolved():
            return state  # what follows, a card or what the answer leads to, is an event of its own
        case _:
            return _steering(state, event)


def _steering(state: RunState, event: SteeringEvent) -> RunState:
    """What is out of the ordinary."""
    unusual = state.unusual
    match event:
        case StartDeferred(task=number, scope=scope, wake_at=wake_at):
            old = state.task(number)
            held_act, hold = old.act, old.hold if old.act is not None and old.act.tried else 0
            if held_act is not None and old.phase is Phase.SEEKING:
                held_act, hold = replace(held_act, tried=False), 0  # a look-up proved it absent
            phase = Phase.DELAYED if scope == "delay" else Phase.RETRYING
            return move(state, number, TaskState(phase, 0, old.attempt, hold, None, held_act, wake_at))
        case TaskCancelled(task=number, cost=cost):
            return finish(state, number, _closed(state, number), cost)
        case DeadlineSet(task=number, at=at):
            others = tuple(one for one in unusual.deadlines if one[0] != number)
            return _with(state, replace(unusual, deadlines=(*others, (number, at))))
        case RunDelayed(until=until):
            return _with(state, replace(unusual, not_before=until))
        case RunForked():
            return _with(state, replace(unusual, forked=event))
        case RunPaused():
            return _with(state, replace(unusual, paused=True))
        case RunResumed():
            return _with(state, replace(unusual, paused=False))
        case TaskPaused(task=number):
            others_paused = tuple(one for one in unusual.paused_tasks if one != number)
            return _with(state, replace(unusual, paused_tasks=(*others_paused, number)))
        case TaskResumed(task=number):
            kept = tuple(one for one in unusual.paused_tasks if one != number)
            return _with(state, replace(unusual, paused_tasks=kept))
        case CompensationBegun():
            return compensating(state, event)
        case CompensationPlanned(tasks=acts):
            return undoing(state, acts)
        case CompensationFailed(task=number, attempt=attempt, cost=cost):
            old = state.task(number)
            return move(state, number, TaskState(Phase.DOUBT, 0, attempt, 0, None, old.act), cost)
        case RunRecovered(restored=True):
            return _with(state, replace(unusual, restored=True))
        case FailureDiagnosed() | RunRecovered():
            return state  # what follows from them are events of their own
        case _:
            assert_never(event)


def _with(state: RunState, unusual: Unusual) -> RunState:
    return RunState(
        state.head,
        state.status,
        state.plan,
        state.tasks,
        state.ready,
        state.busy,
        state.left,
        state.held,
        state.spent,
        state.failed,
        state.expansions,
        state.revisions,
        unusual,
    )


def _closed(state: RunState, number: int) -> TaskState:
    old = state.task(number)
    return TaskState(Phase.SKIPPED, 0, old.attempt, 0, None, old.act)


def _phase(
    state: RunState, number: int, phase: Phase, act: Act, *, wake_at: Instant = Instant(0)
) -> RunState:
    old = state.task(number)
    hold = old.hold if phase in UNDER_WAY else 0
    return move(state, number, TaskState(phase, 0, old.attempt, hold, None, act, wake_at))
