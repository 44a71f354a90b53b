"""A send whose answer is lost, from the command line: what is shown, and where each of the three answers leads."""

import asyncio
from contextlib import ExitStack

import pytest

from mainstay.runtime.artifacts import Artifacts
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Mailbox, smtp_settings
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.wire import confirms_mail, wire_to
from tests.end_to_end.working import at_work, clock_at_now, let_time_pass, settled, until

pytestmark = [pytest.mark.binary("dovecot"), pytest.mark.long]

SAYS = {
    "happened": "It went out: the task counts as done",
    "did_not": "It did not go out; you are asked before it is tried: mainstay approvals.",
    "unknown": "It is given up, and its price counts as spent. It is never sent again.",
}
ENDS = {"happened": "succeeded", "did_not": "succeeded", "unknown": "failed"}


def cut(wire, data):
    """The connection breaks while the relay says yes."""
    if confirms_mail(wire, data):
        raise OSError("cut")


@pytest.mark.parametrize("answer", ["happened", "did_not", "unknown"])
def test_the_question_is_shown_and_each_answer_leads_on(
    new_desk: MakeDesk,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
) -> None:
    relay, clock = mailbox.server.relay, clock_at_now()

    async def story() -> None:
        async with at_work(desk, clock=clock) as service:
            terminal = Terminal(desk.root, capsys)
            mailbox.write("1@customer.example")
            await terminal.said("ingest")
            await until(lambda: bool(desk.cards()), "a card")
            (card,) = desk.cards()

            wire.before = cut
            monkeypatch.setattr(relay, "lmtp_port", 0)  # it keeps nothing for anybody
            run = await terminal.approve_the_card()
            await settled(service)
            wire.before = None
            monkeypatch.setattr(relay, "lmtp_port", mailbox.server.lmtp_port)
            assert len(mailbox.accepted()) == 1
            relay.accepted.clear()  # swallowed
            assert "0 in doubt" in await terminal.said("status")  # it may still come: nobody is asked yet
            await let_time_pass(service, clock, lambda: service.held.store.count("in_doubt") == 1)

            assert "1 in doubt" in await terminal.said("status")
            assert "in doubt" in await terminal.said("inbox", "--waiting")
            shown = await terminal.said("approvals")
            assert "In doubt: did these go out?" in shown
            assert "mainstay resolve RUN # happened|did_not|unknown" in shown
            (doubt,) = (await terminal.value("approvals"))["in_doubt"]
            assert (doubt["run"], doubt["act"]) == (run, "email.reply")
            assert (doubt["title"], tuple(doubt["recipients"])) == (card.title, card.recipients)
            whole = await terminal.said("approvals", "show", run[-8:])
            assert "In doubt: did this go out?" in whole
            assert f"email.reply to {card.recipients[0]}" in whole
            assert f"Subject: {card.title}" in whole
            with desk.open() as workspace:
                name = workspace.run(run)[1].name(doubt["task"])
                with monkeypatch.context() as keyless:  # whoever it went to was forgotten since
                    keyless.setattr(Artifacts, "open_json", lambda *asked: None)
                    (nameless,) = workspace.in_doubt()
                assert (nameless["title"], nameless["recipients"]) == ("[forgotten]", ["[forgotten]"])
            assert "There is no task 'nobody' in this run" in await terminal.said(
                "resolve", run, "nobody", answer, code=5
            )
            assert mailbox.accepted() == []  # in doubt is never sent again blindly

            assert "is no answer" in await terminal.said(
                "resolve", run, str(doubt["task"]), "perhaps", code=5
            )
            assert SAYS[answer] in await terminal.said("resolve", run[-8:], name, answer)
            assert "is not in doubt" in await terminal.said(
                "resolve", run, str(doubt["task"]), answer, code=5
            )
            if answer == "did_not":
                await settled(service)
                assert mailbox.accepted() == []  # it asks again
                (second,) = desk.cards()
                read = await terminal.said("approvals", "show", second.approval[:8])
                assert "Why you are asked: you said that it did not go out" in read
                assert await terminal.approve_the_card() == run
            await until(lambda: desk.status(run) == ENDS[answer], "the run's end")
            await settled(service)
            assert "0 in doubt" in await terminal.said("status")
            letters = await terminal.value("dead-letters")
            assert [one["letter"] for one in letters] == ([run] if answer == "unknown" else [])
        assert len(mailbox.accepted()) == (1 if answer == "did_not" else 0)
        assert mailbox.sent() == mailbox.accepted()

    with ExitStack() as stack:
        wire = stack.enter_context(wire_to(mailbox.server.submission_port))
        desk = new_desk(smtp_settings(mailbox, start="all", smtp=wire.port))
        asyncio.run(story())
