"""Every card by its id: asked, put off, answered, replaced, withdrawn.

The events say which cards they withdraw or replace, so no row need be read.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    Event,
    FailureClass,
    LookupStarted,
    RunCancelled,
    RunFailed,
    RunSuperseded,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, StreamId
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.projections.leaving import LEAVING, leaving
from mainstay.ledger.store import ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Approvals:
    """Every card, and what may leave and can still be taken back."""

    name = "approvals"
    version = 4
    tables = (
        Table(
            "approvals",
            (
                ("approval", _TEXT),
                # waiting, granted, edited, denied, rejected, expired, cancelled, superseded, happened, withdrawn
                ("status", _TEXT),
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
        LEAVING,
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
        """What the event makes of cards, and of what is on its way out."""
        assert run is not None
        return (*_cards(position, at, event, run), *leaving(position, stream, event, run))


def _cards(position: int, at: Instant, event: Event, run: RunState) -> Sequence[RowChange]:
    match event:
        case ApprovalRequested():
            return (_asked(position, at, event, run),)
        case ActionEdited():
            return _edited(position, at, event, run)
        case ActionDenied():
            return _denied(at, event, run)
        case TaskSucceeded(withdrawn=card):
            return (_answered(card, "happened", at),) if card is not None else ()
        case ApprovalGranted():
            return (_decided(at, event, {"status": "granted", "confirmed": int(event.confirmed)}),)
        case ApprovalRejected():
            return (_decided(at, event, {"status": "rejected"}),)
        case ApprovalSnoozed(approval=approval, until=until):
            return (Put("approvals", (approval,), {"snoozed_until": until}),)
        case ApprovalResurfaced(approval=approval):
            return (Put("approvals", (approval,), {"snoozed_until": 0}),)
        case ApprovalExpired(approval=approval):
            return (_answered(approval, "expired", at),)
        case RunCancelled(withdrawn=cards, actor=actor):
            return [_answered(card, "cancelled", at, actor) for card in cards]
        case RunSuperseded(withdrawn=cards):
            return [_answered(card, "superseded", at) for card in cards]
        case RunFailed(withdrawn=cards):
            return [_answered(card, "withdrawn", at) for card in cards]
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


def _asked(position: int, at: Instant, event: ApprovalRequested, run: RunState) -> Put:
    why: dict[str, Value] = {"rule": event.rule, "reason": event.reason, "expires_at": event.expires_at}
    facts = _facts(run, event.task, run.act(event.task).action)
    return _waits(event.approval, position, at, facts | why)


def _edited(position: int, at: Instant, event: ActionEdited, run: RunState) -> Sequence[RowChange]:
    """The new card asks by the rule by which the old one asked, and no longer than it did."""
    act = run.act(event.task)
    why: dict[str, Value] = {"rule": act.rule, "reason": act.reason, "expires_at": act.expires_at}
    new = _waits(event.approval, position, at, _facts(run, event.task, event.action) | why)
    if event.replaces is None or event.replaces == event.approval:
        return (new,)
    return (_answered(event.replaces, "edited", at, event.actor), new)


def _denied(at: Instant, event: ActionDenied, run: RunState) -> Sequence[RowChange]:
    """Who said yes before a rule said no stays; which rule that is stands where the one stood by which it asked."""
    approval = run.act(event.task).approval
    if approval is None:  # never asked about: it has no card
        return ()
    forbidden: dict[str, Value] = {
        "status": "denied",
        "decided_at": at,
        "rule": event.rule,
        "reason": event.reason,
    }
    return (Put("approvals", (approval,), forbidden),)


def _decided(at: Instant, event: ApprovalGranted | ApprovalRejected, answer: dict[str, Value]) -> Put:
    how: dict[str, Value] = {
        "decided_at": at,
        "actor": event.actor,
        "open_us": event.open_us,
        "batch": event.batch,
        "via": event.via,
    }
    return Put("approvals", (event.approval,), answer | how)


def _closed(run: RunState, number: int, status: str, at: Instant) -> Sequence[RowChange]:
    """The card of this task, if it still waited when it was overtaken; one that was answered keeps its answer."""
    act = run.task(number).act
    if act is None or act.approval is None or act.authority:
        return ()
    return (_answered(act.approval, status, at),)


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
        "parent": run.parent,
        "kind": kind_of(run, number, action),
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
        "snoozed_until": 0,
        "confirmed": 0,
        "batch": "",
        "via": "",
    }
    return Put("approvals", (approval,), facts | asked)


def _answered(approval: ApprovalId, status: str, at: Instant, actor: str | None = None) -> Put:
    answer: dict[str, Value] = {"status": status, "decided_at": at, "actor": actor, "open_us": 0}
    return Put("approvals", (approval,), answer)
