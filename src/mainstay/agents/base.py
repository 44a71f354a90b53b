"""The port to agents: a brief goes in, an outcome comes out, and nothing else changes.

An agent holds no credentials and has no way out. Its input and output are pydantic models, because what it reads came
from outside and what it says must be checked; every outcome carries a rationale in plain words and the evidence it
relied on. The performer turns references to sealed blobs into `MessageView` and `Reply` before it asks, and seals what
comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field

from mainstay.kernel.contract import Field as SchemaField
from mainstay.kernel.contract import FieldType, Schema
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.swift import swift
from mainstay.kernel.values import NO_USAGE, Instant, Json, Usage
from mainstay.models.base import Completion, Prompt, Unanswered
from mainstay.models.base import ModelUse as ModelUse


class Data(BaseModel):
    """The ancestor of all typed input and output: closed, frozen, strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MessageLink(Data):
    """A link of an HTML mail: what it shows, and where it leads."""

    text: str
    target: str


class MessageView(Data):
    """A received message as an agent sees it. All of it is text from outside: data, never authority."""

    message_id: str
    thread: str
    mailbox: str
    from_address: str
    from_name: str = ""
    reply_to: str = ""  # empty when the same as `from_address`
    to: tuple[str, ...] = ()
    subject: str = ""
    sent_at: Instant = Instant(0)
    references: tuple[str, ...] = ()
    text: str = ""  # the whole text
    new_text: str = ""  # without the quoted history
    attachments: tuple[str, ...] = ()  # names
    automatic: str = ""  # why this is a machine's mail, empty if it is not
    hidden_text: bool = False  # the HTML hid text from the reader
    links: tuple[MessageLink, ...] = ()  # of the HTML; a plain text shows where its links lead
    sender_known: bool = False  # we have written to this address before
    defects: tuple[str, ...] = ()


class Reply(Data):
    """A drafted reply. `missing` are placeholders that no typed field could fill.

    `given` are all sources that the drafter had, `sources` those that the reply leans on. `grounds` are the numbers,
    links and addresses that these and the message's typed fields hold: what else the text says, it made up.
    """

    text: str
    subject: str = ""
    template: str = ""
    template_digest: str = ""  # of the template as it was then
    missing: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()  # approved replies and notes it leans on
    given: tuple[str, ...] = ()
    grounds: tuple[str, ...] | None = None  # None: the drafter did not say
    model: str = ""  # the language model that wrote it; empty: made on this device


class Proposal(Data):
    """What somebody outside wants done, and what they say for it: data, never authority."""

    client: str  # "client:NAME", "agent:token:NAME", or the operator
    why: str = ""
    values: dict[str, Any] = {}  # for the adapter, besides the message and the reply


class Finding(Data):
    """One remark of an inspector. Severity: note, look (a person must look), refuse (must not leave)."""

    check: str
    severity: str
    remark: str
    remedy: str = ""


@swift
@dataclass(frozen=True, slots=True)
class Brief:
    """All that an agent is given for one attempt."""

    run: RunId
    task: str
    attempt: int
    role: Role
    inputs: Json  # already opened: MessageView, Reply, plain values
    now: Instant
    act: str = ""
    recall: str = ""  # the retrieval policy that `Tools.recall` applies
    cost_max_micros: int = 0
    data_class: str = "customer"
    revision: int = 0  # how often this draft was sent back
    findings: tuple[Json, ...] = ()  # and why, the last time


@dataclass(frozen=True, slots=True)
class Recalled:
    """One thing remembered: cite `source` in the evidence."""

    source: str
    text: str
    score: float
    fields: Json


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an attempt drew upon: the log of its recalls (personal: it quotes), and the models it asked."""

    recall: Json | None = None
    hits: int = 0
    dropped: int = 0
    tokens: int = 0
    models: tuple[ModelUse, ...] = ()
    wanting: str = ""  # a retrieval policy by which nothing passed, and that wants a person asked then


class Tools(Protocol):
    """What an agent may use; none of it changes anything outside. One for each attempt, gone with it."""

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        """What a retrieval policy finds for the cue, best first; `fields` filter (for example `intent`).

        Without a `policy` it is the one that the brief names. What else is at work goes on meanwhile: the first time
        after a start a whole memory is opened.
        """
        ...

    def set_aside(self, source: str, why: str) -> None:
        """Something recalled is not used after all: the log of recalls says so, and why."""
        ...

    @property
    def model(self) -> str:
        """The language model that may be asked for this brief; empty where there is none."""
        ...

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """Ask the model: by the brief's data class, within its ceiling of money, from the cache where it can be.

        What may not be sent, or costs more than is left of the ceiling, is `Unanswered` before any call is made.
        """
        ...

    def drawn(self) -> Drawn | None:
        """What was recalled and asked so far, for the ledger; None where nothing was."""
        ...


@swift
@dataclass(frozen=True, slots=True)
class Produced:
    """The typed output."""

    output: Data
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Proposed:
    """An act: `request` goes to the adapter to be rendered; `features` (typed, not personal) go to policy."""

    request: Json
    features: Json
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Inspected:
    """An inspector's findings; its verdict is the worst of them."""

    findings: tuple[Finding, ...]
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE
    revise: bool = False  # a new draft may mend it
    checks: tuple[str, ...] = ()  # what was looked for, by name: also what was not found; empty: not said

    @property
    def verdict(self) -> str:
        """passed, look or refuse."""
        severities = {finding.severity for finding in self.findings}
        return "refuse" if "refuse" in severities else "look" if "look" in severities else "passed"


@dataclass(frozen=True, slots=True)
class NeedsInput:
    """The agent cannot go on without a person."""

    question: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt came to nothing. `usage` None: unknown."""

    failure: FailureClass
    reason: str
    retry_after_s: float | None = None
    usage: Usage | None = NO_USAGE


Outcome = Produced | Proposed | Inspected | NeedsInput | Failed


class Agent(Protocol):
    """Somebody who can be asked."""

    name: str
    role: Role
    input: type[Data]
    output: type[Data] | None  # None for inspectors and executors, whose outcome has a shape of its own

    @property
    def recipe(self) -> str:
        """What it is made of: algorithm, embedder, template; a change of recipe restarts evidence."""
        ...

    @property
    def cost_max_micros(self) -> int | None:
        """The most that one attempt may cost: 0 on the device, None where its price is unknown."""
        ...

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """One attempt. Raises only where its own code is wrong."""
        ...


_TYPES: dict[Any, FieldType] = {
    bool: FieldType.BOOL,
    int: FieldType.INT,
    float: FieldType.NUMBER,
    str: FieldType.STRING,
    tuple[str, ...]: FieldType.STRINGS,
    MessageView: FieldType.MESSAGE,
    Reply: FieldType.REPLY,
    tuple[Finding, ...]: FieldType.FINDINGS,
    tuple[dict[str, Any], ...]: FieldType.RECORDS,
    dict[str, Any]: FieldType.RECORD,
}

INSPECTION = Schema((SchemaField("verdict", FieldType.STRING), SchemaField("findings", FieldType.FINDINGS)))


class GateView(Data):
    """What the gate went by when it judged an annotation: enough to learn from it later, and to say why."""

    recipe: str = ""  # of which features, algorithm and embedder these are the numbers
    model: int = 0  # how many decisions the specialist had learned by then
    learned: int = 0  # of these, how many the gate learns from
    wanted: int = 0  # and how many it wants before it lets anything pass
    risk: float = 1.0  # that the annotation is wrong, by its own estimate
    risk_max: float = 0.0  # up to which it passed then
    named: str = ""  # the intent that these numbers are about
    gated: bool = (
        False  # a flag or the language kept it from being judged: it says nothing of how sure it was
    )
    features: tuple[float, ...] = ()


class IntentView(Data):
    """What the intent specialist says of a message."""

    intent: str  # an id, or "unknown"
    confidence: float = Field(ge=0.0, le=1.0)
    reply_expected: bool
    labels: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # money, legal, credentials, threat, instruction, language, machine, ...
    language: str = ""
    template: str = ""
    auto: bool | None = None  # whether it may be relied upon without a person; None: not put to a gate
    audit: bool = False  # it might, and is looked at all the same, as a sample
    unknown: bool = False  # it is like none of the intents
    gate: GateView | None = None


def schema_of(model: type[Data]) -> Schema:
    """The closed field types of a pydantic model, against which workflow files are typed. Raises `TypeError`."""
    fields = []
    for name, info in model.model_fields.items():
        annotation = _present(info.annotation)
        kind = FieldType.TEXT if "text" in info.metadata else _TYPES.get(annotation)
        if kind is None and isinstance(annotation, type) and issubclass(annotation, Data):
            kind = FieldType.RECORD
        if kind is None:
            raise TypeError(f"{model.__name__}.{name}: {info.annotation!r} is not a type that workflows know")
        fields.append(SchemaField(name, kind, required=info.is_required()))
    return Schema(tuple(fields))


def _present(annotation: Any) -> Any:
    """The type of an optional field where it is given: `X` of `X | None`."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if isinstance(annotation, UnionType) and len(parts) == 1 else annotation
