"""The director's log: it takes turns, it is private, and nothing personal or secret gets into it."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from smtplib import SMTPResponseException

import pytest

from mainstay.kernel.errors import AccountRefused, LedgerUnready
from mainstay.runtime import logs
from mainstay.runtime.logs import FILE, LogFile, discreet, files, lines, log_to, stop_logging

log = logging.getLogger("mainstay")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    level = log.level
    handler = log_to(tmp_path / "logs", size_mb=1, count=2)
    assert handler is not None
    yield tmp_path / "logs"
    stop_logging(handler)
    log.setLevel(level)


def test_a_line_is_json_with_when_how_grave_and_what(folder: Path) -> None:
    log.info("run %s waits", "1234")
    log.warning("mailbox %s: it\nbroke", "support")
    told = list(lines(folder))
    assert [(one["level"], one["said"]) for one in told] == [
        ("info", "run 1234 waits"),
        ("warning", "mailbox support: it broke"),
    ]
    assert all(isinstance(one["at"], int) and one["at"] > 10**15 for one in told)


def test_canaries_do_not_get_into_it(folder: Path) -> None:
    canary = "canary.person@example.org"

    def fail(password: str) -> None:
        raise ValueError(f"the server says <{canary}> is unknown; password {password}")

    try:
        fail("canary-secret")
    except ValueError as error:
        log.warning("it failed", exc_info=True)
        log.warning("refused: 550 <%s> unknown", canary)
        del error
    text = (folder / FILE).read_text("utf-8")
    assert "canary" not in text
    assert "550 <[address]> unknown" in text
    assert "ValueError" in text
    assert "test_logs.py" in text


def test_files_take_turns_and_the_oldest_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (handler,) = (one for one in log.handlers if isinstance(one, LogFile))
    handler.maxBytes = 2_000
    for number in range(200):
        log.info("line %d", number)
    found = files(folder)
    assert [path.name for path in found] == [f"{FILE}.2", f"{FILE}.1", FILE]
    assert all(path.stat().st_size <= 2_000 and path.stat().st_mode & 0o077 == 0 for path in found)
    told = [one["said"] for one in lines(folder)]
    assert told[-1] == "line 199"
    assert told == [f"line {number}" for number in range(200 - len(told), 200)]


def test_a_line_is_cut() -> None:
    assert len(discreet("x" * 5_000)) == logs.SAID_MAX


def test_what_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert log_to(tmp_path / "file" / "logs", size_mb=1, count=1) is None
    handler = log_to(tmp_path / "logs", size_mb=1, count=1)
    assert handler is not None
    try:
        os.close(os.dup(handler.stream.fileno()))
        monkeypatch.setattr(handler, "stream", open("/dev/full", "w"))  # noqa: SIM115
        log.warning("no room for this")
    finally:
        stop_logging(handler)


def test_what_is_no_line_of_ours_is_left_out(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"at":1,"level":"info","said":"x"}\n{"at":\n[]\n{"a":1}\n', "utf-8")
    assert list(lines(tmp_path)) == [json.loads('{"at":1,"level":"info","said":"x"}')]


CANARY = "Ada Lovelace"


class Refused(Exception):
    """What a library raises: its text quotes whom it refused."""


def test_a_line_has_a_name_for_programs_and_says_what_it_is_about(folder: Path) -> None:
    log.info(
        "run %s task %d %s",
        "0" * 8,
        3,
        "waits",
        extra={"event": "needs_approval", "run": "a" * 32, "task": 3},
    )
    log.warning("%s could not be recorded: %s", "backup_failed", "the disk is full")
    log.warning("%s: %s: %s", "mailbox", "OSError", "x", extra={"workflow": "triage", "password": CANARY})
    told = list(lines(folder))
    assert [one["event"] for one in told] == ["needs_approval", "could_not_be_recorded", "mainstay"]
    assert (told[0]["run"], told[0]["task"]) == ("a" * 32, 3)
    assert told[2]["workflow"] == "triage"
    assert all(one["time"].endswith("Z") and "T" in one["time"] for one in told)
    assert CANARY not in (folder / FILE).read_text("utf-8"), "only what is named in FIELDS is kept"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused(f"550 {CANARY} is unknown"), "Refused"),
        (ConnectionRefusedError(111, f"{CANARY} refused"), "ConnectionRefusedError: Connection refused"),
        (SMTPResponseException(550, f"{CANARY} is unknown"), "SMTPResponseException"),
        (UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "no"), "UnicodeDecodeError"),
        (
            AccountRefused(
                "The log-in was refused.", why=f"the server: {CANARY}?", remedy="Look at the password."
            ),
            "The log-in was refused. Look at the password.",
        ),
        (
            LedgerUnready(why="It has no view.", remedy="Start it."),
            "The views of this ledger are not made yet. It has no view. Start it.",
        ),
    ],
)
def test_what_an_exception_from_elsewhere_says_is_not_kept(folder: Path, error: Exception, said: str) -> None:
    log.warning("%s: %s: %s", "mailbox support", type(error).__name__, error)
    log.warning(error)
    log.warning("learning waits: %s", error)
    text = (folder / FILE).read_text("utf-8")
    assert "Ada" not in text
    assert "Lovelace" not in text
    assert [one["said"] for one in lines(folder)] == [
        f"mailbox support: {type(error).__name__}: {said}",
        said,
        f"learning waits: {said}",
    ]


def test_a_level_leaves_out_what_is_less_grave(tmp_path: Path) -> None:
    before = log.level
    handler = log_to(tmp_path / "logs", size_mb=1, count=1, level="warning")
    try:
        log.info("this is not written")
        log.warning("this is")
    finally:
        stop_logging(handler)
        log.setLevel(before)
    assert [one["said"] for one in lines(tmp_path / "logs")] == ["this is"]


def test_a_line_that_does_not_fit_its_words_is_kept_without_them() -> None:
    given = {"msg": "%d of them: %s", "args": (Refused(CANARY), Refused(CANARY))}
    assert logs.said_by(logging.makeLogRecord(given)) == "%d of them: %s"
