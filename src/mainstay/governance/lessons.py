"""What lessons do to later drafts, from the counts of words that the ledger keeps; and when a lesson is retired.

The rule, looked at after every draft that a person sends. A lesson is judged from `TRIALS_MIN` drafts with it and as
many without. It is retired as soon as drafts are then changed no less with it than without, and, from `TRIALS_SURE` of
each on, also where the 80 % interval of the difference reaches below zero: by then a lesson that helps has shown it.
A lesson that is taught again after that begins anew. An edit that takes back what a lesson brought retires it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mainstay.governance.effect import NONE, Arm, Difference, Effect, difference
from mainstay.ledger.store import EventReader, Value

TRIALS_MIN = 10
TRIALS_SURE = 30
RETIRED_BELOW = 0.80  # level of the interval that retires: a wider one would retire what halves the edits
SPACE = "lessons"
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One draft that a lesson applied to: whether it was made with it, and the share of words that were changed."""

    given: bool
    share: float
    position: int = 0


@dataclass(frozen=True, slots=True)
class LessonFigures:
    """One lesson in numbers. Its words stand in memory, sealed."""

    lesson: str
    version: int
    recorded_at: int
    retracted: bool
    effect: Effect
    told: Difference | None  # the difference with its interval, where there are enough drafts


@dataclass(frozen=True, slots=True)
class LessonReport:
    """All lessons, and what they do together."""

    lessons: tuple[LessonFigures, ...] = ()
    overall: Difference | None = None
    given: Arm = NONE  # drafts by lesson: a draft with two lessons counts twice
    withheld: Arm = NONE
    drafts: int = 0  # that a person changed, or that a lesson applied to
    changed: float = 0.0  # the mean share of words that were changed in these

    @property
    def in_force(self) -> int:
        """How many are believed."""
        return sum(not one.retracted for one in self.lessons)


def effect_of(trials: Sequence[Trial]) -> Effect:
    """Drafts with the lesson against drafts without."""
    return Effect(
        Arm.of(one.share for one in trials if one.given), Arm.of(one.share for one in trials if not one.given)
    )


def why_retire(effect: Effect) -> str:
    """Why a lesson with this effect is retired; empty where it is kept."""
    fewest = min(effect.given.count, effect.withheld.count)
    if fewest < TRIALS_MIN:
        return ""
    counts = f"{effect.given.count} drafts with it, {effect.withheld.count} without"
    with_it, without = f"{effect.given.mean:.1%}", f"{effect.withheld.mean:.1%}"
    if effect.reduction <= 0.0:
        return f"it does not lessen what is changed: {with_it} of the words with it, {without} without ({counts})"
    told = difference([effect], level=RETIRED_BELOW) if fewest >= TRIALS_SURE else None
    if told is not None and told.interval is not None and told.interval[0] <= 0.0:
        return f"it is not shown to lessen what is changed: {with_it} of the words, {without} without it ({counts})"
    return ""


def trials_of(store: EventReader, lesson: str) -> list[Trial]:
    """The drafts that a lesson applied to, since it was last taken back."""
    rows = store.select("memories", where={"memory": lesson}, limit=_ALL)
    since = max((int(str(row["retracted"])) for row in rows), default=0)
    # A lesson that is out of force now keeps what it was retired for.
    latest = max(rows, key=lambda row: int(str(row["version"])), default=None)
    if latest is not None and latest["retracted"]:
        since = max((int(str(row["retracted"])) for row in rows if row is not latest), default=0)
    return [
        Trial(bool(row["given"]), _share(row["changed"], row["words"]), int(str(row["position"])))
        for row in store.select("lesson_trials", where={"lesson": lesson}, limit=_ALL)
        if int(str(row["position"])) > since
    ]


def lessons_report(store: EventReader) -> LessonReport:
    """Every lesson and its effect, the newest first."""
    newest: dict[str, dict[str, Value]] = {}
    for row in store.select("memories", where={"space": SPACE}, order="recorded", limit=_ALL):
        newest[str(row["memory"])] = row
    figures: list[LessonFigures] = []
    for lesson, row in newest.items():
        effect = effect_of(trials_of(store, lesson))
        figures.append(
            LessonFigures(
                lesson,
                int(str(row["version"])),
                int(str(row["recorded_at"])),
                bool(row["retracted"]),
                effect,
                difference([effect]),
            )
        )
    effects = [one.effect for one in figures]
    judged = store.select("judged_drafts", limit=_ALL)
    shares = [_share(row["changed"], row["words"]) for row in judged]
    return LessonReport(
        tuple(reversed(figures)),
        difference(effects),
        _together(one.given for one in effects),
        _together(one.withheld for one in effects),
        len(shares),
        sum(shares) / len(shares) if shares else 0.0,
    )


def _together(arms: Iterable[Arm]) -> Arm:
    count, total, squares = 0, 0.0, 0.0
    for arm in arms:
        count, total, squares = count + arm.count, total + arm.total, squares + arm.squares
    return Arm(count, total, squares)


def _share(changed: Value, words: Value) -> float:
    of = int(str(words))
    return int(str(changed)) / of if of else 0.0
