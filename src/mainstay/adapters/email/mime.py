"""A received mail as plain values: `parse(raw)` is total, pure and bounded.

Rules of this file: any bytes give a `ParsedMail` or a `Rejected`, never an exception. Every bound that was
hit and everything that was odd is said in `defects`, `truncated` and the other marks, because the agents
that read the text decide by them. Whether a mail is from a machine is judged in `machine`, which
conversation it belongs to in `thread`.

The standard library takes the message apart (with its older, forgiving policy); header fields, addresses,
HTML and quotations are read by the files beside this one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parsedate_to_datetime

from mainstay.adapters.email.address import Address, parse_addresses
from mainstay.adapters.email.body import Attachment, Body, read_body
from mainstay.adapters.email.headers import Notes, header_text
from mainstay.adapters.email.quote import split_reply
from mainstay.kernel.values import SECOND, Instant, Json
from mainstay.net.hypertext import Link

HEADER_BYTES_MAX = 256_000
FIELD_MAX = 500  # header fields kept
FIELD_CHARS_MAX = 20_000
REFERENCE_MAX = 60
BOUNDARY_MAX = 300  # parts that declare a boundary; beyond this only the header is read
DERIVED_DOMAIN = "mainstay.invalid"  # of the Message-ID that we give to a mail without one

_ID = re.compile(r"<\s*([^<>\s\x00-\x1f]{1,500})\s*>")
_BARE_ID = re.compile(r"^\s*([^<>\s\x00-\x1f]{1,500}@[^<>\s\x00-\x1f]{1,250})\s*$")
_FIELD = re.compile(
    rb"^(?:from|to|date|subject|message-id|received|return-path|mime-version|content-type|cc|sender)\s*:",
    re.I | re.M,
)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_BOUNDARY = re.compile(rb"boundary\s*=", re.I)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that are no mail; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """One mail. Texts are Unicode without NUL; header values are single lines; identities have no angle
    brackets."""

    message_id: str
    date: Instant | None
    sender: Address | None  # who the From field names, the first one if several
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    in_reply_to: str
    references: tuple[str, ...]  # oldest first; In-Reply-To last where References lack it
    text: str  # all that a person sees
    new_text: str  # without what it quotes
    quoted: str
    attachments: tuple[Attachment, ...]
    headers: tuple[tuple[str, str], ...]  # lower-case names; in order, bounded
    auto_submitted: str = ""  # the value of that field, lower-case, without parameters
    bulk: bool = False  # a list or a mass mailing
    bounce: bool = False  # a delivery report, or an empty return path
    html_only: bool = False
    hidden_text: bool = False  # there was text that a person would not see; it is not in `text`
    links: tuple[Link, ...] = ()  # what the HTML shows as links, and where they lead; bounded
    id_derived: bool = False  # it came without a Message-ID
    unknown_charset: bool = False
    truncated: bool = False  # a bound was hit: something of the mail is not here
    oversize: int | None = None  # its size in bytes where only the header was read
    defects: tuple[str, ...] = ()

    def header(self, name: str) -> str:
        """The first field of that name, or an empty text."""
        wanted = name.lower()
        return next((value for field, value in self.headers if field == wanted), "")

    def from_self(self, addresses: tuple[str, ...]) -> bool:
        """Whether it claims to come from one of these addresses."""
        return self.sender is not None and self.sender.email.lower() in {
            address.lower() for address in addresses
        }


def parse(raw: bytes, *, oversize: int | None = None) -> ParsedMail | Rejected:
    """The mail in `raw`. Where the source gave only the header because of the size, pass that size as
    `oversize`."""
    if not raw.strip(b"\x00 \t\r\n"):
        return Rejected("it is empty")
    try:
        return _parse(raw, oversize)
    except (Exception, RecursionError) as error:
        # The parsers below are not ours, and hostile mails are made to break them: an answer instead of a
        # stop.
        return Rejected(f"it cannot be read as a mail ({type(error).__name__})")


def _parse(raw: bytes, oversize: int | None) -> ParsedMail | Rejected:
    raw = raw.lstrip(b"\r\n")
    head = _head(raw)
    if not _FIELD.search(head):
        return Rejected("it has none of the header fields of a mail")
    notes = Notes()
    cut = len(head) >= HEADER_BYTES_MAX
    if cut:
        notes.add(f"a header of more than {HEADER_BYTES_MAX} bytes")
    if oversize is not None:
        notes.add(f"{oversize} bytes: only the header was read")
    message, whole = _message(raw, head, header_only=cut or oversize is not None, notes=notes)
    fields = tuple(_fields(message, notes))
    body = read_body(message, notes) if whole else Body()
    return _assembled(raw, fields, body, notes, truncated=body.truncated or not whole, oversize=oversize)


def _head(raw: bytes) -> bytes:
    window = raw[:HEADER_BYTES_MAX]
    end = _HEADER_END.search(window)
    return window[: end.start()] if end else window


def _message(raw: bytes, head: bytes, *, header_only: bool, notes: Notes) -> tuple[Message, bool]:
    """The message and whether it is whole. Absurd nesting is not taken apart at all: it costs quadratic
    time."""
    parser = BytesParser(policy=compat32)
    if not header_only:
        boundaries = sum(1 for _ in zip(_BOUNDARY.finditer(raw), range(BOUNDARY_MAX + 1), strict=False))
        if boundaries <= BOUNDARY_MAX:
            try:
                return parser.parsebytes(raw), True
            except RecursionError:
                pass
        notes.add("nested too deeply: only the header was read")
    return parser.parsebytes(head + b"\r\n\r\n", headersonly=True), False


def _fields(message: Message, notes: Notes) -> Iterator[tuple[str, str]]:
    for number, (name, value) in enumerate(message.raw_items()):
        if number >= FIELD_MAX:
            notes.add(f"more than {FIELD_MAX} header fields")
            return
        text = str(value)
        if len(text) > FIELD_CHARS_MAX:
            notes.add(f"a header field of {len(text)} characters")
        clean = "".join(char for char in name if "!" <= char <= "~")[:80]
        yield clean.lower(), header_text(text[:FIELD_CHARS_MAX], clean or "a header", notes)


def _assembled(
    raw: bytes,
    fields: tuple[tuple[str, str], ...],
    body: Body,
    notes: Notes,
    *,
    truncated: bool,
    oversize: int | None,
) -> ParsedMail:
    def first(name: str) -> str:
        return next((value for field, value in fields if field == name), "")

    def addresses(name: str) -> tuple[Address, ...]:
        return parse_addresses(", ".join(value for field, value in fields if field == name))

    senders = addresses("from")
    _judge_senders(senders, notes)
    own_id = _ids(first("message-id"))
    references, in_reply_to = _references(first("references"), first("in-reply-to"))
    new_text, quoted = split_reply(body.text)
    return ParsedMail(
        message_id=own_id[0] if own_id else _derived_id(raw),
        id_derived=not own_id,
        date=_date(first("date"), notes),
        sender=senders[0] if senders else None,
        reply_to=addresses("reply-to"),
        to=addresses("to"),
        cc=addresses("cc"),
        subject=first("subject"),
        in_reply_to=in_reply_to,
        references=references,
        text=body.text,
        new_text=new_text,
        quoted=quoted,
        attachments=body.attachments,
        headers=fields,
        auto_submitted=re.split(r"[;\s(]", first("auto-submitted").lower(), maxsplit=1)[0],
        bulk=_bulk(fields),
        bounce=body.report or first("return-path").replace(" ", "") == "<>",
        html_only=body.html_only,
        hidden_text=body.hidden_text,
        links=body.links,
        unknown_charset=notes.unknown_charset,
        truncated=truncated,
        oversize=oversize,
        defects=tuple(notes.defects),
    )


def _judge_senders(senders: tuple[Address, ...], notes: Notes) -> None:
    if not senders:
        notes.add("no sender that can be answered")
    elif len(senders) > 1:
        notes.add("more than one sender")
    if senders and senders[0].disguised:
        notes.add("the sender's name shows another address")


def _bulk(fields: tuple[tuple[str, str], ...]) -> bool:
    for name, value in fields:
        if name.startswith("list-") or name == "feedback-id":
            return True
        if name == "precedence" and value.lower() in ("bulk", "list", "junk"):
            return True
    return False


def _ids(text: str) -> tuple[str, ...]:
    found = tuple(_ID.findall(text))
    if found:
        return found
    bare = _BARE_ID.match(text)
    return (bare.group(1),) if bare else ()


def _references(references: str, in_reply_to: str) -> tuple[tuple[str, ...], str]:
    """Identities of the mails before this one, oldest first; of very long lists the root and the latest are
    kept."""
    known = dict.fromkeys(_ids(references))
    parents = _ids(in_reply_to)
    parent = parents[0] if parents else ""
    if parent:
        known.setdefault(parent, None)
    listed = tuple(known)
    if len(listed) > REFERENCE_MAX:
        listed = (listed[0], *listed[-(REFERENCE_MAX - 1) :])
    return listed, parent


def _derived_id(raw: bytes) -> str:
    """The same mail has the same identity from every source: line endings differ between them, so they do
    not count."""
    hasher = hashlib.sha256()
    for start in range(0, len(raw), 1 << 20):
        hasher.update(raw[start : start + (1 << 20)].replace(b"\r", b""))
    return f"{hasher.hexdigest()[:32]}@{DERIVED_DOMAIN}"


def _date(text: str, notes: Notes) -> Instant | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        notes.add("a date that cannot be read")
        return None
    if not 0 <= seconds < 4_102_444_800:  # the year 2100
        notes.add("a date that cannot be true")
        return None
    return Instant(int(seconds) * SECOND)


def reference(mail: ParsedMail) -> Json:
    """What an answer needs to know of a mail, as the `message` field of this adapter's requests."""
    return {
        "message_id": mail.message_id,
        "references": list(mail.references),
        "from": mail.sender.email if mail.sender else "",
        "from_name": mail.sender.name if mail.sender else "",
        "reply_to": [address.email for address in mail.reply_to],
        "subject": mail.subject,
        "date": mail.date,
    }
