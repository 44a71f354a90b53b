"""Autonomy: which kinds of act go by themselves, on which evidence, and when that is taken back.

A kind is workflow, operation and a class that the workflow declares. Evidence belongs to a recipe: what annotated,
drafted and rendered the act. It is weighed by an e-process (Waudby-Smith and Ramdas 2024, "Estimating means of bounded
random variables by betting", here for a Bernoulli error rate): the likelihood ratio of a uniform mixture over all error
rates up to the target against the target itself. By Ville's inequality it ever reaches 1/alpha with probability at most
alpha if the true rate is the target or more, however often it is looked at. The mirrored process, mixed over the rates
above the target, takes autonomy back.

Rules of this file: pure; `Autonomy` is kept in place by the director, like the balances, since every decision of a tick
looks at it; `weigh` says which events a piece of evidence leads to, `note` folds them, nothing else changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import exp, inf, lgamma, log, log1p
from typing import assert_never

from mainstay.kernel.commands import AutonomyCommand, GrantAutonomy, RevokeAutonomy, WeighEvidence
from mainstay.kernel.events import (
    AutonomyEvent,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    EvidenceWeighed,
)
from mainstay.kernel.values import MINUTE

ALPHA = 0.05  # of a wrong promotion, for each kind
RECENT_AUDITS = 20
RECENT_ERRORS_MAX = 2  # so many errors among the last 20 audits, and it asks again
AUDIT_SHARE_FIRST = 0.5
AUDIT_SHARE_LEAST = 0.05
AUDITS_KEPT = 200
PPM = 1_000_000


class Level(StrEnum):
    """How far a kind of act goes by itself."""

    SHADOW = "shadow"  # decided, and nothing is done
    ASK = "ask"
    HELD = "held"  # automatic, after a window in which it can be taken back
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class AutonomyRules:
    """What the operator wants of a kind of act: the settings of one, or of all."""

    target_ppm: int = 100_000  # errors that may pass, in millionths
    hold_us: int = 15 * MINUTE
    most: Level = Level.AUTOMATIC  # no evidence leads further
    by_itself: bool = False  # granted as soon as it is proved; otherwise proposed to the operator


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a kind of act stands."""

    recipe: str = ""
    level: Level = Level.ASK
    clean: int = 0
    errors: int = 0
    audits: str = ""  # since it was granted: "." clean, "x" error; at most the last 200
    audits_clean: int = 0
    audits_errors: int = 0
    hold_us: int = 0
    target_ppm: int = 0
    proposed: str = ""  # the level that was proposed, until it is granted or the evidence changes


NEW = Standing()


@dataclass(slots=True)
class Autonomy:
    """All kinds, folded."""

    rules: AutonomyRules = field(default_factory=AutonomyRules)
    kinds_rules: Mapping[str, AutonomyRules] = field(default_factory=dict)
    kinds: dict[str, Standing] = field(default_factory=dict)

    def of(self, kind: str) -> Standing:
        """Where a kind stands; one that nobody heard of asks."""
        return self.kinds.get(kind, NEW)

    def rules_of(self, kind: str) -> AutonomyRules:
        """The settings of a kind: its own, or those of all."""
        return self.kinds_rules.get(kind, self.rules)

    def level(self, kind: str, recipe: str) -> Level:
        """How far an act of this kind, made by this recipe, goes by itself now."""
        standing = self.kinds.get(kind)
        if standing is None:
            return Level.ASK
        if standing.level is Level.SHADOW:
            return Level.SHADOW  # what is only watched is watched whatever makes it
        return standing.level if standing.recipe == recipe else Level.ASK

    def decide(self, command: AutonomyCommand) -> tuple[AutonomyEvent, ...]:
        """The events that the command leads to; none when it is so already, or when the evidence does not suffice."""
        match command:
            case WeighEvidence():
                return weigh(self.of(command.kind), self.rules_of(command.kind), command)
            case GrantAutonomy():
                return grant(self.of(command.kind), self.rules_of(command.kind), command)
            case RevokeAutonomy():
                if self.of(command.kind).level is Level.ASK:
                    return ()
                return (AutonomyRevoked(command.kind, command.cause, command.reason, command.actor),)
            case _:
                assert_never(command)

    def note(self, event: AutonomyEvent) -> None:
        """Fold an event."""
        self.kinds[event.kind] = folded(self.of(event.kind), event)


def folded(standing: Standing, event: AutonomyEvent) -> Standing:
    """A kind's standing after an event."""
    match event:
        case EvidenceWeighed():
            return replace(
                standing,
                recipe=event.recipe,
                clean=event.clean,
                errors=event.errors,
                audits=event.audits,
                audits_clean=event.audits_clean,
                audits_errors=event.audits_errors,
                proposed=standing.proposed if event.verdict == "clean" else "",
            )
        case AutonomyProposed():
            return replace(standing, proposed=event.level)
        case AutonomyGranted():
            return replace(
                standing,
                recipe=event.recipe,
                level=Level(event.level),
                hold_us=event.hold_us,
                target_ppm=event.target_ppm,
                audits="",
                audits_clean=0,
                audits_errors=0,
                proposed="",
            )
        case AutonomyRevoked(cause=cause):
            kept = cause in ("operator", "slo", "kill switch")  # nothing was learned about the kind itself
            fresh = standing if kept else replace(standing, clean=0, errors=0)
            return replace(
                fresh, level=Level.ASK, audits="", audits_clean=0, audits_errors=0, hold_us=0, proposed=""
            )
        case _:
            assert_never(event)


def weigh(standing: Standing, rules: AutonomyRules, command: WeighEvidence) -> tuple[AutonomyEvent, ...]:
    """What a piece of evidence leads to: it counts, and may prove that a kind may go by itself, or may not."""
    events: list[AutonomyEvent] = []
    if standing.recipe and standing.recipe != command.recipe:
        if standing.level in (Level.HELD, Level.AUTOMATIC):
            reason = (
                "it is made another way than when it was granted: evidence for the old way says nothing of it"
            )
            events.append(AutonomyRevoked(command.kind, "recipe", reason))
        standing = replace(NEW, level=Level.SHADOW if standing.level is Level.SHADOW else Level.ASK)
    wrong = command.verdict == "error"
    automatic = standing.level in (Level.HELD, Level.AUTOMATIC)
    # After promotion every decision on a card of the kind is an audit: it was drawn, or a rule asked besides.
    audits = (standing.audits + ("x" if wrong else "."))[-AUDITS_KEPT:] if automatic else ""
    weighed = EvidenceWeighed(
        command.kind,
        command.recipe,
        command.verdict,
        command.source,
        command.run,
        command.task,
        standing.clean + (not wrong),
        standing.errors + wrong,
        audits,
        standing.audits_clean + (automatic and not wrong),
        standing.audits_errors + (automatic and wrong),
        command.actor,
        command.note_sealed,
    )
    events.append(weighed)
    after = folded(standing, weighed)
    if automatic:
        against = lost(after, target(rules))
        if against:
            cause = "errors" if after.audits[-RECENT_AUDITS:].count("x") >= RECENT_ERRORS_MAX else "evidence"
            events.append(AutonomyRevoked(command.kind, cause, against))
        return tuple(events)
    if standing.level is Level.ASK and not wrong and proved(after.clean, after.errors, target(rules)):
        level = Level.HELD if rules.most is Level.HELD or rules.hold_us else Level.AUTOMATIC
        if rules.most in (Level.HELD, Level.AUTOMATIC) and after.proposed != level:
            proposed = AutonomyProposed(
                command.kind, command.recipe, level, after.clean, after.errors, rules.target_ppm
            )
            events.append(proposed)
            if rules.by_itself:
                events += grant(
                    folded(after, proposed), rules, GrantAutonomy(command.kind, level, "director")
                )
    return tuple(events)


def grant(standing: Standing, rules: AutonomyRules, command: GrantAutonomy) -> tuple[AutonomyEvent, ...]:
    """A grant rests on proof; the shadow, in which nothing happens, may be had without."""
    level = Level(command.level)
    if level is standing.level or level is Level.ASK:
        return ()
    if level is not Level.SHADOW:
        if _order(level) > _order(rules.most):
            return ()
        if not proved(standing.clean, standing.errors, target(rules)):
            return ()
    granted = AutonomyGranted(
        command.kind,
        standing.recipe,
        level,
        command.actor,
        standing.clean,
        standing.errors,
        rules.target_ppm,
        rules.hold_us if level is Level.HELD else 0,
        0 if level is Level.SHADOW else worst_case(),
    )
    return (granted,)


def target(rules: AutonomyRules) -> float:
    """The share of errors that must be proved not to be exceeded."""
    return rules.target_ppm / PPM


def _order(level: Level) -> int:
    return list(Level).index(level)


# --- the statistic -------------------------------------------------------------------------------------------------


def evidence(clean: int, errors: int, rate: float) -> float:
    """The e-value against "errors are as frequent as `rate`, or more": a uniform mixture over rates below it."""
    return _mixture(clean, errors, rate, 0.0, rate)


def evidence_against(clean: int, errors: int, rate: float) -> float:
    """The mirrored e-value, against "errors are no more frequent than `rate`": a mixture over the rates above it."""
    return _mixture(clean, errors, rate, rate, 1.0)


def proved(clean: int, errors: int, rate: float) -> bool:
    """Whether the evidence suffices to let a kind of act go by itself."""
    return evidence(clean, errors, rate) >= 1 / ALPHA


def wanting(clean: int, errors: int, rate: float) -> int:
    """How many more decisions without an error would prove it; 0 where it is proved."""
    if proved(clean, errors, rate):
        return 0
    low, high = 0, 1
    while not proved(clean + high, errors, rate):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proved(clean + middle, errors, rate) else (middle, high)
    return high


def lost(standing: Standing, rate: float) -> str:
    """Why autonomy is taken back by these audits, in words; empty where it is not."""
    recent = standing.audits[-RECENT_AUDITS:]
    wrong = recent.count("x")
    if wrong >= RECENT_ERRORS_MAX:
        return f"{wrong} of the last {len(recent)} that a person looked at were wrong"
    if evidence_against(standing.audits_clean, standing.audits_errors, rate) >= 1 / ALPHA:
        seen = standing.audits_clean + standing.audits_errors
        return f"{standing.audits_errors} of {seen} that a person looked at were wrong: more than {100 * rate:g} %"
    return ""


def audit_share(audits_clean: int) -> float:
    """Which share of what goes by itself a person looks at first: half, falling to a twentieth."""
    return max(AUDIT_SHARE_LEAST, AUDIT_SHARE_FIRST * 2 / (2 + audits_clean))


def worst_case(share: float = AUDIT_SHARE_LEAST, *, certainty: float = 0.95) -> int:
    """Wrong acts that leave before two are caught, were all of them wrong from one moment on.

    The smallest number that is not exceeded with this certainty: a negative binomial at the given share of audits.
    """
    left, reached = 0, 0.0
    while True:
        # The second audit comes at draw `left + 2`; of the draws before it, one was audited.
        reached += (left + 1) * share**2 * (1 - share) ** left
        if reached >= certainty:
            return left
        left += 1


def _mixture(clean: int, errors: int, rate: float, low: float, high: float) -> float:
    """The mean over p in [low, high] of (p / rate)^errors ((1 - p) / (1 - rate))^clean.

    By way of the incomplete beta function with whole parameters, which is a binomial sum: exact, and no library.
    """
    assert 0 < rate < 1
    total = clean + errors
    # The integral of p^errors (1-p)^clean over [0, x] is B(errors+1, clean+1) P(Binomial(total+1, x) > errors).
    share = _tail(total + 1, errors, high) - _tail(total + 1, errors, low)
    if share <= 0:
        return 0.0
    log_beta = lgamma(errors + 1) + lgamma(clean + 1) - lgamma(total + 2)
    log_value = log_beta + log(share) - log(high - low) - errors * log(rate) - clean * log1p(-rate)
    return exp(log_value) if log_value < 700 else inf


def _tail(trials: int, most: int, rate: float) -> float:
    """The probability of more than `most` successes in so many trials."""
    if rate <= 0:
        return 0.0
    if rate >= 1:
        return 1.0
    below = 0.0
    for hits in range(most + 1):
        log_term = (
            lgamma(trials + 1) - lgamma(hits + 1) - lgamma(trials - hits + 1)
            + hits * log(rate) + (trials - hits) * log1p(-rate)
        )  # fmt: skip
        below += exp(log_term)
    return max(0.0, 1.0 - below)
