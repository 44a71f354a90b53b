"""Never a loop of mails: machines and ourselves are never answered, and nobody is answered without end."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from mainstay.kernel.values import HOUR
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, mail, mbox
from tests.end_to_end.working import asked, at_work, clock_at_now, settled

pytestmark = [pytest.mark.usefixtures("gate_passes"), pytest.mark.long]

ALLOW = """
[[rule]]
name = "everything goes"
when = { act = "email.*" }
then = "allow"
why = "this workspace trusts its drafts"
"""


@pytest.fixture
def trusting(new_desk: MakeDesk) -> Desk:
    """A workspace that answers by itself, at most twice an hour to the same correspondent."""
    desk = new_desk(file_settings(more="replies_per_hour_max = 2"))
    (desk.root / "policies" / "default.toml").write_text(ALLOW)
    (desk.root / "inbox.mbox").write_bytes(b"")
    return desk


def arrive(desk: Desk, *mails: bytes) -> None:
    with (desk.root / "inbox.mbox").open("ab") as file:
        file.write(mbox(*mails))


async def look(desk: Desk, service) -> None:
    with desk.open() as workspace:
        await asked(workspace.ingest)
    await settled(service)


MACHINES = {
    "auto-submitted": {"Auto-Submitted": "auto-replied"},
    "list": {"List-Id": "<talk.example.net>"},
    "bulk": {"Precedence": "bulk"},
    "bounce": {"Return-Path": "<>"},
    "suppress": {"X-Auto-Response-Suppress": "All"},
}


@pytest.mark.parametrize("kind", [*MACHINES, "own address", "alias", "no-reply"])
def test_a_machine_and_ourselves_are_never_answered(trusting: Desk, kind: str) -> None:
    senders = {
        "own address": "help@example.org",
        "alias": "Help@NorthDesk.example",
        "no-reply": "no-reply@example.com",
    }

    async def story() -> None:
        async with at_work(trusting) as service:
            headers = MACHINES.get(kind, {})
            sender = senders.get(kind, "ann@example.com")
            arrive(trusting, mail("1@customer.example", sender=sender, headers=headers))
            await look(trusting, service)
            (run,) = trusting.runs()
            assert run["status"] == "succeeded"
            assert trusting.delivered() == []
            assert trusting.cards() == []
            # The same words of a person are answered, so it was not for want of an answer.
            arrive(trusting, mail("2@customer.example", sender="ben@example.com"))
            await look(trusting, service)
            assert len(trusting.delivered()) == 1

    asyncio.run(story())


def test_replies_to_one_correspondent_in_an_hour_have_a_limit_above_which_they_ask(trusting: Desk) -> None:
    clock = clock_at_now()

    async def write(service, number: int, sender: str = "loop@example.net") -> None:
        arrive(trusting, mail(f"{number}@loop.example", sender=sender))
        await look(trusting, service)

    async def story() -> None:
        async with at_work(trusting, clock=clock) as service:
            await write(service, 1)
            await write(service, 2)
            assert len(trusting.delivered()) == 2
        async with at_work(trusting, clock=clock) as service:  # a restart forgets nothing
            await write(service, 3)
            assert len(trusting.delivered()) == 2
            (card,) = trusting.cards()
            assert card.rule == "reply limit"
            await write(service, 4, sender="ben@example.com")
            assert len(trusting.delivered()) == 3
            clock.advance(HOUR)
            await write(service, 5)
            assert len(trusting.delivered()) == 4
            with trusting.open() as workspace:
                await asked(workspace.approve, card.approval)  # a person may write as often as they like
            await settled(service)
            assert len(trusting.delivered()) == 5

    asyncio.run(story())


def test_many_messages_at_once_do_not_slip_below_the_limit(trusting: Desk) -> None:
    async def story() -> None:
        async with at_work(trusting) as service:
            arrive(
                trusting, *(mail(f"{number}@loop.example", sender="loop@example.net") for number in range(9))
            )
            await look(trusting, service)

    asyncio.run(story())
    assert len(trusting.delivered()) == 2
    assert Counter(card.rule for card in trusting.cards()) == {"reply limit": 7}


def test_an_operator_without_a_signature_signs_with_the_name(new_desk: MakeDesk) -> None:
    """As `init` leaves it: no draft may end with a gap because of that."""
    settings = file_settings().replace('signature = "North Desk"\n', "")
    assert settings != file_settings()
    desk = new_desk(settings)
    Path(desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))

    async def story() -> None:
        async with at_work(desk) as service:
            await look(desk, service)

    asyncio.run(story())
    (card,) = desk.cards()
    assert card.text.rstrip().endswith("North Desk")
