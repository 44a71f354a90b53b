"""What triage says of one message, and what it takes from the operator's word. Records only, no arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.agents.intents import UNKNOWN

OUT_OF_SCOPE = "oos"  # what public data sets call a message that belongs to none
UNKNOWN_WORDS = frozenset({UNKNOWN, OUT_OF_SCOPE, ""})


@dataclass(frozen=True, slots=True)
class Near:
    """An example that speaks for a decision: the id it was learned under, and how alike it is (a cosine)."""

    id: str
    intent: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a message is about, and whether a person must look.

    Attributes:
        id: The message's.
        intent: The likeliest intent, `unknown` for none of them.
        confidence: The predicted probability that `intent` is right; 0 before anything was learned of that.
        auto: Nobody needs to look at it. Never true for `unknown`, a flag that gates or another language.
        audit: It would have been automatic; the operator gets it nevertheless, so that the promise can be checked.
        unknown: It belongs to no intent.
        flags: As given, with `unknown` and `language` where they apply; each once.
        language: A two-letter code, or "" where it cannot be told.
        runner_up: The next intent, "" where there is none.
        evidence: The nearest examples, nearest first.
        features: What the gate looked at; keep them, `learn` wants them back.
        why: The reason in plain words, without a word of the message.
        gated: A flag or the language kept the gate from judging it; it counts neither for nor against.
    """

    id: str
    intent: str
    confidence: float
    auto: bool
    audit: bool
    unknown: bool
    flags: tuple[str, ...]
    language: str
    runner_up: str
    evidence: tuple[Near, ...]
    features: tuple[float, ...]
    why: str
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """What the operator's word said of the decision before it.

    Attributes:
        intent: The intent that was learned.
        predicted: What had been decided before it was learned.
        right: Whether the two are the same.
        live: Whether it counts as a live decision.
        audited: Whether it was an audit, and so evidence of what automatic decisions are worth.
        added: Whether the intent was new.
        decisions: Live decisions so far.
    """

    intent: str
    predicted: str
    right: bool
    live: bool
    audited: bool
    added: bool
    decisions: int
