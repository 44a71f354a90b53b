"""A director at work tells its operator, and takes changed rules without a restart."""

import json
import re
from email import message_from_bytes
from pathlib import Path

import pytest

from mainstay.cli.main import run
from tests.cli.conftest import Desk, lay_out, until
from tests.net.test_webhook_out import listening

CLOSED = '\n[[rule]]\nname = "closed"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n'


@pytest.mark.long
def test_cards_are_told_and_come_back_and_rules_change_under_a_director(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    monkeypatch.setenv("HOOK", "a secret of the hook")
    root = short_path / "desk"
    lay_out(root, messages=6)
    desk = Desk(root)
    settings = root / "mainstay.toml"
    with listening(204) as server:
        hook = f'webhook = {{ url = "http://127.0.0.1:{server.server_port}/desk", secret = "env:HOOK" }}'
        settings.write_text(
            settings.read_text() + f'\n[notify]\naddress = "help@northdesk.example"\n{hook}\n'
        )
        desk.start()
        try:
            until(lambda: desk.delivered() and server.requests)
            (file,) = (root / "outbox" / "new").iterdir()
            raw = file.read_bytes()
            mail = message_from_bytes(raw)
            assert re.match(r"north-desk: \d+ cards? wait", mail["Subject"])
            ((sent, body),) = server.requests
            waiting = json.loads(body)["data"]["counts"]["approval"]
            assert sent["webhook-signature"].startswith("v1,")
            # It arrives in the mailbox that is read: nothing of it is taken in.
            with desk.workspace as opened:
                until(lambda: opened.waiting() == waiting)
                before = opened.count("messages")
                with (root / "inbox.mbox").open("ab") as inbox:
                    inbox.write(b"\nFrom desk@northdesk.example Mon Nov 23 03:00:00 2026\n" + raw + b"\n")
                pulled = opened.ingest()
                assert opened.count("messages") == before
                assert sum(one["dropped"] for one in pulled.values()) <= 1
                cursors = opened.rows("cursors")
                assert sum(int(row["dropped"]) for row in cursors) == 1
            # Rules change while it works; what waits is judged by them.
            rules = root / "policies" / "default.toml"
            rules.write_text(rules.read_text() + CLOSED)
            capsys.readouterr()
            assert run(["policy", "apply", "-w", str(root), "--json"]) == 0
            applied = json.loads(capsys.readouterr().out)
            assert (applied["changed"], applied["live"]) == (True, True)
            with desk.workspace as opened:
                until(lambda: opened.waiting() == 0)
                assert opened.count("approvals", status="denied") == waiting
        finally:
            desk.stop_all()
