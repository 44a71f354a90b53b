"""Objectives of a workflow: what share of its work must be well, how fast that share is being used up, and whether the
operator should look.

The arithmetic is that of the Site Reliability Workbook, chapter 5 ("Alerting on SLOs", multiwindow, multi-burn-rate
alerts), for a budget of three days. The burn rate is the share of what went wrong over the share that may: at 1 the
budget lasts exactly as long as its window. An objective is missed when the rate reaches its limit in a long window and
in a short one as well: the long one says that it matters, the short one that it still goes on.

    long    short     limit    what that uses up of three days' budget
    1 h     5 min     14.4     a fifth in an hour
    6 h     30 min     6       half in six hours
    3 d     6 h        1       all of it

Rules of this file: pure and in whole numbers (millionths, thousandths); times and counts come in. Of fewer than 20
events a share says nothing, so there the bad ones are counted: as many may be as twenty events would allow, and one in
any case. Exactness has no budget: one wrong act in three days misses it. What was missed is met again only when it is
clearly so (four fifths of every limit), or it would be told again and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mainstay.kernel.values import DAY, HOUR, MINUTE

PPM = 1_000_000
EVENTS_MIN = 20
BUDGET_US = 3 * DAY
MET_SHARE_MILLI = 800  # of every limit, to be met again


class Kind(StrEnum):
    """What an objective is about."""

    SUCCESS = "success"  # runs that end well
    PROPOSAL = "proposal"  # from the trigger to the proposed act
    EFFECT = "effect"  # from the decision to the effect
    EXACTNESS = "exactness"  # acts that were wrong after they had left, or left twice


@dataclass(frozen=True, slots=True)
class Objective:
    """`share_ppm` of the work must be well; for a latency, `within_us` is well."""

    kind: Kind
    share_ppm: int
    within_us: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """Missed when the burn rate reaches `burn_milli` in both windows."""

    name: str
    short_name: str
    long_us: int
    short_us: int
    burn_milli: int


LIMITS = (
    Limit("1h", "5min", HOUR, 5 * MINUTE, 14_400),
    Limit("6h", "30min", 6 * HOUR, 30 * MINUTE, 6_000),
    Limit("3d", "6h", 3 * DAY, 6 * HOUR, 1_000),
)
WINDOWS = {"5min": 5 * MINUTE, "30min": 30 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "3d": 3 * DAY}


@dataclass(frozen=True, slots=True)
class Count:
    """How much there was, and how much of it was bad."""

    bad: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Breach:
    """Why an objective is missed."""

    window: str  # "1h", "6h", "3d", "count"
    bad: int
    total: int
    burn_milli: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How one objective of a workflow stands at one moment."""

    workflow: str
    objective: Objective
    windows: Mapping[str, Count]  # by the names of `WINDOWS`
    breach: Breach | None  # why it is missed now
    met: bool  # clearly within: what was missed before may be called met

    @property
    def counted(self) -> bool:
        """Whether there is too little for a share to say something."""
        return self.objective.kind is Kind.EXACTNESS or self.of_budget.total < EVENTS_MIN

    @property
    def of_budget(self) -> Count:
        """What counts against the budget."""
        return self.windows["3d"]

    @property
    def allowed(self) -> int:
        """How many bad ones the budget holds."""
        return allowed(self.objective, self.of_budget.total)

    @property
    def left_ppm(self) -> int:
        """How much of the budget is left, in millionths; negative where it is overspent."""
        bad = self.of_budget.bad
        if self.counted:
            most = self.allowed
            return PPM - bad * PPM // most if most else (0 if bad else PPM)
        return PPM - burn_milli(self.objective, self.of_budget) * (PPM // 1_000)

    def burn_milli(self, window: str) -> int | None:
        """The burn rate in a window, in thousandths; None where there is too little to tell."""
        count = self.windows[window]
        if self.objective.kind is Kind.EXACTNESS or count.total < EVENTS_MIN:
            return None
        return burn_milli(self.objective, count)


def burn_milli(objective: Objective, count: Count) -> int:
    """How many times faster than allowed the budget is being used up, in thousandths."""
    budget_ppm = PPM - objective.share_ppm
    assert budget_ppm > 0, "an objective without a budget has no burn rate"
    return count.bad * 1_000 * PPM // (count.total * budget_ppm) if count.total else 0


def allowed(objective: Objective, total: int) -> int:
    """How many of so many may be bad, counted as of twenty at least; one in any case, none of exactness."""
    if objective.kind is Kind.EXACTNESS:
        return 0
    return max(1, max(total, EVENTS_MIN) * (PPM - objective.share_ppm) // PPM)


def read(workflow: str, objective: Objective, windows: Mapping[str, Count]) -> Reading:
    """How the objective stands with these counts, by the names of `WINDOWS`."""
    if objective.kind is Kind.EXACTNESS:
        breach = _over(objective, windows["3d"])
        return Reading(workflow, objective, windows, breach, breach is None)
    breach = next(_burning(objective, windows, 1_000), None)
    whole = windows["3d"]
    if not _tells(windows, LIMITS[-1]):
        breach = breach or _over(objective, whole)
    smouldering = next(_burning(objective, windows, MET_SHARE_MILLI), None) is not None
    if whole.total >= EVENTS_MIN:
        spent = burn_milli(objective, whole) >= LIMITS[-1].burn_milli * MET_SHARE_MILLI // 1_000
    else:
        spent = _over(objective, whole) is not None
    return Reading(workflow, objective, windows, breach, breach is None and not smouldering and not spent)


def _burning(objective: Objective, windows: Mapping[str, Count], share_milli: int) -> Iterator[Breach]:
    """The limits that are reached, or this share of them, the fastest first."""
    for limit in LIMITS:
        if not _tells(windows, limit):
            continue
        long, short = windows[limit.name], windows[limit.short_name]
        least = limit.burn_milli * share_milli // 1_000
        burn = burn_milli(objective, long)
        if burn >= least and burn_milli(objective, short) >= least:
            yield Breach(limit.name, long.bad, long.total, burn)


def _tells(windows: Mapping[str, Count], limit: Limit) -> bool:
    """Whether there is enough in both windows for a share to say something."""
    return min(windows[limit.name].total, windows[limit.short_name].total) >= EVENTS_MIN


def _over(objective: Objective, count: Count) -> Breach | None:
    """Whether there are more bad ones than so few events allow."""
    if count.bad <= allowed(objective, count.total):
        return None
    burn = 0 if objective.kind is Kind.EXACTNESS else burn_milli(objective, count)
    return Breach("count", count.bad, count.total, burn)
