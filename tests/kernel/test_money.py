"""Money: holds, settlement, refusals by each budget, and when a refused start is tried again."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from mainstay.kernel.budget import Balances, Limits, day_of, month_of
from mainstay.kernel.commands import RecordNotified, StartRun
from mainstay.kernel.effects import Notify, WakeAt
from mainstay.kernel.events import (
    ActionProposed,
    ActionStarted,
    BudgetRefused,
    PlanAccepted,
    RunStarted,
    TaskStarted,
)
from mainstay.kernel.state import WINDOW, Phase
from mainstay.kernel.values import DAY, MINUTE, SECOND, Instant, money, parse_duration, parse_money
from mainstay.testing.plans import ALLOW_ALL, NOW, RUN, act, action, chain, fan_in, plan_of, think
from mainstay.testing.spec import DEFAULT_FACTS, Playbook, given


def test_a_ceiling_is_held_and_settled_to_what_it_cost() -> None:
    book = Playbook(chain(2, cost_max_micros=50)).start()
    assert (book.state.held, book.facts.balances.held) == (50, 50)
    book.produces("t0", cost=20)
    assert (book.state.held, book.state.spent, book.facts.balances.day_spent) == (50, 20, 20)
    book.produces("t1", cost=0)
    assert (book.state.held, book.state.spent, book.facts.balances.held) == (0, 20, 0)


def test_what_a_proposal_cost_is_counted_and_the_price_of_the_act_is_held() -> None:
    book = Playbook(plan_of(act("send", cost_max_micros=50)), policy=ALLOW_ALL).start()
    book.proposes("send", action(0, price_micros=9), cost=30).then(ActionProposed, ActionStarted)
    assert (book.state.held, book.state.spent) == (9, 30)
    book.acted("send")
    assert (book.state.held, book.state.spent) == (0, 39)


LIMITED = [
    ("run", Limits(run_micros=60), None),
    ("run", Limits(), 60),
    ("workflow", Limits(workflow_day_micros=60), None),
    ("day", Limits(day_micros=60), None),
    ("month", Limits(month_micros=60), None),
]


@pytest.mark.parametrize(("scope", "limits", "run_max"), LIMITED)
def test_each_budget_refuses_and_the_operator_is_told(
    scope: str, limits: Limits, run_max: int | None
) -> None:
    plan = chain(2, cost_max_micros=50) if run_max is None else _limited(run_max)
    book = Playbook(plan, limits=limits).start().produces("t0", cost=40)
    refused = book.last[-1]
    assert isinstance(refused, BudgetRefused)
    tomorrow = Instant((NOW // DAY + 1) * DAY)
    assert (refused.scope, refused.needed, refused.left, refused.wake_at) == (scope, 50, 20, tomorrow)
    book.owes(WakeAt, Notify).tell(RecordNotified(RUN, 1)).owes(WakeAt)
    book.later(DAY).wakes("t1")
    if scope in ("run", "month"):
        book.then(BudgetRefused).owes(WakeAt)  # told once
    else:
        book.then(TaskStarted(1, 1, 50))


def _limited(run_max: int):  # type: ignore[no-untyped-def]
    return plan_of(
        think("t0", cost_max_micros=50), think("t1", "t0", cost_max_micros=50), cost_max_micros=run_max
    )


def test_two_starts_of_one_decision_cannot_both_have_the_last_cent() -> None:
    book = Playbook(fan_in(2, cost_max_micros=50), limits=Limits(day_micros=60)).start()
    book.then(RunStarted, PlanAccepted, TaskStarted, BudgetRefused)


def test_what_is_only_held_is_waited_for_and_nobody_is_disturbed() -> None:
    book = Playbook(fan_in(2, cost_max_micros=50), limits=Limits(day_micros=60)).start()
    refused = book.last[-1]
    assert isinstance(refused, BudgetRefused)
    assert refused.passing
    assert NOW < refused.wake_at <= NOW + MINUTE
    book.stands(t1=Phase.RETRYING).produces("t0", cost=1).later(MINUTE).wakes("t1").then(
        TaskStarted(1, 1, 50)
    )


def test_a_blocked_task_keeps_its_place_in_the_window() -> None:
    book = Playbook(fan_in(WINDOW + 9, cost_max_micros=50), limits=Limits(day_micros=40)).start()
    assert sum(isinstance(one, BudgetRefused) for one in book.last) == WINDOW
    book.later(DAY)
    for number in range(WINDOW):
        book.wakes(number)
    assert book.state.busy <= WINDOW


def test_a_start_that_costs_nothing_needs_no_budget() -> None:
    Playbook(chain(1), limits=Limits(day_micros=0)).start().then(RunStarted, PlanAccepted, TaskStarted)


def test_a_clock_set_back_opens_no_old_day() -> None:
    balances = Balances()
    balances.roll(Instant(10 * DAY))
    balances.move("w", 0, 5)
    balances.roll(Instant(9 * DAY))
    assert balances.day_spent == 5
    balances.roll(Instant(11 * DAY))
    assert (balances.day_spent, balances.month_spent, balances.spent) == (0, 5, 5)


@drawn(st.integers(0, 4_000_000_000))
def test_days_and_months_are_those_of_the_calendar(second: int) -> None:
    moment = dt.datetime.fromtimestamp(second, dt.UTC)
    at = Instant(second * SECOND)
    assert month_of(at) == (moment.year - 1970) * 12 + moment.month - 1
    assert day_of(at) == (moment.date() - dt.date(1970, 1, 1)).days


@drawn(st.integers(0, 999_999_999_999_999))
def test_money_is_read_as_it_is_written(micros: int) -> None:
    assert parse_money(money(micros).removeprefix("$")) == micros


@drawn(*(st.integers(0, 999_999) for _ in range(5)))
def test_durations_are_read_as_they_are_written(w: int, d: int, h: int, m: int, s: int) -> None:
    total = (((w * 7 + d) * 24 + h) * 60 + m) * 60 + s
    text = f"P{w}W{d}DT{h}H{m}M{s}S"
    if total:
        assert parse_duration(text) == total * SECOND
    else:
        with pytest.raises(ValueError, match="is not a duration"):
            parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P2D\n", "1D", "P1.5D", "PT-1S", "P1M", "p1d", "P\u0663D"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "2.", ".5", "1,5", "-1", "2.00\n", "0.0000001", "1e3", "\u0663"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        parse_money(text)


def test_an_agent_that_costs_nothing_holds_nothing_whatever_its_budget() -> None:
    plan = chain(1, cost_max_micros=20_000)
    facts = replace(DEFAULT_FACTS, plans={plan.digest: plan})
    start = StartRun(RUN, plan.workflow.name, plan.digest)
    free = replace(facts, ceilings={plan.spec(0).agent: 0})
    given().by(free).when(start).then(RunStarted, PlanAccepted, TaskStarted(0, 1, 0))
    given().by(facts).when(start).then(RunStarted, PlanAccepted, TaskStarted(0, 1, 20_000))
