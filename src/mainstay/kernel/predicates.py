"""The closed language of references and predicates: what workflows, triggers and rules look at, and how they compare.

Everything here is total: what is missing is None, and what cannot be compared is false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, assert_never


@dataclass(frozen=True, slots=True)
class Ref:
    """`${source.field}`: a field of the trigger, of another task's output, or of the item of a `for_each`."""

    source: str  # "trigger", "item" or the name of a task
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "${" + ".".join((self.source, *self.path)) + "}"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the workflow itself."""

    value: Any


Binding = Ref | Literal


class Operator(StrEnum):
    """How a predicate compares a field."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    BELOW = "below"
    ABOVE = "above"
    CONTAINS = "contains"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Compare:
    """A field, an operator and a value."""

    field: Ref
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate


Predicate = Compare | All | AnyOf | Not


def predicate_refs(predicate: Predicate) -> list[Ref]:
    """Every reference in a predicate."""
    match predicate:
        case Compare(field=ref):
            return [ref]
        case All(parts=parts) | AnyOf(parts=parts):
            return [ref for part in parts for ref in predicate_refs(part)]
        case Not(part=part):
            return predicate_refs(part)
        case _:
            assert_never(predicate)


class SourceMap(Protocol):
    """What references are looked up in: a dict will do."""

    def get(self, name: str, /) -> Any:
        """The value behind the first word of a reference, or None."""
        ...


def resolve(ref: Ref, sources: SourceMap) -> Any:
    """The value a reference stands for, or None where a skipped task left nothing."""
    value: Any = sources.get(ref.source)
    for name in ref.path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def holds(predicate: Predicate, sources: SourceMap) -> bool:
    """Whether a predicate is true of the fields in `sources`. Total: what cannot be compared is false."""
    match predicate:
        case Compare(field=ref, operator=operator, value=value):
            return compare(operator, resolve(ref, sources), value)
        case All(parts=parts):
            return all(holds(part, sources) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, sources) for part in parts)
        case Not(part=part):
            return not holds(part, sources)
        case _:
            assert_never(predicate)


def compare(operator: Operator, actual: Any, value: Any) -> bool:
    """One comparison; values of different kinds are unequal and never below or above."""
    match operator:
        case Operator.IS:
            return _same(actual, value)
        case Operator.IS_NOT:
            return not _same(actual, value)
        case Operator.IN:
            return _among(actual, value)
        case Operator.NOT_IN:
            return not _among(actual, value)
        case Operator.BELOW:
            return _numbers(actual, value) and actual < value
        case Operator.ABOVE:
            return _numbers(actual, value) and actual > value
        case Operator.CONTAINS:
            if isinstance(actual, str):
                return isinstance(value, str) and value in actual
            return _among(value, actual)
        case Operator.EXISTS:
            return (actual is not None) is bool(value)
        case _:
            assert_never(operator)


def _same(one: Any, other: Any) -> bool:
    # True == 1 in Python; in a workflow they are different things.
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _among(one: Any, many: Any) -> bool:
    return isinstance(many, list | tuple) and any(_same(one, other) for other in many)


def _numbers(one: Any, other: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
