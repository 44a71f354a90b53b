"""The intent specialist: what a message is about, whether an answer is expected, and what is risky about it.

Runs on the device. Without an embedder it goes by words, says so in its rationale, and is less sure. Flags come
from rules and from the intent itself; a grave flag, machine mail and what belongs to no intent are never
answered by a draft. The text of a message can raise flags and choose among the operator's intents, nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainstay.agents.base import Brief, Data, IntentView, MessageView, Outcome, Produced, Tools
from mainstay.agents.classifier import Classifier, Guess, MeaningClassifier, WordClassifier
from mainstay.agents.cue import cue
from mainstay.agents.flags import FLAGS, Assessment, assess
from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.kernel.ids import derive
from mainstay.kernel.plan import Role

if TYPE_CHECKING:
    from mainstay.models.base import Embedder

FOREIGN_CONFIDENCE = 0.5  # of what it would be in a language that the embedder was made for
EVIDENCE_MAX = 3
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
    cost_max_micros = 0

    def __init__(
        self,
        intents: Sequence[Intent],
        *,
        embedder: Embedder | None = None,
        languages: Sequence[str] = ("en",),
    ) -> None:
        self._intents = {intent.id: intent for intent in intents}
        self._languages = tuple(languages)
        self._by_meaning = embedder is not None
        self._classifier: Classifier = (
            MeaningClassifier(intents, embedder) if embedder is not None else WordClassifier(intents)
        )
        self.recipe = f"intent 1, flags 1, {self._classifier.recipe}, {_fingerprint(intents)}"

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """The annotation of the message. Total: every text gets one."""
        message = IntentInput.model_validate(brief.inputs).message
        if not self._by_meaning:
            return self.annotate(message)
        # A text takes some 15 ms of arithmetic: not on the loop that keeps the ledger.
        return await asyncio.to_thread(self.annotate, message)

    def annotate(self, message: MessageView) -> Produced:
        """The same without a brief, for those who measure."""
        found = assess(message, self._languages)
        guess = self._guess(message, found)
        intent = self._intents[guess.intent] if guess is not None and guess.known else None
        foreign = "language" in found.flags
        return Produced(
            IntentView(
                intent=intent.id if intent else UNKNOWN,
                confidence=_confidence(guess, foreign=foreign) if intent else 0.0,
                reply_expected=intent is not None and intent.reply_expected and not found.grave,
                labels=_labels(intent, message),
                flags=_flags(found, intent, message),
                language=found.language,
                template=intent.template if intent and not found.grave else "",
            ),
            rationale=" ".join((*self._reasons(guess, intent, message, found), *_risks(found))),
            evidence=() if guess is None else tuple(one.source for one in guess.neighbours[:EVIDENCE_MAX]),
        )

    def _guess(self, message: MessageView, found: Assessment) -> Guess | None:
        if message.automatic or found.hostile:
            return None
        text = found.innocent_text if found.grave else cue(message)
        return self._classifier.guess(text) if len(text.split()) >= found.grave * INNOCENT_WORD_MIN else None

    def _reasons(
        self, guess: Guess | None, intent: Intent | None, message: MessageView, found: Assessment
    ) -> tuple[str, ...]:
        if message.automatic:
            return (f"Not to be answered: {message.automatic}.",)
        if guess is None and found.grave:
            return ("Whatever else it wants was not judged.",)
        if guess is None:
            return ("It says nothing that any intent could be told from.",)
        next_best = f"; next is {guess.runner_up}" if guess.runner_up else ""
        if intent is None:
            said = f"It is like none of the intents: the nearest is {guess.intent} ({guess.similarity:.2f}){next_best}."
        else:
            said = f"{_closest(guess)}{next_best}."
        how = (
            () if self._by_meaning else ("Judged by words alone, since there is no embedder on this device.",)
        )
        unsure = ("The language is one that this was not made for.",) if "language" in found.flags else ()
        return (said, *how, *unsure)


def _closest(guess: Guess) -> str:
    own = next((one for one in guess.neighbours if one.intent == guess.intent), None)
    if own is None:
        return f"Closest to the description of {guess.intent} ({guess.similarity:.2f})"
    text = own.text if len(own.text) <= _QUOTE_MAX else own.text[: _QUOTE_MAX - 1] + "…"
    return f"Closest to the example '{text}' ({own.similarity:.2f}) of intent {guess.intent}"


def _confidence(guess: Guess | None, *, foreign: bool) -> float:
    assert guess is not None
    return round(guess.confidence * (FOREIGN_CONFIDENCE if foreign else 1.0), 4)


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


def _fingerprint(intents: Sequence[Intent]) -> str:
    # A changed example is another recipe: evidence of the old one says nothing about it.
    parts = [part for one in intents for part in (one.id, one.name, one.description, *one.examples)]
    return derive("intents", *parts, size=6).hex()
