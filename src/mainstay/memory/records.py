"""What a memory record holds: a text, what it says in fields, and where it came from.

Pure. The content of a record is JSON in a blob, sealed under the key of whoever it speaks of; everything that could
tell what it says stands there and nowhere else. Its mark is a keyed hash of the content and of what limits it, so that
the same again can be told from a correction without opening either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Instant, Json

CONTENT = b"memory"  # the context that contents are sealed in
TEXT_MAX = 32_000  # characters of one record; a longer text is a document, and is imported in pieces
FIELDS_MAX = 64_000  # bytes of its fields as JSON

DATA_CLASS = "data_class"  # the field that says of what class a record's data is, where it has one
PUBLIC = "public"  # the class that may go anywhere, and that of a record which says of none
ABOUT = "about"  # the field that says of whom a record speaks, by their subject, where it speaks of somebody
DOCUMENT = "document"  # the kind of the record of a whole file: its pieces say what it says

SPACES: dict[str, str] = {
    "notes": "what the operator wrote down",
    "documents": "files that were imported, in pieces",
    "mail": "messages that came in, and the replies that a person approved",
    "lessons": "what edits of drafts taught",
    "replies": "the operator's file of approved replies",
    "examples": "the operator's examples of intents",
}
"""Where records lie, and what retrieval policies name; a policy file may declare more."""

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MEMORY = re.compile(r"[a-z0-9][a-z0-9_.:#-]{0,127}")

Hash = Callable[[str, str], bytes]  # `Vault.keyed_hash`


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be remembered. Without an id it gets one of what it says: the same twice is one memory.

    Attributes:
        memory: The memory whose next version this is; one of its own where none is named.
        about: The address of the person it speaks of: under their key it is sealed, and forgotten with them.
        owner: What of the house it belongs to where it speaks of nobody; equal owners share a key.
        before: What stood before it, which helps to find it.
        tag: The data class, which says to which providers it may go.
    """

    text: str
    space: str = "notes"
    kind: str = "note"
    memory: str = ""
    fields: Json = field(default_factory=dict)
    before: str = ""
    about: str = ""
    owner: str = "operator"
    source: str = ""
    actor: str = ""
    thread: str = ""
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)
    expires_at: Instant = Instant(0)
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a blob of a record says."""

    text: str
    fields: Json = field(default_factory=dict)
    before: str = ""


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Content).decode


def encoded(note: Note) -> bytes:
    """The content of a record as it is sealed."""
    return _encode(Content(note.text, note.fields, note.before))


def decoded(content: bytes) -> Content:
    """What `encoded` made. Raises `ValueError` for what is no content of a record."""
    return _decode(content)


def mark_of(note: Note, keyed_hash: Hash) -> str:
    """What tells the same from a correction: all that it says, and how long it holds."""
    limits: tuple[Any, ...] = (
        note.space,
        note.kind,
        note.valid_from,
        note.valid_to,
        note.expires_at,
        note.tag,
    )
    said = _encode((*limits, note.about, note.thread)).decode() + encoded(note).decode()
    return keyed_hash("memory mark", said).hex()


def named(note: Note, keyed_hash: Hash) -> Note:
    """The note with a name: its own, or one of what it says."""
    if note.memory:
        return note
    said = "\0".join((note.space, note.about, note.before, note.text))
    return replace(note, memory=f"{note.kind}-{keyed_hash('memory', said).hex()[:12]}")


def checked(note: Note, spaces: frozenset[str] | None = None) -> Note:
    """The note as it may be kept. Raises `CommandRefused` for what cannot be remembered."""
    text = _writable(note.text).strip()
    if not text:
        raise CommandRefused("There is nothing to remember.", why="The text is empty.")
    if len(text) > TEXT_MAX:
        raise CommandRefused(
            f"The text has {len(text):,} characters, and a record has at most {TEXT_MAX:,}.",
            why="What is recalled must fit beside other things in a model's window.",
            remedy="Save it as a file, and import that: `mainstay memory import FILE` keeps it in pieces.",
            size=len(text),
        )
    if sum(one < " " and one not in "\t\n\r\f" for one in text[:4_000]) > 8:
        raise CommandRefused(
            "This is not text.",
            why="It has control characters as programs and pictures have.",
            remedy="Name a text file; of documents `mainstay memory import` reads more kinds.",
        )
    for what, name in (("space", note.space), ("kind", note.kind)):
        if NAME.fullmatch(name) is None:
            raise CommandRefused(
                f"{name[:80]!r} is no name of a {what}.",
                why="A name has lower-case letters, digits, '-' and '_', and begins with a letter.",
            )
    if spaces is not None and note.space not in spaces:
        raise CommandRefused(
            f"There is no space {note.space!r}.",
            why="There are " + ", ".join(sorted(spaces)) + ".",
            remedy=f'Name one of these, or declare it in a file of policies/: [space.{note.space}] about = "..."',
            space=note.space,
        )
    if note.memory and MEMORY.fullmatch(note.memory) is None:
        raise CommandRefused(
            f"{note.memory[:80]!r} is no id of a memory.",
            why="An id has lower-case letters, digits and . : # - _, at most 128, a letter or digit first.",
        )
    if note.valid_to and note.valid_to <= note.valid_from:
        raise CommandRefused("It would never hold.", why="It ends before it begins, or as it does.")
    if len(_encode(note.fields)) > FIELDS_MAX:
        raise CommandRefused(
            "The fields of this record are too large.", why=f"{FIELDS_MAX:,} bytes are the most."
        )
    return replace(note, text=text, before=_writable(note.before)[:TEXT_MAX])


def _writable(text: str) -> str:
    """Text without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
