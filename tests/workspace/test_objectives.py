"""The watcher of objectives over a real director: what it counts, what it tells, and that autonomy ends by it."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.config.objectives import NO_OBJECTIVES, ObjectiveSettings
from mainstay.governance.objectives import Count, Kind, Objective, Reading
from mainstay.governance.operator_time import operator_time
from mainstay.governance.samples import readings
from mainstay.kernel.autonomy import Level
from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    Failed,
    GrantApproval,
    GrantAutonomy,
    PauseRun,
    Produced,
    Proposed,
    RecordOutcome,
    ResolveDoubt,
    ResumeRun,
    StartRun,
    Wake,
    WeighEvidence,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId, run_id
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.tick import Request
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, act, action, plan_of, think
from mainstay.workspace.objectives import ObjectivesWatch, Slo
from tests.runtime.house import House

THINKS = plan_of(think("only"))
ACTS = plan_of(act("send"))
KIND = "sample/email.reply/"
WITHIN = Objective(Kind.PROPOSAL, 900_000, 15 * MINUTE)


class Office:
    """A director that is driven by hand, and the watcher beside it."""

    def __init__(self, plan: Any = THINKS, settings: ObjectiveSettings = NO_OBJECTIVES, **house: Any) -> None:
        # The first minute of a day, so that windows begin where one expects.
        self.clock = ManualClock(19_700 * DAY)
        self.house = House(plan, clock=self.clock, **house)
        self.plan = plan
        self.house.director.boot()
        self.sent: list[Request] = []
        self.watch = ObjectivesWatch(
            self.house.store, settings, lambda: self.house.director.workflows, self.clock, self.sent.append
        )
        self._started = 0

    def decide(self, *commands: Any) -> None:
        self.house.director.handle([Request(one, "operator") for one in commands])

    def start(self, *, at: int | None = None) -> RunId:
        self._started += 1
        run = run_id(self.clock.now() if at is None else at, "test", self._started)
        self.decide(StartRun(run, "sample", self.plan.digest, {}))
        return run

    def end(self, run: RunId, *, well: bool) -> None:
        failed = Failed(FailureClass.REFUSED, "no")
        self.decide(RecordOutcome(run, 0, 1, Produced({}, "because") if well else failed))

    def ends(self, *, well: int = 0, badly: int = 0) -> None:
        for number in range(well + badly):
            self.end(self.start(), well=number < well)

    def propose(self, run: RunId, **how: Any) -> None:
        self.decide(RecordOutcome(run, 0, 1, Proposed(action(0, run=run, **how), "because")))

    def look(self) -> list[str]:
        """What a look tells, and what the director makes of it."""
        self.watch.look()
        told, self.sent[:] = list(self.sent), []
        self.house.director.handle(told)
        return [f"{type(one.command).__name__} {one.command.objective}" for one in told]  # type: ignore[union-attr]

    def reading(self, kind: Kind = Kind.SUCCESS) -> Reading:
        return next(one for one in self.watch.readings if one.objective.kind is kind)

    def counted(self, kind: Kind, window: str = "3d") -> Count:
        self.watch.look()
        return self.reading(kind).windows[window]

    def missed(self) -> list[str]:
        return [
            str(row["objective"]) for row in self.house.store.select("objectives") if row["met_at"] is None
        ]


def test_a_burning_budget_is_told_once_and_what_went_by_itself_asks_again() -> None:
    office = Office()
    proofs = [
        WeighEvidence(KIND, "r1", "clean", "decision", RunId(f"{n:032x}"), 0, "operator") for n in range(43)
    ]
    office.decide(*proofs, GrantAutonomy(KIND, "automatic", "operator"))
    assert office.house.director.autonomy.of(KIND).level is Level.AUTOMATIC
    office.ends(well=30)
    assert office.look() == []
    office.ends(badly=30)
    assert office.look() == ["BreachObjective success"]
    assert office.missed() == ["success"]
    row = office.house.store.get("autonomy", (KIND,))
    assert row is not None
    assert (row["level"], row["cause"]) == ("ask", "slo")
    assert office.house.director.autonomy.of(KIND).level is Level.ASK
    breached = office.house.store.get("objectives", ("sample", "success"))
    assert breached is not None
    # 30 of 60 are ten times five in a hundred: more than six hours may, less than one hour may.
    assert (breached["window"], breached["bad"], breached["total"], breached["burn_milli"]) == (
        "6h",
        30,
        60,
        10_000,
    )
    office.clock.advance(MINUTE)
    office.ends(badly=3)
    assert office.look() == [], "it is on record while it lasts"


def test_it_is_met_again_when_the_budget_has_come_back() -> None:
    office = Office()
    office.ends(well=20, badly=20)
    assert office.look() == ["BreachObjective success"]
    office.clock.advance(7 * HOUR)
    office.ends(well=40)
    assert office.look() == [], "nothing burns any more, but the budget of three days is spent"
    assert office.reading().breach is None
    office.clock.advance(3 * DAY)
    assert office.look() == ["MeetObjective success"]
    assert office.missed() == []
    assert office.look() == []


def test_a_downtime_is_caught_up_with_by_the_first_look() -> None:
    office = Office()
    office.ends(badly=3)
    office.clock.advance(2 * DAY)
    assert office.look() == ["BreachObjective success"], "three of three in the last three days"
    late = Office()
    late.ends(badly=3)
    late.clock.advance(4 * DAY)
    assert late.look() == []


@pytest.mark.parametrize(("ago", "within"), [(4 * MINUTE, 1), (5 * MINUTE, 0), (5 * MINUTE + 59 * SECOND, 0)])
def test_a_window_is_never_longer_than_it_says(ago: int, within: int) -> None:
    office = Office()
    office.ends(badly=1)
    office.clock.advance(ago)
    assert office.counted(Kind.SUCCESS, "5min") == Count(within, within)
    assert office.counted(Kind.SUCCESS, "30min") == Count(1, 1)


def test_a_look_counts_what_a_look_over_everything_counts() -> None:
    """The tally goes on from its last minute; whoever asks later folds three days anew. Both say the same."""
    office = Office()
    for step in range(60):
        office.ends(well=step % 3, badly=(step % 7 == 0))
        office.clock.advance(step % 5 * 40 * SECOND + (step % 11 == 0) * HOUR)
        office.look()
        now = office.clock.now()
        assert office.watch.readings == readings(office.house.store, {"sample": office_objectives()}, now)
    office.clock.jump(-2 * HOUR)
    office.look()
    assert office.watch.readings == readings(
        office.house.store, {"sample": office_objectives()}, office.clock.now()
    )


def office_objectives() -> tuple[Objective, ...]:
    return NO_OBJECTIVES.of("sample")


# --- latencies -----------------------------------------------------------------------------------------------------


def test_a_proposal_is_late_by_the_time_since_its_trigger() -> None:
    office = Office(ACTS, policy=ASK_ALL)
    quick, slow = office.start(), office.start()
    office.clock.advance(15 * MINUTE)
    office.propose(quick)
    office.clock.advance(1)
    office.propose(slow)
    assert office.counted(Kind.PROPOSAL) == Count(1, 2)


def test_a_run_under_a_name_of_ones_own_counts_from_its_start() -> None:
    office = Office(ACTS, policy=ASK_ALL)
    run = office.start(at=0)
    office.clock.advance(MINUTE)
    office.propose(run)
    assert office.counted(Kind.PROPOSAL) == Count(0, 1)


def test_a_pause_is_not_the_workflows_fault() -> None:
    office = Office(ACTS, policy=ASK_ALL)
    run = office.start()
    office.decide(PauseRun(run, "operator"))
    office.clock.advance(DAY)
    office.decide(ResumeRun(run, "operator"))
    office.propose(run)
    assert office.counted(Kind.PROPOSAL) == Count(0, 1)


def test_an_effect_is_late_by_the_time_since_the_decision_not_since_the_question() -> None:
    office = Office(ACTS, policy=ASK_ALL)
    for wait, after in ((2 * DAY, 10 * MINUTE), (MINUTE, 11 * MINUTE)):
        run = office.start()
        office.propose(run)
        office.clock.advance(wait)
        card = office.house.cards()[0]
        office.decide(GrantApproval(run, card["approval"], card["digest"], "operator", 5 * SECOND))
        office.clock.advance(after)
        office.decide(RecordOutcome(run, 0, 2, Acted()))
    assert office.counted(Kind.EFFECT) == Count(1, 2)
    times = operator_time(office.house.store, office.clock.now())
    assert [(one.workflow, one.weeks_us[0], one.decisions[0]) for one in times] == [
        ("sample", 10 * SECOND, 2)
    ]
    assert Slo(lambda: office.house.store, lambda: NO_OBJECTIVES, office.clock).minutes("other") == ()


def test_a_hold_window_is_no_delay() -> None:
    office = Office(ACTS, policy=ASK_ALL, undo_us=20 * MINUTE)
    run = office.start()
    office.propose(run)
    card = office.house.cards()[0]
    office.decide(GrantApproval(run, card["approval"], card["digest"], "operator", 5 * SECOND))
    office.clock.advance(20 * MINUTE)
    office.decide(Wake(run, 0))
    office.decide(RecordOutcome(run, 0, 2, Acted()))
    assert office.counted(Kind.EFFECT) == Count(0, 1)


def test_waiting_in_line_is_not_the_workflows_fault() -> None:
    office = Office(ACTS, policy=ASK_ALL)
    first, second = (run_id(office.clock.now(), "test", name) for name in ("first", "second"))
    for run in (first, second):
        office.decide(StartRun(run, "sample", ACTS.digest, {}, "one thread"))
    office.propose(first)
    office.clock.advance(DAY)
    office.decide(CancelRun(first, "operator"))
    office.clock.advance(MINUTE)
    office.propose(second)
    assert office.counted(Kind.PROPOSAL) == Count(0, 2)


# --- exactness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["undo", "report", "correction"])
def test_what_was_wrong_after_it_had_left_has_no_budget(source: str) -> None:
    office = Office()
    office.decide(WeighEvidence(KIND, "r1", "error", source, office.start(), 0, "operator"))
    assert office.look() == ["BreachObjective exactness"]


@pytest.mark.parametrize(
    ("source", "verdict"), [("decision", "error"), ("audit", "error"), ("report", "clean")]
)
def test_what_a_card_caught_is_no_error_of_exactness(source: str, verdict: str) -> None:
    office = Office()
    office.decide(WeighEvidence(KIND, "r1", verdict, source, office.start(), 0, "operator"))
    assert office.look() == []


def test_what_went_out_a_second_time_is_an_error() -> None:
    office = Office(ACTS, policy=ALLOW_ALL)
    run = office.start()
    office.propose(run, repeatability=Repeatability.ONCE)
    office.decide(RecordOutcome(run, 0, 2, Failed(FailureClass.TIMEOUT, "no answer")))
    office.decide(ResolveDoubt(run, 0, "did_not", "operator"))
    card = office.house.cards()[0]
    office.decide(GrantApproval(run, card["approval"], card["digest"], "operator"))
    office.decide(RecordOutcome(run, 0, 3, Failed(FailureClass.TIMEOUT, "no answer")))
    assert office.look() == []
    office.decide(ResolveDoubt(run, 0, "happened", "operator"))
    assert office.look() == ["BreachObjective exactness"]
    assert office.counted(Kind.EFFECT) == Count(0, 0), "how long it took is not known"


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_what_nobody_asks_any_more_is_not_missed_any_more() -> None:
    office = Office()
    office.ends(badly=3)
    assert office.look() == ["BreachObjective success"]
    without = ObjectiveSettings({"sample": (WITHIN,)}, {"sample": 1})
    office.watch = ObjectivesWatch(
        office.house.store, without, lambda: ["sample"], office.clock, office.sent.append
    )
    assert office.look() == ["MeetObjective success"]


def test_it_is_shown_as_it_stands_now_and_as_it_stood() -> None:
    office = Office()
    slo = Slo(lambda: office.house.store, lambda: NO_OBJECTIVES, office.clock)
    assert slo.show() == (), "no workflow is in the view: this house registers none"
    begun = office.clock.now()
    office.house.store.append(
        (),
        epoch=office.house.director.epoch,
        at=begun,
        changes=_registered(),
    )
    assert {one.state for one in slo.show()} == {"quiet"}
    office.ends(badly=3)
    assert slo.show("sample")[0].state == "burning"
    office.look()
    assert (slo.show("sample")[0].state, slo.show("sample")[0].missed_since) == ("missed", begun)
    office.clock.advance(4 * DAY)
    assert slo.show("sample")[0].state == "recovering"
    before = slo.show("sample", at=Instant(begun + MINUTE))[0].reading
    assert before.of_budget == Count(3, 3)


def _registered() -> list[Any]:
    from mainstay.ledger.store import Put

    return [Put("workflows", ("sample",), {"version": 1, "definition": "0" * 64})]
