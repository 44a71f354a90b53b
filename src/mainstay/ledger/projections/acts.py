"""Views of acts: cards for the operator, what may still be taken back, acts in doubt, how often each was done, and to
whom we wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.counting import KEPT, quarter_of
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    CompensationBegun,
    CompensationFailed,
    DoubtResolved,
    Event,
    FailureClass,
    LookupStarted,
    RunCancelled,
    RunFailed,
    RunSuperseded,
    SubjectForgotten,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, StreamId, run_of
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.policy import Action
from mainstay.kernel.state import Act, RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
WRITING = frozenset({"email.reply", "email.send"})  # acts that write to the run's subject


class Approvals:
    """Every card by its id, and what may leave and can still be taken back.

    The events say which cards they withdraw or replace, so no row need be read.
    """

    name = "approvals"
    version = 4
    tables = (
        Table(
            "approvals",
            (
                ("approval", _TEXT),
                (
                    "status",
                    _TEXT,
                ),  # waiting, granted, edited, denied, rejected, expired, cancelled, superseded, happened, withdrawn
                ("run", _TEXT),
                ("task", _INTEGER),
                ("workflow", _TEXT),
                ("act", _TEXT),
                ("adapter", _TEXT),
                ("finality", _TEXT),
                ("digest", _TEXT),  # of the effect: what a yes is bound to
                ("payload", _TEXT),  # sealed blob
                ("card", _TEXT),  # sealed blob
                ("price_micros", _INTEGER),  # NULL: unknown
                ("subject", _TEXT),
                ("rule", _TEXT),
                ("reason", _TEXT),
                ("requested_at", _INTEGER),
                ("expires_at", _INTEGER),
                ("decided_at", _INTEGER),
                ("actor", _TEXT),
                ("open_us", _INTEGER),
                ("position", _INTEGER),  # of ApprovalRequested or ActionEdited
                ("undo", _INTEGER),  # 1: it takes back what the run did
                ("undoes", _INTEGER),  # the task that it takes back
                ("parent", _TEXT),  # the run that this one goes on from
                ("kind", _TEXT),  # workflow, act and class: whose decisions are alike
                ("snoozed_until", _INTEGER),  # 0: it is not put off
                ("confirmed", _INTEGER),  # 1: the second step was taken
                ("batch", _TEXT),  # together with which others it was decided
                ("via", _TEXT),  # the device whose link it was
            ),
            key=("approval",),
            indexes=(
                ("status", "requested_at"),
                ("status", "snoozed_until", "requested_at"),
                ("status", "decided_at"),
                ("run", "task"),
                ("kind", "status", "decided_at"),
                ("subject", "status", "decided_at"),
                ("run", "status", "requested_at"),
            ),
        ),
        Table(
            "leaving",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("workflow", _TEXT),
                ("act", _TEXT),
                ("approval", _TEXT),  # NULL: nobody was asked
                ("authority", _TEXT),  # under which it leaves
                ("until", _INTEGER),  # 0: as soon as a director has room for it
                ("digest", _TEXT),
                ("card", _TEXT),
                ("subject", _TEXT),
                ("finality", _TEXT),
                ("position", _INTEGER),
            ),
            key=("run", "task"),
        ),
    )
    events = frozenset[type[Event]](
        {
            ApprovalRequested,
            ActionEdited,
            ActionDenied,
            ApprovalGranted,
            ApprovalRejected,
            ApprovalExpired,
            RunCancelled,
            RunSuperseded,
            RunFailed,
            TaskCancelled,
            CompensationBegun,
            CompensationFailed,
            LookupStarted,
            ActionInDoubt,
            TaskSucceeded,
            ApprovalSnoozed,
            ApprovalResurfaced,
            ActionHeld,
            ActionStarted,
            ActionUndone,
            TaskFailed,
        }
    )

    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Asked, put off, answered, replaced, withdrawn; on its way out, taken back, gone."""
        assert run is not None
        return (*_cards(position, at, event, run), *_leaving(position, stream, event, run))


def _cards(position: int, at: Instant, event: Event, run: RunState) -> Sequence[RowChange]:
    match event:
        case ApprovalRequested():
            action = _act(run, event.task).action
            facts = _facts(run, event.task, action) | {
                "rule": event.rule,
                "reason": event.reason,
                "expires_at": event.expires_at,
            }
            return (_waits(event.approval, position, at, facts),)
        case ActionEdited():
            act = _act(run, event.task)
            facts = _facts(run, event.task, event.action) | {
                "rule": act.rule,
                "reason": act.reason,
                "expires_at": act.expires_at,
            }
            new = _waits(event.approval, position, at, facts)
            if event.replaces is None or event.replaces == event.approval:
                return (new,)
            return (_answered(event.replaces, "edited", at, event.actor), new)
        case ActionDenied(task=number, rule=rule, reason=reason):
            # An action that was never asked about has no card. Who said yes before a rule said no stays; which rule
            # that is stands where the one stood by which it asked.
            approval = _act(run, number).approval
            if approval is None:
                return ()
            forbidden: dict[str, Value] = {
                "status": "denied",
                "decided_at": at,
                "rule": rule,
                "reason": reason,
            }
            return (Put("approvals", (approval,), forbidden),)
        case TaskSucceeded(withdrawn=card):
            return (_answered(card, "happened", at, None),) if card is not None else ()
        case ApprovalGranted():
            granted = _answered(event.approval, "granted", at, event.actor, event.open_us)
            how: dict[str, Value] = {
                "confirmed": int(event.confirmed),
                "batch": event.batch,
                "via": event.via,
            }
            return (granted, Put("approvals", (event.approval,), how))
        case ApprovalRejected():
            rejected = _answered(event.approval, "rejected", at, event.actor, event.open_us)
            return (rejected, Put("approvals", (event.approval,), {"batch": event.batch, "via": event.via}))
        case ApprovalSnoozed(approval=approval, until=until):
            return (Put("approvals", (approval,), {"snoozed_until": until}),)
        case ApprovalResurfaced(approval=approval):
            return (Put("approvals", (approval,), {"snoozed_until": 0}),)
        case ApprovalExpired(approval=approval):
            return (_answered(approval, "expired", at, None),)
        case RunCancelled(withdrawn=cards, actor=actor):
            return [_answered(card, "cancelled", at, actor) for card in cards]
        case RunSuperseded(withdrawn=cards):
            return [_answered(card, "superseded", at, None) for card in cards]
        case RunFailed(withdrawn=cards):
            return [_answered(card, "withdrawn", at, None) for card in cards]
        case CompensationBegun(withdrawn=cards, actor=actor):
            status = "cancelled" if event.ending == "cancelled" else "withdrawn"
            return [_answered(card, status, at, actor or None) for card in cards]
        case TaskCancelled(withdrawn=card, actor=actor):
            return (_answered(card, "cancelled", at, actor),) if card is not None else ()
        case CompensationFailed(task=number, failure=failure):
            return _closed(run, number, "expired" if failure is FailureClass.TIMEOUT else "denied", at)
        case LookupStarted(task=number) | ActionInDoubt(task=number):
            return _closed(run, number, "withdrawn", at)
        case _:
            return ()


def _leaving(position: int, stream: StreamId, event: Event, run: RunState) -> Sequence[RowChange]:
    """What a person can still take back: from the yes, or the rule, to the moment in which it leaves."""
    match event:
        case ApprovalGranted(task=number) | ActionHeld(task=number) if _act(run, number).calls:
            return ()  # it was called before, and may go once more: nothing of that can be taken back
        case ApprovalGranted(task=number, approval=approval):
            return (_goes(position, stream, run, number, f"approval:{approval}", 0),)
        case ActionHeld(task=number, authority=authority, until=until):
            return (_goes(position, stream, run, number, authority, until),)
        case TaskFailed(task=number):
            thinks = run.spec(number).kind is TaskKind.THINK
            return () if thinks else (Delete("leaving", (run_of(stream), number)),)
        case (
            ActionStarted(task=number)
            | ActionUndone(task=number)
            | ActionDenied(task=number)
            | ApprovalRequested(task=number)
            | TaskCancelled(task=number)
            | CompensationFailed(task=number)
            | LookupStarted(task=number)
            | ActionInDoubt(task=number)
        ):
            return (Delete("leaving", (run_of(stream), number)),)
        case RunCancelled() | RunSuperseded() | RunFailed() | CompensationBegun():
            return [
                Delete("leaving", (run_of(stream), number))
                for number, task in run.all_tasks()
                if task.act is not None and task.act.authority and not task.act.calls
            ]
        case _:
            return ()


def _goes(
    position: int, stream: StreamId, run: RunState, number: int, authority: str, until: Instant | int
) -> Put:
    action = _act(run, number).action
    by, _, card = authority.partition(":")
    columns: dict[str, Value] = {
        "workflow": run.head.workflow,
        "act": action.act,
        "approval": card if by == "approval" else None,
        "authority": authority,
        "until": until,
        "digest": action.digest,
        "card": action.card,
        "subject": run.head.subject,
        "finality": str(action.finality),
        "position": position,
    }
    return Put("leaving", (run_of(stream), number), columns)


def _closed(run: RunState, number: int, status: str, at: Instant) -> Sequence[RowChange]:
    """The card of this task, if it still waited when it was overtaken; one that was answered keeps its answer."""
    act = run.task(number).act
    if act is None or act.approval is None or act.authority:
        return ()
    return (_answered(act.approval, status, at, None),)


def _facts(run: RunState, number: int, action: Action) -> dict[str, Value]:
    return {
        "run": run.head.run,
        "task": number,
        "workflow": run.head.workflow,
        "act": action.act,
        "adapter": action.adapter,
        "finality": str(action.finality),
        "digest": action.digest,
        "payload": action.payload,
        "card": action.card,
        "price_micros": action.price_micros,
        "subject": run.head.subject,
        "undo": int(run.undoes(number) is not None),
        "undoes": run.undoes(number),
        "parent": _parent(run),
        "kind": kind_of(run, number, action),
    }


def _parent(run: RunState) -> str | None:
    forked = run.unusual.forked
    return forked.parent if forked is not None else None


def _waits(approval: ApprovalId, position: int, at: Instant, facts: dict[str, Value]) -> Put:
    asked: dict[str, Value] = {
        "status": "waiting",
        "requested_at": at,
        "position": position,
        # The same effect may be asked about again, after "it did not go out".
        "decided_at": None,
        "actor": None,
        "open_us": 0,
        "snoozed_until": 0,
        "confirmed": 0,
        "batch": "",
        "via": "",
    }
    return Put("approvals", (approval,), facts | asked)


def _answered(approval: ApprovalId, status: str, at: Instant, actor: str | None, open_us: int = 0) -> Put:
    answer: dict[str, Value] = {"status": status, "decided_at": at, "actor": actor, "open_us": open_us}
    return Put("approvals", (approval,), answer)


class InDoubt:
    """Acts of which only the operator can say whether they happened, and those that could not be taken back."""

    name = "in_doubt"
    version = 2
    tables = (
        Table(
            "in_doubt",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("kind", _TEXT),  # in_doubt; compensation: it is known not to have been done
                ("workflow", _TEXT),
                ("act", _TEXT),
                ("adapter", _TEXT),  # this and the next three are empty if nothing was proposed
                ("key", _TEXT),
                ("digest", _TEXT),
                ("card", _TEXT),
                ("attempt", _INTEGER),
                ("reason", _TEXT),
                ("since", _INTEGER),
                ("position", _INTEGER),
                ("undo", _INTEGER),  # 1: it takes back what the run did
                ("undoes", _INTEGER),  # the task that it takes back
                ("parent", _TEXT),  # the run that this one goes on from
            ),
            key=("run", "task"),
        ),
    )
    events = frozenset[type[Event]]({ActionInDoubt, CompensationFailed, DoubtResolved, TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In when nothing can be proved or taken back; out when the operator answers or the truth comes late."""
        assert run is not None
        match event:
            case TaskSucceeded(task=number):
                # Only an act that was tried can have been in doubt.
                if run.task(number).act is None:
                    return ()
                return (Delete("in_doubt", (run_of(stream), number)),)
            case ActionInDoubt():
                return (_unsettled(stream, run, event, "in_doubt", at, position),)
            case CompensationFailed():
                return (_unsettled(stream, run, event, "compensation", at, position),)
            case DoubtResolved(task=number):
                return (Delete("in_doubt", (run_of(stream), number)),)
            case _:
                return ()


def _unsettled(
    stream: StreamId,
    run: RunState,
    event: ActionInDoubt | CompensationFailed,
    kind: str,
    at: Instant,
    position: int,
) -> Put:
    number = event.task
    act = run.task(number).act  # none if its executor never came to propose it
    action = act.action if act is not None else None
    columns: dict[str, Value] = {
        "kind": kind,
        "workflow": run.head.workflow,
        "act": run.spec(number).act if action is None else action.act,
        "adapter": "" if action is None else action.adapter,
        "key": "" if action is None else action.key,
        "digest": "" if action is None else action.digest,
        "card": "" if action is None else action.card,
        "attempt": event.attempt,
        "reason": event.reason,
        "since": at,
        "position": position,
        "undo": int(run.undoes(number) is not None),
        "undoes": run.undoes(number),
        "parent": _parent(run),
    }
    return Put("in_doubt", (run_of(stream), number), columns)


class Done:
    """How often each workflow has done each act. Taking one back shows nothing of how well it is done."""

    name = "done"
    version = 2
    tables = (
        Table(
            "done",
            (("workflow", _TEXT), ("act", _TEXT), ("count", _INTEGER)),
            key=("workflow", "act"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more for an act that succeeded."""
        assert isinstance(event, TaskSucceeded)
        assert run is not None
        act = run.task(event.task).act
        if act is None or run.undoes(event.task) is not None:
            return ()
        return (Add("done", (run.head.workflow, act.action.act), {"count": 1}),)


class DoneLately:
    """How often each act was done in each quarter of an hour: what rules about a day or an hour look at.

    Of an act that is done all the time two days are kept, and of others a row for each quarter with one in it.
    """

    name = "done_lately"
    version = 1
    tables = (
        Table(
            "done_lately",
            (("act", _TEXT), ("quarter", _INTEGER), ("count", _INTEGER)),
            key=("act", "quarter"),
            indexes=(("quarter",),),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more, as `kernel.counting` counts."""
        if not isinstance(event, TaskSucceeded):
            return ()
        assert run is not None
        act = run.task(event.task).act
        if act is None or run.undoes(event.task) is not None:
            return ()
        name, quarter = act.action.act, quarter_of(at)
        return (
            Add("done_lately", (name, quarter), {"count": 1}),
            Delete("done_lately", (name, quarter - KEPT)),
        )


class Recipients:
    """To whom we have written: what `recipient_known` looks at."""

    name = "recipients"
    version = 1
    tables = (
        Table(
            "recipients",
            (("subject", _TEXT), ("last_at", _INTEGER), ("count", _INTEGER)),
            key=("subject",),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded, SubjectForgotten})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail to the subject of the run. Who was forgotten is somebody new when they write again."""
        if isinstance(event, SubjectForgotten):
            return (Delete("recipients", (event.subject,)),)
        assert isinstance(event, TaskSucceeded)
        assert run is not None
        act = run.task(event.task).act
        subject = run.head.subject
        if act is None or subject is None or act.action.act not in WRITING:
            return ()
        return (
            Put("recipients", (subject,), {"last_at": at}),
            Add("recipients", (subject,), {"count": 1}),
        )


def _act(run: RunState, number: int) -> Act:
    act = run.task(number).act
    assert act is not None, f"task {number} of run {run.head.run} has no action"
    return act
