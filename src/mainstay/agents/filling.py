"""What may stand in the gaps of a reply: values of typed fields, cleaned, and nothing else of what came in.

A sender's name and subject are text from outside: they are put into a letter only where they look like a name and a
subject. Who is answered is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mainstay.agents.base import MessageView
from mainstay.agents.cue import bare_subject
from mainstay.agents.impersonal import House, Person
from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.agents.template import Template
from mainstay.kernel.ids import derive
from mainstay.kernel.values import SECOND, Instant

NAME_MAX = 60
SUBJECT_MAX = 150
NOBODY, NO_SUBJECT = "there", "your message"

_NAME_WORDS_MAX = 6
_SUBJECT_TELLS = 3  # words: a shorter subject may stand anywhere, and says nothing of where it came from
_LINK = re.compile(
    r"https?:|www\.|://|\b[\w-]{2,63}\.(?:com|net|org|io|info|biz|ru|example)\b|@", re.IGNORECASE
)

Values = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Operator:
    """In whose name replies are written."""

    name: str = ""
    signature: str = ""


def values_of(
    message: MessageView, intent_name: str, operator: Operator, now: Instant
) -> dict[str, str | None]:
    """The value of every placeholder; None where there is none."""
    return {
        "message.sender_name": clean_name(message.from_name),
        "message.subject": clean_subject(message.subject),
        "message.received_date": _day(message.sent_at or now),
        "operator.name": operator.name or None,
        "operator.signature": operator.signature.strip("\n") or None,
        "intent.name": intent_name,
        "thread.reference": thread_reference(message.thread or message.message_id),
    }


def person_of(message: MessageView, values: Values) -> Person:
    """Of whom a lesson may keep nothing. Only values that cannot stand in a text by chance are looked for in it."""
    telling = {
        "message.sender_name": NOBODY,
        "message.subject": NO_SUBJECT,
        "message.received_date": "",
        "thread.reference": "",
    }
    known = {name: values.get(name) for name, nothing in telling.items() if values.get(name) != nothing}
    subject = known.get("message.subject") or ""
    if len(subject.split()) < _SUBJECT_TELLS:
        known.pop("message.subject", None)
    locals_ = (address.partition("@")[0] for address in (message.from_address, message.reply_to))
    names = (message.from_name, *(name for name in locals_ if len(name) > 2))
    return Person(known, names, f"{message.subject}\n{message.new_text or message.text}")


def house_of(
    templates: Mapping[str, Template],
    intents: Iterable[Intent] = (),
    replies: Iterable[ApprovedReply] = (),
    *,
    operator: Operator = Operator(),
    own: Iterable[str] = (),
) -> House:
    """What the operator's own files say. Questions of past replies are left out: they are other people's words."""
    return House.of(
        (
            *(one.body for one in templates.values()),
            *(text for one in intents for text in (one.name, one.description, *one.examples)),
            *(one.answer for one in replies),
            operator.name,
            operator.signature,
            *own,
        )
    )


def clean_name(name: str) -> str:
    """A sender's name as it may stand in a greeting, or "there": a name only, no link, number or sentence."""
    text = " ".join("".join(" " if _control(char) else char for char in name).split()).strip("\"'")
    plain = all(unicodedata.category(char)[0] in "LM" or char in " .,'’-&·" for char in text)
    fits = text and len(text) <= NAME_MAX and len(text.split()) <= _NAME_WORDS_MAX
    return text if fits and plain and not _LINK.search(text) and any(map(str.isalpha, text)) else NOBODY


def clean_subject(subject: str) -> str:
    """A subject as it may be repeated: one line, without Re and Aw, no links; "your message" where none is left."""
    text = bare_subject("".join(" " if _control(char) else char for char in subject))
    if not text or _LINK.search(text):
        return NO_SUBJECT
    return text if len(text) <= SUBJECT_MAX else text[: SUBJECT_MAX - 1].rstrip() + "…"


def thread_reference(thread: str) -> str:
    """A short reference for people, the same for every message of a thread."""
    return f"T-{derive('thread', thread, size=4).hex().upper()}"


def _control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _day(at: int) -> str:
    return datetime.fromtimestamp(min(max(at // SECOND, 0), 253_402_300_799), UTC).strftime("%Y-%m-%d")
