"""A few digits of an id are enough, and finding it is a look-up however many there are."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.values import Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections.runs import Runs
from mainstay.ledger.short_ids import FITTING_MAX, find_id
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import Put, Table
from mainstay.ledger.views import Views

[RUNS] = Runs.tables
COUNT = 3_000
IDS = [f"{1_700_000_000_000 + n:012x}{sha256(str(n).encode()).hexdigest()[:20]}" for n in range(COUNT)]


class Counted(InMemoryStore):
    """A store that says how many rows were read."""

    read = 0

    def select(self, table: str, **asked: Any) -> list[dict[str, Any]]:
        found = super().select(table, **asked)
        self.read += len(found)
        return found


def kept(table: Table = RUNS) -> Counted:
    store = Counted(tables=(table,))
    with_ending = any(name == "ending" for name, _ in table.columns)
    rows = [Put("runs", (one,), {"ending": one[-4:]} if with_ending else {}) for one in IDS]
    store.append((), epoch=store.acquire(), at=Instant(1), changes=rows)
    return store


@pytest.fixture(scope="module")
def store() -> Counted:
    return kept()


@pytest.mark.parametrize("length", [5, 8, 20, 32])
def test_an_end_is_looked_up(store: Counted, length: int) -> None:
    store.read = 0
    found = [find_id(store, "runs", "run", IDS[at][-length:].upper()) for at in (0, 7, COUNT - 1)]
    assert found == [IDS[0], IDS[7], IDS[-1]]
    assert store.read < 30


def test_a_beginning_is_looked_up(store: Counted) -> None:
    store.read = 0
    assert find_id(store, "runs", "run", IDS[1_234][:20]) == IDS[1_234]
    assert store.read <= 8


def test_what_fits_many_is_counted_up_to_a_bound(store: Counted) -> None:
    store.read = 0
    with pytest.raises(AmbiguousId) as refused:
        find_id(store, "runs", "run", IDS[0][:8])
    assert f"fits more than {FITTING_MAX:,} runs" in refused.value.what
    assert refused.value.fields["candidates"] == IDS[:20]
    assert store.read < 3 * FITTING_MAX
    with pytest.raises(NotFound):
        find_id(store, "runs", "run", "ffff" + IDS[0][-6:])


def test_a_view_that_an_older_mainstay_made_is_searched_as_it_was() -> None:
    older = replace(RUNS, columns=tuple(one for one in RUNS.columns if one[0] != "ending"), indexes=())
    assert find_id(kept(older), "runs", "run", IDS[42][-8:]) == IDS[42]


def test_the_file_has_an_index_for_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.db", tables=(RUNS,))
    sql, _ = Views((RUNS,)).select("runs", {"ending": ""}, "run", descending=True, bounded=False)
    plan = store._read("EXPLAIN QUERY PLAN " + sql, ("abcd", 100))
    store.close()
    assert [row[3] for row in plan] == ["SEARCH runs USING INDEX runs_by_ending (ending=?)"]
