"""Holding an event that was read against the chain: what is folded must be what was written.

Streams are proved as they are read (`ledger.sqlite_reader`). Whoever folds the ledger as a whole reads it in order and
proves it here, one hash after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import error as StructError  # noqa: N812

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.store import GENESIS, ORIGIN, Position, RecordedEvent


class Proof:
    """Follows the chain from one event to the next. `hash` is that of the last event, at `position`."""

    __slots__ = ("_parts", "hash", "position")

    def __init__(self, position: int = ORIGIN, hash: bytes = GENESIS) -> None:
        self.position = position
        self.hash = hash
        self._parts: dict[str, bytes] = {}

    def follow(self, events: Iterable[RecordedEvent]) -> Iterator[RecordedEvent]:
        """The same events, each proved before it is given on. Raises `LedgerCorrupt` at the first that is not."""
        for event in events:
            if event.position != self.position + 1:
                raise _damaged(self.position + 1, f"It is missing: {event.position} follows {self.position}.")
            correlation = "" if event.correlation == event.stream else event.correlation
            try:
                names = self._part(event.actor) + self._part(event.stream) + self._part(correlation)
                found = link(
                    self.hash,
                    event.position,
                    event.version,
                    event.type,
                    event.schema,
                    event.at,
                    event.causation,
                    event.transaction,
                    names,
                    event.data,
                )
            except (AssertionError, AttributeError, StructError, TypeError) as error:
                raise _damaged(event.position, f"Its envelope makes no sense: {error}.") from error
            if found != event.hash:
                raise _damaged(event.position, "Its hash is not the hash of its stored bytes.")
            self.position, self.hash = event.position, found
            yield event

    def _part(self, name: str) -> bytes:
        part = self._parts.get(name)
        if part is None:
            if len(self._parts) > 8_192:
                self._parts.clear()
            part = self._parts[name] = name_part(name)
        return part


def _damaged(position: int, why: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"Event {position} was changed, or damaged, after it was written.",
        why=why,
        remedy="Nothing was decided from it. `mainstay audit verify` tells what else is damaged; go on from a backup.",
        position=Position(position),
    )
