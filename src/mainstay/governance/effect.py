"""Whether something helps: the difference of two means with its interval, from drafts with it and drafts without.

Pure. The interval is Welch's (B. L. Welch, "The generalization of 'Student's' problem when several different population
variances are involved", Biometrika 34, 1947): difference ± t·sqrt(s₁²/n₁ + s₂²/n₂), t with Welch and Satterthwaite's
degrees of freedom. Over several lessons the differences are weighted by n₁n₂/(n₁+n₂), so that each lesson is compared
with itself alone; the degrees of freedom are those of the weighted sum (F. E. Satterthwaite, Biometrics 2, 1946).

An arm in which all values are equal is given the spread of the other one: a few equal values prove no certainty. Where
both are without spread there is no interval. The drafts of two lessons may be the same ones, which the interval over
all lessons does not account for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, lgamma, log, sqrt

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Arm:
    """Values of one kind, as their sums: each from 0 to 1."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Arm:
        """The sums of these values."""
        kept = tuple(values)
        return cls(len(kept), sum(kept), sum(one * one for one in kept))

    @property
    def mean(self) -> float:
        """Their mean; 0 where there are none."""
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        """Their spread, for n - 1."""
        if self.count < 2:
            return 0.0
        spread = (self.squares - self.total * self.total / self.count) / (self.count - 1)
        return spread if spread > 1e-12 else 0.0


NONE = Arm()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a lesson does to the share of words that are changed: with it, without it."""

    given: Arm
    withheld: Arm

    @property
    def reduction(self) -> float:
        """By how much the share is lower with it; 0 where one arm is empty."""
        return self.withheld.mean - self.given.mean if self.given.count and self.withheld.count else 0.0

    @property
    def comparable(self) -> bool:
        """Whether both arms have at least two drafts."""
        return self.given.count > 1 and self.withheld.count > 1

    @property
    def weight(self) -> float:
        """How much it says beside others."""
        total = self.given.count + self.withheld.count
        return self.given.count * self.withheld.count / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A reduction, and the interval that holds it in 95 of 100 cases; None where no interval can be told."""

    reduction: float
    interval: tuple[float, float] | None = None


def difference(effects: Sequence[Effect], level: float = LEVEL) -> Difference | None:
    """What these lessons do in all, each compared with itself; None where none can be compared."""
    usable = [one for one in effects if one.comparable]
    whole = sum(one.weight for one in usable)
    if not usable:
        return None
    found = sum(one.weight * one.reduction for one in usable) / whole
    terms: list[tuple[float, int]] = []
    for one in usable:
        share = (one.weight / whole) ** 2
        for arm, other in ((one.given, one.withheld), (one.withheld, one.given)):
            terms.append((share * (arm.variance or other.variance) / arm.count, arm.count - 1))
    variance = sum(term for term, _ in terms)
    if variance <= 0.0:
        return Difference(found)
    freedom = variance**2 / sum(term**2 / degrees for term, degrees in terms)
    reach = quantile((1 + level) / 2, freedom) * sqrt(variance)
    return Difference(found, (found - reach, found + reach))


def quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t, for a share of at least one half, by halving."""
    assert 0.5 <= share < 1.0
    low, high = 0.0, 1.0
    while _below(high, freedom) < share and isfinite(high):
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if _below(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return high if high < 1e12 else inf


def _below(t: float, freedom: float) -> float:
    """How much of Student's t lies below t ≥ 0."""
    return 1.0 - 0.5 * _beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(1.0 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1.0 - x)) / a
    tiny = 1e-300
    value, up, down = 1.0, 1.0, 0.0
    for step in range(300):
        half = step // 2
        if step == 0:
            part = 1.0
        elif step % 2 == 0:
            part = half * (b - half) * x / ((a + step - 1) * (a + step))
        else:
            part = -(a + half) * (a + b + half) * x / ((a + step - 1) * (a + step))
        down = 1.0 / ((1.0 + part * down) or tiny)
        up = (1.0 + part / up) or tiny
        value *= up * down
        if abs(1.0 - up * down) < 1e-12:
            break
    return front * (value - 1.0)
