"""The drafter: a reply from the operator's own template, or from an answer that was approved before.

Rules of this file: not a word of the incoming text gets into a reply except through placeholders, and those are
cleaned here. Between greeting and signature stands either the template's text or the answer to the nearest past
question of the same intent, where that is near enough. A draft that was sent back is made anew from the template
alone. Who is answered is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mainstay.agents.base import Brief, Data, Failed, MessageView, Outcome, Produced, Recalled, Reply, Tools
from mainstay.agents.cue import bare_subject, cue
from mainstay.agents.flags import assess
from mainstay.agents.intents import Intent
from mainstay.agents.template import Template, missing, render, render_subject
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import derive
from mainstay.kernel.plan import Role
from mainstay.kernel.values import SECOND, Instant

SIMILARITY_MIN = 0.60  # below this a past answer is shown as evidence, and not used
RECALLED_MAX = 3
NAME_MAX = 60
SUBJECT_MAX = 150
NOBODY, NO_SUBJECT = "there", "your message"

_NAME_WORDS_MAX = 6
_COUNTING = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_COUNTING.split(), 2)} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "hundred": "100",
}
_NUMBER = re.compile(rf"\b(?:\d+|{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_LINK = re.compile(
    r"https?:|www\.|://|\b[\w-]{2,63}\.(?:com|net|org|io|info|biz|ru|example)\b|@", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Operator:
    """In whose name replies are written."""

    name: str = ""
    signature: str = ""


class Draft(Data):
    """What the drafter gives back."""

    reply: Reply


class WriterInput(Data):
    """A message, and the intent that was found in it."""

    message: MessageView
    intent: str


class ReplyWriter:
    """Drafts replies."""

    name = "reply-writer"
    role = Role.EXECUTOR
    input: type[Data] = WriterInput
    output: type[Data] | None = Draft
    cost_max_micros = 0

    def __init__(
        self,
        intents: Sequence[Intent],
        templates: Mapping[str, Template],
        operator: Operator,
        *,
        languages: Sequence[str] = ("en",),
        similarity_min: float = SIMILARITY_MIN,
    ) -> None:
        self._intents = {intent.id: intent for intent in intents}
        self._templates = dict(templates)
        self._operator = operator
        self._languages = tuple(languages)
        self._similarity_min = similarity_min
        parts = [part for name, one in sorted(templates.items()) for part in (name, one.subject, one.body)]
        self.recipe = f"reply-writer 1, lean {similarity_min}, templates {derive(*parts, size=6).hex()}"

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """A draft, or a refusal where no draft should be made."""
        given = WriterInput.model_validate(brief.inputs)
        message, intent = given.message, self._intents.get(given.intent)
        if message.automatic:
            return Failed(FailureClass.REFUSED, f"a machine is never answered: {message.automatic}")
        found = assess(message, self._languages)
        if found.grave:
            return Failed(FailureClass.REFUSED, f"left to a person: the message {', '.join(found.reasons)}")
        template = self._templates.get(intent.template) if intent else None
        if intent is None or template is None:
            return Failed(FailureClass.REFUSED, f"there is no template for the intent {given.intent!r}")
        recalled = tuple(tools.recall(cue(message), limit=RECALLED_MAX, intent=intent.id))
        leaned = None if brief.revision else self._near_enough(recalled, cue(message))
        values = self._values(message, intent, brief.now)
        return _produced(template, values, leaned, recalled, intent.id, brief.revision)

    def _near_enough(self, recalled: Sequence[Recalled], asked: str) -> Recalled | None:
        """The past answer that may be used again: near, general enough, and in a language of the workspace."""
        for one in recalled:
            language = one.fields.get("language", "")
            if not _particulars(one) <= _numbers(asked):
                continue
            if (
                one.score >= self._similarity_min
                and _answer(one)
                and (not language or language in self._languages)
            ):
                return one
        return None

    def _values(self, message: MessageView, intent: Intent, now: Instant) -> dict[str, str | None]:
        return {
            "message.sender_name": clean_name(message.from_name),
            "message.subject": clean_subject(message.subject),
            "message.received_date": _day(message.sent_at or now),
            "operator.name": self._operator.name or None,
            "operator.signature": self._operator.signature.strip("\n") or None,
            "intent.name": intent.name,
            "thread.reference": thread_reference(message.thread or message.message_id),
        }


def _particulars(recalled: Recalled) -> frozenset[str]:
    """Numbers that the past answer took over from its question: it holds only for those who say the same."""
    return _numbers(recalled.text) & _numbers(_answer(recalled))


def _numbers(text: str) -> frozenset[str]:
    words = (word.casefold() for word in _NUMBER.findall(text))
    return frozenset(_NUMBER_WORDS.get(word, word) for word in words)


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


def _produced(
    template: Template,
    values: Mapping[str, str | None],
    leaned: Recalled | None,
    recalled: Sequence[Recalled],
    intent: str,
    revision: int,
) -> Produced:
    lacking = missing(template, values)
    # A gap is left visible instead of failing: the inspector refuses it, and a person sees where it is.
    filled = {name: f"[{name}]" if value is None else value for name, value in values.items()}
    filled |= {name: f"[{name}]" for name in lacking}
    text = _leaning(template, filled, _answer(leaned)) if leaned else None
    sources = (leaned.source,) if leaned and text else ()
    reply = Reply(
        text=text or render(template, filled),
        subject=render_subject(template, filled),
        template=template.name,
        missing=lacking,
        sources=sources,
    )
    evidence = (f"template:{template.name}", *(one.source for one in recalled))
    return Produced(Draft(reply=reply), _rationale(reply, intent, leaned, recalled, revision), evidence)


def _answer(recalled: Recalled) -> str:
    answer = recalled.fields.get("answer")
    return answer.strip() if isinstance(answer, str) else ""


def _leaning(template: Template, values: Mapping[str, str | None], answer: str) -> str | None:
    """Greeting, past answer, signature; None where the template has no greeting and signature of their own."""
    parts = template.body.split("\n\n")
    if len(parts) < 3 or "message.sender_name" not in parts[0] or "operator.signature" not in parts[-1]:
        return None
    greeting, signature = (render(_part(template, part), values) for part in (parts[0], parts[-1]))
    return f"{greeting}\n\n{answer}\n\n{signature}"


def _part(template: Template, body: str) -> Template:
    return replace(
        template, body=body, placeholders=tuple(name for name in template.placeholders if name in body)
    )


def _rationale(
    reply: Reply, intent: str, leaned: Recalled | None, recalled: Sequence[Recalled], revision: int
) -> str:
    said = f"Template {reply.template} for intent {intent}"
    if reply.sources and leaned is not None:
        return f"{said}, with the answer that was approved for a like question ({leaned.source}, {leaned.score:.2f})."
    if revision:
        return f"{said}, without any past answer, since the draft before was sent back."
    if recalled:
        return f"{said}; the nearest past question is too far away ({recalled[0].source}, {recalled[0].score:.2f})."
    return f"{said}; no past answer of this intent."
