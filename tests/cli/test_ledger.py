"""`mainstay ledger`: backups, restores, compaction and numbers, as an operator types them."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainstay.ledger.backup import LEDGER, SUFFIX, verify_backup
from mainstay.ledger.keys import SqliteKeys
from mainstay.workspace.folder import Folder
from tests.cli.conftest import Desk, until

pytestmark = pytest.mark.long


@pytest.fixture
def shelf(desk: Desk) -> Path:
    shelf = desk.root.parent / "shelf"
    shelf.mkdir()
    return shelf


def asked(desk: Desk, *arguments: str, code: int = 0) -> Any:
    done = desk.run(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def backed_up(desk: Desk, shelf: Path) -> Path:
    return Path(asked(desk, "ledger", "backup", str(shelf))["backup"])


def test_a_backup_says_what_it_is_and_where_the_keys_are(desk: Desk, shelf: Path) -> None:
    done = desk.run("ledger", "backup", str(shelf))
    assert done.returncode == 0, done.stderr
    (made,) = shelf.iterdir()
    assert made.name.endswith(SUFFIX)
    assert str(made) in done.stdout
    assert "read back and whole" in done.stdout
    assert str(Folder(desk.root).keys) in done.stdout
    assert str(desk.root.parent.parent) in done.stdout or "master.key" in done.stdout
    assert "same" not in done.stderr
    assert verify_backup(made).head == desk.workspace.head
    with_keys = asked(desk, "ledger", "backup", str(shelf / "b"), "--keys-to", str(shelf / "keys"))
    assert with_keys["keys_copied_to"] == str(shelf / "keys")
    again = asked(desk, "ledger", "backup", str(made), code=5)
    assert again["error"] == "CommandRefused"


def test_a_wrecked_ledger_comes_back_under_the_kill_switch(desk: Desk, shelf: Path) -> None:
    with desk.workspace as opened:
        head, waiting = opened.head, opened.waiting()
    made = backed_up(desk, shelf)
    (desk.root / ".mainstay" / LEDGER).write_bytes(b"\x00" * 100_000)
    refused = asked(desk, "ledger", "restore", str(made), code=5)
    assert "--replace" in refused["remedy"]
    done = desk.run("ledger", "restore", str(made), "--replace")
    assert done.returncode == 0, done.stderr
    assert "kill switch is on" in done.stdout
    (aside,) = (desk.root / ".mainstay").glob("replaced-*")
    assert str(aside) in done.stdout
    assert asked(desk, "audit", "verify")["events"] == head + 2
    with desk.workspace as opened:
        assert opened.waiting() == waiting
        assert opened.rows("house", where={"key": "kill_switch"})[0]["value"] == "on"


def test_it_is_refused_beside_a_director(desk: Desk, shelf: Path) -> None:
    desk.start()
    made = backed_up(desk, shelf)
    assert verify_backup(made).head > 0
    refused = asked(desk, "ledger", "restore", str(made), code=3)
    assert refused["error"] == "WorkspaceLocked"
    assert "director is at work" in refused["what"]
    assert "Stop it" in refused["remedy"]


def state_of(root: Path) -> dict[str, bytes]:
    """Everything in `.mainstay` but the lock and the logs of SQLite."""
    state = root / ".mainstay"
    return {
        str(path.relative_to(state)): path.read_bytes()
        for path in state.rglob("*")
        if path.is_file() and path.name != "lock" and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize(
    "case", ["gone", "made for nobody", "of another key", "damaged", "no master key", "too old"]
)
def test_missing_keys_are_told_before_anything_is_replaced(desk: Desk, shelf: Path, case: str) -> None:
    made = backed_up(desk, shelf)
    keys = Folder(desk.root).keys
    match case:
        case "gone":
            keys.unlink()
            wanted = "keys of this ledger are not here"
        case "made for nobody":
            keys.unlink()
            SqliteKeys(keys).close()
            wanted = "not those of this ledger"
        case "of another key":
            with closing(sqlite3.connect(keys, isolation_level=None)) as connection:
                connection.execute("UPDATE master SET checked = zeroblob(16)")
            wanted = "master key is not the one of this workspace"
        case "damaged":
            keys.write_bytes(b"\xff" * 5_000)
            wanted = "file of keys is damaged"
        case "too old":
            with closing(sqlite3.connect(keys, isolation_level=None)) as connection:
                connection.execute("DELETE FROM subjects WHERE subject = (SELECT min(subject) FROM subjects)")
            wanted = "The keys of 1 of"
        case _:
            settings = desk.root / "mainstay.toml"
            settings.write_text(settings.read_text().replace("master.key", "no-such.key"))
            wanted = "master key of this workspace is missing"
    before = state_of(desk.root)
    refused = asked(desk, "ledger", "restore", str(made), "--replace", code=8)
    assert refused["error"] == "SecretError"
    assert wanted in refused["what"]
    assert refused["remedy"]
    assert state_of(desk.root) == before
    if case == "too old":
        assert asked(desk, "ledger", "restore", str(made), "--without-keys")["head"] > 0


def test_on_a_new_machine_keys_and_a_backup_are_enough(desk: Desk, shelf: Path) -> None:
    keys = shelf.parent / "keys-elsewhere"
    made = Path(asked(desk, "ledger", "backup", str(shelf), "--keys-to", str(keys))["backup"])
    with desk.workspace as opened:
        cards = [card.text for card in opened.approvals()]
    new = desk.root.parent / "new"
    shutil.copytree(desk.root, new, ignore=shutil.ignore_patterns(".mainstay"))
    nothing = desk.run("ledger", "restore", str(made), "--into", str(new), "--json")
    assert nothing.returncode == 8, nothing.stdout
    assert not (new / ".mainstay").exists()
    (new / ".mainstay").mkdir()
    shutil.copy(keys, Folder(new).keys)
    done = desk.run("ledger", "restore", str(made), "--into", str(new))
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.stat(new / ".mainstay").st_mode & 0o077 == 0
    with Desk(new).workspace as opened:
        assert [card.text for card in opened.approvals()] == cards
        assert opened.folder.id == desk.workspace.folder.id


def test_a_backup_of_another_workspace_is_refused(desk: Desk, shelf: Path) -> None:
    made = backed_up(desk, shelf)
    other = desk.root.parent / "other"
    assert desk.run("init", str(other)).returncode == 0
    refused = desk.run("ledger", "restore", str(made), "--into", str(other), "--json")
    assert refused.returncode == 5
    assert "another workspace" in json.loads(refused.stdout)["what"]


def test_what_is_no_backup_is_refused(desk: Desk, shelf: Path) -> None:
    assert asked(desk, "ledger", "restore", str(shelf), code=5)["error"] == "NotFound"
    assert asked(desk, "ledger", "restore", str(shelf / "no"), code=5)["error"] == "NotFound"


def finish(desk: Desk) -> None:
    """Every run is over, by a director that cancels what waits."""
    director = desk.start()
    with desk.workspace as opened:
        for row in opened.rows("open_runs"):
            opened.cancel(str(row["run"]), reason="over")
        until(lambda: opened.count("open_runs") == 0)
    director.stop()


@pytest.mark.long
def test_what_is_over_is_sealed_and_read_as_before(desk: Desk, shelf: Path) -> None:
    finish(desk)
    desk.run("audit", "export", "--to", str(shelf / "before.jsonl"))
    with desk.workspace as opened:
        head = opened.head
        stories = [opened.explain(str(row["run"])).as_text() for row in opened.runs()]
    report = asked(desk, "ledger", "compact", "--before", str(head))
    assert (report["sealed"], report["segments"]) == (head - 1, 1)
    assert "Nothing was sealed" in desk.run("ledger", "compact").stdout
    assert asked(desk, "audit", "verify")["events"] >= head
    with desk.workspace as opened:
        assert [opened.explain(str(row["run"])).as_text() for row in opened.runs()] == stories
        assert len(stories) > 5
    desk.run("audit", "export", "--to", str(shelf / "after.jsonl"))
    before, after = ((shelf / name).read_bytes() for name in ("before.jsonl", "after.jsonl"))
    assert after.startswith(before)
    made = backed_up(desk, shelf)
    assert len(list((made / "segments").iterdir())) == 1
    shutil.rmtree(desk.root / ".mainstay" / "segments")
    broken = asked(desk, "audit", "verify", code=4)
    assert broken["fields"]["position"] == 1
    assert "missing" in broken["why"]
    assert desk.run("ledger", "restore", str(made), "--replace").returncode == 0
    assert asked(desk, "audit", "verify")["events"] >= head + 2


@pytest.mark.long
def test_a_director_at_work_seals_between_its_ticks(desk: Desk) -> None:
    finish(desk)
    director = desk.start()
    with desk.workspace as opened:
        head = opened.head
        stories = [opened.explain(str(row["run"])).as_text() for row in opened.runs()]
        report = asked(desk, "ledger", "compact", "--before", str(head))
        assert (report["sealed"], report["segments"], report["events"]) == (head - 1, 1, head - 1)
        assert report["beside_director"]
        assert "Nothing was sealed" in desk.run("ledger", "compact").stdout
        opened.kill_switch(on=True)
        assert opened.head > head  # it goes on deciding
        assert [opened.explain(str(row["run"])).as_text() for row in opened.runs()] == stories
        told = desk.run("ledger", "compact", "--before", str(head + 1)).stdout
        assert "is used again" in told
    assert asked(desk, "audit", "verify")["events"] > head
    assert len(list((desk.root / ".mainstay" / "segments").iterdir())) == 2
    director.stop()
    desk.start()
    with desk.workspace as opened:
        assert opened.status()["director"] == "at work"


def test_the_numbers_of_a_ledger(desk: Desk) -> None:
    found = asked(desk, "ledger", "stats")
    with desk.workspace as opened:
        assert found["head"] == opened.head == sum(found["types"].values()) == sum(found["kinds"].values())
        assert found["days"][-1]["events"] + found["days"][-2]["events"] == opened.head
    assert found["kinds"]["run"] > found["kinds"]["inbox"] > 0
    assert found["types"]["run.started"] > 0
    assert found["disk_full_in_days"] > 0
    assert all(one["mark"] == str(one["version"]) for one in found["views"])
    shown = desk.run("ledger", "stats")
    assert shown.returncode == 0, shown.stderr
    for word in ("Events    ", "Events by type", "run.started", "█", "Growth", "current", "Bytes by table"):
        assert word in shown.stdout
    assert all(len(line) <= 100 for line in shown.stdout.splitlines()), "it fits a hundred columns"


def test_a_workspace_without_a_ledger_has_no_numbers(desk: Desk, tmp_path: Path) -> None:
    empty = desk.root.parent / "empty"
    desk.run("init", str(empty))
    for command in (("stats",), ("compact",), ("backup", str(tmp_path))):
        refused = desk.run("ledger", *command, "--workspace", str(empty), "--json")
        assert refused.returncode == 5, refused.stdout + refused.stderr
        assert json.loads(refused.stdout)["error"] == "NotFound"
