"""What people write about: `intents.toml`, `approved-replies.jsonl` and `forbidden-words.txt`.

An intent is known by its description and examples; it says whether an answer is expected, which labels are
set, which flags are always raised and which template answers it. Past replies feed the drafter, forbidden
words the inspector.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from mainstay.agents.intents import UNKNOWN, ApprovedReply, Intent
from mainstay.config.toml import parse_toml
from mainstay.kernel.errors import ConfigError
from mainstay.workflows.document import SIZE_MAX, Document, Path, Problems, Section, read_text, suggestion

# The same as `mainstay.agents.flags.FLAGS` (a test says so), whose import would cost every command a tenth of a second.
FLAGS = (
    "machine",
    "instruction",
    "hidden",
    "phishing",
    "credentials",
    "threat",
    "legal",
    "money",
    "language",
    "broken",
    "empty",
    "urgency",
)
_WORD_MAX = 5_000
_REPLIES_SIZE_MAX = 64 * SIZE_MAX


def read_intents(raw: bytes, file: str, templates: Collection[str] | None = None) -> tuple[Intent, ...]:
    """The intents of a file. With `templates` (names) each intent's template must be one of them."""
    document = parse_toml(raw, file)
    problems, found = Problems(), dict[str, Intent]()
    with problems.caught():
        document.top.only("intent")
    with problems.caught():
        for section in document.top.tables("intent"):
            with problems.caught():
                intent = _intent(section, templates)
                if intent.id in found:
                    raise section.error(
                        "id", f"the intent {intent.id!r} stands twice", remedy="give it another id"
                    )
                found[intent.id] = intent
    problems.raise_any()
    return tuple(found.values())


def _intent(section: Section, templates: Collection[str] | None) -> Intent:
    section.only("id", "name", "description", "reply_expected", "labels", "flags", "template", "examples")
    identity = section.name("id")
    if identity == UNKNOWN:
        raise section.error(
            "id", f"{UNKNOWN!r} stands for messages that belong to no intent", remedy="choose another id"
        )
    expected, template = section.flag("reply_expected"), section.text("template", "")
    if expected and not template:
        raise section.error(
            "", "a reply is expected, and there is no template for it", remedy='add template = "..."'
        )
    if template and not expected:
        raise section.error(
            "template", "no reply is expected, and there is a template", remedy="remove one of them"
        )
    if template and templates is not None and template not in templates:
        raise section.error(
            "template", f"there is no templates/{template}.md", remedy=suggestion(template, templates)
        )
    flags = section.words("flags", ())
    for flag in flags:
        if flag not in FLAGS:
            raise section.error("flags", f"there is no flag {flag!r}", remedy=suggestion(flag, FLAGS))
    return Intent(
        id=identity,
        name=section.text("name", identity.replace("-", " ").capitalize()),
        description=section.text("description"),
        reply_expected=expected,
        labels=section.words("labels", ()),
        flags=flags,
        template=template,
        examples=section.words("examples", ()),
    )


def read_approved_replies(
    raw: bytes, file: str, intents: Collection[str] | None = None
) -> tuple[ApprovedReply, ...]:
    """Past replies, one JSON object a line. With `intents` (ids) each must answer one of them."""
    problems, found = Problems(), dict[str, ApprovedReply]()
    text = read_text(raw, file, ConfigError, size_max=_REPLIES_SIZE_MAX)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        with problems.caught():
            reply = _reply(_line(line, file, number), intents)
            if reply.id in found:
                raise ConfigError(f"the reply {reply.id!r} stands twice", file=file, line=number)
            found[reply.id] = reply
    problems.raise_any()
    return tuple(found.values())


def _line(line: str, file: str, number: int) -> Section:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            "this line is not JSON", file=file, line=number, why=str(error)[:100], remedy="one object a line"
        ) from None
    if not isinstance(value, dict):
        raise ConfigError(
            "this line is not a JSON object", file=file, line=number, remedy="one object a line"
        )
    lines: dict[Path, int] = {(key,): number for key in (*value, *_REPLY_KEYS)}
    return Document(file, value, lines).top


_REPLY_KEYS = ("id", "intent", "language", "subject", "question", "answer", "approved_at")


def _reply(section: Section, intents: Collection[str] | None) -> ApprovedReply:
    section.only(*_REPLY_KEYS)
    for key in ("id", "intent", "question", "answer", "approved_at"):
        if not section.has(key):
            raise section.error(key, f"the key {key!r} is missing", remedy=f"add {key!r}")
    intent, at = section.text("intent"), section.text("approved_at")
    if intents is not None and intent not in intents:
        raise section.error("intent", f"there is no intent {intent!r}", remedy=suggestion(intent, intents))
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise section.error(
            "approved_at", f"{at!r} is not a time", remedy="write 2026-01-31T10:00:00Z"
        ) from None
    return ApprovedReply(
        id=section.text("id"),
        intent=intent,
        language=section.text("language", "en"),
        subject=section.text("subject", ""),
        question=section.text("question"),
        answer=section.text("answer"),
        approved_at=at,
    )


def read_forbidden_words(raw: bytes, file: str) -> tuple[str, ...]:
    """One word or phrase a line, lower-cased, each once; empty lines and comments (`#`) are skipped."""
    lines = (line.strip() for line in read_text(raw, file, ConfigError).split("\n"))
    words = dict.fromkeys(
        " ".join(line.casefold().split()) for line in lines if line and not line.startswith("#")
    )
    if len(words) > _WORD_MAX:
        raise ConfigError(f"there are {len(words)} words, and at most {_WORD_MAX} are read", file=file)
    return tuple(words)
