"""What a notification says, and by which ways it goes: no personal text, links that the ledger knows, marks of ours."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mainstay.adapters.base import InDoubt, NotNow, Refused
from mainstay.adapters.email import ParsedMail, parse, recognise
from mainstay.adapters.email.marks import answers_notification
from mainstay.config.settings import read_settings
from mainstay.kernel.values import Instant
from mainstay.net.secrets import SecretStore
from mainstay.runtime.links import look_up
from mainstay.runtime.notices import Thing
from mainstay.testing.plans import ASK_ALL
from mainstay.workspace.notification_text import LINK_LIFE_US, LISTED_MAX, Composer, Notification
from mainstay.workspace.ways import CommandWay, EmailWay, NoWay, WebhookWay, lines_of
from tests.runtime.house import House, at_work
from tests.runtime.notified import REPLY, wait_for_cards

SEAL_KEY = bytes(range(32))
SETTINGS = """
[workspace]
name = "north-desk"
[adapters.support]
use = "email"
address = "help@example.org"
mbox = "inbox.mbox"
send = { maildir = "outbox" }
"""


def composer(house: House, **more: Any) -> Composer:
    return Composer("north-desk", house.store, house.artifacts, house.clock, house.loop.ask, **more)


def things(house: House) -> list[Thing]:
    return [
        Thing(str(row["approval"]), "approval", row["run"], row["task"], row["approval"])
        for row in house.cards()
    ]


def composed(cards: int, **more: Any) -> tuple[Notification, House]:
    found: list[Notification] = []
    house = House(REPLY, policy=ASK_ALL)

    async def story() -> None:
        async with at_work(house):
            await wait_for_cards(house, cards)
            listed = [*things(house), Thing("i", "incident", about="source_silent support")]
            made = composer(house, **more)
            found.append(await made.compose(listed))
            again = await made.compose(listed)
            assert again.identity == found[0].identity
            assert again.text == found[0].text  # links too: they are made once

    asyncio.run(story())
    return found[0], house


def test_by_default_it_says_how_much_waits_and_nothing_of_anybody() -> None:
    told, house = composed(2)
    assert told.title == "north-desk: 2 cards wait, 1 thing is wrong with the house"
    assert told.text.count("- email.reply in ") == 2
    assert "source_silent support" in told.text
    assert "In all, 2 cards wait" in told.text
    everything = told.title + told.text + told.body.decode()
    for personal in ("ann", "example.com", "Dear", "http", "reply to"):
        assert personal not in everything
    body = json.loads(told.body)
    assert body["data"]["counts"] == {"approval": 2, "incident": 1}
    assert house.store.count("links") == 0


def test_a_flood_is_listed_in_part() -> None:
    told, _ = composed(LISTED_MAX + 5)
    assert told.text.count("- email.reply") == LISTED_MAX
    assert "- and 6 more" in told.text
    assert json.loads(told.body)["data"]["more"] == 6


def test_a_link_is_known_to_the_ledger_by_its_hash_alone() -> None:
    told, house = composed(1, public_url="https://desk.example.org")
    (token,) = re.findall(r"https://desk\.example\.org/a/([\w-]+)", told.text)
    assert len(token) == 43
    found = look_up(house.store, house.vault, token, house.clock.now())
    assert found is not None
    assert found.good(house.clock.now())
    (row,) = house.store.select("links", limit=10)
    (card,) = house.cards()
    assert (row["approval"], row["digest"]) == (card["approval"], card["digest"])
    assert token not in json.dumps([str(one.data) for one in house.store.read("governance")])  # type: ignore[arg-type]


def test_a_card_that_is_told_again_after_a_week_has_a_link_that_is_good() -> None:
    house = House(REPLY, policy=ASK_ALL)

    async def story() -> None:
        async with at_work(house):
            await wait_for_cards(house, 1)
            made, row = (
                composer(house, public_url="https://desk.example.org"),
                {**house.cards()[0], "expires_at": 0},
            )
            first = await made._link(row)
            house.clock.advance(LINK_LIFE_US - 1)
            assert await made._link(row) == first
            house.clock.advance(1)
            found = look_up(house.store, house.vault, (await made._link(row))[-43:], house.clock.now())
            assert found is not None
            assert found.good(house.clock.now())

    asyncio.run(story())


def test_a_title_is_told_where_that_is_wanted_on_one_line() -> None:
    told, _ = composed(1, detail="title")
    assert re.search(r"- email\.reply in [^\n]*: [^\n]+", told.text)


def read(raw: bytes) -> ParsedMail:
    mail = parse(raw)
    assert isinstance(mail, ParsedMail)
    return mail


def settings(more: str, folder: Path) -> Any:
    return read_settings((SETTINGS + more).encode(), folder)


@pytest.mark.parametrize(
    ("more", "ways"),
    [
        ("", []),
        ('[notify]\naddress = "ada@example.org"\n', [EmailWay]),
        ('[notify]\naddress = "ada@example.org"\ncommand = ["x"]\n', [CommandWay]),
        ('[notify]\nwebhook = { url = "https://example.org", secret = "env:X" }\n', [WebhookWay]),
    ],
)
def test_the_ways_follow_from_the_settings(more: str, ways: list[type], tmp_path: Path) -> None:
    house = House(REPLY)
    found = lines_of(settings(more, tmp_path), composer(house), house.clock, seal_key=lambda: SEAL_KEY)
    assert [type(one.way) for one in found] == ways


def test_an_address_without_an_account_that_sends_fails_and_says_so(tmp_path: Path) -> None:
    house = House(REPLY)
    bare = read_settings(b'[notify]\naddress = "ada@example.org"\n', tmp_path)
    (line,) = lines_of(bare, composer(house), house.clock, seal_key=lambda: SEAL_KEY)
    assert isinstance(line.way, NoWay)
    assert "no account" in asyncio.run(line.way.tell([])).reason


def test_quiet_hours_are_those_of_the_operator_s_zone(tmp_path: Path) -> None:
    house = House(REPLY)
    more = '[notify]\ncommand = ["x"]\nquiet = "22:00-07:00"\n'
    text = (SETTINGS + more).replace('"north-desk"\n', '"north-desk"\nzone = "Asia/Tokyo"\n')
    (line,) = lines_of(
        read_settings(text.encode(), tmp_path), composer(house), house.clock, seal_key=lambda: b""
    )
    noon_utc = Instant(1_700_006_400_000_000)  # 2023-11-15T00:00Z: nine in the morning in Tokyo
    assert not line.notices.quiet(noon_utc)
    assert line.notices.quiet(Instant(noon_utc + 14 * 3_600_000_000))  # 23:00 there


def test_a_mail_bears_our_mark_and_what_answers_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    house = House(REPLY, policy=ASK_ALL)

    async def story() -> None:
        async with at_work(house):
            await wait_for_cards(house, 1)
            found = settings('[notify]\naddress = "ada@example.org"\n', tmp_path)
            for part in ("tmp", "new", "cur"):
                (tmp_path / "outbox" / part).mkdir()
            (line,) = lines_of(found, composer(house), house.clock, seal_key=lambda: SEAL_KEY)
            assert (await line.way.tell(things(house))).ok

    asyncio.run(story())
    (file,) = (tmp_path / "outbox" / "new").iterdir()
    raw = file.read_bytes()
    mail = read(raw)
    assert recognise(mail, ("help@example.org",), SEAL_KEY) == "own_notification"
    assert recognise(mail, ("other@example.org",), SEAL_KEY) == "own_notification"  # sent by another account
    assert recognise(mail, ("help@example.org",), b"x" * 32) is None
    reply = f"From: ada@example.org\r\nSubject: Re: yes\r\nIn-Reply-To: <{mail.message_id}>\r\n\r\nyes\r\n".encode()
    assert answers_notification(read(reply), reply, SEAL_KEY)
    assert not answers_notification(read(reply), reply, b"x" * 32)


def test_a_program_gets_the_text_and_may_fail() -> None:
    house, got = House(REPLY), list[bytes]()

    async def story(code: int) -> Any:
        def run(command: Any, given: bytes) -> int:
            got.append(given)
            return code

        async with at_work(house):
            return await CommandWay(("x",), composer(house), run).tell([Thing("k", "kill_switch")])

    assert asyncio.run(story(0)).ok
    assert b"the kill switch was thrown" in got[0]
    house = House(REPLY)
    assert asyncio.run(story(3)).reason == "it ended with 3"


def test_a_webhook_without_its_secret_says_so_and_asks_nobody(tmp_path: Path) -> None:
    house = House(REPLY)
    more = '[notify]\nwebhook = { url = "https://example.org", secret = "env:NO_SUCH_SECRET_HERE" }\n'
    hook = settings(more, tmp_path).notify.webhook
    way = WebhookWay(hook, composer(house), house.clock, SecretStore())
    told = asyncio.run(way.tell([]))
    assert not told.ok
    assert told.reason


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (NotNow("ada@example.org is over quota", 90.0), "the server takes nothing now"),
        (Refused("550 no such user ada@example.org"), "the server refused the mail"),
        (InDoubt("ada@example.org?"), "the server's answer was lost"),
    ],
)
def test_what_a_mail_server_says_is_not_repeated(
    result: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(REPLY)
    found = settings('[notify]\naddress = "ada@example.org"\n', tmp_path)
    (line,) = lines_of(found, composer(house), house.clock, seal_key=lambda: SEAL_KEY)

    async def answered(*_: Any) -> Any:
        return result

    monkeypatch.setattr(EmailWay, "_hand_over", answered)

    told = asyncio.run(line.way.tell([Thing("k", "kill_switch")]))
    assert (told.ok, told.reason) == (False, reason)
    assert told.after_us == (90_000_000 if isinstance(result, NotNow) else None)
