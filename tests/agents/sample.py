"""The shipped sample as values: what agents are given, and what is expected of them."""

import csv
import functools
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mainstay.data
from mainstay.adapters.email.machine import automatic
from mainstay.adapters.email.mime import ParsedMail, parse
from mainstay.adapters.email.thread import thread_of
from mainstay.agents.base import Brief, MessageView
from mainstay.agents.checks.subject import HouseRules
from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.agents.specialists.writer import Operator
from mainstay.agents.template import Template, parse_template
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant, Json

SAMPLE = Path(mainstay.data.__file__).parent / "sample"
OWN = ("help@northdesk.example",)
NOW = Instant(1_772_500_000_000_000)  # 2026-03-03
OPERATOR = Operator("North Desk", "\nBest wishes\nNorth Desk\nhttps://northdesk.example")


@dataclass(frozen=True)
class Case:
    """One message of the sample, and what `expected.csv` says of it."""

    name: str
    view: MessageView
    intent: str
    disposition: str
    flags: frozenset[str]

    @property
    def english(self) -> bool:
        return "language" not in self.flags


def view_of(mail: ParsedMail) -> MessageView:
    return MessageView(
        message_id=mail.message_id,
        thread=thread_of(mail),
        mailbox="support",
        from_address=mail.sender.email if mail.sender else "",
        from_name=mail.sender.name if mail.sender else "",
        reply_to=mail.reply_to[0].email if mail.reply_to else "",
        to=tuple(one.email for one in mail.to),
        subject=mail.subject,
        sent_at=mail.date or Instant(0),
        references=mail.references,
        text=mail.text,
        new_text=mail.new_text,
        attachments=tuple(one.name for one in mail.attachments),
        automatic=automatic(mail, OWN) or "",
        hidden_text=mail.hidden_text,
        defects=mail.defects,
    )


def _mails(batch: str) -> list[bytes]:
    messages: list[list[bytes]] = []
    for line in (SAMPLE / f"{batch}.mbox").read_bytes().splitlines(keepends=True):
        if line.startswith(b"From "):
            messages.append([])
            continue
        messages[-1].append(line[1:] if re.match(rb">+From ", line) else line)
    return [b"".join(lines) for lines in messages]


@functools.cache
def cases() -> tuple[Case, ...]:
    """Every message that an agent would see: without rejected ones and duplicates."""
    with (SAMPLE / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    mails = {batch: _mails(batch) for batch in ("first", "second")}
    found = []
    for row in rows:
        mail = parse(mails[row["batch"]][int(row["index"])])
        if row["disposition"] in ("rejected", "duplicate"):
            continue
        assert isinstance(mail, ParsedMail)
        name = f"{row['batch']}-{row['index']}"
        flags = frozenset(row["flags"].split())
        found.append(Case(name, view_of(mail), row["intent"], row["disposition"], flags))
    return tuple(found)


@functools.cache
def intents() -> tuple[Intent, ...]:
    rows = tomllib.loads((SAMPLE / "workspace/intents.toml").read_text("utf-8"))["intent"]
    return tuple(
        Intent(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in rows
    )


@functools.cache
def templates() -> dict[str, Template]:
    files = sorted((SAMPLE / "workspace/templates").glob("*.md"))
    return {file.stem: parse_template(file.read_text("utf-8"), name=file.stem) for file in files}


@functools.cache
def replies() -> tuple[ApprovedReply, ...]:
    lines = (SAMPLE / "workspace/approved-replies.jsonl").read_text("utf-8").splitlines()
    return tuple(ApprovedReply(**json.loads(line)) for line in lines if line.strip())


@functools.cache
def rules() -> HouseRules:
    lines = (SAMPLE / "workspace/forbidden-words.txt").read_text("utf-8").splitlines()
    words = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    return HouseRules(own_domains=("northdesk.example",), own_addresses=OWN, forbidden_words=words)


def message(text: str = "How do I invite a colleague?", /, **fields: Any) -> MessageView:
    """A plain message from a plain customer."""
    given: dict[str, Any] = {
        "message_id": "m1@customer.example",
        "thread": "m1@customer.example",
        "mailbox": "support",
        "from_address": "pat@customer.example",
        "from_name": "Pat Example",
        "subject": "Hello",
        "sent_at": NOW,
        "text": text,
        "new_text": text,
    }
    return MessageView(**(given | fields))


def brief(inputs: Json, *, revision: int = 0, act: str = "") -> Brief:
    return Brief(
        run=RunId("0" * 32),
        task="task",
        attempt=1,
        role=Role.SPECIALIST,
        inputs=inputs,
        now=NOW,
        act=act,
        revision=revision,
    )
