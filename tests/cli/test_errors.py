"""Each thing that goes wrong gets one clear error, an exit code of its own, and no traceback."""

import json
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.kernel.errors import ConfigError, LedgerCorrupt, MainstayError, WorkspaceLocked
from tests.cli.conftest import Desk, lay_out


def test_no_workspace_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["runs", "-w", str(tmp_path)]) == 3

    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert "Do:  Make one with `mainstay init`" in said


def test_errors_are_json_where_json_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["runs", "--json", "-w", str(tmp_path)]) == 3

    error = json.loads(capsys.readouterr().out)
    assert (error["error"], error["exit_code"]) == ("WorkspaceNotFound", 3)
    assert error["remedy"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_the_parser_refuses(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["runs", "--nonsense", *(["--json"] if as_json else [])]) == 2

    said = capsys.readouterr()
    if as_json:
        assert json.loads(said.out)["error"] == "Usage"
    else:
        assert "No such option" in said.err
        assert "mainstay runs --help" in said.err


def test_no_command_shows_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run([]) == 2
    assert "approvals" in capsys.readouterr().out


def test_a_fault_of_ours_is_short_and_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str], **options: object) -> None:
        raise RuntimeError("bad \x1b[31mday")

    monkeypatch.setattr(command_line, "_quick", lambda arguments: fail)
    assert command_line.run(["runs"]) == 70
    said = capsys.readouterr().err
    assert "RuntimeError: bad day" in said
    assert "Traceback" not in said
    assert command_line.TRACEBACK in said

    monkeypatch.setenv(command_line.TRACEBACK, "1")
    command_line.run(["runs"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 0),
        (MainstayError("x"), 1),
        (ConfigError("x"), 2),
        (WorkspaceLocked("x"), 3),
        (LedgerCorrupt("x"), 4),
    ],
)
def test_exit_codes(
    raised: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str], **options: object) -> None:
        raise raised

    monkeypatch.setattr(command_line, "_quick", lambda arguments: fail)
    monkeypatch.setattr(command_line, "_drop_output", lambda: None)
    assert command_line.run(["runs"]) == code


def test_a_mistake_in_a_file_names_file_line_and_key_and_what_else_is_wrong(desk: Desk) -> None:
    (desk.root / "mainstay.toml").write_text('[workspace]\nname = 7\n[budgets]\nday_usd = "much"\n', "utf-8")

    said = desk.run("up")

    assert said.returncode == 2
    assert "mainstay.toml:2: workspace.name" in said.stderr
    assert "Also: mainstay.toml:4: budgets.day_usd" in said.stderr


@pytest.mark.parametrize(
    "command", [("run", "show"), ("explain",), ("cancel",), ("approve",), ("approvals", "show")]
)
def test_an_id_that_nothing_has(desk: Desk, command: tuple[str, ...]) -> None:
    said = desk.run(*command, "ffffffff")

    assert said.returncode == 5
    assert "There is no" in said.stderr


@pytest.mark.long
def test_one_changed_byte_is_named_and_nobody_goes_to_work_on_it(desk: Desk) -> None:
    position = 40
    connection = sqlite3.connect(desk.root / ".mainstay" / "ledger.db", isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    data = connection.execute("SELECT data FROM events WHERE position = ?", (position,)).fetchone()[0]
    changed = bytes([data[0] ^ 1]) + data[1:]
    connection.execute("UPDATE events SET data = ? WHERE position = ?", (changed, position))
    connection.close()

    said = desk.run("audit", "verify", "--json")
    assert said.returncode == 4
    assert json.loads(said.stdout)["fields"]["position"] == position

    refused = desk.run("up")
    assert refused.returncode == 4
    assert f"position {position}" in refused.stderr
    assert desk.run("doctor").returncode == 1


@pytest.mark.long
def test_a_whole_ledger_is_proved(desk: Desk) -> None:
    said = desk.run("audit", "verify", "--json")

    assert said.returncode == 0
    proved = json.loads(said.stdout)
    assert proved["whole"] is True
    exported = desk.run("audit", "export").stdout.splitlines()
    assert len(exported) == proved["events"]
    assert json.loads(exported[-1])["hash"] == proved["head"]


@pytest.mark.long
def test_a_full_disk_loses_nothing_that_was_acknowledged(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    root = short_path / "desk"
    lay_out(root, messages=60)
    desk = Desk(root)

    def small_files() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))

    said = desk.run("ingest", preexec_fn=small_files)

    assert said.returncode == 4, said.stderr
    assert "Traceback" not in said.stderr
    with desk.workspace as opened:
        kept = opened.count("messages")
    assert kept < 55

    again = desk.run("ingest", "--json")  # there is room again
    assert again.returncode == 0
    with desk.workspace as opened:
        assert opened.count("messages") >= 55
        assert opened.count("runs") == opened.count("messages")
    assert desk.run("audit", "verify").returncode == 0


@pytest.mark.parametrize("command", [("runs",), ("up",), ("ingest",), ("audit", "verify")])
def test_a_read_only_folder(desk: Desk, command: tuple[str, ...]) -> None:
    places = [desk.root, *(path for path in desk.root.rglob("*") if path.is_dir())]
    files = [path for path in desk.root.rglob("*") if path.is_file()]
    for path in (*files, *places):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        said = desk.run(*command, "--json", prefix=_as_anybody())
    finally:
        for path in (*places, *files):
            path.chmod(path.stat().st_mode | 0o200)

    assert said.returncode == 3, said.stdout
    error = json.loads(said.stdout.splitlines()[-1])
    assert error["error"] == "WorkspaceUnsafe"
    assert "writable" in error["remedy"]


def test_a_place_that_cannot_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["init", "/proc/desk"]) == 3
    assert "cannot be written" in capsys.readouterr().err


def _as_anybody() -> list[str]:
    """What takes root's right to write everywhere away; for others, modes hold anyway."""
    import os

    if os.getuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root may write everywhere, and there is no setpriv to give that up")
    rights = "-dac_override,-dac_read_search"
    return [program, f"--bounding-set={rights}", f"--inh-caps={rights}"]


def test_output_that_nobody_reads_is_no_error(desk: Desk) -> None:
    import os
    import sys

    command = [sys.executable, "-m", "mainstay", "audit", "export", "-w", str(desk.root)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.read(10)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    assert writer.wait(60) in (0, 1)
    writer.stderr.close()
