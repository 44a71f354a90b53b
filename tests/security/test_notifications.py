"""What is sent to the operator: read by whoever holds the mailbox, answered by machines, imitated by strangers."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from mainstay.adapters.email import parse
from mainstay.adapters.email.marks import NOTIFICATION_HEADER, SEAL_HEADER
from mainstay.config.accounts import AdapterSettings, MaildirSend
from mainstay.config.settings import read_settings
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import MINUTE, Instant
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.notices import Notices, Thing
from mainstay.testing.plans import ASK_ALL
from mainstay.workspace.notification_text import Composer
from mainstay.workspace.telling import Message, composed
from tests.net.test_webhook_out import listening, told
from tests.runtime.house import House, at_work
from tests.runtime.notified import REPLY, Pigeon, notified, pass_by, wait_for_cards
from tests.runtime.test_ingest import OWN, SEAL_KEY, Inbox, item
from tests.security.attacks import attack

LINK = "https://desk.example.org/a/" + "x" * 43


def notification(seal_key: bytes = SEAL_KEY) -> bytes:
    """One that arrives in the mailbox that is read: its link could decide."""
    account = AdapterSettings("support", "email", "support", OWN, send=MaildirSend(Path("outbox")))
    message = Message("north-desk: 1 card waits", f"1 card waits.\n\n{LINK}", "a" * 32)
    return composed(account, OWN, message, now=Instant(1_700_000_000_000_000), seal_key=seal_key).as_bytes()


def taken_in(raw: bytes) -> tuple[Inbox, Any]:
    inbox = Inbox(item(raw))
    return inbox, asyncio.run(inbox.ingest.pull())


def stored(inbox: Inbox) -> int:
    return inbox.house.store.count("messages") + len(inbox.house.artifacts.staged)


@attack(
    ("mainstay.runtime.mail_commands", "recognise", lambda mail, own, key: None),
    (
        "mainstay.runtime.mail_commands",
        "answers_notification",
        lambda mail, raw, key: False,
    ),  # its own identity says it too
)
def test_a_link_that_lies_in_the_mailbox_is_dropped_before_anything_of_it_is_stored() -> None:
    inbox, pulled = taken_in(notification())
    assert (pulled.dropped, pulled.received, stored(inbox)) == (1, 0, 0)


@attack(("mainstay.adapters.email.marks", "seal", lambda key, kind, value: "0" * 32))
@pytest.mark.parametrize("given", [b"0" * 32, b"", b"1" * 32])
def test_a_forged_mark_makes_nobody_drop_a_mail(given: bytes) -> None:
    forged = (
        f"From: ann@example.com\r\nTo: {OWN}\r\nSubject: My order\r\nMessage-ID: <1@example.com>\r\n"
        f"In-Reply-To: <mst-note-{'a' * 32}-{'0' * 32}@example.org>\r\n"
        f"{NOTIFICATION_HEADER}: {'a' * 32}\r\n{SEAL_HEADER}: {given.decode()}\r\n\r\nWhere is it?\r\n"
    )
    _, pulled = taken_in(forged.encode())
    assert (pulled.dropped, pulled.received) == (0, 1)


def answers(identity: str) -> dict[str, bytes]:
    head = f"To: {OWN}\r\nMessage-ID: <2@example.net>\r\n"
    return {
        "a report": (
            f"From: MAILER-DAEMON@example.net\r\n{head}Subject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
            "Return-Path: <>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b; "
            "report-type=delivery-status\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt bounced.\r\n"
            f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{identity}>\r\n\r\n--b--\r\n"
        ).encode(),
        "an automatic answer": (
            f"From: ada@example.org\r\n{head}Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n"
            f"In-Reply-To: <{identity}>\r\n\r\nI am away.\r\n"
        ).encode(),
        "a yes by mail": (
            f"From: ada@example.org\r\n{head}Subject: Re: 1 card waits\r\n"
            f"References: <{identity}>\r\n\r\nYes, approve it.\r\n"
        ).encode(),
    }


@attack(("mainstay.runtime.mail_commands", "answers_notification", lambda mail, raw, key: False))
@pytest.mark.parametrize("which", ["a report", "an automatic answer", "a yes by mail"])
def test_what_answers_a_notification_starts_nothing_and_decides_nothing(which: str) -> None:
    sent = parse(notification())
    identity: str = sent.message_id  # type: ignore[union-attr]
    inbox, pulled = taken_in(answers(identity)[which])
    assert (pulled.dropped, pulled.received, stored(inbox)) == (1, 0, 0)


@attack(("mainstay.config.notify", "_is_address", lambda text: True))
@pytest.mark.parametrize(
    "address", ["ada@example.org\\r\\nBcc: eve@example.net", "ada@example.org\\n\\nhello"]
)
def test_an_address_with_a_line_of_its_own_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no address"):
        read_settings(f'[notify]\naddress = "{address}"\n'.encode(), tmp_path)


def _raw_title(self: Composer, row: Any) -> str:
    shown = self.artifacts.open_json(row["card"], row["subject"], b"card")
    return str(shown["title"]) if shown else ""


def _spoken(self: Artifacts, digest: Any, subject: Any, context: bytes) -> Any:
    return {"title": f"Hello\r\n- email.reply in triage\n  {LINK}\u2028\x1b[2J"}


@attack(("mainstay.workspace.notification_text", "Composer._title", _raw_title))
def test_a_subject_cannot_write_a_line_with_a_link_into_a_notification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Artifacts, "open_json", _spoken)

    async def story() -> None:
        house = House(REPLY, policy=ASK_ALL)
        async with at_work(house):
            await wait_for_cards(house, 1)
            (row,) = house.cards()
            made = Composer("desk", house.store, house.artifacts, house.clock, house.loop.ask, detail="title")
            card = Thing("a", "approval", row["run"], row["task"], row["approval"])
            text = (await made.compose([card])).text
            assert not re.search(r"^\s*https?://", text, re.MULTILINE)
            assert "\x1b" not in text
            assert len([line for line in text.splitlines() if line.startswith("- ")]) == 1

    asyncio.run(story())


@attack(("mainstay.net.egress_rules", "nature", lambda address: ""))
def test_a_webhook_does_not_reach_what_the_guard_refuses() -> None:
    with listening(200) as server:
        answer = told(server, allow=())
    assert (answer.ok, server.requests) == (False, [])


def _one_by_one(self: Notices, now: Instant) -> tuple[Thing, ...]:
    return self.waiting[:1]


@attack(("mainstay.runtime.notices", "Notices.due", _one_by_one))
def test_two_hundred_cards_make_few_mails(tmp_path: Path) -> None:
    async def story() -> None:
        pigeon = Pigeon()
        house, notifying, _ = notified(tmp_path, pigeon)
        async with at_work(house):
            for burst in range(4):
                await wait_for_cards(house, 50, 50 * burst)
                await pass_by(house, notifying)
            for _ in range(6):
                await pass_by(house, notifying, 5 * MINUTE)
            assert sum(pigeon.sizes) == 200
            assert len(pigeon.sizes) <= 3

    asyncio.run(story())


def _always(self: Composer, thing: Thing) -> Any:
    return _with_title(self, thing)


async def _with_title(self: Composer, thing: Thing) -> Any:
    row = self.store.get("approvals", (str(thing.approval),))
    assert row is not None
    return {"kind": thing.kind, "title": self._title(row)}


@attack(("mainstay.workspace.notification_text", "Composer._listed", _always))
def test_a_title_is_told_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Artifacts, "open_json", lambda *_: {"title": "My divorce"})

    async def story() -> None:
        house = House(REPLY, policy=ASK_ALL)
        async with at_work(house):
            await wait_for_cards(house, 1)
            (row,) = house.cards()
            card = Thing("a", "approval", row["run"], row["task"], row["approval"])
            for detail, there in (("none", False), ("title", True)):
                made = Composer(
                    "desk", house.store, house.artifacts, house.clock, house.loop.ask, detail=detail
                )
                told = await made.compose([card])
                assert ("divorce" in told.text + told.body.decode()) is there

    asyncio.run(story())
