"""The ledger as a list, newest first: every event as it stands, and every decision of a person.

Personal values stay sealed here; they are opened in the run they belong to. A page looks at a bounded number of
events and says how far it got, so that a filter which hardly anything passes costs no more than one that all do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from mainstay.kernel.events import NUMBER_OF, ActionUndone, ApprovalGranted, ApprovalRejected
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import NAMES, event_name
from mainstay.ledger.export import Selection
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventReader, RecordedEvent, Version
from mainstay.workspace.looking_back import PLAIN, Back, back

LIMIT = 50
LOOKED_AT_MAX = 5_000  # events, for one page
SLICE = 500
SEALED_WORD = "[sealed]"
RUN = "run:"
_SEALED = "sealed:"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Listed:
    """One event as it stands."""

    position: int
    at: Instant
    name: str  # "approval.granted/1"
    stream: str
    version: int
    actor: str
    run: str  # that it belongs to; empty: none
    causation: int
    hash: str
    data: str  # as JSON, sealed values left out


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of them. `older` goes on from here: a position, or of one stream a version; 0: there is nothing more."""

    events: tuple[Listed, ...]
    older: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a card."""

    position: int
    at: Instant
    what: str  # granted, rejected, undone
    actor: str
    device: str  # its name; empty: not by a device
    open_us: int  # how long the card was open
    run: str
    approval: str
    act: str
    rule: str  # by which it asked
    confirmed: bool
    batch: bool


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A page of them; `older` as in `EventPage`."""

    decisions: tuple[Decision, ...]
    older: int


def event_page(
    store: SqliteReader, *, type: str = "", stream: str = "", actor: str = "", before: int = 0, limit: int
) -> EventPage:
    """The newest events that are meant: of a type (`run.*` for a group), of a stream or a run, by an actor."""
    wanted = Selection(types=(type,) if type else ())
    found: list[Listed] = []
    looking = _looking(store, type, StreamId(stream), before)
    for recorded in islice(looking, LOOKED_AT_MAX):
        if wanted.takes(recorded) and actor in ("", recorded.actor):
            found.append(_listed(recorded))
            if len(found) == limit:
                break
    return EventPage(tuple(found), looking.reached if looking.reached > 1 else 0)


def decision_page(store: SqliteReader, *, before: int = 0, limit: int) -> DecisionPage:
    """The newest decisions about cards."""
    numbers = {NUMBER_OF[one] for one in (ApprovalGranted, ApprovalRejected, ActionUndone)}
    looking = Back(store, numbers, before)
    found = [_decision(store, recorded) for recorded in islice(looking, limit)]
    return DecisionPage(tuple(found), looking.reached if looking.reached > 1 else 0)


# --- within ---------------------------------------------------------------------------------------------------------


class _Every:
    """Every event of the ledger, or of one stream; `reached` as in `Back`, of a stream a version."""

    def __init__(self, store: SqliteReader, stream: StreamId, before: int) -> None:
        self._store = store
        self._stream = stream
        self._before = before
        self.reached = 0

    def __iter__(self) -> Iterator[RecordedEvent]:
        """Newest first, as far as is looked for one page."""
        if not self._stream:
            for recorded in back(self._store, before=self._before, most=LOOKED_AT_MAX):
                self.reached = int(recorded.position)
                yield recorded
            return
        last = int(self._store.version(self._stream))
        end = min(self._before - 1, last) if self._before else last
        least = max(0, end - LOOKED_AT_MAX)
        while end > least:
            start = max(least, end - SLICE)
            some = list(islice(self._store.read(self._stream, after=Version(start)), end - start))
            for recorded in reversed(some):
                self.reached = int(recorded.version)
                yield recorded
            end = start


def _looking(store: SqliteReader, type: str, stream: StreamId, before: int) -> Back | _Every:
    if not type or stream:
        return _Every(store, stream, before)
    plain = type.partition("/")[0]
    group = plain[:-1] if plain.endswith(".*") else ""
    numbers = [
        number for number, name in NAMES.items() if name == plain or (group and name.startswith(group))
    ]
    return Back(store, numbers, before)


def _listed(recorded: RecordedEvent) -> Listed:
    belongs = next((one for one in (recorded.stream, recorded.correlation) if one.startswith(RUN)), "")
    return Listed(
        int(recorded.position),
        recorded.at,
        event_name(recorded.type, recorded.schema),
        recorded.stream,
        int(recorded.version),
        recorded.actor,
        run_of(StreamId(belongs)) if belongs else "",
        int(recorded.causation or 0),
        recorded.hash.hex(),
        _shown(recorded.data),
    )


def _shown(data: bytes) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(_without_sealed(_decode(data)))).decode()
    except (msgspec.DecodeError, ValueError):
        return data.decode("utf-8", "replace")  # damaged: it is shown as it is


def _without_sealed(value: Any) -> Any:
    match value:
        case str() if value.startswith(_SEALED):
            return SEALED_WORD
        case list():
            return [_without_sealed(one) for one in value]
        case dict():
            return {name: _without_sealed(one) for name, one in value.items()}
        case _:
            return value


def _decision(store: EventReader, recorded: RecordedEvent) -> Decision:
    event, run = PLAIN.event(recorded), run_of(StreamId(recorded.stream))
    match event:
        case ApprovalGranted():
            told = (
                "granted",
                event.via,
                event.open_us,
                str(event.approval),
                event.confirmed,
                bool(event.batch),
            )
        case ApprovalRejected():
            told = ("rejected", event.via, event.open_us, str(event.approval), False, bool(event.batch))
        case ActionUndone():
            told = ("undone", event.via, 0, "", False, False)
        case _:
            raise AssertionError("only decisions are asked for")
    what, via, open_us, approval, confirmed, batch = told
    card: Mapping[str, Any] = (store.get("approvals", (approval,)) or {}) if approval else {}
    assert isinstance(event, ApprovalGranted | ApprovalRejected | ActionUndone)
    return Decision(
        int(recorded.position),
        recorded.at,
        what,
        event.actor,
        _device(store, via),
        open_us,
        run,
        approval,
        str(card.get("act") or ""),
        str(card.get("rule") or ""),
        confirmed,
        batch,
    )


def _device(store: EventReader, via: str) -> str:
    row = store.get("devices", (via,)) if via else None
    return str(row["name"]) if row is not None else via
