"""A swift record is the frozen dataclass it would be without: only quicker to make."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from mainstay.kernel.swift import swift


@dataclass(frozen=True, slots=True)
class Plain:
    """One of each kind of field."""

    number: int
    text: str = "none"
    parts: tuple[int, ...] = ()
    more: dict[str, int] = field(default_factory=dict)
    last: int | None = None


@swift
@dataclass(frozen=True, slots=True)
class Swift:
    """One of each kind of field."""

    number: int
    text: str = "none"
    parts: tuple[int, ...] = ()
    more: dict[str, int] = field(default_factory=dict)
    last: int | None = None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1,), {}),
        ((1, "a"), {}),
        ((1, "a", (2,), {"b": 3}, 4), {}),
        ((), {"number": 1, "more": {}, "last": 5}),
    ],
)
def test_has_the_fields_that_were_given_and_the_defaults_of_the_others(given: Any, named: Any) -> None:
    assert asdict(Swift(*given, **named)) == asdict(Plain(*given, **named))


def test_is_of_its_own_class() -> None:
    assert type(Swift(1)) is Swift


@pytest.mark.parametrize("given", [(), (1, "a", (), {}, 2, 3)])
def test_refuses_what_the_dataclass_refuses(given: Any) -> None:
    with pytest.raises(TypeError, match="__init__"):
        Swift(*given)
    with pytest.raises(TypeError):
        Swift(1, unknown=2)  # type: ignore[call-arg]


def test_each_has_a_default_of_its_own_where_one_is_made() -> None:
    assert Swift(1).more is not Swift(1).more


def test_is_frozen() -> None:
    record = Swift(1)
    with pytest.raises(FrozenInstanceError):
        record.number = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del record.number
    with pytest.raises((AttributeError, TypeError)):
        record.other = 2  # type: ignore[attr-defined]
    assert record == Swift(1)
    assert not hasattr(record, "__dict__")


def test_is_equal_to_its_like_alone() -> None:
    assert Swift(1, more={"a": 1}) == Swift(1, more={"a": 1})
    assert Swift(1) != Swift(2)
    assert Swift(1) != Plain(1)  # type: ignore[comparison-overlap]


def test_hashes_as_the_dataclass_does() -> None:
    @swift
    @dataclass(frozen=True, slots=True)
    class Pair:
        one: int
        other: str

    assert hash(Pair(1, "a")) == hash((1, "a"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Swift(1))


def test_is_shown_as_the_dataclass_is() -> None:
    assert repr(Swift(1, last=2)) == repr(Plain(1, last=2)).replace("Plain", "Swift")
    assert str(inspect.signature(Swift)) == str(inspect.signature(Plain))
    assert [one.name for one in fields(Swift)] == [one.name for one in fields(Plain)]
    assert Swift.__match_args__ == Plain.__match_args__


def test_is_copied_pickled_and_replaced() -> None:
    record = Swift(1, "a", (2,), {"b": 3}, 4)
    for other in (
        copy.copy(record),
        copy.deepcopy(record),
        pickle.loads(pickle.dumps(record)),
        replace(record),
    ):
        assert type(other) is Swift
        assert other == record
    assert replace(record, number=5) == Swift(5, "a", (2,), {"b": 3}, 4)


def test_is_matched_by_place_and_by_name() -> None:
    match Swift(1, "a"):
        case Swift(number, text, last=None):
            assert (number, text) == (1, "a")
        case other:
            pytest.fail(f"{other} was not matched")


def test_no_class_inherits_from_it() -> None:
    with pytest.raises(TypeError, match="Swift is swift"):

        class Heir(Swift):
            pass


def test_refuses_a_class_whose_making_it_does_not_know() -> None:
    @dataclass(frozen=True, slots=True)
    class Afterwards:
        number: int

        def __post_init__(self) -> None:
            pass

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        number: int

    @dataclass(frozen=True, slots=True)
    class Hidden:
        number: int = field(default=0, init=False)

    for kind in (Afterwards, Named, Hidden):
        with pytest.raises(AssertionError):
            swift(kind)
    with pytest.raises(TypeError):
        swift(int)
