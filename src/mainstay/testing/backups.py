"""Backup and restore of a simulated ledger: what `ledger.backup` and `ledger.restore` do, on the store in memory."""

from __future__ import annotations

from copy import copy

from mainstay.kernel.events import Event, KillSwitchThrown, LedgerRestored
from mainstay.kernel.ids import WORKSPACE, transaction_id
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import NewEvent, RowChange, StreamAppend
from mainstay.testing.process import VIEWS


def backup(store: InMemoryStore) -> InMemoryStore:
    """A copy as of now."""
    kept = copy(store)
    kept._events = list(store._events)
    kept._streams = {name: list(events) for name, events in store._streams.items()}
    kept._blobs = dict(store._blobs)
    kept._tables = dict(store._tables)
    kept._rows = {table: {key: dict(row) for key, row in rows.items()} for table, rows in store._rows.items()}
    return kept


def restore(kept: InMemoryStore, codec: Codec, at: Instant) -> InMemoryStore:
    """A ledger from a backup: marked as restored, under the kill switch, and with no director before it."""
    store = backup(kept)
    killed = store.get("house", ("kill_switch",))
    events: list[Event] = [LedgerRestored(store.head, store.head_hash.hex(), "operator")]
    if killed is None or killed["value"] != "on":
        events.append(KillSwitchThrown("operator", True, "restored"))
    new: list[NewEvent] = []
    changes: list[RowChange] = []
    for place, event in enumerate(events, 1):
        number, schema, data = codec.encode(event)
        new.append(NewEvent(number, schema, data, "operator", transaction_id(at, "restore", store.head)))
        changes += VIEWS.project(store.head + place, at, WORKSPACE, event, None)
    batch = [StreamAppend(WORKSPACE, store.version(WORKSPACE), new)]
    store.append(batch, epoch=store.acquire(), at=at, changes=changes)
    return store
