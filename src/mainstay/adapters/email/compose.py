"""A reply, rendered whole: envelope and message to the last byte, before anybody approves it.

Rules of this file: everything is derived from the arguments, so the same arguments give the same bytes on
every machine; no I/O and no clock. Recipients come from the mail that is answered, never from the text of
the reply. A line break in a header value is refused, not repaired: it was either forged or a mistake.

RFC 3834 reserves `Auto-Submitted: auto-replied` for answers that no person had a part in. A reply is
rendered before it is known who decides about it, so the mark is part of the request (`reply.automatic`),
and with it of the digest.

The message is written by hand instead of by the `email` package, whose folding of header fields differs
between versions of Python.
"""

from __future__ import annotations

import base64
import json
import quopri
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from mainstay.adapters.email.address import Address, is_address, same_address
from mainstay.adapters.email.marks import marks, message_id
from mainstay.adapters.email.mime import DERIVED_DOMAIN
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import SECOND, Instant, Json

REPLY_TO_MAX = 5
REFERENCE_MAX = 20
TEXT_MAX = 1_000_000  # characters

_FORBIDDEN = re.compile(r"[\r\n\x00\x0b\x0c\x85\u2028\u2029]")
_ID = re.compile(r"^[^<>\s\x00-\x1f\x7f]{1,500}$")
_RE = re.compile(r"^\s*(?:re|aw|sv|antw|vs|odp|r|rif|res)\s*(?:\[\d+\])?\s*:\s*", re.IGNORECASE)
_RECIPIENT_FIELDS = ("to", "cc", "bcc", "recipient", "recipients", "from")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the relay is told, apart from the message. `recipients` includes our own address where a witness
    is wanted."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    witness: bool


@dataclass(frozen=True, slots=True)
class Composed:
    """A reply, whole. `to` are the people who get it; `diverted` says that they are not who wrote."""

    envelope: Envelope
    message: bytes
    subject: str
    to: tuple[str, ...]
    diverted: bool

    @property
    def payload(self) -> bytes:
        """One line of canonical JSON (the envelope), then the message."""
        envelope = {
            "from": self.envelope.sender,
            "message_id": self.envelope.message_id,
            "recipients": list(self.envelope.recipients),
            "witness": self.envelope.witness,
        }
        return canonical(envelope) + b"\n" + self.message


def canonical(value: Json) -> bytes:
    """JSON of plain texts, lists and booleans in one fixed form."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def split_payload(payload: bytes) -> tuple[Envelope, bytes]:
    """Envelope and message of what `Composed.payload` made. Raises `ValueError` for anything else."""
    line, found, message = payload.partition(b"\n")
    if not found or not message:
        raise ValueError("the payload is not an envelope and a message")
    head = json.loads(line)
    if not isinstance(head, dict) or not isinstance(head.get("recipients"), list) or not head["recipients"]:
        raise ValueError("the payload has no envelope")
    envelope = Envelope(
        sender=str(head["from"]),
        recipients=tuple(str(recipient) for recipient in head["recipients"]),
        message_id=str(head["message_id"]),
        witness=bool(head["witness"]),
    )
    return envelope, message


def compose(
    request: Json, *, own: Address, key: IdempotencyKey, at: Instant, seal_key: bytes, witness: bool
) -> Composed:
    """The reply that `request` describes (`message` as `mime.reference` gives it, and `reply`).

    Raises `ValueError` with a reason for people where it cannot be sent as it stands.
    """
    message, reply = _record(request, "message"), _record(request, "reply")
    if forbidden := [name for name in _RECIPIENT_FIELDS if reply.get(name)]:
        raise ValueError(
            f"a reply cannot choose its recipients ({', '.join(forbidden)}): they come from the message"
        )
    to, diverted = _recipients(message)
    text = _text(reply)
    subject = _subject(message, reply)
    identity = message_id(key, own.email.rpartition("@")[2])
    fields = (
        ("From", _mailbox(own)),
        ("To", ", ".join(to)),
        ("Subject", _encoded("Subject", subject)),
        ("Date", format_datetime(datetime.fromtimestamp(at // SECOND, UTC))),
        ("Message-ID", f"<{identity}>"),
        *_threading(message),
        *marks(seal_key, "witness", key),
        *((("Auto-Submitted", "auto-replied"),) if reply.get("automatic") is True else ()),
        ("MIME-Version", "1.0"),
    )
    recipients = (*to, own.email) if witness and not any(same_address(one, own.email) for one in to) else to
    return Composed(
        envelope=Envelope(sender=own.email, recipients=recipients, message_id=identity, witness=witness),
        message=_header(fields) + _body(text),
        subject=subject,
        to=to,
        diverted=diverted,
    )


def _record(request: Json, name: str) -> Json:
    value = request.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"the request has no {name}")
    return value


def _string(record: Json, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _recipients(message: Json) -> tuple[tuple[str, ...], bool]:
    """Who gets the answer, and whether that is somebody else than who wrote."""
    sender = _string(message, "from")
    wanted = _strings(message.get("reply_to")) or ((sender,) if sender else ())
    if not wanted:
        raise ValueError("the message has no sender that could be answered")
    if len(wanted) > REPLY_TO_MAX:
        raise ValueError(
            f"the message asks for answers to {len(wanted)} addresses; at most {REPLY_TO_MAX} are taken"
        )
    to = tuple(dict.fromkeys(plain_address(address) for address in wanted))
    return to, not (len(to) == 1 and same_address(to[0], sender))


def plain_address(address: str) -> str:
    """The address as it stands in an envelope: ASCII, an international domain in its encoded form."""
    if _FORBIDDEN.search(address):
        raise ValueError("an address contains a line break")
    if not is_address(address):
        raise ValueError(f"{address!r} is not an address")
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise ValueError(f"{address!r} has letters before the @ that many servers do not take")
    try:
        return f"{local}@{domain.encode('idna').decode().lower()}"
    except UnicodeError:
        raise ValueError(f"{address!r} has a domain that does not exist") from None


def _text(reply: Json) -> str:
    text = _string(reply, "text")
    if not text.strip():
        raise ValueError("the reply is empty")
    if len(text) > TEXT_MAX:
        raise ValueError(f"the reply has {len(text)} characters; at most {TEXT_MAX} are sent")
    if "\x00" in text:
        raise ValueError("the reply contains a NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"


def _subject(message: Json, reply: Json) -> str:
    subject = _string(reply, "subject")
    if not subject.strip():
        subject = _string(message, "subject").strip()
        while _RE.match(subject):
            subject = _RE.sub("", subject, count=1)
        subject = f"Re: {subject}".strip() if subject else "Re: your message"
    _check("Subject", subject)
    if len(subject) > 900:
        raise ValueError("the subject is longer than 900 characters")
    return subject.strip()


def _threading(message: Json) -> Iterable[tuple[str, str]]:
    """In-Reply-To and References. An identity that we made up ourselves is known to nobody else: it is left
    out."""
    parent = _string(message, "message_id").strip("<>")
    if not parent or parent.endswith("@" + DERIVED_DOMAIN):
        return ()
    listed = [reference.strip("<>") for reference in _strings(message.get("references"))]
    listed = [reference for reference in listed if reference != parent]
    if len(listed) >= REFERENCE_MAX:
        listed = [listed[0], *listed[-(REFERENCE_MAX - 2) :]]
    for reference in (*listed, parent):
        _check("References", reference)
        if _ID.match(reference) is None or not reference.isascii():
            raise ValueError("the message has an identity that cannot be answered")
    references = " ".join(f"<{reference}>" for reference in (*listed, parent))
    return ("In-Reply-To", f"<{parent}>"), ("References", references)


def _check(name: str, value: str) -> None:
    if _FORBIDDEN.search(value):
        raise ValueError(f"{name} contains a line break")


def _mailbox(address: Address) -> str:
    email = plain_address(address.email)
    if not address.name:
        return email
    _check("From", address.name)
    if address.name.isascii():
        quoted = address.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{email}>'
    return f"{_encoded('From', address.name)} <{email}>"


def _encoded(name: str, value: str) -> str:
    """`value` as it may stand in a header: plain where it is printable ASCII, in encoded words otherwise."""
    _check(name, value)
    if value.isascii() and value.isprintable() and "=?" not in value:
        return value
    words: list[str] = []
    chunk = b""
    for char in value:
        data = char.encode("utf-8", "replace")
        if len(chunk) + len(data) > 42:
            words.append(_word(chunk))
            chunk = b""
        chunk += data
    return " ".join((*words, _word(chunk)))


def _word(data: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(data).decode()}?="


def _header(fields: Sequence[tuple[str, str]]) -> bytes:
    lines: list[str] = []
    for name, value in fields:
        _check(name, value)
        lines.extend(_folded(f"{name}: {value}"))
    return "".join(line + "\r\n" for line in lines).encode("ascii")


def _folded(line: str) -> Iterable[str]:
    """Break before words so that a line has at most 78 characters where that is possible."""
    current = ""
    for number, word in enumerate(line.split(" ")):
        if number > 1 and len(current) + 1 + len(word) > 78 and current.strip():
            yield current
            current = " " + word
        else:
            current = f"{current} {word}" if number else word
    yield current


def _body(text: str) -> bytes:
    """Quoted-printable where most letters are Latin, base64 otherwise; both survive every relay."""
    data = text.encode("utf-8", "replace")
    if sum(byte >= 128 for byte in data) * 6 > len(data):
        encoded, encoding = base64.encodebytes(data), "base64"
    else:
        encoded, encoding = quopri.encodestring(data), "quoted-printable"
        encoded = re.sub(rb"(?m)^From ", b"=46rom ", encoded)  # which some relays and mailboxes would rewrite
        encoded = re.sub(rb"(?m)^\.", b"=2E", encoded)  # a lone dot ends the dialogue
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + encoded.replace(b"\n", b"\r\n")
