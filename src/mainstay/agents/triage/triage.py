"""Triage: decide what a message is about and whether a person must look; learn from what the operator says.

Rules of this file: `judge` changes nothing; `decide` is `judge` and a note that it was asked; `learn` takes the
operator's word in at once and goes on fitting for a bounded time. What is learned long after it was decided brings
its decision along, or is judged again just before it is learned.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy

from mainstay.agents.flags import GATING
from mainstay.agents.intents import UNKNOWN
from mainstay.agents.language import language_of
from mainstay.agents.triage import audit, features, gate, neighbours, regression
from mainstay.agents.triage.decision import UNKNOWN_WORDS, Decision, Learned, Near
from mainstay.agents.triage.discriminant import Discriminant
from mainstay.agents.triage.examples import Examples
from mainstay.agents.triage.features import Opinion, features_of
from mainstay.agents.triage.gate import Gate
from mainstay.agents.triage.neighbours import nearest
from mainstay.agents.triage.parts import Parts
from mainstay.agents.triage.regression import Regression
from mainstay.agents.triage.threads import one_thread
from mainstay.agents.triage.words import WordVectors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mainstay.agents.triage.examples import Floats
    from mainstay.agents.triage.frozen import Taken
    from mainstay.models.base import Embedder

_CLOSENESS = 0.12  # a class further away by so much has e times fewer of the votes by distance
_UNKNOWN = 0  # the number of the class of those that belong to none
_LEARN_MULTIPLICATIONS_MAX = 300_000_000  # four to ten milliseconds of one core
_FIRST_ADVANCES = 20  # enough to settle on a few hundred examples
_PENDING_MAX = 2_000
_EVIDENCE_MAX = 3


class Triage:
    """One operator's triage: what it knows, and what it promises."""

    def __init__(
        self,
        intents: Mapping[str, str],
        embedder: Embedder | None,
        *,
        target_error: float = 0.02,
        seed: int = 1,
        languages: Sequence[str] = ("en",),
    ) -> None:
        """`intents` are ids and descriptions; without an `embedder` it goes by words."""
        one_thread()
        self._embedder: Embedder = WordVectors() if embedder is None else embedder
        self._by_words = embedder is None
        self._languages = tuple(languages)
        self._seed = seed
        self.classes: list[str] = [UNKNOWN]
        self._numbers = {UNKNOWN: _UNKNOWN}
        self._examples = Examples(self._embedder.dimensions)
        self._regression = Regression(self._embedder.dimensions + 1)
        self._discriminant = Discriminant(self._embedder.dimensions)
        self._gate = Gate(target_error)
        self._audit_share = audit.SHARE
        self._seeds: dict[int, int] = {}  # by intent: written examples
        self._past: dict[int, list[int]] = {}  # by intent: named, and rightly
        self._pending: OrderedDict[str, Decision] = OrderedDict()
        self._describe(intents)

    @property
    def recipe(self) -> str:
        """What a decision depends on apart from what was learned."""
        return (
            f"triage 1, logistic regression C{regression.C:g} + knn{neighbours.NEIGHBOURS} "
            f"t{neighbours.TEMPERATURE:g}, features {features.VERSION}, {self._embedder.recipe}"
        )

    @property
    def live(self) -> int:
        """Live decisions so far."""
        return self._gate.live

    @property
    def open(self) -> bool:
        """Whether anything may pass at all."""
        return self._gate.open

    @property
    def wanted(self) -> int:
        """Live decisions before anything may pass."""
        return gate.LIVE_MIN

    @property
    def risk_max(self) -> float:
        """The risk up to which an answer passes now; 0 where none does."""
        return max(0.0, self._gate.risk_max) if self._gate.open else 0.0

    def promise(self, target_error: float, audit_share: float) -> None:
        """What is promised from now on, and which share of what would pass goes to the operator nevertheless."""
        self._audit_share = audit_share
        if target_error != self._gate.target_error:
            self._gate.target_error = target_error
            if self._gate.open:
                self._gate.set_threshold()

    def _describe(self, intents: Mapping[str, str]) -> None:
        named = [(one, text) for one, text in intents.items() if one not in UNKNOWN_WORDS]
        texts = [text.strip() or one.replace("_", " ").replace("-", " ") for one, text in named]
        for (one, _), vector in zip(named, self._embedder.embed(texts), strict=True):
            self._examples.add(f"intent:{one}", vector, self._number(one))
        for _ in range(_FIRST_ADVANCES if named else 0):
            self._advance()

    def _number(self, intent: str) -> int:
        if intent not in self._numbers:
            self._numbers[intent] = len(self.classes)
            self.classes.append(intent)
        return self._numbers[intent]

    def _advance(self) -> None:
        size = len(self.classes)
        self._regression.widen(size)
        # Either may have to invert a matrix: never both in one call, so that none takes twice as long.
        if not self._discriminant.advance(self._examples, size):
            self._regression.advance(self._examples, size, _LEARN_MULTIPLICATIONS_MAX)

    def seed(self, text: str, intent: str) -> None:
        """An operator's written example. It never counts as a live decision."""
        self.seed_all(((text, intent),))

    def seed_all(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Written examples, text and intent, at once: cheaper than one by one."""
        vectors = self._embedder.embed([text for text, _ in pairs])
        for (_, intent), vector in zip(pairs, vectors, strict=True):
            number = self._number(UNKNOWN if intent in UNKNOWN_WORDS else intent)
            self._seeds[number] = self._seeds.get(number, 0) + 1
            self._examples.add(f"intent:{self.classes[number]}#{self._seeds[number]}", vector, number)
        for _ in range(min(len(pairs), _FIRST_ADVANCES)):
            self._advance()

    def decide(self, id: str, text: str, *, flags: Collection[str] = ()) -> Decision:
        """What the message is about, and whether a person must look."""
        decision = self.judge(id, text, flags=flags)
        self.note(decision)
        return decision

    def note(self, decision: Decision) -> None:
        """A decision was made, here or elsewhere: it counts among the last thousand and waits to be learned."""
        if not decision.gated and len(decision.features) == len(features.NAMES):
            self._gate.note(decision.features, not decision.unknown)
        self._pending[decision.id] = decision
        self._pending.move_to_end(decision.id)
        while len(self._pending) > _PENDING_MAX:
            self._pending.popitem(last=False)

    def judge(self, id: str, text: str, *, flags: Collection[str] = ()) -> Decision:
        """The same as `decide` and nothing is changed by it."""
        return self._judged(id, text, self._embedder.embed([text])[0], flags)

    def _judged(self, id: str, text: str, vector: Floats, flags: Collection[str]) -> Decision:
        language = language_of(text)
        raised = dict.fromkeys(flags)
        if language and self._languages and language not in self._languages:
            raised["language"] = None
        gated = any(flag in GATING for flag in raised)
        if not len(self._examples) or len(self.classes) == 1:
            return self._blank(id, raised, language, gated=gated)
        opinion = self._opinion(vector)
        found = self._features(opinion)
        right, stranger = self._gate.confidence(found)
        unknown = opinion.first == _UNKNOWN
        if unknown:
            raised[UNKNOWN] = None
        passes = not gated and not unknown and self._gate.passes(right, stranger)
        audited = passes and audit.chosen(id, self._seed, self._audit_share)
        return Decision(
            id=id,
            intent=self.classes[opinion.first],
            confidence=round(right, 6) if self._gate.open else 0.0,
            auto=passes and not audited,
            audit=audited,
            unknown=unknown,
            flags=tuple(raised),
            language=language,
            runner_up=self.classes[opinion.second],
            evidence=self._evidence(opinion),
            features=found,
            why=self._why(
                gated=gated, unknown=unknown, passes=passes, audited=audited, sure=(right, stranger)
            ),
            gated=gated,
        )

    def _blank(self, id: str, raised: dict[str, None], language: str, *, gated: bool) -> Decision:
        flags = tuple({**raised, UNKNOWN: None})
        why = "There is no intent yet that it could have."
        return Decision(id, UNKNOWN, 0.0, False, False, True, flags, language, "", (), (), why, gated)

    def _opinion(self, vector: Floats) -> Opinion:
        size = len(self.classes)
        near = nearest(self._examples, vector, size)
        scores = self._regression.scores(numpy.append(vector, numpy.float32(1.0)))
        odds = numpy.exp(scores - scores.max())
        odds /= odds.sum()
        distances = self._discriminant.distances(vector)
        closeness = numpy.exp((distances.min() - distances) / numpy.float32(_CLOSENESS))
        closeness /= closeness.sum()
        mean = (numpy.float32(2.0) * odds + near.shares + closeness) / numpy.float32(4.0)
        order = numpy.argsort(-mean, kind="stable")
        first, second = int(order[0]), int(order[1])
        return Opinion(mean, odds, near, distances, closeness, first, second)

    def _features(self, opinion: Opinion) -> tuple[float, ...]:
        named, rightly = self._past.get(opinion.first, (0, 0))
        count = float(self._discriminant.counts[opinion.first])
        return features_of(opinion, count, (rightly + 2.0) / (named + 3.0), _UNKNOWN)

    def _evidence(self, opinion: Opinion) -> tuple[Near, ...]:
        rows, near = opinion.near.rows[:_EVIDENCE_MAX], opinion.near.similarities
        return tuple(
            Near(
                self._examples.ids[row],
                self.classes[self._examples.classes[row]],
                round(float(near[place]), 4),
            )
            for place, row in enumerate(rows)
        )

    def _why(
        self, *, gated: bool, unknown: bool, passes: bool, audited: bool, sure: tuple[float, float]
    ) -> str:
        if gated:
            return "A flag or its language leaves it to a person, however clear it is."
        if unknown:
            return "It is like messages that belong to none of the intents."
        if not self._gate.open:
            missing = gate.LIVE_MIN - self._gate.live
            return f"{missing} more decisions are needed before anything is automatic."
        right, stranger = sure
        said = f"Right in {100 * right:.1f} of 100 such cases"
        if audited:
            return f"{said}: it would be automatic, and was chosen to be checked."
        if passes:
            return f"{said}, which is within the promised error."
        if self._gate.strange(stranger):
            return "It may well belong to none of the intents: its like have before."
        return f"{said}, which is not enough for the promised error."

    def learn(
        self,
        id: str,
        text: str,
        intent: str,
        *,
        before: Decision | None = None,
        flags: Collection[str] = (),
    ) -> Learned:
        """The operator's word: predicted before it is learned, and learned at once."""
        vector = self._embedder.embed([text])[0]
        known = before or self._pending.pop(id, None) or self._judged(id, text, vector, flags)
        self._pending.pop(id, None)
        name = UNKNOWN if intent in UNKNOWN_WORDS else intent
        added = name not in self._numbers
        number = self._number(name)
        right = known.intent == name
        live = not known.gated and len(known.features) == len(features.NAMES)
        if live:
            self._gate.learn(
                known.features,
                right=right,
                unknown=number == _UNKNOWN,
                audited=known.audit,
                risk=1.0 - known.confidence,
            )
            named = self._past.setdefault(self._numbers.get(known.intent, _UNKNOWN), [0, 0])
            named[0] += 1
            named[1] += right
        self._examples.add(id, vector, number, float(right))
        self._advance()
        return Learned(name, known.intent, right, live, known.audit, added, self._gate.live)

    def freeze(self) -> bytes:
        """All that was learned, as bytes: the same state gives the same. They hold vectors: seal them."""
        from mainstay.agents.triage import frozen

        return frozen.packed(self.taken())

    def taken(self) -> Taken:
        """A copy of the state, which `frozen.packed` makes the same bytes of, at leisure."""
        from mainstay.agents.triage import frozen

        return frozen.taken(self.parts(), recipe=self.recipe)

    @classmethod
    def thaw(
        cls,
        data: bytes,
        embedder: Embedder | None,
        *,
        languages: Sequence[str] = ("en",),
    ) -> Triage:
        """The triage that was frozen, as it was. Raises `CommandRefused` for damaged bytes or another recipe."""
        from mainstay.agents.triage import frozen

        made = cls({}, embedder, languages=languages)
        parts = frozen.thaw(data, recipe=made.recipe)
        made.take(parts)
        return made

    def parts(self) -> Parts:
        """What it consists of, to be frozen."""
        return Parts(
            seed=self._seed,
            classes=tuple(self.classes),
            seeds=dict(self._seeds),
            past={number: (named, right) for number, (named, right) in self._past.items()},
            pending=tuple(self._pending.values()),
            examples=self._examples,
            regression=self._regression,
            discriminant=self._discriminant,
            gate=self._gate,
        )

    def take(self, parts: Parts) -> None:
        """Become what was frozen."""
        self._seed = parts.seed
        self.classes = list(parts.classes)
        self._numbers = {one: number for number, one in enumerate(parts.classes)}
        self._seeds = dict(parts.seeds)
        self._past = {number: list(counts) for number, counts in parts.past.items()}
        self._pending = OrderedDict((one.id, one) for one in parts.pending)
        self._examples, self._regression = parts.examples, parts.regression
        self._discriminant, self._gate = parts.discriminant, parts.gate
