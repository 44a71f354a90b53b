"""A draft by a language model: what it is given, what it must give back, and what follows when it does not.

Rules of this file: the model writes what stands between greeting and signature, and no more. Recipient, subject,
greeting and signature are never its own. What it is given is bounded, and what did not fit is told. Its answer is
typed; an answer that is no draft, or no answer at all for good, is a reason to draft on the device. What may come right
when it is asked again is the director's to retry, for `ATTEMPTS` attempts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field, ValidationError

from mainstay.agents.base import Brief, Data, Failed, MessageView, Recalled, Tools
from mainstay.agents.intents import Intent
from mainstay.agents.lessons import Lesson
from mainstay.agents.outside import quoted, quoted_message
from mainstay.agents.prompt import conversation, instructions
from mainstay.kernel.events import FailureClass
from mainstay.kernel.values import NO_USAGE, Json, Usage
from mainstay.memory.working import Account, Priority, WorkingContext
from mainstay.models.base import Completion, Unanswered

OUTPUT_TOKEN_MAX = 900
CONTEXT_TOKEN_MAX = 4_000  # instructions, message, template, lessons and all that was recalled
CONTEXT_BYTES_MAX = 16_000  # the same in bytes, by which a call's worst case is reckoned before it is made
ATTEMPTS = 3  # after so many it drafts on the device: late mail is worse than a plain answer
MESSAGE_CHARS = (12_000, 6_000, 3_000, 1_500)  # the first of these that leaves room for the rest

MESSAGE = "message"


class ModelReply(Data):
    """What a model must give back. Of the subject it is not asked: a reply keeps that of its thread."""

    text: str = Field(min_length=1, max_length=8_000)
    sources: tuple[str, ...] = Field(default=(), max_length=40)
    missing: tuple[str, ...] = Field(default=(), max_length=20)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be drafted, from what."""

    message: MessageView
    intent: Intent
    operator_name: str
    template: str  # its name
    template_text: str  # between greeting and signature
    recalled: tuple[Recalled, ...] = ()
    lessons: tuple[Lesson, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A model's draft, and what it was made from."""

    reply: ModelReply
    model: str
    context: Account
    usage: Usage


@dataclass(frozen=True, slots=True)
class OnDevice:
    """Why there is no draft by the model, so that one is made on the device."""

    why: str
    usage: Usage = NO_USAGE


async def write(task: Task, brief: Brief, tools: Tools) -> Written | OnDevice | Failed:
    """One draft by the model that the tools give."""
    with WorkingContext(token_max=CONTEXT_TOKEN_MAX, byte_max=CONTEXT_BYTES_MAX) as context:
        _fill(context, task, brief)
        account = context.account()
        if MESSAGE not in account.sources:
            return OnDevice("the message does not fit into what a model is given")
        prompt = conversation(
            context.kept(), output_token_max=OUTPUT_TOKEN_MAX, output_schema=ModelReply.model_json_schema()
        )
        answer = await tools.complete(prompt)
    for one in account.dropped:
        tools.set_aside(one.source, one.why)
    if isinstance(answer, Unanswered):
        return _without(answer, tools.model, brief)
    return _read(answer, account)


def _read(answer: Completion, account: Account) -> Written | OnDevice:
    try:
        reply = ModelReply.model_validate_json(_bare(answer.text))
    except ValidationError:
        cut = ": it was cut at its limit" if answer.cut else ""
        return OnDevice(f"what {answer.model_id} answered was no draft{cut}", answer.usage)
    if reply.missing:
        lacking = ", ".join(reply.missing)[:200]
        return OnDevice(f"{answer.model_id} would have had to know more: {lacking}", answer.usage)
    if not reply.text.strip():
        return OnDevice(f"{answer.model_id} wrote nothing", answer.usage)
    return Written(reply, answer.model_id, account, answer.usage)


def _without(answer: Unanswered, model: str, brief: Brief) -> OnDevice | Failed:
    """What follows from no answer: again later where that may help, else without the model."""
    # Where nobody knows what was consumed, all that was held counts as spent.
    usage = answer.usage if answer.usage is not None else Usage(cost_micros=brief.cost_max_micros)
    why = f"{model} gave no answer ({answer.detail})"
    passing = answer.cause in ("unreachable", "timeout", "limited")
    if not passing:
        return OnDevice(why, usage)
    if brief.attempt >= ATTEMPTS:
        return OnDevice(f"{why}, {brief.attempt} times", usage)
    failure = FailureClass.THROTTLED if answer.cause == "limited" else FailureClass.TRANSIENT
    return Failed(failure, why, answer.retry_after_s, answer.usage)


def _fill(context: WorkingContext, task: Task, brief: Brief) -> None:
    """Everything that might be of use, each with the id that it is cited by."""
    told = instructions("reply").filled(
        {
            "operator.name": task.operator_name or "the operator",
            "intent.name": task.intent.name,
            "intent.description": task.intent.description,
        }
    )
    context.add(Priority.INSTRUCTIONS, "instructions", told)
    # The same at every attempt: a prompt that says the same is answered from the cache after a crash or a late answer.
    key = f"{brief.run}/{brief.task}"
    context.add(Priority.MESSAGE, MESSAGE, _message(task.message, key))
    context.add(Priority.TEMPLATE, f"template:{task.template}", task.template_text)
    context.add(Priority.FINDINGS, "findings", _findings(brief.findings))
    for lesson in task.lessons:
        context.add(Priority.LESSONS, lesson.id, _lesson(lesson))
    for one in task.recalled:
        context.add(Priority.RECALLED, one.source, quoted(_recalled(one), one.source, key=key))


def _message(message: MessageView, key: str) -> str:
    """The message quoted, cut so that it leaves room; what is cut is marked by whoever quotes."""
    for most in MESSAGE_CHARS:
        text = quoted_message(message, key=key, char_max=most)
        if len(text) < 2 * CONTEXT_TOKEN_MAX:
            return text
    return text


def _findings(findings: Sequence[Json]) -> str:
    said = [
        f"- {one.get('check')}: {remark}{'; ' if remark else ''}{one.get('remedy', '')}"
        for one in findings
        for remark in [_plain(one.get("remark"))]
    ]
    return "\n".join(("Your last draft was sent back. What an inspector found in it:", *said)) if said else ""


def _plain(remark: object) -> str:
    """A remark may quote the draft; one that is still sealed says nothing here."""
    return remark if isinstance(remark, str) and not remark.startswith("sealed:") else ""


def _lesson(lesson: Lesson) -> str:
    change = lesson.change
    old, new = " ".join(change.before), " ".join(change.after)
    if not old:
        where = f" after: {change.anchor}" if change.anchor else " at the beginning"
        return f"The operator added{where}\nAdded: {new}"
    return f"The operator took out: {old}" if not new else f"The operator replaced: {old}\nby: {new}"


def _recalled(one: Recalled) -> str:
    answer = one.fields.get("answer")
    return f"Asked: {one.text}\nAnswered: {answer}" if isinstance(answer, str) and answer else one.text


def _bare(text: str) -> str:
    """The JSON of an answer that wraps it in a fence, as small models do."""
    bare = text.strip()
    if bare.startswith("```"):
        bare = bare.partition("\n")[2].rpartition("```")[0]
    return bare


def texts_of(task: Task, sources: Sequence[str]) -> Mapping[str, str]:
    """What the given sources say that a draft may rely on: of a past reply the answer, not the question."""
    found = {f"template:{task.template}": task.template_text}
    found |= {lesson.id: " ".join(lesson.change.after) for lesson in task.lessons}
    for one in task.recalled:
        answer = one.fields.get("answer")
        found[one.source] = answer if isinstance(answer, str) and answer else one.text
    return {source: text for source, text in found.items() if source in sources}
