"""Workspaces on disk for whole stories, and one real mail server for the module that wants it."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.agents.intents import UNKNOWN
from mainstay.agents.judge import Judge, Judgement
from tests.end_to_end.desks import Desk, Mailbox, ended, file_settings, lay_out, smtp_settings
from tests.servers import dovecot


@pytest.fixture(scope="module")
def mail_server(require_binary: Callable[[str], str]) -> Iterator[dovecot.Dovecot]:
    with dovecot.running(require_binary("dovecot")) as server:
        yield server


_number = itertools.count()


@pytest.fixture
def mailbox(mail_server: dovecot.Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("E2E_PASSWORD", dovecot.PASSWORD)
    mailbox = Mailbox(mail_server, f"desk{next(_number)}-{os.getpid()}@example.org")
    mailbox.create_sent()
    yield mailbox
    mail_server.relay.refused.clear()
    mail_server.relay.before_answer = None


MakeDesk = Callable[..., Desk]


@pytest.fixture
def new_desk(short_path: Path) -> Iterator[MakeDesk]:
    """`new_desk(settings)`: the sample workspace with these settings, gone at the end with its directors."""
    with ExitStack() as stack:

        def make(settings: str = file_settings()) -> Desk:
            root = short_path / f"desk{len(list(short_path.iterdir()))}"
            return stack.enter_context(ended(lay_out(root, settings)))

        yield make


@pytest.fixture
def smtp_desk(new_desk: MakeDesk, mailbox: Mailbox) -> Desk:
    """A workspace at the real server, connected: what arrives from now on is triaged."""
    return new_desk(smtp_settings(mailbox, start="all"))


@pytest.fixture
def gate_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate has seen enough, and is sure: what rules allow leaves by itself."""
    judge = Judge.judge

    def sure(self: Judge, id: str, text: str, flags: Sequence[str]) -> Judgement | None:
        found = judge(self, id, text, flags)
        return replace(found, auto=True) if found is not None and found.intent != UNKNOWN else found

    monkeypatch.setattr(Judge, "judge", sure)
