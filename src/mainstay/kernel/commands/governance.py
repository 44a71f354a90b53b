"""Commands for what may happen by itself, and who may look and decide: `kernel.autonomy`, `kernel.governing`."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class WeighEvidence:
    """Count a decision, or what came to light later, for or against a kind of act; once for each source of a task."""

    kind: str
    recipe: str
    verdict: str  # "clean", "error"
    source: str  # "decision", "audit", "undo", "report", "correction"
    run: RunId
    task: int
    actor: str
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class GrantAutonomy:
    """Let a kind of act go by itself as far as its evidence reaches, or put it into the shadow."""

    kind: str
    level: str
    actor: str


@dataclass(frozen=True, slots=True)
class RevokeAutonomy:
    """Let a kind of act ask again."""

    kind: str
    cause: str
    reason: str
    actor: str = ""
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class AdoptTemplate:
    """Put a template in force."""

    name: str
    template: Digest


@dataclass(frozen=True, slots=True)
class RetireTemplate:
    """Take a template out of force: its file is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class IssueLink:
    """Keep that there is a link to a card."""

    link: str
    approval: ApprovalId
    digest: Digest
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class UseLink:
    """Spend a link, if it is good still."""

    link: str
    device: str
    answer: str


@dataclass(frozen=True, slots=True)
class AdmitDevice:
    """Let a device look and decide."""

    device: str
    name: str
    via: str
    until: Instant


@dataclass(frozen=True, slots=True)
class DismissDevice:
    """Log a device out."""

    device: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IssueToken:
    """Let a program use the API, as far as its scopes reach."""

    token: str
    name: str
    holder: str
    scopes: tuple[str, ...]
    until: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Let it use the API no more."""

    token: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """Keep that a program's request was done; it goes with the command that does it."""

    request: str
    body: str
    operation: str
    run: str = ""
    task: int = 0


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """Keep what it was answered."""

    request: str
    answer_sealed: str


@dataclass(frozen=True, slots=True)
class BreachObjective:
    """Keep that an objective is not met; once while that lasts."""

    workflow: str
    objective: str
    window: str
    bad: int
    total: int
    burn_milli: int


@dataclass(frozen=True, slots=True)
class MeetObjective:
    """It is met again."""

    workflow: str
    objective: str


@dataclass(frozen=True, slots=True)
class RecordCheckpoint:
    """Keep that the ledger was summed up and signed."""

    through: int
    root: str
    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class AdoptSigningKey:
    """Sign with another key."""

    key: str
    public: str
    before: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class BeginForgetting:
    """Forget somebody."""

    subject: SubjectId
    actor: str
    reason_sealed: str = ""


@dataclass(frozen=True, slots=True)
class FinishForgetting:
    """Everything of them is gone."""

    subject: SubjectId
    runs: int = 0
    messages: int = 0
    memories: int = 0
    lessons: int = 0
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustExecutable:
    """Vouch for a program."""

    name: str
    digest: Digest
    actor: str


@dataclass(frozen=True, slots=True)
class DistrustExecutable:
    """Vouch for it no more."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class RecordSecretRotation:
    """Keep that a secret was replaced."""

    reference: str
    actor: str
    expires_at: Instant = Instant(0)
