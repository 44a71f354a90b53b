"""Mail as units of memory: a message says what it says, a reply is found by its question and says the answer.

Pure: rows of the view `correspondence` and the opened blobs go in. Read without the agents' models, since a mailbox of
years is opened at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from mainstay.agents.answers import answer_of
from mainstay.agents.cue import cue
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import Value
from mainstay.memory.records import DATA_CLASS
from mainstay.memory.units import Unit

SPACE = "mail"
CUSTOMER = "customer"  # the data class of mail
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Mail:
    """What memory wants of a message: as `MessageView` has it."""

    subject: str = ""
    text: str = ""
    new_text: str = ""
    from_name: str = ""
    from_address: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    reply: _Reply = field(default_factory=_Reply)


@dataclass(frozen=True, slots=True)
class _Card:
    request: _Request = field(default_factory=_Request)


_mail = msgspec.json.Decoder(Mail).decode
_card = msgspec.json.Decoder(_Card).decode


Get = Callable[[Digest, bytes], bytes]  # the opened blob of an address, sealed in this context


def opened(row: Row, get: Get, signature: str) -> Unit:
    """A row of the view as the unit that it is. Raises what `get` raises, and `ValueError`."""
    content = Digest(_text(row["content"]))
    if row["kind"] == "reply":
        question = get(Digest(_text(row["question"])), b"message")
        return unit_of_reply(row, question, get(content, b"card"), signature)
    return unit_of_message(row, get(content, b"message"))


def unit_of_message(row: Row, message: bytes) -> Unit:
    """A message that came in. Raises `ValueError` for a blob that is none."""
    mail = _mail(message)
    return Unit(
        id=f"{_text(row['memory'])}@1",
        text=cue(mail),
        actor=mail.from_name or mail.from_address,
        thread=_text(row["thread"]),
        at=Instant(_int(row["at"])),
        space=SPACE,
        kind=_text(row["kind"]),
        source=_text(row["memory"]),
        fields={"mailbox": _text(row["mailbox"]), DATA_CLASS: CUSTOMER},
        recorded=_int(row["position"]),
    )


def unit_of_reply(row: Row, question: bytes, card: bytes, signature: str) -> Unit:
    """A reply that was approved and sent: the question with the answer as it went out. Raises `ValueError`."""
    mail = _mail(question)
    answer = answer_of(_card(card).request.reply.text, signature)
    fields = {
        "answer": answer,
        "intent": _text(row["intent"]),
        "language": _text(row["language"]),
        "template": _text(row["template"]),
        "run": _text(row["run"]),
        DATA_CLASS: CUSTOMER,
    }
    return Unit(
        id=f"{_text(row['memory'])}@1",
        text=cue(mail) if answer else "",  # without an answer there is nothing to be recalled
        actor="operator",
        thread=_text(row["thread"]),
        at=Instant(_int(row["at"])),
        space=SPACE,
        kind="reply",
        source=f"run:{_text(row['run'])}",
        fields=fields,
        recorded=_int(row["position"]),
    )


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
