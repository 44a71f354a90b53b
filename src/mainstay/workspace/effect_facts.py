"""An act without a text, as a person reads it: what it does and to what, in names and values.

Pure. Everything that stands in the request is told but what is empty: what is approved is all of it. Times are told as
times and long ids by their beginning, since nobody compares them by eye; the digest of the card binds all of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mainstay.kernel.values import Json

TITLE_LABELS_MAX = 3
HEX_MIN, HEX_SHOWN = 24, 12
DEPTH_MAX = 4
_YEAR_2000_US, _YEAR_2100_US = 946_684_800_000_000, 4_102_444_800_000_000
_TIMES = frozenset({"date", "at", "since", "until"})
_DIGITS = frozenset("0123456789abcdef")
_LABELS = {"email.label": "Label", "email.unlabel": "Take off"}
# Of a message: how its fields are called, and in which order they are told.
_OF_A_MESSAGE = {
    "subject": "Message",
    "from": "From",
    "from_name": "Name",
    "date": "Sent",
    "reply_to": "Reply to",
    "mailbox": "Mailbox",
    "seen_before": "Written to before",
    "message_id": "Message id",
    "thread": "Thread",
    "references": "Follows",
}

Fact = tuple[str, str]


def title_of(act: str, shown: Json, given: str) -> str:
    """What is done and to whose message, where the adapter's own title names neither; else the given one."""
    request = shown.get("request")
    message = request.get("message") if isinstance(request, dict) else None
    if act not in _LABELS or not isinstance(message, dict):
        return given
    labels = [str(one) for one in request.get("labels") or ()] if isinstance(request, dict) else []
    more = f" and {len(labels) - TITLE_LABELS_MAX} more" if len(labels) > TITLE_LABELS_MAX else ""
    which = ", ".join(labels[:TITLE_LABELS_MAX]) + more
    about = ", ".join(str(message[name]) for name in ("from", "subject") if message.get(name))
    return f"{_LABELS[act]} {which}: {about}" if which and about else given


def facts_of(request: Any) -> tuple[Fact, ...]:
    """The fields of a request, each by its name; empty ones are left out."""
    if not isinstance(request, dict):
        return ()
    found: list[Fact] = []
    for name, value in sorted(request.items(), key=lambda one: one[0] == "message"):
        if name == "message" and isinstance(value, dict):
            known = [(_OF_A_MESSAGE[one], one) for one in _OF_A_MESSAGE if one in value]
            others = [(f"Message {_words(one)}", one) for one in value if one not in _OF_A_MESSAGE]
            found += [(called, _told(one, value[one], 1)) for called, one in (*known, *others)]
        else:
            found.append((_words(name).capitalize(), _told(name, value, 1)))
    return tuple(one for one in found if one[1])


def lines_of(facts: tuple[Fact, ...]) -> str:
    """The same as a text: one fact a line."""
    wide = max((len(name) for name, _ in facts), default=0)
    return "\n".join(f"{name + ':':<{wide + 1}} {value}" for name, value in facts)


def _told(name: str, value: Any, level: int) -> str:
    match value:
        case None | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case int() if _is_time(name, value):
            moment = datetime.fromtimestamp(value // 1_000_000, UTC)
            return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
        case str() if len(value) >= HEX_MIN and set(value) <= _DIGITS:
            return f"{value[:HEX_SHOWN]}…"
        case dict() | list() | tuple() if level >= DEPTH_MAX:
            return repr(value)
        case dict():
            parts = ((_words(one), _told(one, inner, level + 1)) for one, inner in value.items())
            return "; ".join(f"{called} {told}" for called, told in parts if told)
        case list() | tuple():
            return ", ".join(filter(None, (_told(name, one, level + 1) for one in value)))
        case _:
            return str(value)


def _is_time(name: str, value: int) -> bool:
    named = name in _TIMES or name.endswith("_at")
    return named and _YEAR_2000_US < value < _YEAR_2100_US


def _words(name: str) -> str:
    return name.replace("_", " ")
