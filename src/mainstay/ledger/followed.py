"""Following the chain: whether each event is what its hash says, and follows the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import error as StructError  # noqa: N812

from mainstay.ledger.chain import link, name_part
from mainstay.ledger.segments import Row
from mainstay.ledger.segments_verify import DERIVED
from mainstay.ledger.store import GENESIS, ORIGIN, EventReader, Position

SLICE = 1_000


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold from `position` on; 0: not an event but what lies beside the events."""

    position: Position
    reason: str
    checkpoints: bool = False  # it may be whole: what was signed about it is not


class Followed:
    """The chain, as far as it was followed: from the first event, or from one that was proved."""

    __slots__ = ("_part", "hash", "last")

    def __init__(self, last: int = 0, hash: bytes = GENESIS) -> None:
        self.last, self.hash = last, hash
        self._part = lru_cache(8_192)(name_part)

    def take(self, rows: Sequence[Row], anchors: Mapping[int, bytes] = {}) -> list[bytes] | Broken:
        """The hashes of the next events, or where they do not follow."""
        previous, last, part, hashes = self.hash, self.last, self._part, list[bytes]()
        add = hashes.append
        for (
            position,
            stream,
            version,
            kind,
            schema,
            at,
            correlation,
            causation,
            actor,
            tx,
            stored,
            data,
        ) in rows:
            if position != last + 1:
                return Broken(Position(last + 1), f"It is missing: position {position} follows {last}.")
            try:
                names = part(actor) + part(stream) + part(correlation)
                found = link(previous, position, version, kind, schema, at, causation, tx, names, data)
            except (AssertionError, AttributeError, StructError, TypeError) as error:
                return Broken(Position(position), f"Its envelope makes no sense: {error}.")
            if stored is not DERIVED and found != stored:
                return Broken(Position(position), "Its hash is not the hash of its stored bytes.")
            if anchors and anchors.get(position, found) != found:
                return Broken(
                    Position(position), "Its hash is not the one that was marked: history was rewritten."
                )
            add(found)
            previous, last = found, position
        self.last, self.hash = last, previous
        return hashes


def stored_slices(store: EventReader, after: Position = ORIGIN, size: int = SLICE) -> Iterator[list[Row]]:
    """The events of an open store after a position, slice by slice, as `Followed` takes them."""
    last = after
    while events := store.read_all(after=last, limit=size):
        yield [
            (
                event.position,
                event.stream,
                event.version,
                event.type,
                event.schema,
                event.at,
                "" if event.correlation == event.stream else event.correlation,
                event.causation,
                event.actor,
                event.transaction,
                event.hash,
                event.data,
            )
            for event in events
        ]
        last = events[-1].position
