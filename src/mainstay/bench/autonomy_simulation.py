"""Kinds of act that get worse: what passes before autonomy is taken back, and what is granted or taken back in error.

Many kinds are simulated with the kernel's own decisions and nothing else: an operator who is right about every card
that is laid before them, a kind that errs with a given frequency, and a change of that frequency after the grant. Wrong
acts that leave unseen are counted until the kind asks again. Nobody takes anything back in its hold window here and
nobody complains, so what really passes is less; cards are answered before the next act, so what leaves while a card
waits comes on top.

Every kind draws from its own seed, so the same numbers come out of the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from mainstay.kernel.autonomy import (
    ALPHA,
    Autonomy,
    AutonomyRules,
    audit_share,
    clean_of_late,
    goes_by_itself,
    target,
    wanting,
    worst_case,
)
from mainstay.kernel.commands import WeighEvidence
from mainstay.kernel.events import AutonomyRevoked
from mainstay.kernel.ids import RunId

KIND = "simulated/act/"
GOOD = 0.01  # how often a kind errs while it earns its autonomy
WORSE = (0.05, 0.1, 0.2, 0.5, 1.0)
STEADY = (0.0, 0.01, 0.02, 0.05)
LATER_ACTS = 300  # acts that go well before a kind gets worse late: by then one in twenty is audited
ACTS_MAX = 3_000  # of one kind after its change: what was not taken back by then counts as never
DECISIONS_MAX = 1_500  # before promotion

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Degraded:
    """Kinds that began to err with this frequency."""

    rate: float
    late: bool  # long after the grant instead of directly with it
    kinds: int
    demoted: int
    passed_median: int  # wrong acts that left unseen before each asked again, of those that did
    passed_95: int
    passed_max: int
    acts_median: int  # acts until it asked again


@dataclass(frozen=True, slots=True)
class Steady:
    """Kinds that err with this frequency all the time."""

    rate: float
    acts: int
    demotions: int
    asked: int  # audits: what autonomy still asks

    @property
    def demotions_per_1000(self) -> float:
        """How often autonomy is taken back, for each thousand acts."""
        return 1_000 * self.demotions / self.acts if self.acts else 0.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """All figures of one run."""

    target: float
    alpha: float
    kinds: int
    seed: int
    decisions: int  # clean ones that are wanted for a grant
    at_target_promoted: float  # of kinds that err exactly as often as the target says; at most alpha
    promoted_after_median: int  # decisions that a good kind needed
    worst_now: int
    worst_later: int
    degraded: tuple[Degraded, ...]
    steady: tuple[Steady, ...]


def steps(kinds: int) -> int:
    """How many kinds are simulated in all: what a progress bar runs to."""
    return kinds * (2 * len(WORSE) + len(STEADY) + 2)


def simulate(
    *,
    target_ppm: int = 100_000,
    kinds: int = 400,
    seed: int = 1,
    progress: Progress = lambda done: None,
) -> Simulated:
    """Everything, for one target."""
    rules = AutonomyRules(target_ppm=target_ppm, by_itself=True)

    def each(label: str, work: Callable[[Random], int | tuple[int, ...]]) -> list[int | tuple[int, ...]]:
        found = []
        for number in range(kinds):
            found.append(work(Random(f"{seed}/{label}/{number}")))
            progress(1)
        return found

    at_target = each("at target", lambda random: _promoted_after(random, rules, target(rules)))
    good = each("good", lambda random: _promoted_after(random, rules, GOOD))
    degraded, steady = [], []
    for rate in WORSE:
        for late in (False, True):
            said = f"{rate} {late}"
            ended = each(said, lambda random, rate=rate, late=late: _degrade(random, rules, rate, late=late))  # type: ignore[misc]
            degraded.append(_degraded(rate, late, [one for one in ended if isinstance(one, tuple)]))
    for rate in STEADY:
        went = each(f"steady {rate}", lambda random, rate=rate: _steady(random, rules, rate))  # type: ignore[misc]
        told = [one for one in went if isinstance(one, tuple)]
        steady.append(Steady(rate, *(sum(one[index] for one in told) for index in range(3))))
    reached = sorted(one for one in good if isinstance(one, int) and one)
    return Simulated(
        target=target(rules),
        alpha=ALPHA,
        kinds=kinds,
        seed=seed,
        decisions=wanting(0, 0, target(rules)),
        at_target_promoted=sum(1 for one in at_target if one) / kinds,
        promoted_after_median=_quantile(reached, 0.5),
        worst_now=worst_case(0),
        worst_later=worst_case(),
        degraded=tuple(degraded),
        steady=tuple(steady),
    )


class _Kind:
    """One kind of act, from its first decision on."""

    def __init__(self, random: Random, rules: AutonomyRules) -> None:
        self.random = random
        self.autonomy = Autonomy(rules)
        self.decided = 0

    @property
    def by_itself(self) -> bool:
        return goes_by_itself(self.autonomy.of(KIND))

    def decide(self, *, wrong: bool, source: str) -> bool:
        """The operator looks; whether that took autonomy back."""
        self.decided += 1
        verdict = "error" if wrong else "clean"
        command = WeighEvidence(KIND, "way", verdict, source, RunId(""), self.decided, "")
        events = self.autonomy.decide(command)
        for event in events:
            self.autonomy.note(event)
        return any(isinstance(event, AutonomyRevoked) for event in events)

    def earn(self, rate: float) -> bool:
        """Decide until it goes by itself; whether it came to that."""
        while not self.by_itself and self.decided < DECISIONS_MAX:
            self.decide(wrong=self.random.random() < rate, source="decision")
        return self.by_itself

    def audited(self) -> bool:
        """Whether the next act is looked at."""
        return self.random.random() < audit_share(clean_of_late(self.autonomy.of(KIND)))


def _promoted_after(random: Random, rules: AutonomyRules, rate: float) -> int:
    """Decisions until it was promoted; 0 where it never was."""
    kind = _Kind(random, rules)
    return kind.decided if kind.earn(rate) else 0


def _degrade(random: Random, rules: AutonomyRules, rate: float, *, late: bool) -> tuple[int, ...]:
    """Wrong acts that passed, acts until it asked again, and whether it ever did."""
    kind = _Kind(random, rules)
    while not (kind.earn(0.0) and (not late or _goes_well(kind))):
        pass  # without an error it is always promoted, and never taken back
    passed = 0
    for acts in range(1, ACTS_MAX + 1):
        wrong = random.random() < rate
        if not kind.audited():
            passed += wrong
        elif kind.decide(wrong=wrong, source="audit"):
            return passed, acts, 1
    return passed, ACTS_MAX, 0


def _goes_well(kind: _Kind) -> bool:
    return not any(kind.audited() and kind.decide(wrong=False, source="audit") for _ in range(LATER_ACTS))


def _steady(random: Random, rules: AutonomyRules, rate: float) -> tuple[int, ...]:
    """Acts by itself or audited, demotions and audits of a kind that errs alike all the time."""
    kind = _Kind(random, rules)
    acts = demotions = asked = 0
    while acts < ACTS_MAX // 3 and kind.earn(rate):
        kind.decided = 0
        acts += 1
        wrong = random.random() < rate
        if kind.audited():
            asked += 1
            demotions += kind.decide(wrong=wrong, source="audit")
    return acts, demotions, asked


def _degraded(rate: float, late: bool, told: Sequence[tuple[int, ...]]) -> Degraded:
    ended = [one for one in told if one[2]]
    passed = sorted(one[0] for one in ended)
    acts = sorted(one[1] for one in ended)
    most = passed[-1] if passed else 0
    quantiles = (_quantile(passed, 0.5), _quantile(passed, 0.95))
    return Degraded(rate, late, len(told), len(ended), *quantiles, most, _quantile(acts, 0.5))


def _quantile(values: Sequence[int], share: float) -> int:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0
