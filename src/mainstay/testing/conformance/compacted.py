"""Stores whose ledgers are sealed as they grow: what was compacted must read like what was not.

    class TestMyStoreCompacted(StoreConformance):
        persistent = True

        @pytest.fixture(params=SHARES)
        def open_store(self, request, tmp_path):
            return compacted(tmp_path / "ledger", share=request.param)

After each append so much of the table is sealed that every read of the suite crosses the border between both, and
long ones the borders of segments and blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.segments_sealing import row_of, seal
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SEGMENTS
from mainstay.ledger.store import GENESIS, Epoch, Position, RowChange, StreamAppend, Table

SHARES = (0.5, 1.0)  # half of what could be sealed; all of it
SEGMENT_EVENTS = 700


class CompactedStore(SqliteStore):
    """A store that seals a share of its table after each append."""

    share = 1.0

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        """See `EventStore.append`."""
        head = super().append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
        last = self.sealed.last()
        until = last + int((head - 1 - last) * self.share)
        while last < until:
            last = seal_range(self, last, min(until, last + SEGMENT_EVENTS), epoch=epoch, at=at)
        return head


def compacted(path: Path, *, share: float) -> Callable[[Sequence[Table]], CompactedStore]:
    """Opens stores of one ledger that seal `share` of what they can after each append."""

    def opened(tables: Sequence[Table]) -> CompactedStore:
        store = CompactedStore(path, tables=tables)
        store.share = share
        return store

    return opened


def seal_range(store: SqliteStore, last: int, until: int, *, epoch: Epoch, at: Instant) -> int:
    """Seal the events after `last` up to `until`; the new last one. No run is asked whether it is over."""
    rows = [row_of(one) for one in store.read_all(after=Position(last), limit=until - last)]
    made = seal(rows, store.sealed.hash_at(last) or GENESIS)
    folder = Path(store.path).parent / SEGMENTS
    folder.mkdir(exist_ok=True)
    (folder / made.name).write_bytes(made.data)
    store.seal(made, epoch=epoch, at=at)
    return made.last
