"""The views that every decision rests on, sealed now and then, and held against the events before a director begins.

How often something was done, what was spent, the kill switch, what is paused, definitions, how far each source was
read: a flipped byte there would be believed. So every `SEAL_EVERY` events their rows are copied, with the hash of the
last event, into a snapshot (which has a checksum), and at boot that copy, with the events since folded onto it, must be
what the views say. The runs that are not over stand in two views, which must name the same.

Rules of this file:

- It costs a fold of at most `SEAL_EVERY` events at boot, and nothing of it grows with the ledger.
- The events that are folded are proved against the chain, from the sealed hash to the last event.
- A copy that is damaged or of another shape is not used. Then what was never sealed is folded from the beginning
  where that is short, and else taken at its word until `ledger.agreement` compares every view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projection, Projector
from mainstay.ledger.proving import Proof
from mainstay.ledger.rebuild import Fold, outdated
from mainstay.ledger.rows import SNAPSHOTS, RowDelta, coalesce
from mainstay.ledger.run_snapshot import Plans
from mainstay.ledger.snapshots import load_snapshot, snapshot
from mainstay.ledger.store import GENESIS, ORIGIN, EventStore, Position, Put, RowChange, Table, Value

SEAL_EVERY = 2_048  # events
FOLD_MAX = 20_000  # events that are folded where nothing is sealed
DAYS = 70  # of what was spent: the month that budgets look at, and the one before
NAME = "standing"
VIEWS = frozenset({"done", "spent", "workflows", "house", "cursors", "schedules", "pauses", "breakers"})
_OWN = {"house": frozenset({"held"})}  # rows that the director writes itself: no event says them
_OPEN = frozenset({"delayed", "running", "paused", "compensating"})  # and not in line
_STANDS_AS = frozenset({"delayed", "queued", "running", "compensating"})
_MAY_BE_ENDING = frozenset({"failed", "cancelled", "superseded"})  # while an effect was under way
_ALL = 1_000_000_000

Rows = dict[tuple[Value, ...], dict[str, Value]]


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    hash: bytes
    from_day: int
    tables: dict[str, list[list[Any]]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


def seal(store: EventStore, projections: Iterable[Projection]) -> Put:
    """The row change that seals the views as they are committed now."""
    chosen = _chosen(projections)
    newest = store.select("spent", order="day", descending=True, limit=1)
    from_day = _number(newest[0]["day"]) - DAYS if newest else 0
    tables = {
        table.name: [list(row.values()) for row in _read(store, table, from_day).values()]
        for one in chosen
        for table in one.tables
    }
    data = _encode(_Stored(store.head_hash, from_day, tables))
    return snapshot(NAME, store.head, _shape(chosen), data)


def sealed_at(store: EventStore) -> int:
    """The position of the last seal, whatever it is worth; 0 where there is none."""
    row = store.get(SNAPSHOTS.name, (NAME,))
    return _number(row["position"]) if row is not None else 0


def disagreements(
    store: EventStore,
    codec: Codec,
    projections: Iterable[Projection],
    *,
    plans: Plans | None = None,
    open_runs: bool = True,
) -> tuple[str, ...]:
    """The views of the standing that are not what the events say, by name; none is the rule.

    With `plans` the runs that the last events touched are taken from their snapshots. Without `open_runs` the list of
    runs that are not over is left to whoever needs it: it grows with them. Raises `LedgerCorrupt` for an
    event that was changed, and for a ledger whose end is missing.
    """
    projections = tuple(projections)
    # Views of an earlier version have other columns, and are folded anew as it is.
    of_runs = tuple(one for one in projections if one.name in ("runs", "open_runs"))
    looked_at = open_runs and not outdated(store, of_runs)
    found = ["open_runs"] if looked_at and open_runs_differ(store) else []
    chosen = _chosen(projections)
    if outdated(store, chosen):
        return tuple(found)  # they are folded anew as it is
    row = store.get(SNAPSHOTS.name, (NAME,))
    last = load_snapshot(store, NAME, _shape(chosen))
    if (
        last is None
        and row is not None
        and _is_later(row["position"], store.head)
        and row["shape"] == _shape(chosen)
    ):
        raise _cut_off(row["position"], store.head)
    if last is None and store.head > FOLD_MAX:
        return tuple(found)
    stored = _decode(last.data) if last is not None else _Stored(GENESIS, 0, {})
    position = last.position if last is not None else ORIGIN
    proof = Proof(position, stored.hash)
    fold = Fold(store, codec, Projector(chosen), proof, needed_only=True, plans=plans)
    folded = _folded(store, fold, chosen, stored)
    for one in chosen:
        for table in one.tables:
            if _read(store, table, stored.from_day) != folded[table.name]:
                found.append(table.name)
    return tuple(found)


def _folded(
    store: EventStore, fold: Fold, chosen: tuple[Projection, ...], stored: _Stored
) -> Mapping[str, Rows]:
    tables = {table.name: table for one in chosen for table in one.tables}
    rows: dict[str, Rows] = {
        name: {
            tuple(values[column] for column in _places(table)): dict(
                zip((column for column, _ in table.columns), values, strict=True)
            )
            for values in stored.tables.get(name, ())
        }
        for name, table in tables.items()
    }
    position = Position(fold.proof.position)
    while position < store.head:
        changes, position = fold.slice(position)
        _apply(rows, tables, changes)
    if fold.proof.hash != store.head_hash:
        raise _cut_off(fold.proof.position, store.head)
    spent = rows["spent"]
    for key in [key for key in spent if _number(key[0]) < stored.from_day]:
        del spent[key]
    return rows


def _apply(rows: dict[str, Rows], tables: Mapping[str, Table], changes: list[RowChange]) -> None:
    for (name, key), delta in coalesce(changes).items():
        kept, table = rows[name], tables[name]
        if delta.forget:
            kept.pop(key, None)
        if delta.exists:
            _change(kept.setdefault(key, _empty(table, key)), delta)


def _empty(table: Table, key: tuple[Value, ...]) -> dict[str, Value]:
    return dict.fromkeys(name for name, _ in table.columns) | dict(zip(table.key, key, strict=True))


def _change(row: dict[str, Value], delta: RowDelta) -> None:
    row.update(delta.sets)
    for column, amount in delta.adds.items():
        row[column] = _number(row[column] or 0) + amount


def _read(store: EventStore, table: Table, from_day: int) -> Rows:
    if table.name == "spent":
        found = store.select(table.name, order="day", after=from_day - 1, limit=_ALL)
    else:
        found = store.select(table.name, limit=_ALL)
    own = _OWN.get(table.name, frozenset())
    return {tuple(row[column] for column in table.key): row for row in found if row[table.key[0]] not in own}


def open_runs_differ(store: EventStore) -> bool:
    """Whether `open_runs` and the rows of `runs` that have not ended name other runs, or say other things of them."""
    opened = {str(row["run"]): row for row in store.select("open_runs", order="position", limit=_ALL)}
    ending = {run for run, row in opened.items() if row["status"] == "ending"}
    left = set(opened) - ending
    for row in store.select("runs", where={"ended_at": None}, limit=_ALL):
        run = str(row["run"])
        if run not in left or not _same(opened[run], row):
            return True
        left.discard(run)
    for run in ending:
        ended = store.get("runs", (run,))
        if ended is None or ended["status"] not in _MAY_BE_ENDING:
            left.add(run)
    return bool(left)


def _same(opened: Mapping[str, Value], row: Mapping[str, Value]) -> bool:
    # What is paused stands in `open_runs` as what it would be otherwise; of the rest only the place in line is taken
    # from there, the run itself says how far it is.
    said = row["status"]
    in_line = opened["status"] == "queued"
    if opened["status"] not in _STANDS_AS or (opened["behind"] is None) is in_line:
        return False  # in line is who waits behind somebody, and nobody else
    agrees = said in (("queued", "paused") if in_line else _OPEN)
    return agrees and all(opened[column] == row[column] for column in ("workflow", "key", "position"))


def _chosen(projections: Iterable[Projection]) -> tuple[Projection, ...]:
    return tuple(one for one in projections if one.name in VIEWS)


def _places(table: Table) -> tuple[int, ...]:
    names = [name for name, _ in table.columns]
    return tuple(names.index(column) for column in table.key)


def _shape(chosen: tuple[Projection, ...]) -> bytes:
    shape = [(one.name, one.version, [(table.name, table.columns) for table in one.tables]) for one in chosen]
    return sha256(repr(shape).encode()).digest()


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _is_later(position: Value, head: int) -> bool:
    return isinstance(position, int) and position > head


def _cut_off(position: Value, head: int) -> LedgerCorrupt:
    return LedgerCorrupt(
        "The end of the ledger is missing.",
        why=f"Its views were sealed at event {position!r}, and its last event is {head}.",
        remedy="Run `mainstay audit verify`; then go on from a backup.",
        position=head,
    )
