"""The outside of the simulation: providers that act, what really happened there, and what comes in.

What lies here survives every crash: the providers' own lists of what they did (`Provider.done`), the messages
that customers wrote, what the operator said. The checkers hold the ledger to it.

Fakes wait only on `Pause`, which yields to the scheduler at each boundary of I/O; how long a pause takes, in
virtual time, stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
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
from mainstay.agents.base import MessageView
from mainstay.kernel.contract import Contract, Field, FieldType, Operation, Repeatability, Schema
from mainstay.kernel.effects import Notify
from mainstay.kernel.ids import IdempotencyKey, RunId, SubjectId
from mainstay.kernel.values import Instant, Json
from mainstay.testing.faults import Chaos, Point

FOREVER_S = 1e9
MESSAGE = "message.received/1"


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

    def call_began(
        self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes
    ) -> None:
        """A call leaves the house now."""
        ...

    def happened(self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes) -> None:
        """It took effect on the other side."""
        ...


@dataclass(slots=True)
class Provider:
    """An outside system made from a contract: an adapter that misbehaves, with a list of what it really did.

    A keyed operation does each key once. A findable one can be asked; it is `authoritative`, or what it does not
    see proves nothing. A look-up sees an effect only some time after it.
    """

    name: str  # the configured instance
    contract: Contract
    chaos: Chaos
    guard: Guard
    elapsed_s: Callable[[], float]
    authoritative: bool = False
    prices: Mapping[str, int | None] = field(default_factory=dict)  # by operation; others are free
    done: list[Witness] = field(default_factory=list)

    def operation(self, name: str) -> Operation:
        """One thing it can do. Raises `ValueError`."""
        found = self.contract.operation(name)
        if found is None:
            raise ValueError(f"{self.contract.adapter} has no operation {name!r}")
        return found

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """See `Adapter.render`. What the contract requires must be there."""
        declared = self.operation(operation)
        for one in declared.request.fields:
            if one.required and request.get(one.name) is None:
                raise ValueError(f"the request has no {one.name}")
        content = {"at": at, "key": key, "operation": operation, "request": request}
        return Rendered(
            payload=json.dumps(content, sort_keys=True).encode(),
            title=f"{self.name}.{operation}",
            finality=declared.finality,
            price_micros=self.prices.get(operation, 0),
        )

    def did(self, key: IdempotencyKey) -> int:
        """How many times it really happened under this key."""
        return sum(1 for one in self.done if one.key == key)

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """See `Adapter.call`."""
        chaos, declared = self.chaos, self.operation(operation)
        self.guard.call_began(self, declared, key, payload)
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
        self._happen(declared, key, payload)
        if declared.repeatability is Repeatability.KEYED and chaos.strikes("call: doubled"):
            self._happen(declared, key, payload)
        silent = chaos.strikes("call: silent after")
        await Pause(Point.CALL_AFTER, FOREVER_S if silent else self._delay_s())
        if chaos.strikes("call: answer lost"):
            return InDoubt("the connection was lost")
        if chaos.strikes("call: raised after"):
            raise ConnectionError("the adapter's own code failed after it called")
        return Done(_response(declared.response, key))

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """See `Adapter.find`."""
        chaos, declared = self.chaos, self.operation(operation)
        silent = chaos.strikes("look-up: silent")
        await Pause(Point.LOOKUP, FOREVER_S if silent else self._delay_s())
        if chaos.strikes("look-up: raised"):
            raise ConnectionError("the look-up failed")
        if declared.repeatability is Repeatability.ONCE:
            return Unknown("there is nothing to look into")
        now_s = self.elapsed_s()
        if any(one.key == key and one.visible_at_s <= now_s for one in self.done):
            chaos.paths["look-up found"] += 1
            return Found(_response(declared.response, key))
        if self.authoritative and not self.did(key):
            chaos.paths["look-up absent"] += 1
            return Absent()
        chaos.paths["look-up unknown"] += 1
        return Unknown("it was not seen")

    def _happen(self, operation: Operation, key: IdempotencyKey, payload: bytes) -> None:
        if operation.repeatability is Repeatability.KEYED and self.did(key):
            self.chaos.paths["key honoured"] += 1
            return
        now_s = self.elapsed_s()
        lag_s = self.chaos.random("lag").choice((0.0, 0.0, 20.0, 90.0))
        self.done.append(Witness(key, payload, now_s, now_s + lag_s))
        self.guard.happened(self, operation, key, payload)

    def _delay_s(self) -> float:
        return self.chaos.random("delay").choice((0.0, 0.0, 0.2, 5.0))


def _response(schema: Schema, key: IdempotencyKey) -> Json:
    """What the other side answers: a call and a look-up say the same of one key."""
    return {one.name: _answer(one, key) for one in schema.fields if one.required}


def _answer(declared: Field, key: IdempotencyKey) -> Any:
    match declared.type:
        case FieldType.BOOL:
            return True
        case FieldType.INT | FieldType.NUMBER:
            return int(key[:2], 16)
        case FieldType.STRINGS:
            return [key[:8]]
        case FieldType.RECORDS | FieldType.FINDINGS:
            return []
        case FieldType.RECORD | FieldType.MESSAGE | FieldType.REPLY:
            return {}
        case _:
            return key


def upgrade(provider: Provider) -> None:
    """The other side has a new version of its contract: what was approved under the old one may not leave."""
    provider.contract = replace(provider.contract, minor=provider.contract.minor + 1)


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
    view: MessageView
    fields: Json = field(default_factory=dict)  # what the source tells of it besides
    kind: str = "received"  # or "sent", "broken"

    @property
    def trigger(self) -> Json:
        """What a workflow's `where` is held against."""
        view = self.view
        known = {
            "key": self.key,
            "mailbox": view.mailbox,
            "thread": self.thread,
            "automatic": bool(view.automatic),
            "attachments": len(view.attachments),
        }
        return {"message": known | self.fields}
