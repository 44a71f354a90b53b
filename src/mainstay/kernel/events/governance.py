"""Events of the streams `autonomy` and `governance`: what may happen by itself, and who may look and decide.

Evidence stands here with what it sums up to, so that a view needs no earlier row: each event says how things are after
it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class EvidenceWeighed:
    """A decision, or what came to light later, counted for or against letting a kind of act go by itself."""

    kind: str  # "workflow/act/class"
    recipe: str  # what made the act: evidence counts for this recipe alone
    verdict: str  # "clean", "error"
    source: str  # "decision", "audit", "undo", "report", "correction"
    run: RunId
    task: int
    clean: int  # decisions of this recipe so far, this one included
    errors: int
    audits: str = (
        ""  # since it was granted, in order, the newest last: "." clean, "x" error; at most the last 200
    )
    audits_clean: int = 0  # since it was granted, in all
    audits_errors: int = 0
    actor: str = ""
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class AutonomyProposed:
    """The evidence suffices: a kind of act could go by itself from here on, if the operator wants it."""

    kind: str
    recipe: str
    level: str  # "held", "automatic"
    clean: int
    errors: int
    target_ppm: int  # the share of errors that is proved not to be exceeded, in millionths


@dataclass(frozen=True, slots=True)
class AutonomyGranted:
    """A kind of act goes by itself from here on, or only as a shadow."""

    kind: str
    recipe: str
    level: str  # "shadow", "held", "automatic"
    actor: str
    clean: int = 0  # the evidence it rests on
    errors: int = 0
    target_ppm: int = 0
    hold_us: int = 0  # how long each act of it can be taken back before it leaves
    worst: int = (
        0  # wrong acts that pass before it is taken back, at most, in 19 of 20 cases, were all of them wrong
    )
    audits: str = ""  # kept where only the level changes; otherwise they begin anew
    audits_clean: int = 0
    audits_errors: int = 0


@dataclass(frozen=True, slots=True)
class AutonomyRevoked:
    """A kind of act asks again."""

    kind: str
    cause: str  # "operator", "errors", "evidence", "recipe", "slo", "kill switch"
    reason: str
    actor: str = ""
    note_sealed: str = ""  # what the operator said of it


@dataclass(frozen=True, slots=True)
class TemplateAdopted:
    """A template came into force: what it says is a blob under its digest."""

    name: str
    template: Digest


@dataclass(frozen=True, slots=True)
class TemplateRetired:
    """A template is there no more: nothing is drafted from it."""

    name: str


@dataclass(frozen=True, slots=True)
class LinkIssued:
    """A link to one card was made; only a keyed hash of it is kept."""

    link: str
    approval: ApprovalId
    digest: Digest  # of the effect: the link decides about nothing else
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class LinkUsed:
    """A link was used to decide, and is good for nothing more."""

    link: str
    device: str
    answer: str  # "approve", "reject"


@dataclass(frozen=True, slots=True)
class DeviceAdmitted:
    """Somebody logged in: this device may look and decide until it is turned away."""

    device: str  # a keyed hash of its session's secret
    name: str  # as it calls itself, shortened
    via: str  # "link", "password"
    until: Instant


@dataclass(frozen=True, slots=True)
class DeviceDismissed:
    """A device was logged out."""

    device: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TokenIssued:
    """Somebody may use the API: a program of the operator's, or an agent; only a keyed hash of its secret is kept."""

    token: str
    name: str
    holder: str  # "operator", "agent"
    scopes: tuple[str, ...]  # `kernel.scopes`
    until: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token opens nothing any more."""

    token: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestTaken:
    """A program's request was done, in the same transaction as what it asked for: it is never done again."""

    request: str  # a keyed hash of who asked and of the name that it gave the request
    body: str  # a keyed hash of what was asked
    operation: str
    run: str = ""
    task: int = 0
    forgotten: tuple[str, ...] = ()  # older requests whose time is over: they are known no more


@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """What a program was answered, and will be answered whenever it asks the same again."""

    request: str
    answer_sealed: str


@dataclass(frozen=True, slots=True)
class ObjectiveBreached:
    """A workflow has used up what its objective allows, or uses it up too fast: what it did by itself asks again."""

    workflow: str
    objective: str  # "success", "proposal", "effect", "exactness"
    window: str  # "1h", "6h", "3d", "count"
    bad: int
    total: int
    burn_milli: int  # how many times too fast, in thousandths


@dataclass(frozen=True, slots=True)
class ObjectiveMet:
    """It is within its objective again."""

    workflow: str
    objective: str


@dataclass(frozen=True, slots=True)
class CheckpointSigned:
    """The ledger up to here was summed up in one root, signed, and written outside of it."""

    through: int  # position of the last event it covers
    root: str  # Merkle root over the hashes of all events up to there, hex
    key: str  # which signing key
    signature: str  # Ed25519, hex


@dataclass(frozen=True, slots=True)
class SigningKeyAdopted:
    """Checkpoints are signed with this key from here on; the one before it vouched for it."""

    key: str  # its fingerprint
    public: str  # hex
    before: str = ""  # the fingerprint of the key before; empty for the first
    signature: str = ""  # by the key before, over the public key


@dataclass(frozen=True, slots=True)
class ForgettingBegun:
    """Somebody is to be forgotten: from here on it is carried to its end, also after a crash."""

    subject: SubjectId
    actor: str
    reason_sealed: str = ""


@dataclass(frozen=True, slots=True)
class SubjectForgotten:
    """The key of somebody was destroyed, and everything that was made of what they said was dropped."""

    subject: SubjectId
    runs: int = 0
    messages: int = 0
    memories: int = 0
    lessons: int = 0
    models: tuple[str, ...] = ()  # fitted models that were dropped and fitted anew


@dataclass(frozen=True, slots=True)
class ExecutableTrusted:
    """The operator vouched for a program of their own: for these bytes of it, under this name."""

    name: str
    digest: Digest
    actor: str


@dataclass(frozen=True, slots=True)
class ExecutableDistrusted:
    """It is not run any more."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class SecretRotated:
    """A secret was replaced; only where it lies stands here."""

    reference: str
    actor: str
    expires_at: Instant = Instant(0)  # 0: nobody said when
