"""What waits for money, told whole: what is spent so far, what the rest may cost, what can be done."""

from dataclasses import replace
from typing import Any

import pytest

from mainstay.governance.costs import budgets, overview
from mainstay.governance.stopped import Stopped, rest_of, stopped
from mainstay.kernel.budget import Limits, day_of
from mainstay.kernel.commands import AllowSpending, CancelRun, Produced, RecordOutcome
from mainstay.kernel.events import ModelUsed
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import RunState
from mainstay.kernel.values import DAY, Usage
from mainstay.runtime.tick import Request
from mainstay.testing.plans import chain, plan_of, think
from tests.runtime.house import House

A, B = 30_000, 20_000


def _plan(**fields: Any) -> Plan:
    return plan_of(think("a", cost_max_micros=A), think("b", "a", cost_max_micros=B), **fields)


def _house(plan: Plan, limits: Limits = Limits(), **more: Any) -> House:
    house = House(plan, limits=limits, **more)
    house.director.boot()
    house.director.handle([house.begin("one", plan)])
    return house


def _said(house: House, task: int, cost: int, *notes: ModelUsed) -> None:
    outcome = Produced({}, "", (), Usage(cost))
    house.director.handle([Request(RecordOutcome(house.run_of("one"), task, 1, outcome, notes))])


def _look(house: House) -> tuple[Stopped, ...]:
    def state(run: RunId) -> RunState:
        return house.director.runs[run].state

    return stopped(house.store, state, house.director.limits, now=house.clock.now())


SCOPES = {
    "run": (Limits(run_micros=40_000), None, 40_000),
    "day": (Limits(day_micros=40_000), None, 40_000),
    "month": (Limits(month_micros=40_000), None, 40_000),
    "workflow": (Limits(workflow_day_micros=40_000), None, 40_000),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_the_card_of_a_budget_says_what_is_spent_and_what_may_come(scope: str) -> None:
    limits, _, limit = SCOPES[scope]
    house = _house(_plan(), limits)
    assert _look(house) == ()
    _said(house, 0, 25_000)
    (card,) = _look(house)
    assert (card.scope, card.task, card.agent, card.workflow) == (scope, "b", "thinker", "sample")
    assert (card.needed_micros, card.spent_micros, card.limit_micros, card.rest_micros) == (
        B,
        25_000,
        limit,
        B,
    )
    assert (card.again_at > house.clock.now()) is True
    wanted = "`mainstay allow" if scope == "run" else f"{scope}_usd"
    assert wanted in card.ways[0]
    assert "mainstay cancel" in card.ways[-1]


def test_of_many_only_so_many_are_looked_at() -> None:
    house = _house(_plan(), Limits(run_micros=10_000))
    assert len(_look(house)) == 1
    looked: list[RunId] = []

    def state(run: RunId) -> RunState:
        looked.append(run)
        return house.director.runs[run].state

    limits, now = house.director.limits, house.clock.now()
    assert stopped(house.store, state, limits, now=now, most=0) == ()
    assert looked == []
    assert len(stopped(house.store, state, limits, now=now, most=1)) == 1


def test_the_declared_budget_of_a_run_is_its_limit_and_a_person_s_word_is_so_in_its_place() -> None:
    house = _house(_plan(cost_max_micros=40_000))
    _said(house, 0, 25_000)
    assert _look(house)[0].limit_micros == 40_000
    assert "0.045" in _look(house)[0].ways[0]  # what is spent and what may come
    house.director.handle([Request(AllowSpending(house.run_of("one"), "run", 41_000, "me"))])
    assert _look(house)[0].limit_micros == 41_000
    house.director.handle([Request(AllowSpending(house.run_of("one"), "run", 45_000, "me"))])
    assert _look(house) == ()


def test_an_unknown_price_says_what_to_write() -> None:
    house = _house(_plan(), ceilings={"thinker": None})
    (card,) = _look(house)
    assert (card.scope, card.limit_micros, card.rest_micros, card.again_at) == ("price", None, A + B, 0)
    assert "price_input_usd" in card.ways[0]
    assert f"mainstay allow {house.run_of('one')[-8:]}" in card.ways[1]


def test_what_ended_or_goes_on_waits_for_nothing() -> None:
    house = _house(_plan(), Limits(day_micros=40_000))
    _said(house, 0, 25_000)
    house.director.handle([Request(CancelRun(house.run_of("one"), "me"))])
    assert _look(house) == ()


def test_the_rest_counts_what_is_not_done() -> None:
    house = _house(_plan())
    state = house.director.runs[house.run_of("one")].state
    assert rest_of(state) == A + B
    assert rest_of(replace(state, plan=None, tasks=())) == 0


# --- the overview -----------------------------------------------------------------------------------


def test_models_outcomes_and_savings_are_told() -> None:
    plan = _plan()
    house = _house(plan)
    first = ModelUsed(0, 1, "x:large", 3, 100, 20, 9_000, 1, 4_000)
    _said(house, 0, 9_000, first)
    _said(house, 1, 5_000, ModelUsed(1, 1, "x:large", 1, 10, 5, 5_000, 0, 0, True))
    house.director.handle([house.begin("two", plan)])
    house.director.handle([Request(CancelRun(house.run_of("two"), "me"))])
    today = day_of(house.clock.now())
    found = overview(house.store, since=today, until=today)
    (model,) = found.models
    assert (model.calls, model.input_tokens, model.output_tokens, model.cached) == (4, 110, 25, 1)
    assert (model.cost_micros, found.saved_micros, found.guard_micros) == (14_000, 4_000, 5_000)
    assert found.guard_share == pytest.approx(5 / 14)
    told = {one.outcome: (one.runs, one.cost_micros) for one in found.outcomes}
    assert told == {"succeeded": (1, 14_000), "cancelled": (1, A)}  # an agent under way: its ceiling
    assert sum(cost for _, cost in told.values()) == found.total.cost_micros
    assert overview(house.store, since=today, until=today, workflow="other").total.cost_micros == 0
    assert overview(house.store, since=today + 1, until=today + 9).models == ()


def test_budgets_are_told_with_what_they_come_to_at_this_pace() -> None:
    house = _house(chain(1, cost_max_micros=A), Limits(day_micros=100_000, month_micros=None))
    house.clock.advance(DAY - house.clock.now() % DAY + DAY // 4)  # six in the morning of another day
    house.director.handle([Request(CancelRun(house.run_of("one"), "me"))])
    told = budgets(house.store, house.director.limits, now=house.clock.now())
    assert told["day"] == {"spent_micros": A, "limit_micros": 100_000, "projected_micros": 4 * A}
    assert told["month"]["spent_micros"] == A
    assert told["month"]["projected_micros"] > A
