"""Views of acts: cards for the operator, acts in doubt, how often each was done, and to whom we wrote."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    DoubtResolved,
    Event,
    RunCancelled,
    RunSuperseded,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, StreamId, run_of
from mainstay.kernel.policy import Action
from mainstay.kernel.state import Act, RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
WRITING = frozenset({"email.reply", "email.send"})  # acts that write to the run's subject


class Approvals:
    """Every card by its id. The events say which cards they withdraw or replace, so no row need be read."""

    name = "approvals"
    version = 1
    tables = (
        Table(
            "approvals",
            (
                ("approval", _TEXT),
                (
                    "status",
                    _TEXT,
                ),  # waiting, granted, edited, denied, rejected, expired, cancelled, superseded
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
            ),
            key=("approval",),
            indexes=(("status", "requested_at"),),
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
            TaskSucceeded,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Asked, answered, replaced, withdrawn."""
        assert run is not None
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
            case ActionDenied(task=number):
                # An action that was never asked about has no card. Who said yes before a rule said no stays.
                approval = _act(run, number).approval
                if approval is None:
                    return ()
                return (Put("approvals", (approval,), {"status": "denied", "decided_at": at}),)
            case TaskSucceeded(withdrawn=card):
                return (_answered(card, "happened", at, None),) if card is not None else ()
            case ApprovalGranted():
                return (_answered(event.approval, "granted", at, event.actor, event.open_us),)
            case ApprovalRejected():
                return (_answered(event.approval, "rejected", at, event.actor, event.open_us),)
            case ApprovalExpired(approval=approval):
                return (_answered(approval, "expired", at, None),)
            case RunCancelled(withdrawn=cards, actor=actor):
                return [_answered(card, "cancelled", at, actor) for card in cards]
            case RunSuperseded(withdrawn=cards):
                return [_answered(card, "superseded", at, None) for card in cards]
            case _:
                return ()


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
    }


def _waits(approval: ApprovalId, position: int, at: Instant, facts: dict[str, Value]) -> Put:
    asked: dict[str, Value] = {
        "status": "waiting",
        "requested_at": at,
        "position": position,
        # The same effect may be asked about again, after "it did not go out".
        "decided_at": None,
        "actor": None,
        "open_us": 0,
    }
    return Put("approvals", (approval,), facts | asked)


def _answered(approval: ApprovalId, status: str, at: Instant, actor: str | None, open_us: int = 0) -> Put:
    answer: dict[str, Value] = {"status": status, "decided_at": at, "actor": actor, "open_us": open_us}
    return Put("approvals", (approval,), answer)


class InDoubt:
    """Acts of which only the operator can say whether they happened."""

    name = "in_doubt"
    version = 1
    tables = (
        Table(
            "in_doubt",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("workflow", _TEXT),
                ("act", _TEXT),
                ("adapter", _TEXT),
                ("key", _TEXT),
                ("digest", _TEXT),
                ("card", _TEXT),
                ("attempt", _INTEGER),
                ("reason", _TEXT),
                ("since", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("run", "task"),
        ),
    )
    events = frozenset[type[Event]]({ActionInDoubt, DoubtResolved, TaskSucceeded})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In when nothing can be proved; out when the operator answers or the truth comes late."""
        assert run is not None
        match event:
            case TaskSucceeded(task=number):
                # Only an act that was tried can have been in doubt.
                if run.task(number).act is None:
                    return ()
                return (Delete("in_doubt", (run_of(stream), number)),)
            case ActionInDoubt(task=number):
                action = _act(run, number).action
                columns: dict[str, Value] = {
                    "workflow": run.head.workflow,
                    "act": action.act,
                    "adapter": action.adapter,
                    "key": action.key,
                    "digest": action.digest,
                    "card": action.card,
                    "attempt": event.attempt,
                    "reason": event.reason,
                    "since": at,
                    "position": position,
                }
                return (Put("in_doubt", (run_of(stream), number), columns),)
            case DoubtResolved(task=number):
                return (Delete("in_doubt", (run_of(stream), number)),)
            case _:
                return ()


class Done:
    """How often each workflow has done each act."""

    name = "done"
    version = 1
    tables = (
        Table(
            "done",
            (("workflow", _TEXT), ("act", _TEXT), ("count", _INTEGER)),
            key=("workflow", "act"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more for an act that succeeded."""
        assert isinstance(event, TaskSucceeded)
        assert run is not None
        act = run.task(event.task).act
        if act is None:
            return ()
        return (Add("done", (run.head.workflow, act.action.act), {"count": 1}),)


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
    events = frozenset[type[Event]]({TaskSucceeded})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail to the subject of the run."""
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
