"""Where nobody knows a price a person is asked; what they allow holds for the run; the kill switch stops what costs."""

from dataclasses import replace

import pytest

from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Admit,
    AllowSpending,
    Failed,
    Produced,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
)
from mainstay.kernel.effects import InvokeAgent, Notify
from mainstay.kernel.events import (
    AttemptFailed,
    BudgetRefused,
    FailureClass,
    FailureDiagnosed,
    ModelUsed,
    RunFailed,
    RunSucceeded,
    SpendingAllowed,
    StartDeferred,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.state import Phase
from mainstay.kernel.values import NO_USAGE, Instant, Usage
from mainstay.testing.plans import RUN, chain, fan_in, plan_of, think
from mainstay.testing.spec import Playbook

UNKNOWN = {"a": None}


def _book(plan, *, limits: Limits = Limits(), ceilings=UNKNOWN) -> Playbook:  # type: ignore[no-untyped-def]
    book = Playbook(plan, limits=limits)
    agents = {spec.agent for spec in plan.workflow.tasks}
    book.facts = replace(book.facts, ceilings={name: next(iter(ceilings.values())) for name in agents})
    return book


def test_an_unknown_price_asks_and_no_clock_leads_on() -> None:
    book = _book(chain(1, cost_max_micros=50)).start()
    assert book.last[-1] == BudgetRefused(0, "price", 50, 0, Instant(0))
    assert (book.state.held, book.state.spent) == (0, 0)
    book.owes(Notify).tell(RecordNotified(RUN, 0)).owes()


def test_what_a_person_allows_holds_for_each_attempt_of_the_run() -> None:
    book = _book(chain(2, cost_max_micros=50)).start()
    book.tell(AllowSpending(RUN, "price", 30, "me"))
    book.then(SpendingAllowed("price", 30, "me"), TaskStarted(0, 1, 30))
    assert [one.cost_max for one in book.owed if isinstance(one, InvokeAgent)] == [30]
    book.produces("t0", cost=30).then(TaskSucceeded, TaskStarted(1, 1, 30))


def test_the_task_s_own_budget_stays_the_limit_of_what_is_allowed() -> None:
    book = _book(chain(1, cost_max_micros=50)).start().tell(AllowSpending(RUN, "price", 900, "me"))
    book.then(SpendingAllowed, TaskStarted(0, 1, 50))


def test_the_same_word_twice_is_one_word_and_no_word_of_an_unknown_scope_counts() -> None:
    book = _book(chain(1, cost_max_micros=50)).start().tell(AllowSpending(RUN, "price", 30, "me"))
    book.tell(AllowSpending(RUN, "price", 30, "me")).then()
    book.tell(AllowSpending(RUN, "day", 30, "me")).then()
    book.tell(AllowSpending(RUN, "price", -1, "me")).then()


def test_every_task_that_waits_for_the_price_goes_on_at_once_as_far_as_the_budgets_go() -> None:
    book = _book(fan_in(3, cost_max_micros=50), limits=Limits(day_micros=60)).start()
    book.tell(AllowSpending(RUN, "price", 30, "me"))
    book.then(SpendingAllowed, TaskStarted, TaskStarted)
    book.stands(t2=Phase.BLOCKED)


def test_a_price_that_is_known_by_the_next_director_lets_it_go() -> None:
    book = _book(chain(1, cost_max_micros=50)).start()
    book.tell(RecoverRun(RUN)).then()
    book.facts = replace(book.facts, ceilings=dict.fromkeys(book.facts.ceilings, 20))
    book.tell(RecoverRun(RUN)).then(TaskStarted(0, 1, 20))


def test_a_budget_raised_for_the_next_director_lets_it_go_before_its_timer() -> None:
    book = Playbook(chain(2, cost_max_micros=50), limits=Limits(day_micros=60)).start()
    book.produces("t0", cost=40).stands(t1=Phase.BLOCKED).tell(RecoverRun(RUN)).then()
    book.facts = replace(book.facts, limits=Limits(day_micros=90))
    book.tell(RecoverRun(RUN)).then(TaskStarted(1, 1, 50))


@pytest.mark.parametrize("limits", [Limits(), Limits(run_micros=60)])
def test_a_person_raises_the_budget_of_a_run(limits: Limits) -> None:
    specs = (think("t0", cost_max_micros=50), think("t1", "t0", cost_max_micros=50))
    book = Playbook(plan_of(*specs, cost_max_micros=None if limits.run_micros else 60), limits=limits).start()
    book.produces("t0", cost=40).stands(t1=Phase.BLOCKED)
    book.tell(AllowSpending(RUN, "run", 70, "me")).then(SpendingAllowed("run", 70, "me"))
    book.tell(AllowSpending(RUN, "run", 90, "me")).then(SpendingAllowed, TaskStarted(1, 1, 50))


def test_under_a_bare_lock_the_word_is_kept_and_the_next_director_goes_by_it() -> None:
    book = _book(chain(1, cost_max_micros=50)).start()
    book.facts = replace(book.facts, performing=False)
    book.tell(AllowSpending(RUN, "price", 30, "me")).then(SpendingAllowed)
    book.facts = replace(book.facts, performing=True)
    book.tell(RecoverRun(RUN)).then(TaskStarted(0, 1, 30))


# --- what an attempt costs -----------------------------------------------------------------------


def _used(cost: int) -> tuple[ModelUsed, ...]:
    return (ModelUsed(0, 1, "x:y", 1, cost=cost), ModelUsed(0, 1, "x:z", 1, cost=2))


def test_an_attempt_costs_at_least_what_its_models_did() -> None:
    book = Playbook(chain(1, cost_max_micros=50)).start()
    said = Produced({}, "", (), Usage(1))
    book.tell(RecordOutcome(RUN, 0, 1, said, _used(10))).then(
        ModelUsed, ModelUsed, TaskSucceeded, RunSucceeded
    )
    assert (book.state.spent, book.state.held) == (12, 0)


def test_an_attempt_that_came_to_nothing_costs_what_its_models_did() -> None:
    book = Playbook(chain(1, cost_max_micros=50)).start()
    book.tell(RecordOutcome(RUN, 0, 1, Failed(FailureClass.REFUSED, "no", usage=NO_USAGE), _used(10)))
    book.then(ModelUsed, ModelUsed, FailureDiagnosed, TaskFailed, RunFailed)
    assert book.state.spent == 12


def test_unknown_usage_settles_at_the_ceiling_also_where_some_of_it_is_known() -> None:
    book = Playbook(chain(1, cost_max_micros=50)).start()
    book.tell(RecordOutcome(RUN, 0, 1, Failed(FailureClass.TIMEOUT, "late", usage=None), _used(10)))
    book.then(ModelUsed, ModelUsed, FailureDiagnosed, AttemptFailed)
    assert book.state.spent == 50


def test_what_a_late_attempt_used_is_not_booked_again() -> None:
    book = Playbook(chain(1, cost_max_micros=50)).start()
    book.tell(RecordOutcome(RUN, 0, 1, Failed(FailureClass.TIMEOUT, "late", usage=None)))
    book.tell(RecordOutcome(RUN, 0, 1, Produced({}, "", (), Usage(9)), _used(9))).then()


# --- the kill switch -----------------------------------------------------------------------------


def test_under_the_kill_switch_nothing_that_costs_money_begins() -> None:
    book = Playbook(chain(1, cost_max_micros=50)).killed(True).start()
    assert book.last[-1] == StartDeferred(0, "kill switch")
    book.tell(Admit(RUN)).then()
    book.killed(False).tell(Admit(RUN)).then(TaskStarted(0, 1, 50))


def test_under_the_kill_switch_what_is_free_goes_on() -> None:
    book = _book(chain(1, cost_max_micros=50), ceilings={"a": 0}).killed(True).start()
    assert book.last[-1] == TaskStarted(0, 1, 0)
