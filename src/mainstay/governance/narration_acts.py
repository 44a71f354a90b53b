"""Sentences about acts, and what a person was asked about them and said."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import Open, moment, short, withdrawn_card
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
    CardEvent,
    DoubtResolved,
    LookupDeferred,
    LookupStarted,
    OperatorNotified,
)
from mainstay.kernel.values import money

_ANSWERS = {
    "happened": "it did go out",
    "did_not": "it did not go out",
    "unknown": "nobody knows whether it went out",
}


def say_act(event: ActEvent) -> str:
    """What became of an act, in one sentence without its full stop."""
    match event:
        case ActionProposed(action=action):
            price = "at an unknown price" if action.price_micros is None else money(action.price_micros)
            cost = f" ({price})" if action.price_micros != 0 else ""
            why = f": {event.rationale}" if event.rationale else ""
            return f"{action.act} through {action.adapter} was proposed{cost}, effect {short(action.digest)}{why}"
        case ActionDenied():
            return f"Rule {event.rule!r} forbids it: {event.reason}"
        case ActionShadowed():
            return f"Nothing was done: this kind of act is only watched. Rule {event.rule!r} would {event.would} it"
        case ActionHeld():
            by = _authority(event.authority)
            return f"It may leave, by {by}, and can be taken back until {moment(event.until)}"
        case ActionStarted():
            return f"The effect {short(event.digest)} was let go, by {_authority(event.authority)}"
        case LookupStarted():
            why = f" ({event.reason})" if event.reason else ""
            return (
                f"Whether it went out is not known{why}; it is looked for until {moment(event.until)}"
                f"{withdrawn_card(event.withdrawn)}"
            )
        case LookupDeferred(again_at=again_at):
            return f"It was not seen, which proves nothing; the next look is at {moment(again_at)}"
        case ActionInDoubt(reason=reason):
            return f"It is in doubt and will not be repeated: {reason}"
        case _:
            assert_never(event)


def say_card(event: CardEvent, open_: Open) -> str:
    """What a person was asked, and said, in one sentence without its full stop."""
    match event:
        case ApprovalRequested():
            return (
                f"It waits for a yes to effect {short(event.digest)} (card {event.approval}), by rule "
                f"{event.rule!r}: {event.reason}. It expires at {moment(event.expires_at)}"
            )
        case OperatorNotified():
            return "The operator was told"
        case ActionEdited():
            return f"{event.actor} changed the effect to {short(event.action.digest)} (card {event.approval})"
        case ApprovalGranted():
            return f"{event.actor} approved effect {short(event.digest)} (card {event.approval}){_open(event.open_us)}"
        case ApprovalRejected():
            reason = open_(event.reason_sealed) if event.reason_sealed else ""
            why = " (the reason was forgotten)" if reason is None else f": {reason}" if reason else ""
            return f"{event.actor} said no{_open(event.open_us)}{why}"
        case ApprovalExpired():
            return "Nobody answered in time, and silence never approves"
        case ApprovalSnoozed():
            return f"{event.actor} put card {event.approval} off until {moment(event.until)}"
        case ApprovalResurfaced():
            return f"Card {event.approval} was put off until now, and is shown again"
        case ActionUndone():
            return f"{event.actor} took it back before it left; it would have left by {_authority(event.authority)}"
        case DoubtResolved():
            return f"{event.actor} answered: {_ANSWERS.get(event.answer, event.answer)}"
        case _:
            assert_never(event)


def _authority(authority: str) -> str:
    kind, _, name = authority.partition(":")
    if kind == "autonomy":
        return f"what {name} has earned"
    return f"the operator's approval {name}" if kind == "approval" else f"rule {name!r}"


def _open(open_us: int) -> str:
    return f" after {open_us / 1_000_000:.1f} s" if open_us else ""
