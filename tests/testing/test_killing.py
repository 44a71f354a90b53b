"""A few of the cycles of `make crash`, and proof that what they look for would be seen."""

import json
import os
from pathlib import Path

import pytest

from mainstay.testing.killing import Result, main, run_cycles
from mainstay.testing.killing_books import REST, WINDOWS, Books
from mainstay.testing.killing_house import MARKS, WITNESS, AppendOnly, lay_out, lines
from mainstay.workspace.folder import Folder

CYCLES = 12


@pytest.mark.long
def test_a_director_that_is_killed_again_and_again_loses_and_doubles_nothing() -> None:
    result = run_cycles(CYCLES, seed=7)
    assert result.broken == []
    assert sum(result.windows.values()) >= CYCLES
    assert set(result.windows) <= {*WINDOWS, REST}
    assert result.figures["runs"] > CYCLES
    assert result.figures["effects"] > CYCLES


@pytest.mark.parametrize("planted", ["answered before the commit", "once is tried again"])
def test_a_mistake_is_found(planted: str) -> None:
    result = run_cycles(60, seed=7, planted=planted)
    assert result.broken
    assert not result.good


def test_the_command_tells_its_figures_as_json_and_leaves_the_workspace_where_it_is_told(
    short_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = short_path / "kept"
    before = os.environ.get("MAINSTAY_KEY_HOME")
    assert main(["--cycles", "1", "--seed", "3", "--json", "--keep", str(kept)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["good"] is True
    assert said["cycles"] == 1
    assert (kept / "desk" / ".mainstay" / "ledger.db").exists()
    assert os.environ.get("MAINSTAY_KEY_HOME") == before


def test_a_window_that_was_never_hit_is_a_failure_of_many_cycles_only() -> None:
    all_hit = dict.fromkeys(WINDOWS, 1)
    assert Result(200, 1, windows=all_hit).good
    assert not Result(200, 1, windows={**all_hit, WINDOWS[0]: 0}).good
    assert Result(12, 1, windows={}).good
    assert not Result(12, 1, windows=all_hit, broken=["something"]).good


@pytest.fixture
def books(short_path: Path) -> Books:
    return Books(lay_out(short_path / "desk"))


def test_an_effect_that_stands_twice_in_the_file_of_the_provider_is_seen(books: Books) -> None:
    witness = AppendOnly(books.folder.root / WITNESS)
    for _ in range(2):
        witness.write(1, "received", "keyed", "key", "keyed-1-1")
        witness.write(1, "done", "keyed", "key", "keyed-1-1")
    books.after_kill(1)
    assert books.broken == ["cycle 1: keyed-1-1 was done 2 times"]


def test_what_may_be_called_once_is_called_again_only_when_the_operator_said_so(books: Books) -> None:
    witness = AppendOnly(books.folder.root / WITNESS)
    witness.write(1, "received", "once", "key", "once-1-1")
    witness.write(2, "received", "once", "key", "once-1-1")
    books.let_again("run", "once-1-1")
    books.after_kill(2)
    assert books.broken == []
    witness.write(3, "received", "once", "key", "once-1-1")
    books.after_kill(3)
    assert books.broken == ["cycle 3: once-1-1 may be called once and was called 3 times"]


def test_a_kill_is_placed_by_the_marks_that_the_director_left(books: Books) -> None:
    marks = AppendOnly(books.folder.root / MARKS)
    marks.write("boot")
    books.after_kill(1)
    marks.write("ready")
    books.after_kill(2)
    marks.write("commit")
    books.after_kill(3)
    assert books.windows == {"during boot": 1, REST: 1, "during a commit": 1}


def test_a_line_that_was_cut_short_is_no_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one two\nthr")
    assert lines(tmp_path / "file") == [["one", "two"]]
    assert lines(tmp_path / "missing") == []


def test_a_workspace_is_laid_out_whole(short_path: Path) -> None:
    folder = lay_out(short_path / "desk")
    assert isinstance(folder, Folder)
    assert folder.id
