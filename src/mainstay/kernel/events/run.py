"""Events of a run as a whole: how it began, waited, was steered, took back what it did, and ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.kernel.events.task import FailureClass
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.plan import Plan
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json


@swift
@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run of a workflow began, pinned to the content hash of its definition."""

    run: RunId
    workflow: str
    definition: Digest
    trigger: Json = field(default_factory=dict)  # typed fields; personal ones are references to sealed blobs
    key: str = ""  # one run at a time per key
    subject: SubjectId | None = None  # whose personal values the run handles
    sealed_under: SubjectId | None = None  # the joint subject, where they concern others besides `subject`
    by: str = ""  # the agent that asked for it, where it was one: what the run does then always asks


@dataclass(frozen=True, slots=True)
class RunQueued:
    """The run waits in line: for one with its key to end, or for room among the runs of its workflow."""

    behind: RunId
    line: str = "key"  # or "workflow"


@dataclass(frozen=True, slots=True)
class RunDelayed:
    """The run begins no earlier than this."""

    until: Instant


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a forked run takes over of one task of its parent: that it succeeded, and what it gave."""

    task: int
    output: Json = field(default_factory=dict)
    acted: bool = False  # its effect left the house in the parent's name


@dataclass(frozen=True, slots=True)
class RunForked:
    """The run goes on from a point of another: what was done there is done here. Acts after the point always ask."""

    parent: RunId
    version: int  # of the parent's stream: the point
    actor: str
    first: str = ""  # the task from which it is done anew; empty: from a point in time
    inherited: tuple[Inherited, ...] = ()
    expansions: tuple[tuple[int, int], ...] = ()  # (task, items) that had fanned out, in order
    changed: tuple[str, ...] = ()  # which inputs are not the parent's: "trigger.x", "task.field"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """From now on this task (-1: the run) must be done by `at`."""

    task: int
    at: Instant


@swift
@dataclass(frozen=True, slots=True)
class PlanAccepted:
    """The plan was validated and is what the run follows; the ledger keeps its digest, the plan is a blob."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class RunReleased:
    """The run before this one has ended; this one goes on."""

    after: RunId


@dataclass(frozen=True, slots=True)
class RunSuperseded:
    """Something newer made the run needless while it only waited."""

    reason: str
    by: str = ""
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """The operator ended the run."""

    actor: str
    reason: str = ""
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait


@dataclass(frozen=True, slots=True)
class RunPaused:
    """Nothing new of this run starts; what is under way is heard."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The run goes on."""

    actor: str


@dataclass(frozen=True, slots=True)
class RunRecovered:
    """A new director took over work that was under way: how many attempts were lost with the old one.

    With `restored` the ledger came out of a backup: what the run had done since is unknown.
    """

    lost: int
    restored: bool = False


@dataclass(frozen=True, slots=True)
class CompensationBegun:
    """The run is failing or was cancelled: acts that name a compensation are taken back, the last one first."""

    ending: str  # "failed" or "cancelled": how the run ends afterwards
    reason: str = ""
    actor: str = ""
    cost: int = 0  # as for RunCancelled
    withdrawn: tuple[ApprovalId, ...] = ()


@dataclass(frozen=True, slots=True)
class CompensationPlanned:
    """Everything under way has settled: these acts are taken back, in this order, as tasks at the end of the table."""

    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompensationFailed:
    """An act could not be taken back: the operator is asked how to go on."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    withdrawn: ApprovalId | None = None  # its card, if it expired
    cost: int = 0


@swift
@dataclass(frozen=True, slots=True)
class RunSucceeded:
    """Every task is done or was skipped for a stated reason."""


@dataclass(frozen=True, slots=True)
class RunFailed:
    """At least one task was given up, or the run's deadline passed."""

    reason: str
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait
