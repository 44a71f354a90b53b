"""The demo as anybody runs it: every claim that it prints is held against what it left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mainstay.cli.sample_facts import delivered_by_key, read_expected
from mainstay.workspace import Workspace

SECONDS_MAX = 60


def _demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mainstay", "demo", "--fast", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=240)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("d") / "demo"


@pytest.mark.long
def test_the_whole_of_it(place: Path, home: Path) -> None:
    said = _demo("--workspace", str(place))

    assert said.returncode == 0, said.stdout + said.stderr
    assert "✗" not in said.stdout
    assert max(len(line.rstrip()) for line in said.stdout.splitlines()) <= 120
    for part in ("waits for you", "left to you", "Flags raised", "Spent", "SIGKILL", "once", "audit verify"):
        assert part in said.stdout
    root = place / "north-desk"
    expected = read_expected()
    both = expected["first"] + expected["second"]
    distinct = sum(one.disposition != "duplicate" for one in both)
    with Workspace.open(root) as opened:
        assert opened.count("messages") + len(opened.rejected()) == distinct
        assert opened.count("runs") == opened.count("messages")
        assert opened.in_doubt() == []
        assert opened.count("approvals", status="granted") == len(delivered_by_key(root)) == 3
        assert opened.undo_window_us() == 30_000_000, "what is approved from now on can be taken back"
    assert set(delivered_by_key(root).values()) == {1}
    assert not (home / "keys").exists(), "nothing of the operator's own is touched"

    again = _demo("--workspace", str(place))
    assert again.returncode == 3
    assert "not empty" in again.stderr


@pytest.mark.long
def test_for_programs(short_path: Path) -> None:
    said = _demo("--workspace", str(short_path / "demo"), "--json")

    report = json.loads(said.stdout)
    assert said.returncode == 0
    assert report["held"] is True
    assert all(one["held"] for one in report["claims"])
    assert len(report["claims"]) >= 10
    assert report["seconds"] < SECONDS_MAX
