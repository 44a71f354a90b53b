"""A workspace that an older Mainstay made opens: its views lack columns and tables until a director folds them anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mainstay.bench.console_fill import filled
from mainstay.ledger.projection import current
from mainstay.ledger.projections.event_places import EventPlaces
from mainstay.ledger.projections.runs import Runs
from mainstay.runtime.clock import SystemClock
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held


def test_an_older_workspace_is_read_and_then_folded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    folder = Folder(filled(tmp_path, runs=2, cards=0, told=lambda *_: None))
    with closing(sqlite3.connect(folder.ledger)) as file, file:
        [run, *_] = [row[0] for row in file.execute("SELECT run FROM runs")]
        file.execute("DROP INDEX runs_by_ending")
        file.execute("ALTER TABLE runs DROP COLUMN ending")
        file.execute("UPDATE meta SET value = '3' WHERE name = 'projection:runs'")
        file.execute("DROP TABLE event_places")
        file.execute("DELETE FROM meta WHERE name = 'projection:event_places'")

    with Workspace(folder) as older:
        assert [one.run for one in older.run_search.find(run[-6:]).runs] == [run]
        before = older.auditing.events(type="policy.adopted/1").events

    Held(folder, SystemClock()).close()

    with Workspace(folder) as opened:
        assert current(opened._store, Runs())
        assert current(opened._store, EventPlaces())
        assert [one.run for one in opened.run_search.find(run[-6:]).runs] == [run]
        assert opened.auditing.events(type="policy.adopted/1").events == before != ()
