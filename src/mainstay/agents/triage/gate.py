"""The gate: how likely an answer is to be right, and from where on a person need not look.

It learns from live decisions alone, each predicted before it was learned, and lets nothing pass before it has seen
`LIVE_MIN` of them. Two heads: whether the answer is right, and whether the message belongs to none of the intents.
The threshold is the highest risk at which those of the last thousand messages that would pass have a mean risk
within the aim, which lies below the promised error since a risk is only an estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from mainstay.agents.triage.audit import Results
from mainstay.agents.triage.features import EXPECTED, NAMES
from mainstay.agents.triage.logistic import Logistic
from mainstay.agents.triage.records import Records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Doubles = NDArray[numpy.float64]

LIVE_MIN = 150
WINDOW = 1_000
AIM = 1.15  # of the promised error; predicted risks lie above the errors found
# The first decisions make few of the whole, and the head is too careful while the classifiers grow quickly.
EARLY, EARLY_LIVE = 0.3, 800
# What was asked lately tells whether risks are too high (the classifiers improve) or too low (the stream has changed).
# Only what is nearly sure counts: how risks near a half come out says little of those that are let pass.
RECENT, RECENT_IMAGINED, RECENT_RISK_MAX = 300, 20.0, 0.2
DRIFT_MIN, DRIFT_MAX = 0.8, 2.0
RISK_MAX = 8.0  # times the promised error: more is never let pass, however good the mean
UNKNOWN_MIN = 8  # unknown messages seen before that head is believed
UNKNOWN_MAX = 0.02  # of the unknown messages expected in the window may pass
CASES_MAX = 4_000
HALF_LIFE = 800.0  # cases after which one counts half: the classifiers improve, and old cases fear too much
_NOTHING = (0.0,) * len(NAMES)
_OFTEN = 400
LOCAL, LOCAL_MIN = 0.8, 0.15
RATIO_MIN = 0.95  # audits without error are little proof that more may pass


class Gate:
    """Live decisions, and what follows from them."""

    def __init__(self, target_error: float) -> None:
        self.target_error = target_error
        self.audits = Results()
        self.recent = Results(RECENT, RECENT_IMAGINED)
        self.cases = Records(len(NAMES), 3, CASES_MAX)  # right, unknown, audited
        self.live = 0
        self.window = Records(len(NAMES), 1, WINDOW)  # eligible
        self.head = Logistic(EXPECTED)
        self.stranger = Logistic(_NOTHING)
        self.risk_max = -1.0
        self.stranger_max = 1.0

    @property
    def open(self) -> bool:
        """Whether anything may pass at all."""
        return self.live >= LIVE_MIN

    def confidence(self, features: tuple[float, ...]) -> tuple[float, float]:
        """The probability that the answer is right, and that the message is of no intent."""
        case = numpy.array([features], dtype=numpy.float64)
        return float(self.head.shares(case)[0]), float(self.stranger.shares(case)[0])

    def passes(self, right: float, stranger: float) -> bool:
        """Whether a person need not look."""
        return self.open and 1.0 - right <= self.risk_max and not self.strange(stranger)

    def strange(self, stranger: float) -> bool:
        """Whether it is held back as one that may belong to none of the intents."""
        return stranger > self.stranger_max

    def note(self, features: tuple[float, ...], eligible: bool) -> None:
        """A decision was made: it is one of the thousand."""
        self.window.add(features, eligible)

    def learn(
        self, features: tuple[float, ...], *, right: bool, unknown: bool, audited: bool, risk: float
    ) -> None:
        """A live decision, and what the operator said."""
        self.live += 1
        self.cases.add(features, right, unknown, audited)
        if audited:
            self.audits.add(risk, not right)
        if risk <= RECENT_RISK_MAX:
            self.recent.add(risk, not right)
        if self.live >= LIVE_MIN // 2 and self.live % _pause(self.live) == 0:
            self.fit()

    def fit(self) -> None:
        """Both heads anew, and the threshold."""
        cases, facts = self.cases.features, self.cases.facts
        right, unknown = facts[:, 0].astype(numpy.float64), facts[:, 1].astype(numpy.float64)
        weight: Doubles = 0.5 ** (numpy.arange(len(cases))[::-1] / HALF_LIFE)
        near = numpy.clip(self.head.shares(cases) / LOCAL, LOCAL_MIN, 1.0)
        self.head.fit(cases, right, weight * near)
        self.stranger.fit(cases, unknown, weight)
        self.set_threshold()

    def set_threshold(self) -> None:
        """The highest risk that keeps the aim over the window."""
        self.risk_max = -1.0
        chosen, eligible = self.window.features, self.window.facts[:, 0]
        if not len(chosen):
            return
        risks = 1.0 - self.head.shares(chosen)
        strangers = self.stranger.shares(chosen)
        self.stranger_max = 1.0
        if self.cases.facts[:, 1].sum() >= UNKNOWN_MIN:
            order = numpy.argsort(strangers, kind="stable")
            budget = UNKNOWN_MAX * float(strangers.sum())
            held = numpy.cumsum(numpy.where(eligible, strangers, 0.0)[order])
            fitting = int(numpy.searchsorted(held, budget, side="right"))
            self.stranger_max = float(strangers[order][min(fitting, len(order) - 1)])
        sorted_risks = numpy.sort(risks[eligible & (strangers <= self.stranger_max)], kind="stable")
        if not len(sorted_risks):
            return
        means = numpy.cumsum(sorted_risks) / numpy.arange(1, len(sorted_risks) + 1)
        early = 1.0 + EARLY * max(0.0, 1.0 - self.live / EARLY_LIVE)
        drift = min(max(self.recent.ratio, DRIFT_MIN), DRIFT_MAX)
        aim = early * AIM * self.target_error / (max(self.audits.ratio, RATIO_MIN) * drift)
        within = int(numpy.searchsorted(means, aim, side="right"))
        if within:
            self.risk_max = min(float(sorted_risks[within - 1]), RISK_MAX * self.target_error)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Numbers and arrays, to be frozen."""
        numbers = {
            "target_error": self.target_error,
            "live": self.live,
            "risk_max": self.risk_max,
            "stranger_max": self.stranger_max,
            "audits": [[risk, wrong] for risk, wrong in self.audits.results],
            "recent": [[risk, wrong] for risk, wrong in self.recent.results],
        }
        arrays = {
            "cases": self.cases.features,
            "truths": self.cases.facts,
            "window": self.window.features,
            "eligible": self.window.facts,
        }
        heads = (("head", self.head), ("stranger", self.stranger))
        return numbers, arrays | {
            f"{of}.{name}": one for of, head in heads for name, one in head.arrays().items()
        }

    @classmethod
    def of(cls, numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> Gate:
        """The same again."""
        made = cls(float(numbers["target_error"]))
        made.live = int(numbers["live"])
        made.risk_max, made.stranger_max = float(numbers["risk_max"]), float(numbers["stranger_max"])
        for risk, wrong in numbers["audits"]:
            made.audits.add(float(risk), bool(wrong))
        for risk, wrong in numbers["recent"]:
            made.recent.add(float(risk), bool(wrong))
        for features, facts in zip(arrays["cases"], arrays["truths"], strict=True):
            made.cases.add(features, *facts)
        for features, facts in zip(arrays["window"], arrays["eligible"], strict=True):
            made.window.add(features, *facts)
        made.head = Logistic.of(EXPECTED, _below("head.", arrays))
        made.stranger = Logistic.of(_NOTHING, _below("stranger.", arrays))
        return made


def _pause(live: int) -> int:
    """Live decisions from one fit to the next: they change less and less."""
    return 2 if live < _OFTEN else 4 if live < 2 * _OFTEN else 8


def _below(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
