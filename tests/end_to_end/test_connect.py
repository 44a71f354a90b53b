"""`mainstay connect email` at a real server: what it finds, what it writes, and that the written account works."""

import json

import pytest

from mainstay.cli import main as command_line
from mainstay.config.files import load_settings
from mainstay.workspace import Workspace
from tests.end_to_end.desks import Mailbox
from tests.servers import dovecot


@pytest.fixture
def given(mailbox: Mailbox, mail_server: dovecot.Dovecot) -> list[str]:
    return [
        "connect",
        "email",
        *("--address", mailbox.address),
        *("--imap", "127.0.0.1", "--imap-port", str(mail_server.imap_port)),
        *("--smtp", "127.0.0.1", "--smtp-port", str(mail_server.submission_port)),
        *("--tls", "none", "--keep", "env", "--variable", "E2E_PASSWORD"),
    ]


def test_a_connected_account_is_read_at_once(
    given: list[str], mailbox: Mailbox, mail_server: dovecot.Dovecot, tmp_path, capsys
) -> None:
    root = tmp_path / "desk"
    Workspace.create(root)
    assert command_line.run([*given, "-w", str(root), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["password"] == "env:E2E_PASSWORD"
    assert load_settings(root).adapters["support"].address == mailbox.address
    with Workspace.open(root) as workspace:
        workspace.ingest()  # the account begins now
    mail_server.deliver(
        mailbox.address, b"From: ada@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
    )
    with Workspace.open(root) as workspace:
        assert workspace.ingest()["support"]["received"] == 1


def test_a_wrong_password_is_told_and_nothing_is_written(
    given: list[str], tmp_path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "desk"
    Workspace.create(root)
    before = (root / "mainstay.toml").read_bytes()
    monkeypatch.setenv("E2E_PASSWORD", "wrong-secret")
    assert command_line.run([*given, "-w", str(root)]) != 0
    told = "".join(capsys.readouterr())
    assert "password" in told.lower()
    assert "wrong-secret" not in told
    assert (root / "mainstay.toml").read_bytes() == before
