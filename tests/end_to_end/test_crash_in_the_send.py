"""A real server, a real process, a kill around the moment when the relay takes the mail: sent once, found, done.

The kill is placed by who stands at the other end of the wire (the relay, or the wire itself), never by waiting.
"""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, Mailbox, Running, smtp_settings
from tests.end_to_end.wire import confirms_append, confirms_mail, wire_to

pytestmark = [pytest.mark.binary("dovecot"), pytest.mark.long]

Place = Callable[[Running, "Wires", Mailbox], None]


class Wires:
    """The wires of one story: to submission, and to IMAP."""

    def __init__(self, stack: ExitStack, mailbox: Mailbox) -> None:
        self.smtp = stack.enter_context(wire_to(mailbox.server.submission_port))
        self.imap = stack.enter_context(wire_to(mailbox.server.imap_port))


def before_the_relay_answers(director: Running, wires: Wires, mailbox: Mailbox) -> None:
    """The mail is kept and its witness delivered; nobody was told."""
    mailbox.server.relay.before_answer = director.kill


def before_the_answer_is_heard(director: Running, wires: Wires, mailbox: Mailbox) -> None:
    """The relay has said yes, and the yes is on the wire."""
    wires.smtp.before = lambda wire, data: director.kill() if confirms_mail(wire, data) else None


def when_the_answer_was_heard(director: Running, wires: Wires, mailbox: Mailbox) -> None:
    """The yes arrived, and the kill comes at once."""
    wires.smtp.after = lambda wire, data: director.kill() if confirms_mail(wire, data) else None


def before_the_copy_in_sent_is_confirmed(director: Running, wires: Wires, mailbox: Mailbox) -> None:
    """The reply lies in Sent, the ledger knows nothing of it."""
    wires.imap.before = lambda wire, data: director.kill() if confirms_append(wire, data) else None


@pytest.mark.parametrize(
    "place",
    [
        before_the_relay_answers,
        before_the_answer_is_heard,
        when_the_answer_was_heard,
        before_the_copy_in_sent_is_confirmed,
    ],
)
def test_a_reply_that_the_relay_took_is_found_after_a_kill_and_not_sent_again(
    new_desk: MakeDesk, mailbox: Mailbox, place: Place
) -> None:
    with ExitStack() as stack:
        wires = Wires(stack, mailbox)
        desk = new_desk(smtp_settings(mailbox, start="all", imap=wires.imap.port, smtp=wires.smtp.port))
        director = desk.up()
        mailbox.write("1@customer.example")
        card = desk.card()
        assert card.recipients == ("ann@example.com",)

        place(director, wires, mailbox)
        with desk.open() as workspace:
            decided = workspace.approve(card.approval, digest=card.digest)
        assert decided.live
        assert director.gone() == -9
        mailbox.server.relay.before_answer = wires.smtp.before = wires.smtp.after = wires.imap.before = None
        assert desk.status(card.run) == "running"
        assert len(mailbox.accepted()) == 1

        again = desk.up()
        desk.until_status(card.run, "succeeded")
        assert again.stop() == 0

    (message_id,) = mailbox.accepted()
    assert mailbox.sent() == [message_id]
    assert mailbox.inbox() == ["1@customer.example", message_id]  # the witness
    assert "found by looking it up" in desk.story(card.run).replace("\n", " ")
    assert [run["run"] for run in desk.runs()] == [card.run]  # the witness started nothing


def test_a_reply_goes_out_with_its_witness_and_lies_in_sent_once(smtp_desk: Desk, mailbox: Mailbox) -> None:
    director = smtp_desk.up()
    mailbox.write("1@customer.example")
    card = smtp_desk.card()
    with smtp_desk.open() as workspace:
        assert workspace.approve(card.approval).live
    smtp_desk.until_status(card.run, "succeeded")
    assert director.stop() == 0
    ((recipients, content),) = [one for one in mailbox.server.relay.accepted if mailbox.address in one[0]]
    assert recipients == (card.recipients[0], mailbox.address)
    assert card.text.splitlines()[0].encode() in content
    assert mailbox.sent() == mailbox.accepted()
    assert [run["run"] for run in smtp_desk.runs()] == [card.run]
    assert smtp_desk.cards() == []
