"""Both stores keep every promise of the port."""

from pathlib import Path

import pytest

from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.sqlite import SqliteStore
from mainstay.testing.conformance.compacted import SHARES, compacted
from mainstay.testing.conformance.store import OpenStore, StoreConformance


class TestInMemoryStore(StoreConformance):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        return lambda tables: InMemoryStore(tables=tables)


class TestSqliteStore(StoreConformance):
    persistent = True

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda tables: SqliteStore(tmp_path / "ledger.sqlite3", tables=tables)


class TestCompactedStore(StoreConformance):
    persistent = True

    @pytest.fixture(params=SHARES)
    def open_store(self, request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
        return compacted(tmp_path / "ledger.sqlite3", share=request.param)
