"""A reply to the last byte: what it says, what it refuses, and that it never depends on anything but its
arguments."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.adapters.email import Address, ParsedMail, parse, recognise, split_payload
from mainstay.adapters.email.compose import compose
from mainstay.adapters.email.marks import marks
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant

OWN = Address("help@example.org", "North Desk")
KEY = IdempotencyKey("0123456789abcdef" * 2)
AT = Instant(1_700_000_000_000_000)
SEAL_KEY = b"a key of sixteen bytes or more"


def composed(text="Dear Ann,\n\nyes.\n", *, own=OWN, witness=True, subject=None, automatic=False, **message):
    given = {"message_id": "1@customer.example", "from": "ann@example.com", "subject": "Question"} | message
    reply = {"text": text, "subject": subject, "automatic": automatic}
    return compose(
        {"message": given, "reply": reply}, own=own, key=KEY, at=AT, seal_key=SEAL_KEY, witness=witness
    )


def fields(found):
    return message_from_bytes(found.message, policy=policy.default)


def test_the_whole_of_it():
    assert composed().payload == (
        b'{"from":"help@example.org","message_id":"mst-0123456789abcdef0123456789abcdef@example.org",'
        b'"recipients":["ann@example.com","help@example.org"],"witness":true}\n'
        b'From: "North Desk" <help@example.org>\r\n'
        b"To: ann@example.com\r\n"
        b"Subject: Re: Question\r\n"
        b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        b"Message-ID: <mst-0123456789abcdef0123456789abcdef@example.org>\r\n"
        b"In-Reply-To: <1@customer.example>\r\n"
        b"References: <1@customer.example>\r\n"
        b"X-Mainstay-Key: 0123456789abcdef0123456789abcdef\r\n"
        b"X-Mainstay-Seal: 37a6175f6ecfaf0aeef08c7495d4a49f\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Dear Ann,\r\n\r\nyes.\r\n"
    )


def test_the_payload_comes_apart_again():
    found = composed(witness=False)
    envelope, message = split_payload(found.payload)
    assert (envelope, message) == (found.envelope, found.message)
    assert envelope.recipients == ("ann@example.com",)
    for broken in (b"", b"{}", b"{}\nx", b'{"recipients":[]}\nx', b"[]\nx"):
        with pytest.raises(ValueError, match=r"payload|Expecting"):
            split_payload(broken)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Question", "Re: Question"),
        ("Re: Question", "Re: Question"),
        ("AW: Re: re[2]: Question", "Re: Question"),
        ("Regarding you", "Re: Regarding you"),
        ("", "Re: your message"),
        ("Grüße 😀 " + "ä" * 100, "Re: Grüße 😀 " + "ä" * 100),
        ("=?utf-8?q?evil?=", "Re: =?utf-8?q?evil?="),
    ],
)
def test_subjects(subject, expected):
    found = _with_subject(subject)
    assert found.subject == expected
    mail = parse(found.message)
    assert isinstance(mail, ParsedMail)
    assert mail.subject == expected
    assert all(len(line) <= 78 for line in found.message.split(b"\r\n\r\n")[0].split(b"\r\n"))


def _with_subject(subject):
    message = {"message_id": "1@customer.example", "from": "ann@example.com", "subject": subject}
    return compose(
        {"message": message, "reply": {"text": "x"}}, own=OWN, key=KEY, at=AT, seal_key=SEAL_KEY, witness=True
    )


def test_references_grow_by_the_parent_and_stay_bounded():
    found = composed(references=[f"{number}@x.example" for number in range(50)])
    listed = fields(found)["References"].split()
    assert (listed[0], listed[-1], len(listed)) == ("<0@x.example>", "<1@customer.example>", 20)
    assert composed(references=["1@customer.example"]).message.count(b"<1@customer.example>") == 2


def test_an_identity_that_we_made_up_is_answered_without_a_thread():
    found = composed(message_id="abc@mainstay.invalid", references=["r@x.example"])
    assert fields(found)["In-Reply-To"] is None
    assert fields(found)["References"] is None


def test_an_automatic_answer_says_so():
    assert fields(composed(automatic=True))["Auto-Submitted"] == "auto-replied"
    assert fields(composed())["Auto-Submitted"] is None


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\x85b"]
)
@pytest.mark.parametrize(
    "place", ["subject", "reply subject", "from", "reply_to", "message_id", "references", "own name"]
)
def test_what_breaks_a_header_is_refused(place, bad):
    calls = {
        "subject": lambda: _with_subject(bad),
        "reply subject": lambda: composed(subject=bad),
        "from": lambda: composed(**{"from": f"{bad}@example.com"}),
        "reply_to": lambda: composed(reply_to=[f"ann@example.com{bad}"]),
        "message_id": lambda: composed(message_id=bad),
        "references": lambda: composed(references=[bad]),
        "own name": lambda: composed(own=Address("help@example.org", bad)),
    }
    with pytest.raises(ValueError, match=r"line break|not an address|identity"):
        calls[place]()


@pytest.mark.parametrize(
    "address", ["", "x", "a@b@c", "<a@b.org>", "a b@c.org", "ü@example.org", "a@-.-" + "x" * 300, "a@b..c"]
)
def test_addresses_that_cannot_be_written_to_are_refused(address):
    with pytest.raises(ValueError, match=r".+"):
        composed(**{"from": address})


def test_an_international_domain_goes_out_encoded():
    assert composed(**{"from": "ann@bücher.example"}).to == ("ann@xn--bcher-kva.example",)


@pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "x" * 1_000_001])
def test_texts_that_are_not_sent(text):
    with pytest.raises(ValueError, match="the reply"):
        composed(text)


def test_too_many_reply_to_addresses_are_refused():
    with pytest.raises(ValueError, match="at most 5"):
        composed(reply_to=[f"a{number}@example.com" for number in range(6)])


@given(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1, max_size=300)
)
def test_any_text_arrives_as_it_was_written(text):
    normal = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if not normal.strip():
        return
    found = composed(text)
    assert found.payload == composed(text).payload
    lines = found.message.split(b"\r\n")
    assert all(len(line) <= 100 for line in lines)
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    found.message.decode("ascii")
    assert fields(found).get_content().replace("\r\n", "\n").rstrip("\n") == normal.rstrip("\n")


def test_the_seal_holds_for_us_and_for_nobody_else():
    mail = parse(composed().message)
    assert isinstance(mail, ParsedMail)
    own = ("HELP@example.org",)
    assert recognise(mail, own, SEAL_KEY) == "witness"
    assert recognise(mail, own, b"the key of another workspace") is None
    assert recognise(mail, ("else@example.org",), SEAL_KEY) is None
    forged = parse(composed().message.replace(b"X-Mainstay-Key: 0", b"X-Mainstay-Key: 1"))
    assert isinstance(forged, ParsedMail)
    assert recognise(forged, own, SEAL_KEY) is None


def test_a_notification_is_recognised_and_its_seal_does_not_serve_as_a_witness():
    head = "From: help@example.org\r\n"
    note = head + "".join(
        f"{name}: {value}\r\n" for name, value in marks(SEAL_KEY, "own_notification", "abc-1")
    )
    mail = parse(note.encode() + b"\r\nx")
    assert isinstance(mail, ParsedMail)
    assert recognise(mail, ("help@example.org",), SEAL_KEY) == "own_notification"
    swapped = parse(note.replace("Notification", "Key").encode() + b"\r\nx")
    assert isinstance(swapped, ParsedMail)
    assert recognise(swapped, ("help@example.org",), SEAL_KEY) is None
    with pytest.raises(ValueError, match="mark"):
        marks(SEAL_KEY, "own_notification", "a\r\nb")
    with pytest.raises(ValueError, match="16 bytes"):
        marks(b"short", "witness", "a")
