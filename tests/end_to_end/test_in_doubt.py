"""A relay that loses a mail without a trace: looked for, in doubt, and sent again only when the operator says so."""

import asyncio
from contextlib import ExitStack

import pytest

from mainstay.kernel.errors import NotFound
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Mailbox, smtp_settings
from tests.end_to_end.wire import confirms_mail, wire_to
from tests.end_to_end.working import asked, at_work, clock_at_now, let_time_pass, settled, until

pytestmark = pytest.mark.binary("dovecot")


def cut(wire, data):
    """The connection breaks while the relay says yes."""
    if confirms_mail(wire, data):
        raise OSError("cut")


@pytest.mark.parametrize("answer", ["did_not", "happened"])
def test_a_swallowed_mail_is_in_doubt_after_its_grace_and_goes_out_again_only_when_told(
    new_desk: MakeDesk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    relay, clock = mailbox.server.relay, clock_at_now()

    async def story() -> None:
        async with at_work(desk, clock=clock) as service:
            mailbox.write("1@customer.example")
            with desk.open() as workspace:
                await asked(workspace.ingest)
                await until(lambda: bool(desk.cards()), "a card")
                (card,) = desk.cards()

                wire.before = cut
                monkeypatch.setattr(relay, "lmtp_port", 0)  # it keeps nothing for anybody
                await asked(workspace.approve, card.approval, digest=card.digest)
                await settled(service)
                assert len(mailbox.accepted()) == 1
                relay.accepted.clear()  # swallowed
                wire.before = None
                monkeypatch.setattr(relay, "lmtp_port", mailbox.server.lmtp_port)

                began = clock.now()
                assert workspace.in_doubt() == []  # it may still come: nobody is asked yet
                await let_time_pass(service, clock, lambda: bool(workspace.in_doubt()))
                assert clock.now() - began >= 300_000_000
                (doubt,) = workspace.in_doubt()
                assert doubt["run"] == card.run
                assert mailbox.accepted() == []  # in doubt is never sent again blindly

                await asked(workspace.resolve, card.run, doubt["task"], answer)
                assert workspace.in_doubt() == []
                with pytest.raises(NotFound):
                    await asked(workspace.resolve, card.run, doubt["task"], answer)
                if answer == "did_not":
                    await settled(service)
                    assert mailbox.accepted() == []  # it asks again
                    (second,) = desk.cards()
                    assert second.text == card.text
                    await asked(workspace.approve, second.approval, digest=second.digest)
                await until(lambda: desk.status(card.run) == "succeeded", "the run's end")
                await settled(service)
        assert len(mailbox.accepted()) == (1 if answer == "did_not" else 0)
        assert mailbox.sent() == mailbox.accepted()

    with ExitStack() as stack:
        wire = stack.enter_context(wire_to(mailbox.server.submission_port))
        desk = new_desk(smtp_settings(mailbox, start="all", smtp=wire.port))
        asyncio.run(story())
