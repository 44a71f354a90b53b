"""A run that fails after it has labelled a mail takes the labels off again, and asks where it cannot."""

import asyncio

import pytest

from tests.end_to_end.desks import CUSTOMER, Desk, Mailbox
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.working import at_work, clock_at_now, let_time_pass, settled, until

pytestmark = [pytest.mark.binary("dovecot"), pytest.mark.long]

LABELS = {"support", "access"}  # of a question about signing in, by the sample's intents


def keywords(mailbox: Mailbox) -> set[str]:
    """What the mail of the Inbox is labelled with."""
    with mailbox._login() as box:
        box.folder.set("INBOX", readonly=True)
        return {flag for one in box.fetch(mark_seen=False) for flag in one.flags if not flag.startswith("\\")}


def put_away(mailbox: Mailbox) -> None:
    """The operator moves the mail to another folder."""
    with mailbox._login() as box:
        if not box.folder.exists("Archive"):
            box.folder.create("Archive")
        box.folder.set("INBOX")
        box.move([one.uid for one in box.fetch(mark_seen=False) if one.uid], "Archive")


def put_back(mailbox: Mailbox) -> None:
    with mailbox._login() as box:
        box.folder.set("Archive")
        box.move([one.uid for one in box.fetch(mark_seen=False) if one.uid], "INBOX")


@pytest.mark.parametrize("again", ["dead-letters replay", "runs restart"])
def test_labels_come_off_again_when_the_reply_is_refused(
    smtp_desk: Desk, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], again: str
) -> None:
    async def story() -> None:
        async with at_work(smtp_desk) as service:
            terminal = Terminal(smtp_desk.root, capsys)
            mailbox.write("1@customer.example")
            await terminal.said("ingest")
            await until(lambda: bool(smtp_desk.cards()), "a card")
            await settled(service)
            assert keywords(mailbox) == LABELS

            mailbox.server.relay.refused.add(CUSTOMER)
            run = await terminal.approve_the_card()
            await until(lambda: smtp_desk.status(run) == "failed", "the run's end")
            assert keywords(mailbox) == set()
            assert mailbox.accepted() == []
            told = await terminal.said("explain", run)
            assert "First it takes back what it did" in told
            assert "It takes back what it did, the last one first: label" in told
            assert smtp_desk.event_types(run).count("CompensationPlanned") == 1

            # What failed is a dead letter. Restarted when the other side takes mail again, it asks, and it is read with
            # what became of the first try.
            shown = await terminal.said("dead-letters")
            assert run[-8:] in shown
            assert "  send: " in await terminal.said("dead-letters", "show", run[-8:])
            assert "1 failed" in await terminal.said("status")
            mailbox.server.relay.refused.clear()
            await terminal.said(*again.split(), run[-8:])
            assert " failed" not in await terminal.said("status")
            await until(lambda: len(smtp_desk.cards()) == 2, "the cards of the new run")
            (label,) = [card for card in smtp_desk.cards() if card.act == "email.label"]
            read = " ".join((await terminal.said("approvals", "show", label.approval[:8])).split())
            assert "had the same task (email.label" in read
            assert "it was done, and taken back" in read
            (reply,) = [card for card in smtp_desk.cards() if card.act == "email.reply"]
            read = " ".join((await terminal.said("approvals", "show", reply.approval[:8])).split())
            assert "it was not done" in read
            for card in smtp_desk.cards():
                await terminal.said("approve", card.approval[:8])
            await until(lambda: smtp_desk.status(reply.run) == "succeeded", "the new run's end")
            assert keywords(mailbox) == LABELS
            assert len(mailbox.accepted()) == 1
            assert "No dead letters." in await terminal.said("dead-letters")

    asyncio.run(story())


@pytest.mark.parametrize("answer", ["happened", "did_not", "unknown"])
def test_what_cannot_be_taken_back_asks_and_is_answered(
    smtp_desk: Desk,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    clock = clock_at_now()

    async def story() -> None:
        async with at_work(smtp_desk, clock=clock) as service:
            terminal = Terminal(smtp_desk.root, capsys)
            mailbox.write("1@customer.example")
            await terminal.said("ingest")
            await until(lambda: bool(smtp_desk.cards()), "a card")
            await settled(service)
            put_away(mailbox)  # where its labels cannot be taken off
            (card,) = smtp_desk.cards()
            run = card.run
            assert "first it takes back what it did" in await terminal.said("cancel", run[-8:])
            await let_time_pass(service, clock, lambda: service.held.store.count("in_doubt") == 1)

            assert "1 not taken back" in await terminal.said("status")
            assert "not taken back" in await terminal.said("inbox", "--waiting")
            shown = await terminal.said("approvals")
            assert "Could not be taken back: did you do it by hand?" in shown
            assert "In doubt" not in shown
            assert max(len(line) for line in shown.splitlines()) <= 80, shown
            (doubt,) = (await terminal.value("approvals"))["in_doubt"]
            assert (doubt["kind"], doubt["act"]) == ("compensation", "email.unlabel")
            assert "no longer in the Inbox" in doubt["reason"]
            assert smtp_desk.status(run) == "compensating"

            put_back(mailbox)
            said = await terminal.said("resolve", run[-8:], str(doubt["task"]), answer)
            if answer == "did_not":
                assert "It was not taken back; you are asked before it is tried" in said
                await settled(service)
                (again,) = smtp_desk.cards()
                read = await terminal.said("approvals", "show", again.approval[:8])
                assert "This takes back label (email.label" in read
                await terminal.said("approve", again.approval[:8])
            await until(lambda: smtp_desk.status(run) == "cancelled", "the run's end")
            await settled(service)
            # Only the operator's own word stands for what was done by hand.
            assert keywords(mailbox) == (set() if answer == "did_not" else LABELS)
            assert "Nothing waits for you." in await terminal.said("approvals")

    asyncio.run(story())
