"""The outside of the simulation: providers that act, agents that think, and what really happened.

What lies here survives every crash: the providers' own lists of what they did (`Provider.done`), the messages
that customers wrote, what the operator said. The checkers hold the ledger to it.

Fakes wait only on `Pause`, which yields to the scheduler at each boundary of I/O; how long a pause takes, in
virtual time, stands in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mainstay.adapters.base import (
    Absent,
    CallResult,
    Done,
    FindResult,
    Found,
    InDoubt,
    NotNow,
    Refused,
    Rendered,
    Unknown,
)
from mainstay.agents import base as agents
from mainstay.agents.base import Brief, Data, Finding, IntentView, Recalled, Reply, Tools
from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.effects import Notify
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import IdempotencyKey, RunId, SubjectId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant, Json, Usage
from mainstay.testing.faults import Chaos, Point

FOREVER_S = 1e9


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait here; the process may die here."""

    point: Point
    for_s: float = 0.0

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


@dataclass(slots=True)
class Witness:
    """One thing that really happened at a provider."""

    key: IdempotencyKey
    payload: bytes
    at_s: float
    visible_at_s: float


class Guard(Protocol):
    """What a provider tells of calls: the checkers listen."""

    def call_began(self, provider: Provider, key: IdempotencyKey, payload: bytes) -> None:
        """A call leaves the house now."""
        ...

    def happened(self, provider: Provider, key: IdempotencyKey, payload: bytes) -> None:
        """It took effect on the other side."""
        ...


@dataclass(slots=True)
class Provider:
    """An outside system: an adapter that misbehaves, with a list of what it really did.

    A keyed one does each key once. A findable one can be asked; it is `authoritative`, or what it does not
    see proves nothing. A look-up sees an effect only some time after it.
    """

    contract: Contract
    chaos: Chaos
    guard: Guard
    elapsed_s: Callable[[], float]
    authoritative: bool = False
    price_micros: int | None = 0
    done: list[Witness] = field(default_factory=list)

    @property
    def operation(self) -> Operation:
        """The one thing it can do."""
        return self.contract.operations[0]

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """See `Adapter.render`."""
        content = {"at": at, "key": key, "operation": operation, "request": request}
        return Rendered(
            payload=json.dumps(content, sort_keys=True).encode(),
            title=f"{self.contract.adapter}: {request.get('text', '')}",
            finality=self.operation.finality,
            price_micros=self.price_micros,
        )

    def did(self, key: IdempotencyKey) -> int:
        """How many times it really happened under this key."""
        return sum(1 for one in self.done if one.key == key)

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """See `Adapter.call`."""
        chaos = self.chaos
        self.guard.call_began(self, key, payload)
        if chaos.strikes("call: raised before"):
            raise ConnectionError("the adapter's own code failed before it called")
        silent = chaos.strikes("call: silent before")
        await Pause(Point.CALL_BEFORE, FOREVER_S if silent else self._delay_s())
        if chaos.strikes("call: refused"):
            return Refused("refused, to order")
        if chaos.strikes("call: throttled"):
            return NotNow("come back later", float(chaos.random("after").randint(1, 600)))
        if chaos.strikes("call: not now"):
            return NotNow("unreachable")
        if chaos.strikes("call: request lost"):
            return InDoubt("the connection was lost")
        self._happen(key, payload)
        if self.operation.repeatability is Repeatability.KEYED and chaos.strikes("call: doubled"):
            self._happen(key, payload)
        silent = chaos.strikes("call: silent after")
        await Pause(Point.CALL_AFTER, FOREVER_S if silent else self._delay_s())
        if chaos.strikes("call: answer lost"):
            return InDoubt("the connection was lost")
        if chaos.strikes("call: raised after"):
            raise ConnectionError("the adapter's own code failed after it called")
        return Done({"key": key})

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """See `Adapter.find`."""
        chaos = self.chaos
        silent = chaos.strikes("look-up: silent")
        await Pause(Point.LOOKUP, FOREVER_S if silent else self._delay_s())
        if chaos.strikes("look-up: raised"):
            raise ConnectionError("the look-up failed")
        now_s = self.elapsed_s()
        if any(one.key == key and one.visible_at_s <= now_s for one in self.done):
            chaos.paths["look-up found"] += 1
            return Found({"key": key})
        if self.authoritative and not self.did(key):
            chaos.paths["look-up absent"] += 1
            return Absent()
        chaos.paths["look-up unknown"] += 1
        return Unknown("it was not seen")

    def _happen(self, key: IdempotencyKey, payload: bytes) -> None:
        if self.operation.repeatability is Repeatability.KEYED and self.did(key):
            self.chaos.paths["key honoured"] += 1
            return
        now_s = self.elapsed_s()
        lag_s = self.chaos.random("lag").choice((0.0, 0.0, 20.0, 90.0))
        self.done.append(Witness(key, payload, now_s, now_s + lag_s))
        self.guard.happened(self, key, payload)

    def _delay_s(self) -> float:
        return self.chaos.random("delay").choice((0.0, 0.0, 0.2, 5.0))


# adapter: repeatability, finality, authoritative, price
_PROVIDERS: dict[str, tuple[str, Repeatability, Finality, bool, int | None]] = {
    "keyed": ("do", Repeatability.KEYED, Finality.WITHDRAWABLE, False, 300),
    "findable": ("do", Repeatability.FINDABLE, Finality.FINAL_LOW, True, 120),
    "vague": ("do", Repeatability.FINDABLE, Finality.FINAL_LOW, False, 0),
    "once": ("do", Repeatability.ONCE, Finality.FINAL_LOW, False, 250),
    "legal": ("do", Repeatability.ONCE, Finality.FINAL_HIGH, False, None),
    "label": ("label", Repeatability.KEYED, Finality.REVERSIBLE, False, 0),
    "reply": ("reply", Repeatability.FINDABLE, Finality.FINAL_LOW, True, 0),
}
_MAIL = {"email.label": "label", "email.reply": "reply"}


def providers(chaos: Chaos, guard: Guard, elapsed_s: Callable[[], float]) -> dict[str, Provider]:
    """The outside systems of one history, by name."""
    found = {}
    for name, (verb, repeatability, finality, authoritative, price) in _PROVIDERS.items():
        operation = Operation(
            verb,
            Schema((Field("text", FieldType.TEXT),)),
            Schema((Field("key", FieldType.STRING),)),
            repeatability,
            finality,
            attempt_max=3,
        )
        contract = Contract(name, 1, 0, (operation,))
        found[name] = Provider(contract, chaos, guard, elapsed_s, authoritative, price)
    return found


def upgrade(provider: Provider) -> None:
    """The other side has a new version of its contract: what was approved under the old one may not leave."""
    provider.contract = replace(provider.contract, minor=provider.contract.minor + 1)


def provider_of(act: str) -> str:
    """The name of the provider that does an act."""
    return _MAIL.get(act) or act.partition(".")[0]


# --- agents ---------------------------------------------------------------------------------------


class Thought(Data):
    """What a thinker says."""

    value: int
    flag: bool
    items: tuple[dict[str, Any], ...]
    text: str


class Drafted(Data):
    """What the writer of replies says."""

    reply: Reply


_FAILURES = (
    FailureClass.TRANSIENT,
    FailureClass.TRANSIENT,
    FailureClass.THROTTLED,
    FailureClass.REFUSED,
    FailureClass.INVALID,
    FailureClass.LOST,
)


@dataclass(slots=True)
class SimulatedAgent:
    """An agent whose every answer is drawn: good, late, dear, wrong or none."""

    name: str
    role: Role
    chaos: Chaos
    recipe: str = "drawn"
    input: type[Data] = Data
    output: type[Data] | None = Thought
    cost_max_micros: int = 0
    spent: Counter[RunId] = field(default_factory=Counter)  # really, by run; shared by all

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        """See `Agent.work`."""
        chaos, random = self.chaos, self.chaos.random("agent")
        silent = chaos.strikes("agent silent")
        await Pause(Point.AGENT_ASKED, FOREVER_S if silent else random.choice((0.0, 0.0, 1.0, 8.0)))
        cost = random.randint(0, brief.cost_max_micros)
        if brief.cost_max_micros and random.random() < 0.2:
            cost = brief.cost_max_micros
        usage = Usage(cost, 10, 20, 1)
        self.spent[brief.run] += cost
        if chaos.strikes("agent raised"):
            raise RuntimeError("the agent's own code failed")
        if chaos.strikes("agent failed"):
            failure = random.choice(_FAILURES)
            after_s = float(random.randint(1, 300)) if failure is FailureClass.THROTTLED else None
            return agents.Failed(failure, "to order", after_s, random.choice((usage, None)))
        answer = self._answer(brief, usage)
        await Pause(Point.AGENT_ANSWERED)
        return answer

    def _answer(self, brief: Brief, usage: Usage) -> agents.Outcome:
        random = self.chaos.random("agent")
        if self.chaos.strikes("agent confused"):
            return self._wrong(brief, usage)
        if brief.act:
            text = f"{brief.task} {brief.attempt} {random.randrange(1_000)}"
            features = {"risky": random.random() < 0.2, "recipient_known": random.random() < 0.7}
            return agents.Proposed({"text": text}, features, "because", usage=usage)
        match self.role, self.name:
            case (Role.INSPECTOR, _):
                severity = random.choice(("note", "note", "look", "refuse"))
                finding = Finding(check="drawn", severity=severity, remark="to order")
                revise = severity != "note" or random.random() < 0.2
                return agents.Inspected((finding,), "because", usage=usage, revise=revise)
            case (_, "intent"):
                said = IntentView(
                    intent="pricing",
                    confidence=0.9,
                    reply_expected=random.random() < 0.8,
                    labels=("pricing",),
                )
                return agents.Produced(said, "because", ("record:1",), usage)
            case (_, "reply-writer"):
                return agents.Produced(Drafted(reply=Reply(text="Hello")), "because", usage=usage)
            case _:
                items: tuple[dict[str, Any], ...] = tuple(
                    {"number": number} for number in range(random.choice((0, 1, 2, 3, 5)))
                )
                thought = Thought(
                    value=random.randrange(100), flag=random.random() < 0.6, items=items, text="a thought"
                )
                return agents.Produced(thought, "because", ("record:1",), usage)

    def _wrong(self, brief: Brief, usage: Usage) -> agents.Outcome:
        """An answer of another kind than the task's."""
        if brief.act:
            thought = Thought(value=1, flag=True, items=(), text="done, it says")
            return agents.Produced(thought, "because", usage=usage)
        return agents.Proposed({"text": "an act that nobody asked for"}, {}, "because", usage=usage)


def simulated_agents(chaos: Chaos, spent: Counter[RunId]) -> dict[str, SimulatedAgent]:
    """Everybody whom a workflow of the simulation may ask."""
    named = {
        "thinker": Role.SPECIALIST,
        "proposer": Role.EXECUTOR,
        "inspector": Role.INSPECTOR,
        "intent": Role.SPECIALIST,
        "reply-writer": Role.EXECUTOR,
        "reply-checks": Role.INSPECTOR,
    }
    return {name: SimulatedAgent(name, role, chaos, spent=spent) for name, role in named.items()}


class NoTools:
    """Recalls nothing."""

    def recall(self, cue: str, *, limit: int, **fields: Any) -> Sequence[Recalled]:
        """See `Tools.recall`."""
        return ()


@dataclass(slots=True)
class SimulatedNotifier:
    """Tells the operator, who may look or not."""

    chaos: Chaos
    untold: set[tuple[RunId, int]] = field(default_factory=set)  # nobody was told, until the next boot

    async def notify(self, effect: Notify) -> None:
        """See `Notifier.notify`."""
        silent = self.chaos.strikes("notifier silent")
        if silent:
            self.untold.add((effect.run, effect.task))
        await Pause(Point.NOTIFY, FOREVER_S if silent else 0.0)
        if self.chaos.strikes("notifier raised"):
            self.untold.add((effect.run, effect.task))
            raise ConnectionError("nobody can be told")


# --- the mailbox ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mail:
    """Something that lies in the mailbox outside."""

    key: str
    thread: str
    subject: SubjectId
    text: str
    kind: str = "received"  # or "sent", "broken"
