"""The part of a message that says what it is about: what is compared with examples and past questions.

One function for all who compare, so that a text is embedded once and read from the cache afterwards. The quoted
history is left out, and so is a subject that answers another: both speak of what was asked before.
"""

from __future__ import annotations

import re
from typing import Protocol

CUE_MAX = 4_000  # characters; the embedder reads less than that

_ANSWER = re.compile(
    r"^\s*(?:re|aw|sv|antw|vs|odp|r|rif|res|fwd?|wg|tr|rv)\s*(?:\[\d+\])?\s*:", re.IGNORECASE
)


def bare_subject(subject: str) -> str:
    """The subject on one line, without leading Re, Aw, Fwd and the like."""
    text = " ".join(subject.split())
    while match := _ANSWER.match(text):
        text = text[match.end() :].lstrip()
    return text


class Written(Protocol):
    """What a message says: `MessageView`, or what was kept of one."""

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def new_text(self) -> str: ...


def cue(message: Written, text: str | None = None) -> str:
    """What the message is about. `text` stands in for the message's own where part of it shall not count."""
    body = (message.new_text or message.text) if text is None else text
    subject = "" if _ANSWER.match(message.subject) else " ".join(message.subject.split())
    words = " ".join(body[: 2 * CUE_MAX].split())
    return (f"{subject}. {words}" if words and subject else words or subject)[:CUE_MAX]
