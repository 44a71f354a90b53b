"""The operator answers from a phone, the customer writes again, old mail lies there, our own mail comes back."""

import asyncio

import pytest

from mainstay.adapters.email.marks import marks
from mainstay.workspace import Card
from mainstay.workspace.serving import Service
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, Mailbox, smtp_settings
from tests.end_to_end.working import asked, at_work, settled, until

pytestmark = pytest.mark.binary("dovecot")


async def look(desk: Desk, service: Service) -> dict[str, int]:
    """Read the mailbox once and let everything be done that this leads to; what it brought."""
    with desk.open() as workspace:
        pulled = await asked(workspace.ingest)
    await settled(service)
    return dict(pulled["support"])


async def one_card(desk: Desk, service: Service, mailbox: Mailbox, message_id: str) -> Card:
    mailbox.write(message_id)
    await look(desk, service)
    (card,) = desk.cards()
    return card


def test_what_was_there_before_the_start_is_history_and_what_comes_after_it_runs(
    new_desk: MakeDesk, mailbox: Mailbox
) -> None:
    async def story() -> None:
        for number in range(3):
            mailbox.write(f"old{number}@customer.example")
        mailbox.answer_by_hand("old-answer@example.org", answers="old0@customer.example")
        async with at_work(desk) as service:
            brought = await look(desk, service)
            assert brought["received"] == brought["history"] == 3
            assert desk.runs() == []
            mailbox.write("new@customer.example")
            assert (await look(desk, service))["received"] == 1
            (run,) = desk.runs()
            assert [card.run for card in desk.cards()] == [run["run"]]

    desk = new_desk(smtp_settings(mailbox))
    asyncio.run(story())


def test_an_answer_by_hand_takes_the_waiting_card_away(smtp_desk: Desk, mailbox: Mailbox) -> None:
    async def story() -> None:
        async with at_work(smtp_desk) as service:
            card = await one_card(smtp_desk, service, mailbox, "1@customer.example")
            mailbox.answer_by_hand("phone@example.org", answers="1@customer.example")
            assert (await look(smtp_desk, service))["answered"] == 1
            assert smtp_desk.cards() == []
            assert smtp_desk.status(card.run) == "superseded"
            assert "answered by hand" in smtp_desk.story(card.run)
            with smtp_desk.open() as workspace:
                assert workspace.approval(card.approval).status == "superseded"
        assert mailbox.accepted() == []

    asyncio.run(story())


def test_a_newer_message_in_the_thread_replaces_the_waiting_card(smtp_desk: Desk, mailbox: Mailbox) -> None:
    async def story() -> None:
        async with at_work(smtp_desk) as service:
            card = await one_card(smtp_desk, service, mailbox, "1@customer.example")
            mailbox.write("2@customer.example", answers="1@customer.example")
            await look(smtp_desk, service)
            (newer,) = smtp_desk.cards()
            assert newer.run != card.run
            assert smtp_desk.status(card.run) == "superseded"

    asyncio.run(story())


@pytest.mark.parametrize("what", ["customer", "operator"])
def test_what_arrives_between_approval_and_send_withholds_the_reply(
    smtp_desk: Desk, mailbox: Mailbox, what: str
) -> None:
    """Nothing reads the mailbox but the last look directly before the call."""

    async def story() -> None:
        async with at_work(smtp_desk) as service:
            card = await one_card(smtp_desk, service, mailbox, "1@customer.example")
            if what == "customer":
                mailbox.write("2@customer.example", answers="1@customer.example")
            else:
                mailbox.answer_by_hand("phone@example.org", answers="1@customer.example")
            with smtp_desk.open() as workspace:
                decided = await asked(workspace.approve, card.approval, digest=card.digest)
            assert decided.live
            await until(lambda: smtp_desk.status(card.run) == "superseded", "withheld")
            await settled(service)
            assert mailbox.accepted() == []
            assert mailbox.sent() == (["phone@example.org"] if what == "operator" else [])
            assert [one.run != card.run for one in smtp_desk.cards()] == (
                [True] if what == "customer" else []
            )

    asyncio.run(story())


def test_our_own_mail_coming_back_is_dropped_and_a_forged_one_is_no_customer(
    smtp_desk: Desk, mailbox: Mailbox
) -> None:
    async def story() -> None:
        async with at_work(smtp_desk) as service:
            card = await one_card(smtp_desk, service, mailbox, "1@customer.example")
            with smtp_desk.open() as workspace:
                await asked(workspace.approve, card.approval, digest=card.digest)
            await until(lambda: smtp_desk.status(card.run) == "succeeded", "sent")
            key = service.held.assembly.seal_key
            mailbox.write(
                "note@example.org",
                sender=mailbox.address,
                headers=dict(marks(key, "own_notification", "card-1")),
            )
            brought = await look(smtp_desk, service)
            # The witness in the Inbox, the copy in Sent, and the notification.
            assert (brought["dropped"], brought["received"], brought["answered"]) == (3, 0, 0)
            assert len(smtp_desk.runs()) == 1

            forged = {"X-Mainstay-Notification": "card-1", "X-Mainstay-Seal": "0" * 32}
            mailbox.write("forged@example.org", sender=mailbox.address, headers=forged)
            mailbox.write(
                "stranger@example.net",
                sender="eve@example.net",
                headers=dict(marks(key, "own_notification", "card-1")),
            )
            brought = await look(smtp_desk, service)
            # Whoever has a seal of ours has our notification: only a mail of their own is lost by it.
            assert (brought["dropped"], brought["received"]) == (1, 1)
            assert list(smtp_desk.cards()) == []
            (own,) = [one for one in smtp_desk.runs() if one["run"] != card.run]
            assert own["status"] == "succeeded"  # it comes from ourselves: never answered

    asyncio.run(story())
