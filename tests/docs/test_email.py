"""docs/email.md: what it says of a reply is what is rendered, and its numbers are those of the code."""

from __future__ import annotations

import re
from email import message_from_bytes
from pathlib import Path

from mainstay.adapters import email
from mainstay.adapters.base import Rendered
from mainstay.adapters.email import files, imap
from mainstay.adapters.email.compose import split_payload
from mainstay.adapters.email.contract import contract
from mainstay.agents.base import MessageView, Reply
from mainstay.agents.executor import ProposerInput, _request
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey, RunId
from mainstay.kernel.recovery import retry_delay_us
from mainstay.kernel.values import DAY, Instant
from mainstay.net.secrets import KINDS, Secret
from tests.docs.pages import bare, rows, text_of

PAGE = "email.md"
FLAT = " ".join(text_of(PAGE).split())
OWN = email.Address("help@example.org", "Help")


def rendered(tmp_path: Path, *, reply_to: str = "", witness: bool = False) -> Rendered:
    """The reply to a message, as the proposer asks for it."""
    message = MessageView(
        message_id="1@example.com",
        thread="t",
        mailbox="support",
        from_address="ada@example.com",
        reply_to=reply_to,
        subject="A question",
    )
    outbox: email.MaildirDelivery | email.SmtpOutbox = email.MaildirDelivery(tmp_path)
    if witness:
        account = email.SmtpAccount("smtp.example.org", user="u", password=Secret("p"))
        outbox = email.SmtpOutbox(account, shelf=None, witness=True)
    adapter = email.EmailAdapter(
        own=OWN, outbox=outbox, labels=email.LabelFile(tmp_path / "labels"), seal_key=b"k" * 16
    )
    request = _request(ProposerInput(message=message, reply=Reply(text="An answer.")), ())
    return adapter.render("reply", request, key=IdempotencyKey("0" * 32), at=Instant(1_700_000_000_000_000))


def test_the_header_fields_of_a_reply_are_those_that_are_told(tmp_path: Path) -> None:
    said = re.search(r"with these header fields: (.*?)\. -", FLAT)
    assert said
    _, raw = split_payload(rendered(tmp_path).payload)
    assert re.findall(r"`([\w-]+)`", said[1]) == message_from_bytes(raw).keys()
    assert message_from_bytes(raw).get_content_type() == "text/plain"


def test_a_reply_that_goes_elsewhere_is_of_high_stake(tmp_path: Path) -> None:
    assert rendered(tmp_path).finality is Finality.FINAL_LOW
    assert rendered(tmp_path, reply_to="other@example.com").finality is Finality.FINAL_HIGH


def test_a_witness_is_a_recipient_of_the_envelope_alone(tmp_path: Path) -> None:
    envelope, raw = split_payload(rendered(tmp_path, witness=True).payload)
    assert envelope.recipients == ("ada@example.com", OWN.email)
    assert message_from_bytes(raw)["To"] == "ada@example.com"


def test_numbers_are_those_of_the_code() -> None:
    assert (files.MESSAGE_BYTES_MAX, "above 35 MB only" in FLAT) == (35_000_000, True)
    assert (imap.HISTORY_MAX, "up to 2,000 mails a folder" in FLAT) == (2000, True)
    reply = contract(Repeatability.FINDABLE).operation("reply")
    assert reply is not None
    assert (reply.grace_s, "for five minutes" in FLAT) == (300.0, True)
    assert (reply.attempt_max, "200 times: about a day and a half" in FLAT) == (200, True)
    waits = [retry_delay_us(RunId("0" * 32), 0, attempt) for attempt in range(1, reply.attempt_max)]
    assert 1.4 * DAY < sum(waits) < 1.6 * DAY


def test_references_to_secrets_are_those_that_are_read() -> None:
    assert [bare(row[0]).partition(":")[0] for row in rows(PAGE, "## Passwords")] == list(KINDS)


def test_acts_are_those_of_the_contract() -> None:
    said = re.search(r"Three acts exist: (.*?)\. ", FLAT)
    assert said
    named = re.findall(r"`email\.(\w+)`", said[1])
    assert named == [one.name for one in contract(Repeatability.ONCE).operations]


def test_repeatability_by_the_way_out(tmp_path: Path) -> None:
    account = email.SmtpAccount("smtp.example.org", user="u", password=Secret("p"))
    mailbox = email.ImapAccount("imap.example.org", "u", Secret("p"))
    shelf = email.ImapShelf(mailbox, own_addresses=(OWN.email,), seal_key=b"k" * 16)
    ways = {
        "Delivery folder": email.MaildirDelivery(tmp_path).repeatability,
        "SMTP and IMAP": email.SmtpOutbox(account, shelf=shelf, witness=True).repeatability,
        "SMTP alone": email.SmtpOutbox(account, shelf=None, witness=True).repeatability,
    }
    table = re.findall(r"^\| ([\w ]+) \| `(\w+)` \|", text_of(PAGE), re.MULTILINE)
    assert table == [(way, str(repeatability)) for way, repeatability in ways.items()]
