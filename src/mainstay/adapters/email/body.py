"""The body of a mail: the best text of it, and everything else as attachments.

Parts are walked with a stack and bounds. Of alternatives the plain text is taken if it says anything, the
HTML otherwise. A mail inside of a mail is an attachment: what it says was not written by this sender.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message

from mainstay.adapters.email.headers import Notes, decode_bytes, header_text, one_line
from mainstay.net.hypertext import LINK_MAX, Link, read_html

PART_MAX = 200
DEPTH_MAX = 20
TEXT_MAX = 500_000  # characters of text

_PATH = re.compile(r"[\\/:*?\"<>|]+")
_TYPE = re.compile(r"^[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}$")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text. `name` is safe as a file name."""

    name: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return len(self.content)


@dataclass(slots=True)
class Body:
    """What the parts amount to."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    html_only: bool = False
    hidden_text: bool = False
    links: tuple[Link, ...] = ()  # of every HTML part, also where the plain text was taken
    truncated: bool = False
    report: bool = False  # it reports on the delivery of another mail


@dataclass(slots=True)
class _Found:
    """Parts collected on the walk. A text is `(kind, content)` with kind `plain` or `html`."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    parts: int = 0
    truncated: bool = False
    hidden: bool = False
    links: list[Link] = field(default_factory=list)


def read_body(message: Message, notes: Notes) -> Body:
    """Everything below the header."""
    found = _Found()
    _walk(message, found, notes, depth=0)
    text = "\n\n".join(content for _, content in found.texts if content)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        notes.add("NUL bytes in the text")
        text = text.replace("\x00", "")
    if len(text) > TEXT_MAX:
        notes.add(f"a text of {len(text)} characters")
    kinds = {kind for kind, content in found.texts if content}
    return Body(
        text=text[:TEXT_MAX].strip(),
        attachments=tuple(found.attachments),
        html_only=kinds == {"html"},
        hidden_text=found.hidden,
        links=tuple(dict.fromkeys(found.links))[:LINK_MAX],
        truncated=found.truncated or len(text) > TEXT_MAX,
        report=message.get_content_type() == "multipart/report",
    )


def _walk(part: Message, found: _Found, notes: Notes, *, depth: int) -> None:
    found.parts += 1
    if found.parts > PART_MAX or depth > DEPTH_MAX:
        notes.add("more parts than are read" if found.parts > PART_MAX else "parts nested too deeply")
        found.truncated = True
        return
    kind = part.get_content_type()
    if kind == "multipart/alternative" and part.is_multipart():
        _alternative(part, found, notes, depth)
    elif kind.startswith("multipart/") and part.is_multipart():
        for child in _children(part):
            _walk(child, found, notes, depth=depth + 1)
    elif kind in ("text/plain", "text/html") and not _attached(part):
        found.texts.append(_text(part, kind, found, notes))
    else:
        found.attachments.append(_attachment(part, kind, found.parts, notes))


def _alternative(part: Message, found: _Found, notes: Notes, depth: int) -> None:
    """One of several versions of the same: the plain one if it says anything."""
    inner = _Found(parts=found.parts)
    for child in _children(part):
        _walk(child, inner, notes, depth=depth + 1)
    plain = [text for text in inner.texts if text[0] == "plain" and text[1].strip()]
    found.texts.extend(plain or [text for text in inner.texts if text[1].strip()])
    found.attachments.extend(inner.attachments)
    found.parts = inner.parts
    found.truncated = found.truncated or inner.truncated
    found.hidden = found.hidden or inner.hidden
    found.links.extend(inner.links)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _attached(part: Message) -> bool:
    return (part.get_content_disposition() or "") == "attachment"


def _text(part: Message, kind: str, found: _Found, notes: Notes) -> tuple[str, str]:
    text = decode_bytes(_content(part), _parameter(part, "charset"), notes)
    if kind == "text/plain":
        return "plain", text.strip()
    read = read_html(text)
    found.truncated = found.truncated or read.cut
    found.hidden = found.hidden or read.hidden
    found.links.extend(read.links)
    return "html", read.text


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _parameter(part: Message, name: str) -> str:
    """A parameter of Content-Type as text; RFC 2231 gives a triple."""
    value = part.get_param(name, "")
    return str(value[2] if isinstance(value, tuple) else value)[:80]


def _attachment(part: Message, kind: str, number: int, notes: Notes) -> Attachment:
    content_type = kind if _TYPE.match(kind) else "application/octet-stream"
    if kind.startswith("message/") and part.is_multipart():
        children = _children(part)
        content = b"\n".join(_flat(child) for child in children)
        named = _name(part, notes) or (_subject(children[0], notes) + ".eml" if children else "")
    else:
        content, named = _content(part), _name(part, notes)
    return Attachment(
        name=safe_name(named, notes) or f"part-{number}", content_type=content_type, content=content
    )


def _flat(message: Message) -> bytes:
    return message.as_bytes(unixfrom=False)


def _subject(message: Message, notes: Notes) -> str:
    raw = next((str(value) for name, value in message.raw_items() if name.lower() == "subject"), "")
    return header_text(raw[:500], "the subject of an enclosed mail", notes) or "mail"


def _name(part: Message, notes: Notes) -> str:
    name = part.get_filename("")
    return header_text(str(name)[:1000], "the name of an attachment", notes)


def safe_name(name: str, notes: Notes) -> str:
    """A file name without folders, control characters and leading dots, at most 150 characters with its
    ending kept."""
    clean = one_line(name, "the name of an attachment", notes)
    if _PATH.search(clean):
        notes.add("an attachment whose name is a path")
    clean = _PATH.sub("_", clean).strip().lstrip(".").strip()
    if len(clean) > 150:
        stem, dot, ending = clean.rpartition(".")
        clean = f"{stem[:130]}.{ending[:18]}" if dot else clean[:150]
    return clean
