"""Snapshots of single runs: a long run need not be folded from its first event.

Tasks are written as rows without trailing defaults, since a run may have ten thousand; the plan as its digest.
Whether a snapshot may be used is decided in `ledger.snapshots`: one whose types have changed their shape since
is dropped, and so is one of another `FORMAT`. Raise that when `evolve` gives an old event a new meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import (
    ORDINARY,
    Expansion,
    Head,
    Phase,
    Revision,
    RunState,
    Status,
    TaskState,
    Unusual,
    waiting_task,
)
from mainstay.kernel.values import Digest
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.snapshots import load_snapshot, shape_of, snapshot
from mainstay.ledger.store import Delete, EventStore, Position, Put

FORMAT = 2

Plans = Callable[[Digest], Plan]
Row = tuple[Any, ...]

_TASK_FIELDS = fields(TaskState)
_row = attrgetter(*(one.name for one in _TASK_FIELDS))
_TRAILING: Row = tuple(one.default for one in _TASK_FIELDS)
_TaskRow = msgspec.defstruct(
    "_TaskRow",
    [
        (one.name, hint) if one.default is MISSING else (one.name, hint, one.default)
        for one, hint in zip(_TASK_FIELDS, get_type_hints(TaskState).values(), strict=True)
    ],
    array_like=True,
    frozen=True,
)


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    version: int
    head: Head
    status: Status
    plan: str | None
    tasks: tuple[tuple[_TaskRow, ...], ...]  # type: ignore[valid-type]  # rows by chunk
    ready: tuple[tuple[tuple[int, ...], int], ...]
    busy: int
    left: int
    held: int
    spent: int
    failed: int
    expansions: tuple[Expansion, ...]
    revisions: tuple[Revision, ...]
    unusual: Unusual


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode
_KEPT = tuple(one.name for one in fields(RunState))
assert _Stored.__struct_fields__[1:] == _KEPT, "every field of a run is in its snapshot, in the same order"


@cache
def shape() -> bytes:
    """The shape of what a snapshot holds, as of this version."""
    return shape_of(RunState, FORMAT)


def save_run(state: RunState, version: int, position: int) -> Put:
    """The row that saves a run as of `version` of its stream, in place of the last one."""
    return snapshot(_name(state.head.run), Position(position), shape(), encode_run(state, version))


def load_run(store: EventStore, run: RunId, plans: Plans) -> tuple[RunState, int] | None:
    """The last saved state of a run and the version it stands for; None when there is none to be trusted."""
    found = load_snapshot(store, _name(run), shape())
    return decode_run(found.data, plans) if found is not None else None


def forget_run(run: RunId) -> Delete:
    """The row change that drops a run's snapshot: for when the run is over."""
    return Delete(SNAPSHOTS.name, (_name(run),))


def encode_run(state: RunState, version: int) -> bytes:
    """A run as bytes."""
    plan = state.plan.digest if state.plan is not None else None
    tasks: Any = [[_trimmed(task) for task in chunk] for chunk in state.tasks]
    rest = (getattr(state, name) for name in _KEPT[4:])
    return _encode(_Stored(version, state.head, state.status, plan, tasks, *rest))


def decode_run(data: bytes, plans: Plans) -> tuple[RunState, int]:
    """The run that was encoded, and its version. `plans` finds the plan behind a digest."""
    stored = _decode(data)
    plan = plans(Digest(stored.plan)) if stored.plan is not None else None
    *rest, unusual = (getattr(stored, name) for name in _KEPT[4:])
    usual = ORDINARY if unusual == ORDINARY else unusual  # shared: what is ordinary is recognised by identity
    kept = (*rest, usual)
    table = tuple(tuple([_task(row) for row in chunk]) for chunk in stored.tasks)
    return RunState(stored.head, stored.status, plan, table, *kept), stored.version


def _name(run: RunId) -> str:
    return "run:" + run


def _trimmed(task: TaskState) -> Row:
    row: Row = _row(task)
    end = len(row)
    while end > 1 and row[end - 1] == _TRAILING[end - 1]:
        end -= 1
    return row[:end]


def _task(row: Any) -> TaskState:
    values: Row = _row(row)
    if values[0] is Phase.WAITING and values[1] and values[2:] == _TRAILING[2:]:
        return waiting_task(values[1])  # shared, as when the run was folded: most tasks of a long run wait
    return TaskState(*values)
