"""Contracts: what an adapter's operations take, give, and promise about being repeated.

Recovery is decided from `Repeatability` alone, approval from `Finality`. Field types are closed and few; a
workflow file is typed against them when it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Repeatability(StrEnum):
    """How an operation may be repeated when its answer was lost."""

    KEYED = "keyed"  # the other side honours our key: call again
    FINDABLE = "findable"  # look it up first
    ONCE = "once"  # never call again: in doubt, ask


class Finality(StrEnum):
    """How final an operation is, from least to most."""

    REVERSIBLE = "reversible"
    WITHDRAWABLE = "withdrawable"  # within the hold window
    FINAL_LOW = "final_low_stake"  # a reply to the sender in the same thread
    FINAL_HIGH = "final_high_stake"  # money, legal, credentials, a new recipient, publication

    @property
    def rank(self) -> int:
        """Position in the order from least to most final."""
        return list(Finality).index(self)


class FieldType(StrEnum):
    """The types a field of an event, an agent or an operation may have."""

    BOOL = "bool"
    INT = "int"
    NUMBER = "number"
    STRING = "string"  # short, not personal: labels, names of intents
    STRINGS = "strings"
    TEXT = "text"  # personal or long: kept as a sealed artifact
    MESSAGE = "message"  # a reference to a received message
    REPLY = "reply"  # a drafted reply: kept as a sealed artifact
    FINDINGS = "findings"
    RECORDS = "records"  # a list that `for_each` may fan out over
    RECORD = "record"  # one of its items
    ANY = "any"  # only for agents outside the shipped ones; unchecked


@dataclass(frozen=True, slots=True)
class Field:
    """One named, typed field."""

    name: str
    type: FieldType
    required: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of a request, a response, an agent's input or its output."""

    fields: tuple[Field, ...] = ()

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of declaration."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing an adapter can do."""

    name: str
    request: Schema
    response: Schema
    repeatability: Repeatability
    finality: Finality
    timeout_s: float = 30.0
    grace_s: float = 120.0  # how long a look-up that finds nothing is tried again before the act is in doubt
    attempt_max: int = 5


@dataclass(frozen=True, slots=True)
class Contract:
    """An adapter's versioned operations. A change of `major` asks for approval of waiting cards anew."""

    adapter: str
    major: int
    minor: int
    operations: tuple[Operation, ...]

    def operation(self, name: str) -> Operation | None:
        """The operation of that name, or None."""
        return next((operation for operation in self.operations if operation.name == name), None)

    @property
    def version(self) -> str:
        """`1.0` and the like, as bound into digests."""
        return f"{self.major}.{self.minor}"
