"""Who may look and decide, what was signed, forgotten and trusted, decided: once is enough, what is over stays over.

Pure: what is known of the thing a command is about comes in as a fact, the row of a view (`ledger.projections.
governance`) by its column names; None where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from mainstay.kernel.commands import (
    AdmitDevice,
    AdoptSigningKey,
    AdoptTemplate,
    AnswerRequest,
    BeginForgetting,
    BreachObjective,
    DismissDevice,
    DistrustExecutable,
    FinishForgetting,
    GovernanceCommand,
    IssueLink,
    IssueToken,
    MeetObjective,
    RecordCheckpoint,
    RecordSecretRotation,
    RetireTemplate,
    RevokeToken,
    TakeRequest,
    TrustExecutable,
    UseLink,
)
from mainstay.kernel.events import (
    CheckpointSigned,
    DeviceAdmitted,
    DeviceDismissed,
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
from mainstay.kernel.scopes import may_hold
from mainstay.kernel.values import DAY, Instant

Known = Mapping[str, Any]

REQUEST_KEPT_US = 30 * DAY  # for so long at least a program's key stands for what it asked
REQUESTS_FORGOTTEN_MAX = 2  # with each that is taken: more than one, so that what is over becomes less


def about(command: GovernanceCommand) -> tuple[str, tuple[str | int, ...]]:
    """Of what the last word must be known to decide: the view, and the key of its row."""
    match command:
        case AdoptTemplate(name=name) | RetireTemplate(name=name):
            return "templates", (name,)
        case IssueLink(link=link) | UseLink(link=link):
            return "links", (link,)
        case AdmitDevice(device=device) | DismissDevice(device=device):
            return "devices", (device,)
        case IssueToken(token=token) | RevokeToken(token=token):
            return "tokens", (token,)
        case TakeRequest(request=request) | AnswerRequest(request=request):
            return "requests", (request,)
        case BreachObjective(workflow=workflow, objective=objective):
            return "objectives", (workflow, objective)
        case MeetObjective(workflow=workflow, objective=objective):
            return "objectives", (workflow, objective)
        case RecordCheckpoint(through=through):
            return "checkpoints", (through,)
        case AdoptSigningKey(key=key):
            return "signing_keys", (key,)
        case BeginForgetting(subject=subject) | FinishForgetting(subject=subject):
            return "forgotten", (subject,)
        case TrustExecutable(name=name) | DistrustExecutable(name=name):
            return "executables", (name,)
        case RecordSecretRotation(reference=reference):
            return "secrets", (reference,)
        case _:
            assert_never(command)


def decide_governance(
    command: GovernanceCommand, known: Known | None, now: Instant, over: Sequence[str] = ()
) -> GovernanceEvent | None:
    """The event that the command leads to; None when it is so already, or when it comes too late.

    `over`: requests that may be forgotten by now. That they are stands in the event of the one that is taken, so that
    the view forgets the same ones whenever it is folded.
    """
    row: Known = known or {}
    match command:
        case AdoptTemplate(name=name, template=template):
            return TemplateAdopted(name, template) if row.get("template") != template else None
        case RetireTemplate(name=name):
            return TemplateRetired(name) if known is not None else None
        case IssueLink(link=link, approval=approval, digest=digest, expires_at=expires_at):
            return LinkIssued(link, approval, digest, expires_at) if known is None else None
        case UseLink(link=link, device=device, answer=answer):
            good = known is not None and row["used_at"] is None and now < row["expires_at"]
            return LinkUsed(link, device, answer) if good else None
        case AdmitDevice(device=device, name=name, via=via, until=until):
            return DeviceAdmitted(device, name, via, until) if known is None else None
        case DismissDevice(device=device, actor=actor, reason=reason):
            at_home = known is not None and row["dismissed_at"] is None
            return DeviceDismissed(device, actor, reason) if at_home else None
        case IssueToken(holder=holder, scopes=scopes, until=until):
            good = known is None and may_hold(holder, scopes) and now < until
            return (
                TokenIssued(command.token, command.name, holder, scopes, until, command.actor)
                if good
                else None
            )
        case RevokeToken(token=token, actor=actor, reason=reason):
            good = known is not None and row["revoked_at"] is None
            return TokenRevoked(token, actor, reason) if good else None
        case TakeRequest(request=request, body=body, operation=operation, run=run, task=task):
            gone = tuple(over[:REQUESTS_FORGOTTEN_MAX])
            return RequestTaken(request, body, operation, run, task, gone) if known is None else None
        case AnswerRequest(request=request, answer_sealed=answer):
            waits = known is not None and row["answer"] is None
            return RequestAnswered(request, answer) if waits else None
        case BreachObjective():
            if known is not None and row["met_at"] is None:
                return None
            return ObjectiveBreached(
                *(command.workflow, command.objective, command.window),
                *(command.bad, command.total, command.burn_milli),
            )
        case MeetObjective(workflow=workflow, objective=objective):
            breached = known is not None and row["met_at"] is None
            return ObjectiveMet(workflow, objective) if breached else None
        case RecordCheckpoint(through=through, root=root, key=key, signature=signature):
            return CheckpointSigned(through, root, key, signature) if known is None else None
        case AdoptSigningKey(key=key, public=public, before=before, signature=signature):
            return SigningKeyAdopted(key, public, before, signature) if known is None else None
        case BeginForgetting(subject=subject, actor=actor, reason_sealed=reason):
            under_way = known is not None and row["done_at"] is None
            return None if under_way else ForgettingBegun(subject, actor, reason)
        case FinishForgetting():
            if known is None or row["done_at"] is not None:
                return None
            return SubjectForgotten(
                *(command.subject, command.runs, command.messages),
                *(command.memories, command.lessons, command.models),
            )
        case TrustExecutable(name=name, digest=digest, actor=actor):
            return ExecutableTrusted(name, digest, actor) if row.get("digest") != digest else None
        case DistrustExecutable(name=name, actor=actor):
            return ExecutableDistrusted(name, actor) if known is not None else None
        case RecordSecretRotation(reference=reference, actor=actor, expires_at=expires_at):
            return SecretRotated(reference, actor, expires_at)
        case _:
            assert_never(command)
