"""Snapshots: cached folds, so that a start need not read the whole ledger.

A snapshot is a row of an ordinary view (`SNAPSHOTS`), so it is written by `append`, alone or with events.
It is only ever a cache: one whose checksum does not hold, or whose types changed their shape since, is not
used, and the fold starts from the first event. Encoding the state is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, get_args, get_origin, get_type_hints

from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.store import EventStore, Position, Put, Value

_CHECKSUM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A fold as of a position."""

    position: Position
    data: bytes


def snapshot(name: str, position: Position, shape: bytes, data: bytes) -> Put:
    """The row change that saves a snapshot in place of the last one of this name."""
    columns: dict[str, Value] = {
        "position": position,
        "shape": shape,
        "data": _checksum(name, position, shape, data) + data,
    }
    return Put(SNAPSHOTS.name, (name,), columns)


def load_snapshot(store: EventStore, name: str, shape: bytes) -> Snapshot | None:
    """The last snapshot of this name, or None if there is none that can be trusted."""
    row = store.get(SNAPSHOTS.name, (name,))
    if row is None or row["shape"] != shape:
        return None
    position, sealed = row["position"], row["data"]
    if not isinstance(position, int) or not isinstance(sealed, bytes) or position > store.head:
        return None
    checksum, data = sealed[:_CHECKSUM_BYTES], sealed[_CHECKSUM_BYTES:]
    if checksum != _checksum(name, position, shape, data):
        return None
    return Snapshot(Position(position), data)


def holds(row: Mapping[str, Value]) -> bool:
    """Whether the row of a snapshot is what was written, whatever shape it has."""
    name, position, shape, sealed = row["name"], row["position"], row["shape"], row["data"]
    if not (isinstance(name, str) and isinstance(position, int)):
        return False
    if not (isinstance(shape, bytes) and isinstance(sealed, bytes)):
        return False
    checksum, data = sealed[:_CHECKSUM_BYTES], sealed[_CHECKSUM_BYTES:]
    return checksum == _checksum(name, position, shape, data)


def shape_of(*types: Any) -> bytes:
    """A hash over all field names and types that can be reached from these types.

    A field added, renamed, moved or retyped, a new enum member or a new case of a union changes it.
    """
    seen: dict[str, str] = {}
    heads = [_describe(kind, seen) for kind in types]
    return sha256("\n".join([*heads, *(f"{name}: {seen[name]}" for name in sorted(seen))]).encode()).digest()


def _describe(kind: Any, seen: dict[str, str]) -> str:
    if hasattr(kind, "__supertype__"):  # a NewType is stored as what it stands for
        return _describe(kind.__supertype__, seen)
    if arguments := get_args(kind):
        origin = get_origin(kind)
        name = getattr(origin, "__qualname__", str(origin))
        return f"{name}[{', '.join(_describe(argument, seen) for argument in arguments)}]"
    if not isinstance(kind, type):
        return repr(kind)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in seen:
        return name
    if is_dataclass(kind):
        seen[name] = ""  # a type that contains itself ends here
        hints = get_type_hints(kind)
        seen[name] = ", ".join(
            f"{field.name}: {_describe(hints[field.name], seen)}" for field in fields(kind)
        )
    elif issubclass(kind, Enum):
        seen[name] = ", ".join(f"{member.name}={member.value!r}" for member in kind)
    return name


def _checksum(name: str, position: int, shape: bytes, data: bytes) -> bytes:
    head = f"{len(name)}:{name}:{position}:".encode()
    return sha256(head + shape + data).digest()
