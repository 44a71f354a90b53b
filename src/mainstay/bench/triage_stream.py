"""A labelled stream through triage: what would have been automatic, what of that was wrong, what was asked.

An operator who knows all labels answers each escalation and each audit; what is automatic they never see, and nothing
is learned from it. Errors are counted against the labels, an unknown message handled automatically among them. The
verdict is a one-sided binomial test: a promise counts as broken if so many errors or more would come about in fewer
than 5 of 100 streams that keep it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mainstay.agents.base import MessageView
from mainstay.agents.cue import cue
from mainstay.agents.flags import assess
from mainstay.agents.intents import UNKNOWN
from mainstay.agents.judge import Mindful
from mainstay.agents.learned_flags import LearnedFlags
from mainstay.agents.triage.decision import UNKNOWN_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mainstay.agents.triage.triage import Triage
    from mainstay.bench.labelled import Labelled
    from mainstay.models.base import Embedder

WINDOW = 500
SIGNIFICANT = 0.05
FIRST_TIMES = 2.0  # the promise for the first window is so many times as wide


@dataclass(slots=True)
class Tally:
    """Counts of a part of the stream."""

    messages: int = 0
    automatic: int = 0
    errors: int = 0  # among the automatic
    audits: int = 0
    flagged: int = 0  # left to a person by a flag or the language
    unknown: int = 0  # messages whose label is `oos`
    unknown_automatic: int = 0

    @property
    def asked(self) -> int:
        """Decisions of the operator."""
        return self.messages - self.automatic

    def value(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "messages": self.messages,
            "automatic": self.automatic,
            "errors": self.errors,
            "error_rate": self.errors / self.automatic if self.automatic else 0.0,
            "asked": self.asked,
            "asked_per_1000": round(1000 * self.asked / self.messages, 1) if self.messages else 0.0,
            "audits": self.audits,
            "flagged": self.flagged,
            "unknown": self.unknown,
            "unknown_automatic": self.unknown_automatic,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Errors among automatic decisions against a promise."""

    errors: int
    automatic: int
    promised: float
    probability: float  # of so many errors or more if the promise were just kept

    @property
    def kept(self) -> bool:
        """Whether nothing speaks against it."""
        return self.probability >= SIGNIFICANT

    def value(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "errors": self.errors,
            "automatic": self.automatic,
            "promised": self.promised,
            "p": round(self.probability, 4),
            "kept": self.kept,
        }


@dataclass(slots=True)
class Figures:
    """What came of a stream."""

    target_error: float
    windows: list[Tally] = field(default_factory=list)
    decide_ms: list[float] = field(default_factory=list)
    learn_ms: list[float] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """All windows together."""
        names = Tally.__slots__
        return Tally(**{name: sum(getattr(one, name) for one in self.windows) for name in names})

    @property
    def last(self) -> Tally:
        """The last two windows that are whole."""
        whole = [one for one in self.windows if one.messages == WINDOW][-2:] or self.windows[-1:]
        return Tally(**{name: sum(getattr(one, name) for one in whole) for name in Tally.__slots__})

    @property
    def verdict(self) -> Verdict:
        """Over the whole stream."""
        return verdict(self.total.errors, self.total.automatic, self.target_error)

    @property
    def first(self) -> Verdict:
        """Over the first window, at twice the promise."""
        first = self.windows[0] if self.windows else Tally()
        return verdict(first.errors, first.automatic, min(1.0, FIRST_TIMES * self.target_error))


def verdict(errors: int, automatic: int, promised: float) -> Verdict:
    """The one-sided binomial test."""
    return Verdict(errors, automatic, promised, at_least(errors, automatic, promised))


def at_least(successes: int, trials: int, probability: float) -> float:
    """P(X >= successes) for X binomial, summed in logarithms."""
    if successes <= 0:
        return 1.0
    if not 0.0 < probability < 1.0:
        return 1.0 if probability >= 1.0 else 0.0
    chances, others = math.log(probability), math.log1p(-probability)
    whole = math.lgamma(trials + 1)
    total = math.fsum(
        math.exp(
            whole
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * chances
            + (trials - count) * others
        )
        for count in range(successes, trials + 1)
    )
    return min(1.0, total)


class Reader:
    """Reads bare texts as the specialist of a workspace reads messages: the same flags, by rules and by meaning."""

    def __init__(self, embedder: Embedder | None, languages: Sequence[str] = ("en",)) -> None:
        self._languages = languages
        # A text is read for its flags, judged and learned: it is embedded once.
        self.embedder = None if embedder is None else Mindful(embedder)
        self._learned = None if self.embedder is None else LearnedFlags(self.embedder)

    def read(self, text: str, *, subject: str = "", sender: str = "") -> tuple[str, tuple[str, ...]]:
        """What of it is judged, and its flags."""
        view = MessageView(
            message_id="",
            thread="",
            mailbox="",
            from_address=sender,
            subject=subject,
            text=text,
            new_text=text,
        )
        return cue(view), assess(view, self._languages, self._learned).flags


def flags_of(text: str, languages: Sequence[str] = ("en",)) -> tuple[str, ...]:
    """The flags of a bare text, by rules alone."""
    return Reader(None, languages).read(text)[1]


def run_stream(
    messages: Sequence[Labelled],
    intents: Mapping[str, str],
    embedder: Embedder | None,
    *,
    target_error: float,
    seed: int,
    languages: Sequence[str] = ("en",),
    more: Callable[[int], None] = lambda count: None,
) -> Figures:
    """The whole stream in its order. `more` is told how many messages are done."""
    from mainstay.agents.triage.triage import Triage

    reader = Reader(embedder, languages)
    triage = Triage(intents, reader.embedder, target_error=target_error, seed=seed, languages=languages)
    figures = Figures(target_error)
    for place, message in enumerate(messages):
        if place % WINDOW == 0:
            figures.windows.append(Tally())
        _one(triage, reader, message, figures)
        more(1)
    return figures


def _one(triage: Triage, reader: Reader, message: Labelled, figures: Figures) -> None:
    tally = figures.windows[-1]
    meant = UNKNOWN if message.label in UNKNOWN_WORDS else message.label
    begun = time.perf_counter()
    text, flags = reader.read(message.text)
    decision = triage.decide(message.id, text, flags=flags)
    figures.decide_ms.append(1e3 * (time.perf_counter() - begun))
    tally.messages += 1
    tally.unknown += meant == UNKNOWN
    tally.audits += decision.audit
    tally.flagged += decision.gated
    if decision.auto:
        tally.automatic += 1
        tally.errors += decision.intent != meant
        tally.unknown_automatic += meant == UNKNOWN
        return
    begun = time.perf_counter()
    triage.learn(message.id, text, meant)
    figures.learn_ms.append(1e3 * (time.perf_counter() - begun))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
