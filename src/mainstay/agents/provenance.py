"""Where the values of an outgoing text came from: what an incoming message says that was never seen before.

Rules of this file: pure, total. A link, an address, an amount or an account number that stands in a draft and in the
message that it answers, and in none of the sources that the draft rests upon, came from outside. It is told on the
card, beside the recipient. The table says which fields of a message, an annotation and a draft hold words from outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mainstay.agents.base import MessageView, Reply
from mainstay.agents.flags import domain, same_host

# Nearly all of a message is from outside. An annotation holds ids of the operator's own lists, numbers, and the code of
# a language: no word of the message. A draft's text and subject may repeat it; its other fields are names of ours.
FROM_OUTSIDE: dict[str, frozenset[str]] = {
    "MessageView": frozenset(MessageView.model_fields)
    - {"mailbox", "sender_known", "automatic", "hidden_text"},
    "IntentView": frozenset(),
    "Reply": frozenset({"text", "subject", "grounds"}),
}
ORIGIN_MAX = 10
_VALUES = (
    ("link", re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]{3,300}", re.IGNORECASE)),
    ("address", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")),
    ("account number", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    (
        "amount",
        re.compile(
            r"[€$£]\s?\d[\d.,]*\d|[€$£]\s?\d|\b\d[\d.,]*\s?(?:€|\$|£|(?:EUR|USD|GBP|CHF|euros?|dollars?|pounds?)\b)",
            re.IGNORECASE,
        ),
    ),
    ("number", re.compile(r"(?<![\w.,-])\+?\d(?:[ ()/-]?\d){6,18}(?![\w-])")),
)
SOURCE = "the text of the incoming mail"


@dataclass(frozen=True, slots=True)
class Origin:
    """A value of a draft, and where it came from."""

    name: str  # link, address, account number, amount, number
    value: str
    source: str = SOURCE


def origins(
    message: MessageView, reply: Reply, *, known: Iterable[str] = (), own_domains: Iterable[str] = ()
) -> tuple[Origin, ...]:
    """What the reply says that came in with the message. `known` are texts of the operator's own.

    A link or an address below one of `own_domains` is the operator's, whoever wrote it first.
    """
    ours = tuple(one.lower() for one in own_domains if one)
    theirs = " ".join(
        (
            message.subject,
            message.text,
            message.new_text,
            *(f"{one.text} {one.target}" for one in message.links),
        )
    )
    own = {_key(value) for text in known for _, value in _found(text)} | {_key(message.from_address)}
    incoming = {_key(value) for _, value in _found(theirs)}
    told = [
        Origin(name, value)
        for name, value in _found(f"{reply.subject}\n{reply.text}")
        if _key(value) in incoming and _key(value) not in own and not _below(name, value, ours)
    ]
    return tuple(dict.fromkeys(told))[:ORIGIN_MAX]


def claimed(reply: Reply, source: str, *, besides: Iterable[Origin] = ()) -> tuple[Origin, ...]:
    """What a reply says that somebody outside wrote whole: each such value came from them."""
    known = {_key(one.value) for one in besides}
    told = [
        Origin(name, value, source)
        for name, value in _found(f"{reply.subject}\n{reply.text}")
        if _key(value) not in known
    ]
    return tuple(dict.fromkeys(told))[:ORIGIN_MAX]


def _below(name: str, value: str, domains: tuple[str, ...]) -> bool:
    if name == "link":
        host = value.partition("://")[2] or value
        host = re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2]
    else:
        host = domain(value)
    return any(same_host(host, one) for one in domains) if host and name in ("link", "address") else False


def _found(text: str) -> list[tuple[str, str]]:
    values: list[tuple[str, str]] = []
    rest = text[:50_000]
    for name, pattern in _VALUES:
        values += [(name, match[0].rstrip(".,;:")) for match in pattern.finditer(rest)]
        rest = pattern.sub(" ", rest)
    return values


def _key(value: str) -> str:
    return re.sub(r"[\s()/-]", "", value).casefold().rstrip("/")
