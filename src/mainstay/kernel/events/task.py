"""Events of a run's tasks: attempts, what came of them, what they drew upon, and why one has to wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json


class FailureClass(StrEnum):
    """In which way an attempt failed; the recovery table (`kernel.recovery`) goes by it."""

    TRANSIENT = "transient"  # may work when tried again
    THROTTLED = "throttled"  # asked to come back later
    REFUSED = "refused"  # the other side said no for good
    INVALID = "invalid"  # what came back, or what was asked, makes no sense
    IN_DOUBT = "in_doubt"  # it may have happened
    TIMEOUT = "timeout"  # no answer within the deadline
    LOST = "lost"  # the director stopped while it ran
    BUG = "bug"  # our own code, or an agent's, raised
    STOPPED = "stopped"  # held back directly before it left: nobody was called
    POISONED = "poisoned"  # the director ended each time it was tried


@swift
@dataclass(frozen=True, slots=True)
class TaskStarted:
    """An attempt of a task began: an agent is asked, and its ceiling of money is held."""

    task: int
    attempt: int
    hold: int = 0


@swift
@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """The task is done; here is what it gave, why, and what it relied on."""

    task: int
    attempt: int
    output: Json = field(default_factory=dict)
    cost: int = 0
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    withdrawn: ApprovalId | None = (
        None  # the truth came late: a card that asked to do it again no longer waits
    )


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed and another will be made at `retry_at`."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    retry_at: Instant
    cost: int = 0


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task is given up."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    cost: int = 0


@dataclass(frozen=True, slots=True)
class TaskSkipped:
    """The task will not be done: its condition is false, or what it needs is missing."""

    task: int
    reason: str


@dataclass(frozen=True, slots=True)
class TaskExpanded:
    """A `for_each` fanned out over `count` items, numbered from the run's next free task number."""

    task: int
    count: int


@dataclass(frozen=True, slots=True)
class RevisionRequested:
    """The inspector sent the draft back, with its findings."""

    task: int  # the draft's task
    inspector: int
    attempt: int  # the inspector's
    findings: tuple[Json, ...] = ()
    cost: int = 0
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class BudgetRefused:
    """A start would have gone over a budget; it waits for the next period, the operator, or what is `passing`.

    Under the scope "price" nobody knows what its agent costs: `needed` is the task's budget, and no clock leads on.
    """

    task: int
    scope: str  # "run", "workflow", "day", "month", "price"
    needed: int
    left: int
    wake_at: Instant
    passing: bool = False  # it fits as soon as what is only held has settled


@dataclass(frozen=True, slots=True)
class SpendingAllowed:
    """A person said what a run may spend where its budget ends, or where nobody knows a price."""

    scope: (
        str  # "run": so much in all, in place of its budget; "price": so much for an attempt of unknown price
    )
    amount: int
    actor: str


@dataclass(frozen=True, slots=True)
class StartDeferred:
    """A start waits: for its delay, a throttle, a circuit breaker or the end of a pause (`scope` says which)."""

    task: int
    scope: str  # "delay", "throttle:adapter:NAME", "breaker:NAME.OPERATION", "pause:workflow:NAME", "kill switch"
    wake_at: Instant = Instant(0)  # 0: the director admits it when there is room


@dataclass(frozen=True, slots=True)
class FailureDiagnosed:
    """An attempt failed: what is known of it, which ways on there are, and which one is taken."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    exception: str = ""  # type and place, never its text
    known: Json = field(default_factory=dict)  # attempts, calls, how the operation may be repeated, ...
    candidates: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class TaskPaused:
    """The task does not start, or start again, until it is resumed."""

    task: int
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaskResumed:
    """The task may start again."""

    task: int
    actor: str


@dataclass(frozen=True, slots=True)
class TaskCancelled:
    """The operator gave the task up; what needs it is skipped."""

    task: int
    actor: str
    reason: str = ""
    cost: int = 0  # what its agent may have spent: nobody will hear the true amount
    withdrawn: ApprovalId | None = None  # the card that no longer waits


@dataclass(frozen=True, slots=True)
class ContextRecalled:
    """An attempt was given memories: how many, what they weighed, and the log of what was found and dropped."""

    task: int
    attempt: int
    log: Digest  # a sealed blob: policy, query, hits with rank and features, and what was dropped and why
    hits: int
    dropped: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """An attempt called a language model: how often, what that consumed, and what the cache spared."""

    task: int
    attempt: int
    model: str  # provider and model, "ollama:qwen3"
    calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0  # micro-units; part of what the attempt settles at, not on top of it
    cached: int = 0  # answers that came from the cache
    saved: int = 0  # what these would have cost
    guarding: bool = False  # it checked somebody's work instead of doing it
