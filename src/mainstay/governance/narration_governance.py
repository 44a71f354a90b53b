"""Sentences about what may happen by itself, and about who may look and decide."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import because, moment, short, short_run
from mainstay.kernel.events import (
    AutonomyEvent,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    CheckpointSigned,
    DeviceAdmitted,
    DeviceDismissed,
    EvidenceWeighed,
    ExecutableDistrusted,
    ExecutableTrusted,
    ForgettingBegun,
    GovernanceEvent,
    LinkIssued,
    LinkUsed,
    ObjectiveBreached,
    ObjectiveMet,
    RequestAnswered,
    RequestTaken,
    SecretRotated,
    SigningKeyAdopted,
    SubjectForgotten,
    TemplateAdopted,
    TemplateRetired,
    TokenIssued,
    TokenRevoked,
)

_LEVELS = {
    "shadow": "is only watched",
    "ask": "asks",
    "held": "goes by itself, after a window in which it can be taken back",
    "automatic": "goes by itself",
}
_SOURCES = {
    "decision": "a decision",
    "audit": "an audit",
    "undo": "what was taken back",
    "report": "what was reported",
    "correction": "a later correction",
}


def say_autonomy(event: AutonomyEvent) -> str:
    """What was weighed, granted or taken back, in one sentence without its full stop."""
    match event:
        case EvidenceWeighed():
            side = "for" if event.verdict == "clean" else "against"
            source = _SOURCES.get(event.source, event.source)
            so_far = f"{event.clean} right and {event.errors} wrong so far"
            return f"{source} about run {short_run(event.run)} speaks {side} {event.kind}: {so_far}"
        case AutonomyProposed(kind=kind, clean=clean, errors=errors):
            proof = (
                f"{clean} right and {errors} wrong prove fewer errors than {event.target_ppm / 10_000:g} %"
            )
            return f"{kind} could go by itself: {proof}"
        case AutonomyGranted(kind=kind, level=level, actor=actor):
            worst = f"; were all of them wrong, {event.worst} would leave before it ends (in 19 of 20 cases)"
            risk = worst if event.worst else ""
            return f"From here on {kind} {_LEVELS.get(level, level)}, by {actor}{risk}"
        case AutonomyRevoked(kind=kind, reason=reason):
            return f"{kind} asks again{because(reason)}"
        case _:
            assert_never(event)


def say_governance(event: GovernanceEvent) -> str:
    """What was adopted, issued, signed, forgotten or trusted, in one sentence without its full stop."""
    match event:
        case TemplateAdopted(name=name, template=template):
            return f"Template {name} came into force ({short(template)})"
        case TemplateRetired(name=name):
            return f"Template {name} is in force no more: its file is gone"
        case LinkIssued(approval=approval, expires_at=expires_at):
            return f"A link to card {approval} was made, good until {moment(expires_at)}"
        case LinkUsed(device=device, answer=answer):
            return f"A link was used on device {short(device)} to {answer}"
        case DeviceAdmitted(name=name, via=via):
            return f"Device {name or 'without a name'} was logged in by {via}"
        case DeviceDismissed(device=device, actor=actor, reason=reason):
            return f"{actor} logged device {short(device)} out{because(reason)}"
        case TokenIssued(name=name, holder=holder, scopes=scopes, actor=actor):
            whose = "an agent" if holder == "agent" else "the operator"
            return f"{actor} issued token {name!r} to {whose}, for {', '.join(scopes)}"
        case TokenRevoked(token=token, actor=actor, reason=reason):
            return f"{actor} revoked token {short(token)}{because(reason)}"
        case RequestTaken(operation=operation):
            return f"A program asked for {operation}, once"
        case RequestAnswered(request=request):
            return f"Request {short(request)} of a program was answered"
        case ObjectiveBreached(workflow=workflow, objective=objective, bad=bad, total=total):
            return f"{workflow} misses its objective for {objective}: {bad} of {total} in {event.window}"
        case ObjectiveMet(workflow=workflow, objective=objective):
            return f"{workflow} meets its objective for {objective} again"
        case CheckpointSigned(through=through, root=root):
            return f"The ledger up to position {through} was signed as {short(root)}"
        case SigningKeyAdopted(key=key, before=before):
            vouched = f", vouched for by {short(before)}" if before else ""
            return f"Checkpoints are signed with key {short(key)} from here on{vouched}"
        case ForgettingBegun(subject=subject, actor=actor):
            return f"{actor} asked for subject {short(subject)} to be forgotten"
        case SubjectForgotten(subject=subject):
            gone = f"{event.messages} messages, {event.memories} memories and {event.lessons} lessons"
            return f"Subject {short(subject)} was forgotten, and with it {gone}"
        case ExecutableTrusted(name=name, digest=digest, actor=actor):
            return f"{actor} trusts the program {name} as it is ({short(digest)})"
        case ExecutableDistrusted(name=name, actor=actor):
            return f"{actor} trusts the program {name} no more"
        case SecretRotated(reference=reference, actor=actor):
            return f"{actor} replaced the secret at {reference}"
        case _:
            assert_never(event)
