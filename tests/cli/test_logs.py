"""`mainstay logs`, and what a director of its own process leaves in the log: no name of anybody in it."""

import itertools
import json
from pathlib import Path

import pytest

from mainstay.cli import logs as logs_module
from mainstay.cli import main as command_line
from mainstay.cli.logs import following
from tests.cli.conftest import Desk

LINE = '{"at": 1800000000000000, "level": "%s", "said": "%s"}\n'


def shown(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command_line.run(["logs", "-w", str(root), *arguments]) == 0
    return capsys.readouterr().out


def test_it_shows_lines_readably_and_as_they_are(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    folder = desk.root / ".mainstay" / "logs"
    folder.mkdir(exist_ok=True)
    log = folder / "director.log"
    log.write_text(LINE % ("info", "one") + LINE % ("warning", "two \\u001b[31mred"), "utf-8")
    text = shown(desk.root, capsys)
    assert [line[20:] for line in text.splitlines()] == ["  one", "! two red"]
    assert shown(desk.root, capsys, "-n", "1").endswith("! two red\n")
    told = [json.loads(line) for line in shown(desk.root, capsys, "--json").splitlines()]
    assert [one["said"] for one in told] == ["one", "two \x1b[31mred"]
    log.unlink()
    for other in folder.glob("director.log.*"):
        other.unlink()
    assert "Nothing yet" in shown(desk.root, capsys)


def test_following_goes_on_into_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "director.log"
    path.write_text(LINE % ("info", "before"), "utf-8")
    begun = (path.stat().st_ino, path.stat().st_size)

    def write(text: str) -> None:
        with path.open("a", encoding="utf-8") as opened:
            opened.write(text)

    def turn_over() -> None:
        path.rename(tmp_path / "director.log.1")
        write(LINE % ("info", "new file"))

    whole = LINE % ("info", "half")
    acts = iter(
        [
            lambda: write(LINE % ("info", "first")),
            lambda: write(whole[:20]),
            lambda: write(whole[20:]),
            turn_over,
        ]
    )
    monkeypatch.setattr(logs_module.time, "sleep", lambda seconds: next(acts)())
    said = [one["said"] for one in itertools.islice(following(path, begun), 3)]
    assert said == ["first", "half", "new file"]


def test_a_director_leaves_a_log_without_anybodys_name(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    director = desk.start()
    director.stop()
    text = shown(desk.root, capsys, "--json")
    told = [json.loads(line)["said"] for line in text.splitlines()]
    assert told[0].startswith("starting, version ")
    assert told[-1] == "stopped"
    with desk.workspace as workspace:
        people = {str(one.message["from_address"]) for one in workspace.approvals()}
        subjects = {str(one.message["subject"]) for one in workspace.approvals()}
    assert people
    assert not [one for one in people | subjects if one in text]
    assert (desk.root / ".mainstay/logs/director.log").stat().st_mode & 0o077 == 0


def test_status_tells_of_trouble_and_of_the_last_backup(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(["status", "-w", str(desk.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["incidents"], told["backed_up_at"]) == ([], None)
