"""The port of a projection: a view rebuilt from events.

A projection is a pure function from one recorded event to row changes; the store writes them in the transaction of the
event, so a view never disagrees with the ledger it was read with. Changing `version` makes the store drop its tables and
fold the ledger anew (`ledger.rebuild`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mainstay.kernel.events import Event
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger.store import RowChange, Table


class Projection(Protocol):
    """A named, versioned view."""

    name: str
    version: int
    tables: tuple[Table, ...]

    def project(self, position: int, at: Instant, stream: StreamId, event: Event) -> Sequence[RowChange]:
        """The rows that this event changes. Total: an event that is none of its business changes nothing."""
        ...
