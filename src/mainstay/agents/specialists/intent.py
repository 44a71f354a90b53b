"""The intent specialist: what a message is about, whether an answer is expected, and what is risky about it.

Runs on the device. Without an embedder it goes by words, says so in its rationale, and is less sure. Flags come
from rules and from the intent itself; a grave flag, machine mail and what belongs to no intent are never
answered by a draft. The text of a message can raise flags and choose among the operator's intents, nothing else.

How sure it is, and whether a person must look, is judged from what the operator decided before (`agents.judge`). What
it goes by stands in its annotation, so that a decision can be learned from the ledger alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainstay.agents import ways
from mainstay.agents.base import Brief, Data, IntentView, MessageView, Outcome, Produced, Tools
from mainstay.agents.cue import cue
from mainstay.agents.flags import FLAGS, Assessment, assess
from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.agents.judge import Judge, Judgement
from mainstay.agents.learned_flags import LearnedFlags
from mainstay.kernel.plan import Role
from mainstay.memory.gate_rules import AUDIT_SHARE, TARGET_ERROR

if TYPE_CHECKING:
    from mainstay.models.base import Embedder

FOREIGN_CONFIDENCE = 0.5  # of what it would be in a language that the embedder was made for
INNOCENT_WORD_MIN = 4  # a greeting that is left over says nothing
_QUOTE_MAX = 80


class IntentInput(Data):
    """A message to annotate."""

    message: MessageView


class IntentSpecialist:
    """Annotates a message with intent, confidence, labels and flags."""

    name = "intent"
    role = Role.SPECIALIST
    input: type[Data] = IntentInput
    output: type[Data] | None = IntentView
    cost_max_micros: int | None = 0

    def __init__(
        self,
        intents: Sequence[Intent],
        *,
        embedder: Embedder | None = None,
        languages: Sequence[str] = ("en",),
        target_error: float = TARGET_ERROR,
        audit_share: float = AUDIT_SHARE,
        meant_for: Sequence[str] | None = None,
    ) -> None:
        """`languages` are those that the operator reads; `meant_for` those of the embedder, None: any."""
        self._intents = {intent.id: intent for intent in intents}
        self._languages = tuple(languages)
        self._by_meaning = embedder is not None
        self._meant_for = meant_for
        # What the embedder was not made for goes to a person, also where that person reads it.
        both = tuple(one for one in languages if meant_for is None or one in meant_for)
        self.judge = Judge(
            intents,
            embedder,
            languages=both or tuple(meant_for or ()),
            target_error=target_error,
            audit_share=audit_share,
        )
        # Through the judge's own embedder: a text is embedded once for both.
        self._learned = None if self.judge.embedder is None else LearnedFlags(self.judge.embedder)
        flags = ways.FLAGS if self._learned is None else f"{ways.FLAGS}, {self._learned.recipe}"
        self.recipe = ways.intent(self.judge.recipe, flags)

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """The annotation of the message. Total: every text gets one."""
        message = IntentInput.model_validate(brief.inputs).message
        id = f"{brief.run}/{brief.task}"
        if not self._by_meaning:
            return self.annotate(message, id)
        # A text takes some 15 ms of arithmetic: not on the loop that keeps the ledger.
        return await asyncio.to_thread(self.annotate, message, id)

    def annotate(self, message: MessageView, id: str = "") -> Produced:
        """The same without a brief, for those who measure. Which ones are drawn as a sample depends on the `id`."""
        found = assess(message, self._languages, self._learned)
        text = _judged_text(message, found)
        judged = self.judge.judge(id, text, found.flags) if text else None
        known = judged is not None and judged.intent != UNKNOWN
        intent = self._intents[judged.intent] if judged is not None and known else None
        foreign = self._foreign(found)
        return Produced(
            IntentView(
                intent=intent.id if intent else UNKNOWN,
                confidence=_confidence(judged, foreign=foreign) if intent else 0.0,
                reply_expected=intent is not None and intent.reply_expected and not found.grave,
                labels=_labels(intent, message),
                flags=_flags(found, intent, message),
                language=found.language,
                template=intent.template if intent and not found.grave else "",
                # Nobody looks at what machines send, and nothing answers it: no gate is asked.
                auto=None if message.automatic else judged is not None and judged.auto,
                audit=judged is not None and judged.audit,
                unknown=intent is None and not message.automatic,
                gate=None if judged is None else judged.gate,
            ),
            rationale=" ".join((*self._reasons(judged, intent, message, found), *_risks(found))),
            evidence=() if judged is None else judged.evidence,
        )

    def _foreign(self, found: Assessment) -> bool:
        made = self._meant_for is None or not found.language or found.language in self._meant_for
        return "language" in found.flags or not made

    def heard(self, message: MessageView) -> str:
        """What of a message is judged, and learned; empty where nothing is."""
        return _judged_text(message, assess(message, self._languages))

    def _reasons(
        self, judged: Judgement | None, intent: Intent | None, message: MessageView, found: Assessment
    ) -> tuple[str, ...]:
        if message.automatic:
            return (f"Not to be answered: {message.automatic}.",)
        if judged is None and found.grave:
            return ("Whatever else it wants was not judged.",)
        if judged is None:
            return ("It says nothing that any intent could be told from.",)
        next_best = f"; next is {judged.runner_up}" if judged.runner_up else ""
        if intent is None:
            near = f"the nearest is {judged.nearest} ({judged.similarity:.2f})"
            said = f"It is like none of the intents: {near}{next_best}."
        else:
            said = f"{_closest(judged)}{next_best}."
        how = (
            () if self._by_meaning else ("Judged by words alone, since there is no embedder on this device.",)
        )
        unsure = ("The language is one that this was not made for.",) if self._foreign(found) else ()
        return (said, *((judged.why,) if judged.why else ()), *how, *unsure)


def _judged_text(message: MessageView, found: Assessment) -> str:
    if message.automatic or found.hostile:
        return ""
    text = found.innocent_text if found.grave else cue(message)
    return text if len(text.split()) >= found.grave * INNOCENT_WORD_MIN else ""


def _closest(judged: Judgement) -> str:
    if judged.example:
        text = judged.example if len(judged.example) <= _QUOTE_MAX else judged.example[: _QUOTE_MAX - 1] + "…"
        return f"Closest to the example '{text}' ({judged.similarity:.2f}) of intent {judged.intent}"
    if judged.evidence and judged.evidence[0].startswith("run:"):
        return f"Closest to messages that you decided on ({judged.similarity:.2f}), as {judged.intent}"
    return f"Closest to the description of {judged.intent} ({judged.similarity:.2f})"


def _confidence(judged: Judgement | None, *, foreign: bool) -> float:
    assert judged is not None
    return round(judged.confidence * (FOREIGN_CONFIDENCE if foreign else 1.0), 4)


def _flags(found: Assessment, intent: Intent | None, message: MessageView) -> tuple[str, ...]:
    raised = set(found.flags) | set(intent.flags if intent else ())
    unknown = () if intent or message.automatic else (UNKNOWN,)
    others = sorted(raised - set(FLAGS))
    return (*(flag for flag in FLAGS if flag in raised), *others, *unknown)


def _labels(intent: Intent | None, message: MessageView) -> tuple[str, ...]:
    """Never empty: what belongs to no intent is sorted under what it is."""
    if intent is not None and intent.labels:
        return intent.labels
    return ("machine",) if message.automatic else ("unsorted",)


def _risks(found: Assessment) -> tuple[str, ...]:
    if not found.risks:
        return ()
    reasons = list(found.reasons)
    said = reasons[0] if len(reasons) == 1 else f"{', '.join(reasons[:-1])} and {reasons[-1]}"
    return (f"The message {said}{': left to a person.' if found.grave else '.'}",)
