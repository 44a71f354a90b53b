"""Fakes that are real implementations of their ports: an outside world in memory, which misbehaves to order.

They pass the same conformance suites as the real thing. Their coroutines never suspend, so that the
simulator may run them step by step; time that an answer takes belongs to whoever drives them.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

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
from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant, Json


class Fault(StrEnum):
    """What goes wrong with one call."""

    NONE = "none"
    REFUSED = "refused"  # no for good; nothing happened
    NOT_NOW = "not_now"  # nothing happened; later it may
    LOST_REQUEST = "lost_request"  # it never arrived, and we cannot know
    LOST_ANSWER = "lost_answer"  # it happened, and we cannot know
    LATE_ANSWER = "late_answer"  # it happened; whoever drives this hands the answer over after the deadline
    DOUBLED = "doubled"  # the network delivers the request twice


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that really happened on the other side: the witness that tests count."""

    operation: str
    key: IdempotencyKey
    payload: bytes


@dataclass(slots=True)
class FakeAdapter:
    """An outside system in memory, for any contract.

    `faults` answers for each call which fault it meets; `plan` is the short way for a fixed list.
    `seen_after` look-ups pass before an act can be found, as with a mailbox that shows mail late. With
    `authoritative` a look-up may say `Absent`; without it, not to see an act proves nothing.
    """

    contract: Contract
    faults: Callable[[str, IdempotencyKey, int], Fault] | None = None
    authoritative: bool = False
    unreachable: bool = False  # look-ups fail
    seen_after: int = 0
    retry_after_s: float | None = None
    finality: Finality | None = None  # of every effect, instead of the contract's
    price_micros: int | None = 0
    acts: list[Act] = field(default_factory=list)
    calls: list[Act] = field(default_factory=list)  # every call, whatever became of it
    last_fault: Fault = Fault.NONE
    _planned: deque[Fault] = field(default_factory=deque)
    _looked: Counter[IdempotencyKey] = field(default_factory=Counter)

    def plan(self, faults: Iterable[Fault]) -> None:
        """The next calls meet these faults, in order; those after them meet none."""
        self._planned.extend(faults)

    def happened(self, key: IdempotencyKey) -> int:
        """How many times it happened under this key."""
        return sum(1 for act in self.acts if act.key == key)

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """See `Adapter.render`."""
        declared = self._declared(operation)
        missing = [
            field.name for field in declared.request.fields if field.required and field.name not in request
        ]
        if missing:
            raise ValueError(f"the request has no {', '.join(missing)}")
        content = {"at": at, "key": key, "operation": operation, "request": request}
        return Rendered(
            payload=json.dumps(content, sort_keys=True, separators=(",", ":")).encode(),
            title=f"{self.contract.adapter}.{operation}",
            finality=self.finality or declared.finality,
            price_micros=self.price_micros,
        )

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """See `Adapter.call`."""
        declared = self.contract.operation(operation)
        if declared is None:
            return Refused(f"{self.contract.adapter} has no operation {operation!r}")
        fault = self._next_fault(operation, key)
        self.calls.append(Act(operation, key, payload))
        self.last_fault = fault
        match fault:
            case Fault.REFUSED:
                return Refused("refused to order")
            case Fault.NOT_NOW:
                return NotNow("not now, to order", self.retry_after_s)
            case Fault.LOST_REQUEST:
                return InDoubt("the connection was lost")
            case Fault.LOST_ANSWER:
                self._act(declared, key, payload)
                return InDoubt("the connection was lost")
            case Fault.DOUBLED:
                self._act(declared, key, payload)
                self._act(declared, key, payload)
            case Fault.NONE | Fault.LATE_ANSWER:
                self._act(declared, key, payload)
            case _:
                assert_never(fault)
        return Done({"key": key})

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """See `Adapter.find`."""
        del payload  # the key identifies it
        declared = self.contract.operation(operation)
        if declared is None or declared.repeatability is Repeatability.ONCE:
            return Unknown("there is nothing to look into")
        if self.unreachable:
            return Unknown("the other side does not answer")
        self._looked[key] += 1
        if self.happened(key) and self._looked[key] > self.seen_after:
            return Found({"key": key})
        if self.authoritative and not self.happened(key):
            return Absent()
        return Unknown("it was not seen")

    def _declared(self, operation: str) -> Operation:
        declared = self.contract.operation(operation)
        if declared is None:
            raise ValueError(f"{self.contract.adapter} has no operation {operation!r}")
        return declared

    def _next_fault(self, operation: str, key: IdempotencyKey) -> Fault:
        if self._planned:
            return self._planned.popleft()
        if self.faults is None:
            return Fault.NONE
        return self.faults(operation, key, sum(1 for call in self.calls if call.key == key) + 1)

    def _act(self, declared: Operation, key: IdempotencyKey, payload: bytes) -> None:
        """It happens; under a key that the other side honours, once."""
        if declared.repeatability is Repeatability.KEYED and self.happened(key):
            return
        self.acts.append(Act(declared.name, key, payload))


def fake_contract(repeatability: Repeatability, *, finality: Finality = Finality.FINAL_LOW) -> Contract:
    """A contract with one operation `act` that takes a text."""
    operation = Operation(
        name="act",
        request=Schema((Field("text", FieldType.TEXT),)),
        response=Schema((Field("key", FieldType.STRING),)),
        repeatability=repeatability,
        finality=finality,
    )
    return Contract(adapter="fake", major=1, minor=0, operations=(operation,))
