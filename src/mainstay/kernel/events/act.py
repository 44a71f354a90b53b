"""Events of the one door: effects that were proposed, what people said of them, and what became of each call."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import ApprovalId, IdempotencyKey
from mainstay.kernel.policy import Action
from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class ActionProposed:
    """The executor proposed an effect, rendered whole and stored."""

    task: int
    attempt: int
    action: Action
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    cost: int = 0
    recipe: str = ""  # what made it: evidence for letting such acts go by themselves is kept for that


@dataclass(frozen=True, slots=True)
class ActionDenied:
    """A rule forbids the effect."""

    task: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The effect waits for a person's yes to exactly this digest."""

    task: int
    approval: ApprovalId
    digest: Digest
    rule: str
    reason: str
    expires_at: Instant  # 0: never, since its task says that silence holds it


@dataclass(frozen=True, slots=True)
class OperatorNotified:
    """The operator was told that something waits."""

    task: int


@dataclass(frozen=True, slots=True)
class ActionEdited:
    """The operator changed the effect: a new digest, a new approval id."""

    task: int
    approval: ApprovalId
    action: Action
    actor: str
    replaces: ApprovalId | None = None  # the card that was answered with this edit
    words: int = 0  # of the longer of the two texts
    changed: int = 0  # of these
    typed: bool = False  # something other than words was changed: a recipient, an amount, a date


@dataclass(frozen=True, slots=True)
class ApprovalGranted:
    """A person said yes to this digest."""

    task: int
    approval: ApprovalId
    digest: Digest
    actor: str
    open_us: int = 0  # how long the card was open
    confirmed: bool = False  # the second step was taken, which a final act of high stake wants
    batch: str = ""  # decided together with others
    via: str = ""  # the device whose link it was


@dataclass(frozen=True, slots=True)
class ApprovalRejected:
    """A person said no, and why."""

    task: int
    approval: ApprovalId
    actor: str
    reason_sealed: str = ""
    open_us: int = 0
    batch: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalSnoozed:
    """The operator put a card off: it is shown again at `until`, and expires when it would have."""

    task: int
    approval: ApprovalId
    until: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class ApprovalResurfaced:
    """A card that was put off is shown again."""

    task: int
    approval: ApprovalId


@dataclass(frozen=True, slots=True)
class ApprovalExpired:
    """Nobody answered in time; silence never approves."""

    task: int
    approval: ApprovalId


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """The effect may now leave: its key and digest, and by whose authority."""

    task: int
    attempt: int
    key: IdempotencyKey
    digest: Digest
    authority: str  # "rule:NAME", "approval:ID" or "autonomy:KIND"
    hold: int = 0


@dataclass(frozen=True, slots=True)
class ActionHeld:
    """The effect may leave, and can still be taken back until then."""

    task: int
    attempt: int
    until: Instant
    authority: str


@dataclass(frozen=True, slots=True)
class ActionUndone:
    """The operator took it back before it left."""

    task: int
    actor: str
    authority: str  # under which it would have left
    via: str = ""  # the device whose link it was


@dataclass(frozen=True, slots=True)
class ActionShadowed:
    """Its kind of act is only watched: it was decided, and nothing was done."""

    task: int
    would: str  # "allow", "ask": what would have become of it
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookupStarted:
    """The answer was lost; the other side is asked whether it happened, until `until`."""

    task: int
    attempt: int
    until: Instant
    reason: str = ""
    withdrawn: ApprovalId | None = (
        None  # after a restore: the card that waited is not answered before the look-up
    )


@dataclass(frozen=True, slots=True)
class LookupDeferred:
    """The look-up proved nothing and is tried again at `again_at`."""

    task: int
    attempt: int
    again_at: Instant


@dataclass(frozen=True, slots=True)
class ActionInDoubt:
    """Nobody but the operator can say whether it went out."""

    task: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class DoubtResolved:
    """The operator answered "did this go out?"."""

    task: int
    answer: str  # "happened", "did_not", "unknown"
    actor: str
