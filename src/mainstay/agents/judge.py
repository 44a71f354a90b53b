"""Who judges what a message is about: the operator's examples at first, and what the operator decided from then on.

Two ways to judge lie here side by side. `Triage` knows the examples and every decision that was learned, and says by
its gate how sure that is; before its gate is open it has no measure of that, and it knows nothing of what belongs to
none of the intents. Until then a rule of thumb over the examples (`agents.classifier`) gives the confidence and tells
what is like nothing.

Rules of this file: to judge changes nothing. What is learned comes through `note` and `learn`, in the order of the
ledger, from whoever reads it (`workspace.learning`). A decision waits for one word that is being learned, some
milliseconds, however many are to be (`agents.turns`); texts are embedded before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from mainstay.agents import ways
from mainstay.agents.base import GateView
from mainstay.agents.classifier import Classifier, Guess, MeaningClassifier, WordClassifier
from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.agents.turns import Turns
from mainstay.kernel.ids import derive
from mainstay.memory.gate_rules import AUDIT_SHARE, TARGET_ERROR

if TYPE_CHECKING:
    from mainstay.agents.triage.decision import Decision
    from mainstay.agents.triage.triage import Triage
    from mainstay.models.base import Embedder, Vectors

LIKE_A_DECISION = 0.5  # so near to one that was learned, it is no stranger
LEARNED = "run:"  # how the ids begin under which decisions are learned
EVIDENCE_MAX = 3
TEXTS_IN_MIND = 128


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a text is about, how sure that is, and whether a person must look."""

    intent: str  # of the operator's, or `unknown`
    confidence: float
    auto: bool
    audit: bool
    nearest: str  # the likeliest intent, also where it is unknown
    runner_up: str
    similarity: float  # of the nearest example or decision
    example: str  # the operator's own example that speaks for it; empty where none does
    evidence: tuple[str, ...]
    why: str
    gate: GateView


class Judge:
    """One operator's triage, with what it learned. Made when it is first needed."""

    def __init__(
        self,
        intents: Sequence[Intent],
        embedder: Embedder | None,
        *,
        languages: Sequence[str] = ("en",),
        target_error: float = TARGET_ERROR,
        audit_share: float = AUDIT_SHARE,
    ) -> None:
        self._intents = tuple(intents)
        self._known = frozenset(intent.id for intent in intents)
        by = embedder.recipe if embedder is not None else ways.BY_WORDS
        embedder = None if embedder is None else Mindful(embedder)
        self._embedder = embedder
        self._languages = tuple(languages)
        self._promise = (target_error, audit_share)
        self._turns = Turns()
        self._made: Triage | None = None
        self._thumb: Classifier = (
            MeaningClassifier(intents, embedder) if embedder is not None else WordClassifier(intents)
        )
        self._quotes = {
            f"intent:{intent.id}#{place}": text
            for intent in intents
            for place, text in enumerate(intent.examples, 1)
        }
        self.learned = 0  # words of people, since the beginning
        self.recipe = ways.judge(intents, self._thumb.recipe, by)
        self.mark = derive("recipe", self.recipe, size=6).hex()

    @property
    def embedder(self) -> Embedder | None:
        """What texts are compared by, with the last of them in mind; None: words alone."""
        return self._embedder

    # --- judging -----------------------------------------------------------------------------------------------------

    def judge(self, id: str, text: str, flags: Sequence[str]) -> Judgement | None:
        """What it is about; None for a text that says nothing at all. Changes nothing."""
        guess = self._thumb.guess(text)  # embeds it, outside of the lock: from here on it is known by heart
        if guess is None and not (self._known and text.strip()):
            return None
        with self._turns.first():
            triage = self._triage()
            decision = triage.judge(id, text, flags=flags)
            gate = self._gate(triage, decision)
        return self._judgement(decision, guess, gate)

    def _judgement(self, decision: Decision, guess: Guess | None, gate: GateView) -> Judgement | None:
        near = decision.evidence
        first = near[0] if near else None
        if gate.learned >= gate.wanted:
            intent, confidence, unknown = decision.intent, decision.confidence, decision.unknown
        else:
            if guess is None and not self.learned:
                return None
            intent = decision.intent if self.learned or guess is None else guess.intent
            decided = (
                first is not None and first.id.startswith(LEARNED) and first.similarity >= LIKE_A_DECISION
            )
            unknown = decision.unknown or (not decided and (guess is None or not guess.known))
            confidence = guess.confidence if guess is not None and guess.intent == intent else 0.0
            if decided and first is not None and first.intent == intent:
                confidence = max(confidence, first.similarity)
        unknown = unknown or intent not in self._known  # an intent that was taken out of the file since
        own = next((one for one in near if one.intent == intent and one.id in self._quotes), None)
        return Judgement(
            intent=UNKNOWN if unknown else intent,
            confidence=0.0 if unknown else min(1.0, max(0.0, confidence)),
            auto=decision.auto and not unknown,
            audit=decision.audit and not unknown,
            nearest=intent,
            runner_up=decision.runner_up if gate.learned >= gate.wanted or guess is None else guess.runner_up,
            similarity=round(own.similarity if own else first.similarity if first else 0.0, 4),
            example=self._quotes[own.id] if own else "",
            evidence=tuple(one.id for one in near[:EVIDENCE_MAX]),
            why=decision.why,
            gate=gate,
        )

    def _gate(self, triage: Triage, decision: Decision) -> GateView:
        return GateView(
            recipe=self.mark,
            model=self.learned,
            learned=triage.live,
            wanted=triage.wanted,
            risk=round(1.0 - decision.confidence, 6),
            risk_max=round(triage.risk_max, 6),
            named=decision.intent,
            gated=decision.gated,
            features=decision.features,
        )

    # --- learning ----------------------------------------------------------------------------------------------------

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed what will be learned, before anybody has to wait for it."""
        if self._embedder is not None:
            for text in texts:
                self._embedder.embed([text])
        with self._turns.later():
            self._triage()

    def note(self, id: str, gate: GateView) -> None:
        """A decision was made; by another recipe it says nothing of this one."""
        if gate.recipe == self.mark:
            with self._turns.later():
                self._triage().note(_decision(id, gate))

    def learn(self, id: str, text: str, intent: str, gate: GateView | None, *, audit: bool = False) -> None:
        """A person's word about a decision, learned at once. Of another recipe it is an example, and no evidence."""
        ours = gate is not None and gate.recipe == self.mark
        before = _decision(id, gate if ours and gate is not None else GateView(gated=True), audit=audit)
        with self._turns.later():
            self._triage().learn(id, text, intent, before=before)
            self.learned += 1

    def freeze(self) -> bytes:
        """What was learned, as bytes: vectors and numbers, no text."""
        from mainstay.agents.triage.frozen import packed

        with self._turns.later():
            state = self._triage().taken()
        return packed(state)  # a tenth of a second, in which nobody waits

    def thaw(self, data: bytes, learned: int) -> None:
        """Go on from what was frozen. Raises `CommandRefused` for another recipe, or damaged bytes."""
        from mainstay.agents.triage.triage import Triage

        made = Triage.thaw(data, self._embedder, languages=self._languages)
        made.promise(*self._promise)  # it may be another one by now
        with self._turns.later():
            self._made, self.learned = made, learned

    def forget(self) -> None:
        """Know the operator's examples alone again."""
        with self._turns.later():
            self._made, self.learned = None, 0

    def _triage(self) -> Triage:
        if self._made is None:
            from mainstay.agents.triage.triage import Triage

            described = {one.id: f"{one.name}. {one.description}" for one in self._intents}
            made = Triage(described, self._embedder, languages=self._languages)
            made.promise(*self._promise)
            made.seed_all([(text, one.id) for one in self._intents for text in one.examples])
            self._made = made
        return self._made


def _decision(id: str, gate: GateView, *, audit: bool = False) -> Decision:
    """What had been decided, as far as learning wants to know."""
    from mainstay.agents.triage.decision import Decision

    confidence, unknown = 1.0 - gate.risk, gate.named == UNKNOWN
    return Decision(
        id, gate.named, confidence, False, audit, unknown, (), "", "", (), gate.features, "", gate.gated
    )


class Mindful:
    """An embedder that has the last texts in mind: a message is compared in two ways, and learned soon after."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._mind: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = Lock()
        self.model_id, self.dimensions, self.recipe = inner.model_id, inner.dimensions, inner.recipe

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        if len(texts) != 1:
            return self._inner.embed(texts)
        (text,) = texts
        with self._lock:
            found = self._mind.get(text)
        if found is None:
            found = self._inner.embed(texts)
            with self._lock:
                self._mind[text] = found
                if len(self._mind) > TEXTS_IN_MIND:
                    self._mind.popitem(last=False)
        return found
