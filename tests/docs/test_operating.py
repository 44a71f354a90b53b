"""docs/operating.md: its incidents, numbers and support matrix are those of the code."""

from __future__ import annotations

import re

from mainstay.cli.units import HEARTBEAT_EVERY_S, WATCHDOG_S, Service, systemd_units
from mainstay.config.notify import NotifySettings
from mainstay.governance.run_time import Part
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import MINUTE
from mainstay.ledger.connection import SQLITE_MIN
from mainstay.runtime.disk import AHEAD_DAYS, FREE_MIN_BYTES, SAMPLED_US
from mainstay.runtime.heartbeat import BEAT_EVERY_S
from mainstay.runtime.loop import JUMP_S
from mainstay.runtime.workers import DEAF_S
from mainstay.workspace.watching import BACKUP_AGAIN_S, SILENT_LEAST_S, SILENT_POLLS
from tests.docs.pages import bare, rows, text_of
from tests.repository.tree import ROOT

PAGE = "operating.md"


def test_every_incident_is_told_and_no_other() -> None:
    assert {bare(row[0]) for row in rows(PAGE, "## Incidents")} == {one.value for one in IncidentKind}


def test_the_numbers_are_those_of_the_code() -> None:
    told = {bare(row[0]): " ".join(row) for row in rows(PAGE, "## Incidents")}
    assert f"{JUMP_S:.0f} seconds" in told["clock_jumped"]
    assert f"at least {SILENT_LEAST_S / 60:.0f} minutes" in told["source_silent"]
    assert SILENT_POLLS == 10
    assert f"{DEAF_S:.0f} seconds" in told["performer_lost"]
    assert f"{FREE_MIN_BYTES / 10**9:.0f} GB" in told["disk_growing"]
    assert (
        f"{AHEAD_DAYS} days of growth as measured over the last {SAMPLED_US // (1_440 * MINUTE)}"
        in told["disk_growing"]
    )
    assert BACKUP_AGAIN_S == 3_600
    text = text_of(PAGE)
    assert f"every {BEAT_EVERY_S:.0f} seconds" in text
    assert f"silent for {WATCHDOG_S} seconds" in text
    assert HEARTBEAT_EVERY_S == 300
    assert NotifySettings().down_after_us == 10 * MINUTE
    units = "".join(systemd_units(Service("x", "x", ROOT, "python")).values())
    assert "RestartSec=5\n" in units
    assert "RestartMaxDelaySec=300\n" in units


def test_the_parts_of_a_runs_time_are_told() -> None:
    text = " ".join(text_of(PAGE).split())
    told = {"calls": "**calls**", "agents": "**agents**", "operator": "**waiting for you**"}
    told |= {"retry": "**until a retry**", "queue": "**queue**"}
    assert set(told) == {part.value for part in Part}
    assert all(words in text for words in told.values())


def test_the_support_matrix_is_that_of_the_package() -> None:
    linux = " ".join(rows(PAGE, "## What is supported")[0])
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    versions = re.findall(r"Python :: (3\.\d+)", project)
    assert re.findall(r"3\.1\d", linux.partition("SQLite")[0]) == versions
    assert f"SQLite {'.'.join(map(str, SQLITE_MIN))} or newer" in linux
