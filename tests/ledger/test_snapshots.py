"""A snapshot that cannot be trusted is not used."""

from dataclasses import dataclass, make_dataclass
from enum import Enum
from typing import NewType

import pytest

from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.snapshots import Snapshot, load_snapshot, shape_of, snapshot
from mainstay.ledger.store import Epoch, Position, Put
from mainstay.testing.conformance.store import AT, A, part

SHAPE = b"shape"


@pytest.fixture
def store() -> InMemoryStore:
    made = InMemoryStore()
    made.append(
        [part(A, 0, 1, 2)],
        epoch=made.acquire(),
        at=AT,
        changes=[snapshot("runs", Position(2), SHAPE, b"fold")],
    )
    return made


def change(store: InMemoryStore, **columns: object) -> None:
    store.append([], epoch=Epoch(store.epoch()), at=AT, changes=[Put("snapshots", ("runs",), columns)])  # type: ignore[arg-type]


def test_a_snapshot_rides_in_an_append_and_comes_back(store: InMemoryStore) -> None:
    assert load_snapshot(store, "runs", SHAPE) == Snapshot(Position(2), b"fold")
    assert load_snapshot(store, "other", SHAPE) is None


def test_another_shape_is_not_used(store: InMemoryStore) -> None:
    assert load_snapshot(store, "runs", b"other") is None


@pytest.mark.parametrize(
    "columns",
    [{"position": 1}, {"data": b"fold"}, {"data": b""}, {"data": None}, {"position": None}],
    ids=str,
)
def test_a_changed_row_is_not_used(store: InMemoryStore, columns: dict[str, object]) -> None:
    change(store, **columns)
    assert load_snapshot(store, "runs", SHAPE) is None


def test_a_flipped_bit_is_not_used(store: InMemoryStore) -> None:
    row = store.get("snapshots", ("runs",))
    assert row is not None
    data = bytearray(row["data"])  # type: ignore[arg-type]
    data[-1] ^= 1
    change(store, data=bytes(data))
    assert load_snapshot(store, "runs", SHAPE) is None


def test_a_snapshot_from_a_future_that_was_lost_is_not_used(store: InMemoryStore) -> None:
    store.append([], epoch=store.epoch(), at=AT, changes=[snapshot("runs", Position(9), SHAPE, b"fold")])
    assert load_snapshot(store, "runs", SHAPE) is None


Name = NewType("Name", str)


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Leaf:
    name: Name
    colour: Colour


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    above: "Tree | None" = None


def test_the_shape_is_the_same_as_long_as_the_types_are() -> None:
    assert shape_of(Tree) == shape_of(Tree)
    assert shape_of(Tree, Leaf) != shape_of(Leaf, Tree) != shape_of(Tree)


def test_every_change_of_a_field_changes_the_shape() -> None:
    def shape(*fields: tuple[str, object]) -> bytes:
        return shape_of(make_dataclass("Made", fields))  # type: ignore[arg-type]

    shapes = [
        shape(("a", int)),
        shape(("a", int), ("b", int)),
        shape(("b", int)),
        shape(("a", str)),
        shape(("a", tuple[int, ...])),
        shape(("a", tuple[str, ...])),
        shape(("a", int | None)),
        shape(("b", int), ("a", int)),
        shape(("a", Leaf)),
        shape(("a", Colour)),
    ]
    assert len(set(shapes)) == len(shapes)


def test_a_new_enum_member_changes_the_shape() -> None:
    assert shape_of(Enum("E", {"A": 1})) != shape_of(Enum("E", {"A": 1, "B": 2}))
