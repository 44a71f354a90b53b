"""Sending: through a real server with a relay behind it, and through a scripted one that fails wherever one
can fail."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field, replace

import imap_tools
import pytest

from mainstay.adapters.base import Done, Found, InDoubt, NotNow, Refused, Unknown
from mainstay.adapters.email import (
    Address,
    EmailAdapter,
    ImapShelf,
    ImapSource,
    LabelFile,
    SmtpAccount,
    SmtpOutbox,
    parse,
    recognise,
)
from mainstay.adapters.email.compose import Envelope
from mainstay.adapters.email.smtp import deliver
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant
from mainstay.net.secrets import Secret
from tests.servers import dovecot

SEAL_KEY = b"a key of sixteen bytes or more"
AT = Instant(1_700_000_000_000_000)
KEY = IdempotencyKey("cd" * 16)


def request():
    message = {
        "message_id": "1@customer.example",
        "from": "ann@example.com",
        "subject": "Question",
        "references": [],
    }
    return {"message": message, "reply": {"text": ".\n..dots\nDear Ann,\n\nyes.\n"}}


# --- a real server
# -------------------------------------------------------------------------------------------------


def sent_mails(account, folder):
    with imap_tools.MailBoxUnencrypted("127.0.0.1", account.imap.port).login(
        account.address, dovecot.PASSWORD
    ) as mailbox:
        mailbox.folder.set(folder)
        return [parse(bytes(message.obj.as_bytes())) for message in mailbox.fetch(mark_seen=False)]


@pytest.mark.binary("dovecot")
def test_a_reply_reaches_the_relay_returns_as_witness_and_lies_in_sent_once(account):
    relay = account.server.relay
    relay.accepted.clear()
    adapter = account.adapter()
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    result = asyncio.run(adapter.call("reply", rendered.payload, key=KEY))
    assert result == Done({"message_id": f"mst-{KEY}@example.org", "sent_copy": True})
    ((recipients, content),) = relay.accepted
    assert recipients == ("ann@example.com", account.address)
    assert parse(content).text == ".\n..dots\nDear Ann,\n\nyes."
    for _ in range(2):
        found = asyncio.run(adapter.find("reply", rendered.payload, key=KEY))
        assert isinstance(found, Found)
    (witness,), (copy,) = sent_mails(account, "INBOX"), sent_mails(account, "Sent")
    assert recognise(witness, (account.address,), SEAL_KEY) == "witness"
    assert recognise(copy, (account.address,), SEAL_KEY) == "witness"
    assert len(relay.accepted) == 1


@pytest.mark.binary("dovecot")
def test_a_source_brings_the_witness_back_recognisable_and_a_forged_one_not(account):
    async def story():
        source = ImapSource(account.imap, start="now")
        cursor = (await source.pull({}, limit=10)).cursor
        adapter = account.adapter()
        rendered = adapter.render("reply", request(), key=KEY, at=AT)
        await adapter.call("reply", rendered.payload, key=KEY)
        mark = f"X-Mainstay-Key: {KEY}\r\nX-Mainstay-Seal: {'0' * 32}\r\n"
        forged = f"From: {account.address}\r\nSubject: pay\r\n{mark}\r\nx\r\n"
        await asyncio.to_thread(account.server.deliver, account.address, forged.encode())
        items = (await source.pull(cursor, limit=10)).items
        await source.aclose()
        return [recognise(parse(item.raw), (account.address,), SEAL_KEY) for item in items]

    assert asyncio.run(story()) == ["witness", None, "witness"]


@pytest.mark.binary("dovecot")
def test_a_crash_after_acceptance_is_found_by_its_witness_and_then_filed_in_sent(account):
    """The relay has the mail, and we are gone before its answer: what the look-up is for."""
    relay = account.server.relay
    relay.accepted.clear()
    adapter = account.adapter()
    rendered = adapter.render("reply", request(), key=KEY, at=AT)

    async def crash_in_the_middle():
        loop = asyncio.get_running_loop()
        kept = asyncio.Event()
        relay.before_answer = lambda: loop.call_soon_threadsafe(kept.set)
        sending = asyncio.create_task(adapter.call("reply", rendered.payload, key=KEY))
        await asyncio.wait_for(kept.wait(), 60.0)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

    asyncio.run(crash_in_the_middle())
    assert len(relay.accepted) == 1
    again = account.adapter()
    assert again.render("reply", request(), key=KEY, at=AT) == rendered
    for _ in range(2):
        found = asyncio.run(again.find("reply", rendered.payload, key=KEY))
        assert isinstance(found, Found)
        assert found.response["sent_copy"] is True
    assert len(sent_mails(account, "Sent")) == 1
    assert len(relay.accepted) == 1


@pytest.mark.binary("dovecot")
def test_what_was_never_sent_is_unknown_never_absent(account):
    adapter = account.adapter()
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    assert isinstance(asyncio.run(adapter.find("reply", rendered.payload, key=KEY)), Unknown)


@pytest.mark.binary("dovecot")
def test_a_forged_witness_proves_nothing(account):
    adapter = account.adapter()
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    for seal in ("0" * 32, ""):
        head = f"From: {account.address}\r\nMessage-ID: <mst-{KEY}@example.org>\r\nX-Mainstay-Key: {KEY}\r\n"
        account.server.deliver(account.address, f"{head}X-Mainstay-Seal: {seal}\r\n\r\nx\r\n".encode())
    assert isinstance(asyncio.run(adapter.find("reply", rendered.payload, key=KEY)), Unknown)


@pytest.mark.binary("dovecot")
def test_a_provider_that_files_sent_mail_itself_gets_no_second_copy(account):
    shelf = ImapShelf(
        replace(account.imap, sent_by="provider"), own_addresses=(account.address,), seal_key=SEAL_KEY
    )
    adapter = EmailAdapter(
        own=Address(account.address),
        outbox=SmtpOutbox(account.smtp, shelf=shelf, witness=True),
        labels=shelf,
        seal_key=SEAL_KEY,
    )
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    assert isinstance(asyncio.run(adapter.call("reply", rendered.payload, key=KEY)), Done)
    assert sent_mails(account, "Sent") == []


@pytest.mark.binary("dovecot")
@pytest.mark.parametrize("who", ["customer", "witness"])
def test_one_refused_recipient_keeps_the_mail_from_all(account, who):
    relay = account.server.relay
    relay.accepted.clear()
    relay.refused = {"ann@example.com" if who == "customer" else account.address}
    adapter = account.adapter()
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    result = asyncio.run(adapter.call("reply", rendered.payload, key=KEY))
    assert isinstance(result, Refused), result
    assert next(iter(relay.refused)) in result.reason
    assert relay.accepted == []


@pytest.mark.binary("dovecot")
def test_a_wrong_password_is_not_now_so_that_it_can_be_mended(account):
    wrong = replace(account.smtp, password=Secret("wrong"))
    adapter = EmailAdapter(
        own=Address(account.address),
        outbox=SmtpOutbox(wrong, shelf=None, witness=False),
        labels=account.shelf,
        seal_key=SEAL_KEY,
    )
    rendered = adapter.render("reply", request(), key=KEY, at=AT)
    result = asyncio.run(adapter.call("reply", rendered.payload, key=KEY))
    assert isinstance(result, NotNow)
    assert result.retry_after_s == 900.0
    assert "wrong" not in result.reason


# --- a scripted server
# ---------------------------------------------------------------------------------------------

DROP = "drop"  # close the connection instead of an answer
SILENT = "silent"  # never answer


@dataclass
class Script:
    """Answers by the first word of the command; `dot` answers the final dot, `greeting` the connection."""

    greeting: str = "220 ready"
    EHLO: str = "250-here\r\n250 SIZE 1000000"
    MAIL: str = "250 ok"
    RCPT: str = "250 ok"
    DATA: str = "354 go on"
    dot: str = "250 kept"
    got: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if await self.say(writer, self.greeting):
                while line := (await reader.readline()).decode().strip():
                    self.commands.append(line)
                    word = line.split()[0].upper()
                    if word == "QUIT":
                        await self.say(writer, "221 bye")
                        break
                    if not await self.say(writer, getattr(self, word, "250 ok")):
                        break
                    if word == "DATA" and self.DATA.startswith("354"):
                        self.got.append(await reader.readuntil(b"\r\n.\r\n"))
                        if not await self.say(writer, self.dot):
                            break
        writer.close()

    async def say(self, writer, answer):
        if answer == SILENT:
            await asyncio.Event().wait()
        if answer == DROP:
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return True


def outcome(script, *, timeout_s=60.0, data_timeout_s=60.0):
    """What a send through this server comes to."""

    async def story():
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        account = SmtpAccount(
            host="127.0.0.1", port=port, tls="none", timeout_s=timeout_s, data_timeout_s=data_timeout_s
        )
        outbox = SmtpOutbox(account, shelf=None, witness=True)
        adapter = EmailAdapter(
            own=Address("help@example.org"), outbox=outbox, labels=LabelFile("unused"), seal_key=SEAL_KEY
        )
        assert adapter.contract.operation("reply").repeatability is Repeatability.ONCE
        rendered = adapter.render("reply", request(), key=KEY, at=AT)
        try:
            return await adapter.call("reply", rendered.payload, key=KEY)
        finally:
            server.close()

    return asyncio.run(story())


def test_a_send_that_works():
    script = Script()
    assert outcome(script) == Done({"message_id": f"mst-{KEY}@example.org", "sent_copy": False})
    assert [line.split()[0] for line in script.commands] == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"]
    assert len(script.got) == 1
    assert b"\r\nX-Mainstay-Key: " in script.got[0]


def test_lines_that_begin_with_a_dot_arrive_as_they_were():
    script = Script()
    message = b".first\r\nSubject: x\r\n\r\n.\r\n..two\r\nlast"

    async def story():
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        account = SmtpAccount(host="127.0.0.1", port=server.sockets[0].getsockname()[1], tls="none")
        try:
            envelope = Envelope("help@example.org", ("ann@example.com",), "1@x", witness=False)
            return await deliver(account, envelope, message)
        finally:
            server.close()

    assert asyncio.run(story()) == Done()
    assert script.got == [b"..first\r\nSubject: x\r\n\r\n..\r\n...two\r\nlast\r\n.\r\n"]


STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot")


@pytest.mark.parametrize("step", STEPS[2:])
@pytest.mark.parametrize(
    ("answer", "kind"), [("451 busy", NotNow), ("421 going down", NotNow), ("554 no", Refused)]
)
def test_what_the_server_says_decides(step, answer, kind):
    script = Script(**{step: answer})
    result = outcome(script)
    assert type(result) is kind, result
    assert answer[:3] in result.reason
    assert len(script.got) == (1 if step == "dot" else 0)


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_lost_before_the_final_dot_is_no_doubt_and_after_it_is_one(step):
    script = Script(**{step: DROP})
    assert type(outcome(script)) is (InDoubt if step == "dot" else NotNow)


@pytest.mark.parametrize("step", STEPS)
def test_a_silent_server_is_given_up(step):
    script = Script(**{step: SILENT})
    # Little time for this step alone: on a slow machine another might not keep it.
    result = outcome(script, data_timeout_s=0.1) if step == "dot" else outcome(script, timeout_s=0.1)
    assert type(result) is (InDoubt if step == "dot" else NotNow), result


@pytest.mark.parametrize("answer", ["nonsense", "299", "354 more", "199 what"])
def test_an_answer_to_the_dot_that_is_no_answer_is_a_doubt(answer):
    result = outcome(Script(dot=answer))
    assert type(result) is (Done if answer == "299" else InDoubt), result


def test_nobody_there_is_not_now():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        account = SmtpAccount(host="127.0.0.1", port=taken.getsockname()[1], tls="none", timeout_s=2.0)
        adapter = EmailAdapter(
            own=Address("help@example.org"),
            outbox=SmtpOutbox(account, shelf=None, witness=False),
            labels=LabelFile("unused"),
            seal_key=SEAL_KEY,
        )
        rendered = adapter.render("reply", request(), key=KEY, at=AT)
        assert isinstance(asyncio.run(adapter.call("reply", rendered.payload, key=KEY)), NotNow)
        assert isinstance(asyncio.run(adapter.find("reply", rendered.payload, key=KEY)), Unknown)


def test_no_mail_travels_in_the_clear():
    with pytest.raises(AdapterError, match="without TLS"):
        SmtpOutbox(SmtpAccount(host="smtp.example.org", tls="none"), shelf=None, witness=False)
