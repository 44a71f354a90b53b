"""Who decides: persons. Agents, their tokens, models and the house itself propose, and that is all.

An actor is a name in the ledger. What begins like a machine is one, so that whoever gives a name to a program that
is no person cannot make it one. The director asks this of every command that is a person's to give, behind whatever
door let it in: `machine_decides`.
"""

from __future__ import annotations

from mainstay.kernel.commands import (
    AdmitDevice,
    AdoptPolicy,
    AdoptSigningKey,
    AdoptTemplate,
    AllowSpending,
    BeginForgetting,
    CancelRun,
    CancelTask,
    Command,
    DismissDevice,
    DistrustExecutable,
    EditApproval,
    GrantApproval,
    GrantAutonomy,
    IssueToken,
    PauseRun,
    PauseScope,
    PauseTask,
    PurgeDeadLetter,
    RecordFile,
    RecordReplay,
    RecordSecretRotation,
    RegisterWorkflow,
    RejectApproval,
    ResolveDoubt,
    ResumeRun,
    ResumeScope,
    ResumeTask,
    RetireTemplate,
    RetireWorkflow,
    RetractMemory,
    ReviewAnnotation,
    RevokeAutonomy,
    RevokeToken,
    SnoozeApproval,
    StartRun,
    ThrowKillSwitch,
    TrustExecutable,
    UndoAct,
    UseLink,
    WeighEvidence,
)

NOBODY = frozenset({"director", "mainstay", "ingest"})
MACHINES = ("agent:", "agent.", "model:", "adapter:", "tool:", "mcp:", "client:")
TOKEN = "agent:token:"  # an agent that came with a token; its name follows

OF_PERSONS = frozenset[type[Command]](
    {
        *(GrantApproval, EditApproval, RejectApproval, SnoozeApproval, UndoAct, ResolveDoubt, UseLink),
        *(GrantAutonomy, RevokeAutonomy, WeighEvidence, AllowSpending, ReviewAnnotation),
        *(PauseRun, ResumeRun, PauseTask, ResumeTask, PauseScope, ResumeScope, PurgeDeadLetter),
        *(CancelRun, CancelTask),
        *(ThrowKillSwitch, AdoptPolicy, BeginForgetting, TrustExecutable, DistrustExecutable),
        *(IssueToken, RevokeToken, AdmitDevice, DismissDevice, RecordSecretRotation, RecordFile),
        *(RegisterWorkflow, RetireWorkflow, AdoptTemplate, RetireTemplate, AdoptSigningKey),
        *(RetractMemory, RecordReplay),
    }
)


def is_machine(actor: str) -> bool:
    """Whether this names an agent, its token, a model or a tool."""
    return actor.strip().casefold().startswith(MACHINES)


def is_person(actor: str) -> bool:
    """Whether this names somebody who may decide."""
    name = actor.strip().casefold()
    return bool(name) and name not in NOBODY and not is_machine(name)


def machine_decides(command: Command, actor: str) -> bool:
    """Whether a machine gives a command that only persons give: under its own name, or behind somebody else's.

    A run that goes on from another one asks again about what a person may have rejected, and so only a person has it.
    """
    if isinstance(command, StartRun):
        return command.forked is not None and (is_machine(actor) or is_machine(command.forked.actor))
    if type(command) not in OF_PERSONS:
        return False
    return is_machine(actor) or is_machine(str(getattr(command, "actor", "")))
