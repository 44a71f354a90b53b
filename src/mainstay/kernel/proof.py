"""The proof by which a kind of act goes by itself: an e-process over its errors, and the mirrored one against it.

The likelihood ratio of a uniform mixture over all error rates up to a target, against the target itself (Waudby-Smith
and Ramdas 2024, "Estimating means of bounded random variables by betting", here for a Bernoulli error rate). By Ville's
inequality it ever reaches 1/alpha with probability at most alpha if the true rate is the target or more, however often
it is looked at.

Rules of this file: pure numbers. Each binomial tail is summed from where it begins, in logarithms: exact at any number
of decisions, and no library.
"""

from __future__ import annotations

from math import exp, expm1, inf, lgamma, log, log1p

ALPHA = 0.05  # of a wrong promotion, for each kind


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


def _mixture(clean: int, errors: int, rate: float, low: float, high: float) -> float:
    """The mean over p in [low, high] of (p / rate)^errors ((1 - p) / (1 - rate))^clean.

    By way of the incomplete beta function with whole parameters, which is a binomial sum: exact, and no library. The
    integral of p^errors (1-p)^clean over [0, x] is B(errors+1, clean+1) P(Binomial(total+1, x) > errors).
    """
    assert 0 < rate < 1
    total = clean + errors
    # One end of the interval is 0 or 1. Each tail is summed from where it begins, never as 1 less the other: far out,
    # where it is nearly nothing, that would leave rounding alone, which the division blows up into any evidence at all.
    share = _log_above(total + 1, errors, rate) if low == 0 else _log_up_to(total + 1, errors, rate)
    log_beta = lgamma(errors + 1) + lgamma(clean + 1) - lgamma(total + 2)
    log_value = log_beta + share - log(high - low) - errors * log(rate) - clean * log1p(-rate)
    return exp(log_value) if log_value < 700 else inf


def _log_above(trials: int, most: int, rate: float) -> float:
    """The logarithm of the probability of more than `most` successes in so many trials."""
    if most + 1 > trials * rate:
        return _log_term(trials, most + 1, rate) + log(_sum_from(trials, most + 1, rate, up=True))
    return _log_less(_log_term(trials, most, rate) + log(_sum_from(trials, most, rate, up=False)))


def _log_up_to(trials: int, most: int, rate: float) -> float:
    """The logarithm of the probability of at most `most` successes."""
    if most < trials * rate:
        return _log_term(trials, most, rate) + log(_sum_from(trials, most, rate, up=False))
    return _log_less(_log_term(trials, most + 1, rate) + log(_sum_from(trials, most + 1, rate, up=True)))


def _log_less(other: float) -> float:
    """The logarithm of one less a probability that is no larger than about a half."""
    return log(-expm1(min(other, -1e-300)))


def _log_term(trials: int, hits: int, rate: float) -> float:
    ways = lgamma(trials + 1) - lgamma(hits + 1) - lgamma(trials - hits + 1)
    return ways + hits * log(rate) + (trials - hits) * log1p(-rate)


def _sum_from(trials: int, hits: int, rate: float, *, up: bool) -> float:
    """The terms from `hits` on, away from the middle, as multiples of the first; they fall, so few are needed."""
    odds = rate / (1 - rate)
    total = term = 1.0
    while term > total * 1e-17:
        if up:
            term *= (trials - hits) / (hits + 1) * odds
            hits += 1
        else:
            term *= hits / (trials - hits + 1) / odds
            hits -= 1
        total += term
    return total
