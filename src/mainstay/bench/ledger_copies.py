"""Finished runs by the hundred thousand: runs that a director decided once, appended again and again as other runs.

A copy has ids, messages, cards and blobs of its own and goes through the store as a director's runs do: encoded
events in the transactions in which they were decided, the rows of every standard view, hundreds of runs side by side.
Deciding each of them anew takes three times as long and writes the same bytes; `--decided` does it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import msgspec

from mainstay.bench.ledger_traffic import MIX, Traffic, sealed_bytes, workflows
from mainstay.kernel.events import ApprovalRequested, TaskSucceeded
from mainstay.kernel.ids import IdempotencyKey, RunId, StreamId, derive, digest, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Head, RunState, with_task
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.standing import SEAL_EVERY, seal
from mainstay.ledger.store import (
    Epoch,
    EventStore,
    NewEvent,
    Position,
    RecordedEvent,
    RowChange,
    StreamAppend,
    Version,
)

AT_ONCE = 256  # runs that one transaction carries further
MAILBOX = StreamId("inbox:archive")  # not the director's: it remembers the version of its own

_ID = re.compile(rb'(?<=")[0-9a-f]{16,64}(?=")')


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a script. `ids` are what differs from copy to copy."""

    recorded: RecordedEvent
    ids: tuple[bytes, ...]
    event: Any
    state: RunState | None  # after it
    seen: bool  # by a view


Part = tuple[_Event, ...]  # what one decision wrote


@dataclass(frozen=True, slots=True)
class _Script:
    """A finished run, decision by decision, and the message that began it."""

    run: RunId
    head: Head
    message: _Event
    parts: tuple[Part, ...]
    ids: tuple[bytes, ...]  # of the whole run
    blobs: dict[bytes, int]  # ids that are digests of a blob, and its size


@dataclass(slots=True)
class _Copy:
    """A script on its way."""

    script: _Script
    number: int
    ids: dict[bytes, bytes]
    head: Head
    stream: StreamId
    parts: Iterator[Part]
    version: int = 0


class Copies:
    """Appends copies of finished runs to a store, hundreds side by side."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._codec = Codec(lambda wanted: _PLANS[wanted][0])
        self._project = Projector(STANDARD).project
        self._scripts = scripts()
        self._active: deque[_Copy] = deque()
        self._begun = 0
        self._messages = int(store.version(MAILBOX))
        self._sealed_at = 0

    def append(self, *, epoch: Epoch, at: Instant, position: int, begin: bool = True) -> Position:
        """One transaction that carries every copy under way one decision further. Returns the new head."""
        batch: list[StreamAppend] = []
        changes: list[RowChange] = []
        blobs: dict[Digest, bytes] = {}
        if position - self._sealed_at >= SEAL_EVERY:  # as a director does
            self._sealed_at = position
            changes.append(seal(self._store, STANDARD))
        while begin and len(self._active) < AT_ONCE:
            copy, message = self._begin(at, blobs)
            position += 1
            batch.append(
                StreamAppend(
                    MAILBOX,
                    Version(self._messages),
                    [self._new(copy, message, position, at, MAILBOX, changes)],
                )
            )
            self._messages += 1
            self._active.append(copy)
        for _ in range(len(self._active)):
            copy = self._active.popleft()
            part = next(copy.parts, None)
            if part is None:
                continue
            new: list[NewEvent] = []
            for one in part:
                position += 1
                new.append(self._new(copy, one, position, at, copy.stream, changes))
            batch.append(StreamAppend(copy.stream, Version(copy.version), new))
            copy.version += len(new)
            self._active.append(copy)
        return self._store.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)

    @property
    def active(self) -> int:
        """Copies under way."""
        return len(self._active)

    def _begin(self, at: Instant, blobs: dict[Digest, bytes]) -> tuple[_Copy, _Event]:
        self._begun += 1
        number = self._begun
        script = self._scripts[number % len(self._scripts)]
        ids: dict[bytes, bytes] = {}
        for old in script.ids:
            size = script.blobs.get(old)
            if size is None:
                ids[old] = derive("copy", number, old, size=32).hex().encode()[: len(old)]
                continue
            data = sealed_bytes("copy", number, old, size=size)
            blobs[digest(data)] = data
            ids[old] = digest(data).encode()
        run = RunId((at // 1000).to_bytes(6, "big").hex() + derive("run", number, size=10).hex())
        ids[script.run.encode()] = run.encode()
        head = replace(
            script.head,
            run=run,
            key=_text(ids, script.head.key),
            subject=_text(ids, script.head.subject or ""),  # type: ignore[arg-type]
            trigger=_renamed(script.head.trigger, ids),
        )
        return _Copy(script, number, ids, head, run_stream(run), iter(script.parts)), script.message

    def _new(
        self, copy: _Copy, one: _Event, position: int, at: Instant, stream: StreamId, changes: list[RowChange]
    ) -> NewEvent:
        recorded = one.recorded
        data = recorded.data
        for old in one.ids:
            data = data.replace(old, copy.ids[old])
        if one.seen:
            event = self._codec.decode(recorded.type, recorded.schema, data) if one.ids else one.event
            state = _state(copy, one.state, event) if one.state is not None else None
            changes += self._project(position, at, stream, event, state)
        transaction = (at // 1000).to_bytes(6, "big") + (copy.number << 24 | copy.version).to_bytes(10, "big")
        return NewEvent(recorded.type, recorded.schema, data, recorded.actor, transaction, position - 1)


_PLANS = workflows()


def scripts() -> tuple[_Script, ...]:
    """One finished run for each place of the mix, as a director decided it."""
    store = InMemoryStore(tables=TABLES)
    traffic = Traffic(store, events=1_000_000, unfinished=0, left_by=0)
    traffic.begin_max = len(MIX)
    traffic.go_on()
    traffic.drain()
    codec = Codec(lambda wanted: _PLANS[wanted][0])
    messages = {codec.event(one).message_key: one for one in store.read(StreamId("inbox:support"))}  # type: ignore[union-attr]
    rows = store.select("runs", order="position", limit=len(MIX))
    return tuple(_script(store, codec, RunId(str(row["run"])), messages[str(row["message"])]) for row in rows)


def _script(store: InMemoryStore, codec: Codec, run: RunId, message: RecordedEvent) -> _Script:
    seen = frozenset[type]().union(*(one.events for one in STANDARD))
    shared = {digest.encode() for digest in _PLANS}
    blobs: dict[bytes, int] = {}
    ids: dict[bytes, None] = {}

    def event(recorded: RecordedEvent, state: RunState | None) -> _Event:
        found = tuple(dict.fromkeys(one for one in _ID.findall(recorded.data) if one not in shared))
        for one in found:
            ids[one] = None
            blob = store.blob(Digest(one.decode())) if len(one) == 64 else None
            if blob is not None:
                blobs[one] = len(blob)
        decoded = codec.event(recorded)
        return _Event(recorded, found, decoded, state, type(decoded) in seen)

    first = event(message, None)
    state = nothing(run)
    parts: list[Part] = []
    for _, group in groupby(store.read(run_stream(run)), key=lambda one: one.transaction):
        part: list[_Event] = []
        for recorded in group:
            state = evolve(state, codec.event(recorded))  # type: ignore[arg-type]
            part.append(event(recorded, state))
        parts.append(tuple(part))
    assert state.ended, "a script is a run that is over"
    return _Script(
        run, state.head, first, tuple(parts), tuple(one for one in ids if one != run.encode()), blobs
    )


def _state(copy: _Copy, state: RunState, event: Any) -> RunState:
    """The script's state as the copy's, as far as a view looks at it."""
    if not isinstance(event, ApprovalRequested | TaskSucceeded):
        return replace(state, head=copy.head)
    task = state.task(event.task)
    if task.act is None:
        return replace(state, head=copy.head)
    action, ids = task.act.action, copy.ids
    own = replace(
        action,
        key=IdempotencyKey(_text(ids, action.key)),
        payload=Digest(_text(ids, action.payload)),
        card=Digest(_text(ids, action.card)),
        digest=Digest(_text(ids, action.digest)),
    )
    approval = event.approval if isinstance(event, ApprovalRequested) else task.act.approval
    act = replace(task.act, approval=approval, action=own)
    return replace(state, head=copy.head, tasks=with_task(state.tasks, event.task, replace(task, act=act)))


def _renamed(value: Json, ids: dict[bytes, bytes]) -> Json:
    raw = msgspec.json.encode(value)
    for old, new in ids.items():
        raw = raw.replace(old, new)
    renamed: Json = msgspec.json.decode(raw)
    return renamed


def _text(ids: dict[bytes, bytes], old: str) -> str:
    return ids.get(old.encode(), old.encode()).decode()
