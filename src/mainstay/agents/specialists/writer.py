"""The drafter: a reply from the operator's own template, from an answer that was approved before, or by a model.

Rules of this file: not a word of the incoming text gets into a reply except through placeholders, and those are
cleaned (`agents.filling`). On the device there stands between greeting and signature either the template's text or the
answer to the nearest past question of the same intent, where that is near enough; a draft that was sent back is made
anew from the template alone. Then the lessons of earlier edits are applied. With a model, what stands there is the
model's (`agents.model_draft`), and where it gives none, the device's. Who is answered is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mainstay.agents import ways
from mainstay.agents.base import Brief, Data, Failed, MessageView, Outcome, Produced, Recalled, Reply, Tools
from mainstay.agents.checks.grounds import facts_of
from mainstay.agents.cue import cue
from mainstay.agents.filling import (
    NAME_MAX,
    NO_SUBJECT,
    NOBODY,
    SUBJECT_MAX,
    Operator,
    Values,
    clean_name,
    clean_subject,
    house_of,
    person_of,
    thread_reference,
    values_of,
)
from mainstay.agents.flags import assess
from mainstay.agents.frame import between, framed_by, middle_of
from mainstay.agents.impersonal import House
from mainstay.agents.intents import Intent
from mainstay.agents.lessons import (
    POLICY,
    Lesson,
    applied,
    in_force,
    is_withheld,
    lesson_of,
)
from mainstay.agents.lessons import (
    RECALLED_MAX as LESSONS_MAX,
)
from mainstay.agents.model_draft import OnDevice, Task, Written, texts_of, write
from mainstay.agents.past_answers import answer_in, holds_for, impersonal_answer, is_somebodys
from mainstay.agents.template import Template, missing, render, render_subject
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import derive
from mainstay.kernel.plan import Role
from mainstay.kernel.values import NO_USAGE, Usage
from mainstay.memory.lesson_rules import USUAL, Rules

__all__ = [
    "NAME_MAX",
    "NOBODY",
    "NO_SUBJECT",
    "SUBJECT_MAX",
    "Draft",
    "Operator",
    "ReplyWriter",
    "WriterInput",
    "clean_name",
    "clean_subject",
    "thread_reference",
]

RECALLED_MAX = 3
FOR_A_MODEL_MAX = 8
NOTES = "notes"  # the retrieval policy by which a model is given the operator's notes and documents


class Draft(Data):
    """What the drafter gives back. Lessons by name: those it was made with, and those withheld to measure them."""

    reply: Reply
    lessons: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    recipe: str = ""


class WriterInput(Data):
    """A message, and the intent that was found in it."""

    message: MessageView
    intent: str


@dataclass(frozen=True, slots=True)
class _Order:
    """One draft to be made: from what, for whom."""

    brief: Brief
    message: MessageView
    intent: Intent
    template: Template
    values: Values
    recalled: tuple[Recalled, ...]
    lessons: Mapping[str, tuple[Lesson, Recalled]]  # by name, with where each was recalled from


class ReplyWriter:
    """Drafts replies. With a `model`, what it may cost at most is what its prompt and answer cost at worst."""

    name = "reply-writer"
    role = Role.EXECUTOR
    input: type[Data] = WriterInput
    output: type[Data] | None = Draft

    def __init__(
        self,
        intents: Sequence[Intent],
        templates: Mapping[str, Template],
        operator: Operator,
        *,
        languages: Sequence[str] = ("en",),
        similarity_min: float = ways.LEAN_MIN,
        house: House | None = None,
        rules: Rules = USUAL,
        model: str = "",
        cost_max_micros: int | None = 0,
    ) -> None:
        self._intents = {intent.id: intent for intent in intents}
        self._similarity_min = similarity_min
        self._model = model
        self._operator = operator
        self._languages = tuple(languages)
        self._rules = rules
        self.cost_max_micros = cost_max_micros
        self.adopt(templates, house or house_of(templates, intents, operator=operator))

    def adopt(self, templates: Mapping[str, Template], house: House) -> None:
        """Draft after these templates from here on; another recipe, since it makes other drafts."""
        self._templates = dict(templates)
        self._house = house
        parts = [part for name, one in sorted(templates.items()) for part in (name, one.subject, one.body)]
        of = f"templates {derive(*parts, size=6).hex()}"
        made_of = f"reply-writer 2, lean {self._similarity_min}, {of}, {ways.LESSONS}"
        self._on_device = made_of
        self.recipe = f"{made_of}, {ways.written_by(self._model)}" if self._model else made_of
        self.way = ways.writer(self._model, self._similarity_min)  # whatever the template

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
        asked = cue(message)
        order = _Order(
            brief,
            message,
            intent,
            template,
            values_of(message, intent.name, self._operator, brief.now),
            tuple(
                await tools.recall(
                    asked, limit=FOR_A_MODEL_MAX if tools.model else RECALLED_MAX, intent=intent.id
                )
            ),
            _lessons(
                await tools.recall(
                    f"{intent.name}. {asked}", limit=LESSONS_MAX, policy=POLICY, intent=intent.id
                )
            ),
        )
        if not tools.model:
            return self._device(order, tools)
        return await self._modelled(order, tools)

    # --- on the device ---------------------------------------------------------------------------------------------

    def _device(self, order: _Order, tools: Tools, instead: str = "", usage: Usage = NO_USAGE) -> Produced:
        """The template or a past answer, with the lessons that apply. `instead` tells why no model wrote it."""
        leaned = None if order.brief.revision else self._near_enough(order.recalled, cue(order.message))
        template, values = order.template, order.values
        lacking = missing(template, values)
        # A gap is left visible instead of failing: the inspector refuses it, and a person sees where it is.
        filled = {name: f"[{name}]" if value is None else value for name, value in values.items()}
        filled |= {name: f"[{name}]" for name in lacking}
        framed = framed_by(template, filled) if leaned else None
        text = between(framed, answer_in(leaned)) if leaned and framed else render(template, filled)
        sources = (leaned.source,) if leaned and framed else ()
        made = applied(
            text,
            in_force(
                [lesson for lesson, _ in order.lessons.values()],
                template=template.name,
                min_agreeing=self._rules.min_agreeing,
            ),
            run=order.brief.run,
            values=values,
            person=person_of(order.message, values),
            house=self._house,
            rules=self._rules,
        )
        self._log_withheld(order, made.withheld, tools)
        rests = (template.body, *(answer_in(leaned) for _ in sources), *_words(order, made.given))
        reply = Reply(
            text=made.text,
            subject=render_subject(template, filled),
            template=template.name,
            template_digest=template.digest,
            missing=lacking,
            sources=sources,
            given=sources,
            grounds=_grounds(rests, filled),
        )
        said = _rationale(reply, order.intent.id, leaned, order.recalled, order.brief.revision)
        said = " ".join(filter(None, (instead, said, _on_lessons(made.given, made.withheld))))
        evidence = (
            f"template:{template.name}",
            *(one.source for one in order.recalled),
            *_of(order, made.given),
        )
        draft = Draft(reply=reply, lessons=made.given, withheld=made.withheld, recipe=self._on_device)
        return Produced(draft, said, evidence, usage)

    def _near_enough(self, recalled: Sequence[Recalled], asked: str) -> Recalled | None:
        """The past answer that may be used again: near, general enough, and in a language of the workspace."""
        for one in recalled:
            language = one.fields.get("language", "")
            if not holds_for(one, asked) or is_somebodys(one, self._house):
                continue
            if (
                one.score >= self._similarity_min
                and answer_in(one)
                and (not language or language in self._languages)
            ):
                return one
        return None

    # --- by a model ------------------------------------------------------------------------------------------------

    async def _modelled(self, order: _Order, tools: Tools) -> Outcome:
        template = order.template
        lacking = missing(template, order.values)
        framed = (
            None if lacking else framed_by(template, {name: one or "" for name, one in order.values.items()})
        )
        if framed is None:
            return self._device(
                order, tools, f"The template {template.name} leaves no place for a model's words."
            )
        guiding = in_force(
            [lesson for lesson, _ in order.lessons.values()],
            template=template.name,
            min_agreeing=self._rules.min_agreeing,
            to_the_letter=False,
        )
        share, run = self._rules.withheld_share, order.brief.run
        withheld = tuple(one.id for one in guiding if is_withheld(run, one.id, share))
        notes = tuple(await tools.recall(cue(order.message), limit=RECALLED_MAX, policy=NOTES))
        task = Task(
            order.message,
            order.intent,
            self._operator.name,
            template.name,
            middle_of(template, order.values),
            (
                *(impersonal_answer(one, self._house) for one in order.recalled),
                *(one for one in notes if one not in order.recalled),
            ),
            tuple(one for one in guiding if one.id not in withheld),
        )
        written = await write(task, order.brief, tools)
        match written:
            case Failed():
                return written
            case OnDevice(why, usage):
                return self._device(order, tools, f"Made on this device: {why}.", usage)
            case Written():
                self._log_withheld(order, withheld, tools)
                return self._of_model(order, task, written, framed, withheld)

    def _of_model(
        self, order: _Order, task: Task, written: Written, framed: tuple[str, str], withheld: tuple[str, ...]
    ) -> Produced:
        had = written.context.sources
        ours = {"instructions", "findings", "message", f"template:{order.template.name}", *order.lessons}
        lessons = tuple(one.id for one in task.lessons if one.id in had)
        filled = {name: one or "" for name, one in order.values.items()}
        reply = Reply(
            text=between(framed, written.reply.text.strip()),
            subject=render_subject(order.template, filled),
            template=order.template.name,
            template_digest=order.template.digest,
            sources=tuple(dict.fromkeys(one for one in written.reply.sources if one not in ours)),
            given=tuple(one for one in had if one not in ours),
            grounds=_grounds((order.template.body, *texts_of(task, had).values()), filled),
            model=written.model,
        )
        said = [
            f"Written by {written.model} for intent {order.intent.id}, after template {order.template.name}."
        ]
        if reply.sources:
            said.append(f"It cites {', '.join(reply.sources)}.")
        if written.context.dropped:
            said.append(
                f"{len(written.context.dropped)} of {len(had) + len(written.context.dropped)} parts did not fit "
                f"into what it was given ({', '.join(one.source for one in written.context.dropped)})."
            )
        said.append(_on_lessons(lessons, withheld))
        evidence = (f"template:{order.template.name}", *reply.given, *_of(order, lessons))
        draft = Draft(reply=reply, lessons=lessons, withheld=withheld, recipe=self.recipe)
        return Produced(draft, " ".join(filter(None, said)), evidence, written.usage)

    def _log_withheld(self, order: _Order, withheld: Sequence[str], tools: Tools) -> None:
        for name in withheld:
            tools.set_aside(
                order.lessons[name][1].source, "withheld from this run to measure what it is good for"
            )


def _lessons(recalled: Sequence[Recalled]) -> dict[str, tuple[Lesson, Recalled]]:
    found = ((lesson_of(one.fields), one) for one in recalled)
    return {lesson.id: (lesson, one) for lesson, one in found if lesson is not None}


def _words(order: _Order, lessons: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for name in lessons for text in order.lessons[name][0].change.after)


def _of(order: _Order, lessons: Sequence[str]) -> tuple[str, ...]:
    """Where lessons were recalled from, as evidence cites it."""
    return tuple(order.lessons[name][1].source for name in lessons)


def _grounds(texts: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """What the draft may say of numbers, links and addresses: all that its sources and typed values do."""
    return tuple(sorted({fact for text in (*texts, *values.values()) for fact in facts_of(text)}))


def _on_lessons(given: Sequence[str], withheld: Sequence[str]) -> str:
    said = [f"{len(given)} lesson{'s' if len(given) > 1 else ''} of earlier edits went in"] if given else []
    said += [f"{len(withheld)} withheld to measure what it does without"] if withheld else []
    return f"{', '.join(said)}." if said else ""


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
