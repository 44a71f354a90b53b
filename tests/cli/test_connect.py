"""`connect email`: checked first, kept by reference, and appended to a file that stays as it was."""

import json
from pathlib import Path

import pytest

from mainstay.cli import connect
from mainstay.cli import main as command_line
from mainstay.config.accounts import ImapSource, SmtpSend
from mainstay.config.files import load_settings
from mainstay.workspace import Workspace

ACCOUNT = ("--address", "help@example.org", "--imap", "imap.example.org", "--smtp", "smtp.example.org")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.create(tmp_path / "desk")
    return tmp_path / "desk"


def test_the_table_is_appended_and_the_rest_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "mainstay.toml").read_bytes()
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    given = ["connect", "email", *ACCOUNT, "--keep", "env", "--variable", "MAIL_PASSWORD", "--no-check"]

    assert command_line.run([*given, "-w", str(root), "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["password"] == "env:MAIL_PASSWORD"
    after = (root / "mainstay.toml").read_bytes()
    assert after.startswith(before)
    assert b"hunter2" not in after
    account = load_settings(root).adapters["support"]
    assert account.address == "help@example.org"
    assert isinstance(account.source, ImapSource)
    assert isinstance(account.send, SmtpSend)
    assert (account.source.host, account.source.user, account.source.password) == (
        "imap.example.org",
        "help@example.org",
        "env:MAIL_PASSWORD",
    )
    assert account.start == "now"

    assert command_line.run([*given, "-w", str(root)]) == 5
    assert "already" in capsys.readouterr().err
    assert (root / "mainstay.toml").read_bytes() == after


def test_a_mailbox_that_no_workflow_hears_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    options = (*ACCOUNT, "--keep", "env", "--variable", "MAIL_PASSWORD", "--no-check", "-w", str(root))

    assert command_line.run(["connect", "email", "support", *options]) == 0
    assert "No workflow" not in capsys.readouterr().out
    assert command_line.run(["connect", "email", "sales", *options]) == 0
    assert "No workflow listens to mailbox 'sales'" in capsys.readouterr().out


def test_an_account_that_does_not_answer_is_not_written(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "mainstay.toml").read_bytes()
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    there = [
        "--imap",
        "localhost",
        "--imap-port",
        "1",
        "--smtp",
        "localhost",
        "--smtp-port",
        "1",
        "--tls",
        "none",
    ]
    given = [
        "connect",
        "email",
        "--address",
        "a@example.org",
        *there,
        "--keep",
        "env",
        "--variable",
        "MAIL_PASSWORD",
    ]

    assert command_line.run([*given, "-w", str(root)]) == 7

    said = capsys.readouterr()
    assert "cannot be used" in said.err
    assert "hunter2" not in said.out + said.err
    assert (root / "mainstay.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("wrong", "code", "word"),
    [
        (["--keep", "paper"], 5, "keeps no passwords"),
        (["--start", "someday"], 2, "start"),
        (["--tls", "none"], 2, "encrypted"),
        (["--keep", "env", "--variable", "NOT_SET"], 8, "no secret"),
    ],
)
def test_wrong_answers(
    root: Path, wrong: list[str], code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "mainstay.toml").read_bytes()
    assert command_line.run(["connect", "email", *ACCOUNT, *wrong, "--no-check", "-w", str(root)]) == code
    assert word in capsys.readouterr().err
    assert (root / "mainstay.toml").read_bytes() == before


def test_a_missing_answer_is_asked_for_on_a_terminal_only(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(["connect", "email", "--address", "a@example.org", "-w", str(root)]) == 5
    assert "--imap is missing" in capsys.readouterr().err


def test_answers_are_strings_of_toml(root: Path) -> None:
    odd = 'we"ird\\\n'
    text = connect._table("odd", "a@example.org", {"host": "h", "user": odd}, {"smtp": "h"}, "env:X", "now")
    import tomllib

    assert tomllib.loads(text)["adapters"]["odd"]["imap"]["user"] == odd
