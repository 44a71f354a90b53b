"""What starts when: chains, fans, windows, conditions, items, revisions, queued runs."""

import pytest

from mainstay.kernel.commands import Inspected, ReleaseRun, StartRun, Wake
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.door import RESTORED
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.events import (
    FailureClass,
    PlanAccepted,
    RevisionRequested,
    RunFailed,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSucceeded,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.policy import Decision, Policy
from mainstay.kernel.predicates import Compare, Operator
from mainstay.kernel.state import WINDOW, Phase, Status
from mainstay.testing.plans import (
    RUN,
    act,
    action,
    chain,
    diamond,
    each,
    fan_in,
    fan_out,
    inspect,
    plan_of,
    ref,
    rule,
    think,
    triage,
)
from mainstay.testing.spec import Playbook
from tests.strategies import maintained, recomputed


def when_yes(name: str) -> Compare:
    return Compare(ref(name), Operator.IS, True)


def test_a_chain_goes_one_by_one() -> None:
    book = Playbook(chain(3)).start()
    book.then(RunStarted, PlanAccepted, TaskStarted(0, 1))
    book.produces("t0", {"a": 1})
    assert type(book.last[0]) is TaskSucceeded
    assert book.asked() == ["t1"]
    book.produces("t1").produces("t2").then(TaskSucceeded, RunSucceeded())
    book.ended(Status.SUCCEEDED)


def test_a_fan_out_starts_side_by_side_and_a_fan_in_waits_for_all() -> None:
    book = Playbook(fan_out(3)).start().produces("root")
    assert book.asked() == ["t0", "t1", "t2"]
    book = Playbook(fan_in(3)).start().produces("t2").produces("t0")
    book.stands(join=Phase.WAITING).produces("t1")
    assert book.asked() == ["join"]


def test_a_diamond_joins_once() -> None:
    book = Playbook(diamond()).start().produces("top").produces("right").produces("left")
    book.then(TaskSucceeded, TaskStarted(3, 1)).produces("bottom").ended(Status.SUCCEEDED)


def test_a_window_bounds_what_starts_at_once() -> None:
    book = Playbook(fan_out(WINDOW + 10)).start().produces("root")
    assert len(book.asked()) == WINDOW
    book.produces("t3")
    assert len(book.asked()) == WINDOW
    assert book.asked()[-1] == f"t{WINDOW}"


def test_depth_first_branches_are_finished_before_new_ones_open() -> None:
    wide = plan_of(*(think(f"a{n}") for n in range(80)), *(think(f"b{n}", f"a{n}") for n in range(80)))
    book = Playbook(wide).start().produces("a0")
    assert "b0" in book.asked()
    assert "a64" not in book.asked()


def test_a_false_condition_skips_what_needs_the_task() -> None:
    plan = plan_of(think("a"), think("b", when=when_yes("a.yes")), think("c", "b"))
    book = Playbook(plan).start().produces("a", {"yes": False})
    book.then(TaskSucceeded, TaskSkipped(1, "its condition is false"), TaskSkipped, RunSucceeded())
    assert "needs b" in book.last[2].reason  # type: ignore[union-attr]
    Playbook(plan).start().produces("a", {"yes": True}).stands(b=Phase.RUNNING)


def test_what_needs_an_optional_task_goes_on_without_it() -> None:
    plan = plan_of(think("a", optional=True, attempt_max=1), think("b", reads={"x": "a.x"}))
    book = Playbook(plan).start().fails("a", FailureClass.INVALID)
    [effect] = [one for one in book.owed if isinstance(one, InvokeAgent)]
    assert effect.name == "b"
    assert effect.inputs == {"x": None}
    book.produces("b").ended(Status.SUCCEEDED)


def test_a_task_given_up_fails_the_run_after_the_rest_is_done() -> None:
    book = Playbook(plan_of(think("a"), think("b"), think("c", "a"))).start().fails("a", FailureClass.REFUSED)
    book.then(TaskFailed, TaskSkipped).stands(b=Phase.RUNNING).produces("b").then(TaskSucceeded, RunFailed)
    book.ended(Status.FAILED)


def test_an_agent_that_a_rule_denies_is_never_asked() -> None:
    denied = Policy((rule("no thinkers", Decision.DENY, "agent.thinker"),))
    Playbook(chain(1), policy=denied).start().then(RunStarted, PlanAccepted, TaskFailed, RunFailed)


# --- for_each ------------------------------------------------------------------------------------------------


def test_for_each_asks_once_per_item_and_gathers_in_order() -> None:
    plan = plan_of(each("label", "trigger.rows"), think("sum", reads={"all": "label.items"}))
    book = Playbook(plan).start({"rows": ["x", "y", "z"]})
    book.then(RunStarted, PlanAccepted, TaskExpanded(0, 3), TaskStarted, TaskStarted, TaskStarted)
    inputs = [one.inputs for one in book.owed if isinstance(one, InvokeAgent)]
    assert inputs == [{"item": "x"}, {"item": "y"}, {"item": "z"}]
    book.produces("label[2]", {"n": 2}).produces("label[0]", {"n": 0}).stands(label=Phase.EXPANDED)
    book.produces("label[1]", {"n": 1}).stands(label=Phase.SUCCEEDED, sum=Phase.RUNNING)
    [effect] = [one for one in book.owed if isinstance(one, InvokeAgent)]
    assert effect.inputs == {"all": [{"n": 0}, {"n": 1}, {"n": 2}]}
    assert book.state.name(book.number("label[1]")) == "label[1]"


def test_for_each_over_nothing_is_done_at_once() -> None:
    for trigger in ({"rows": []}, {}, {"rows": "text"}):
        Playbook(plan_of(each("label", "trigger.rows"))).start(trigger).ended(Status.SUCCEEDED)


def test_for_each_over_its_bound_is_given_up() -> None:
    book = Playbook(plan_of(each("label", "trigger.rows", item_max=2))).start({"rows": [1, 2, 3]})
    book.then(RunStarted, PlanAccepted, TaskFailed, RunFailed)


@pytest.mark.parametrize(("optional", "status"), [(False, Status.FAILED), (True, Status.SUCCEEDED)])
def test_an_item_given_up_fails_its_fan_out_unless_optional(optional: bool, status: Status) -> None:
    plan = plan_of(each("label", "trigger.rows", optional=optional), think("after", "label"))
    book = Playbook(plan).start({"rows": [1, 2]}).fails("label[0]", FailureClass.REFUSED).produces("label[1]")
    if optional:
        book.produces("after")
    book.ended(status)


def test_a_condition_on_the_item_skips_items_one_by_one() -> None:
    plan = plan_of(each("label", "trigger.rows", when=when_yes("item.yes")))
    book = Playbook(plan).start({"rows": [{"yes": True}, {"yes": False}]})
    assert book.asked() == ["label[0]"]
    book.produces("label[0]").ended(Status.SUCCEEDED)


def test_two_fan_outs_keep_their_items_apart() -> None:
    plan = plan_of(each("a", "trigger.rows"), each("b", "trigger.rows"))
    book = Playbook(plan).start({"rows": [1, 2]})
    book.produces("b[1]").produces("a[0]").produces("a[1]").stands(a=Phase.SUCCEEDED, b=Phase.EXPANDED)
    book.produces("b[0]").ended(Status.SUCCEEDED)


# --- revisions -----------------------------------------------------------------------------------------------

REVISE = Inspected("refuse", ({"check": "tone"},), "too curt", revise=True)
PASSED = Inspected("passed", (), "fine")


def test_an_inspector_sends_the_draft_back_within_its_bound() -> None:
    book = Playbook(triage()).start().produces("annotate").proposes("label", action(3, act="email.label"))
    book.produces("draft", {"reply": "hi"}).outcome("inspect", REVISE)
    book.then(RevisionRequested, TaskStarted(1, 2))
    [effect] = [one for one in book.owed if isinstance(one, InvokeAgent)]
    assert (effect.revision, effect.findings) == (1, ({"check": "tone"},))
    book.stands(inspect=Phase.WAITING, send=Phase.WAITING)
    book.produces("draft", {"reply": "hello"}).outcome("inspect", PASSED).stands(send=Phase.RUNNING)


def test_when_rounds_are_used_up_the_last_verdict_stands() -> None:
    book = Playbook(plan_of(think("draft"), inspect("check", "draft.reply", revisions_max=0))).start()
    book.produces("draft").outcome("check", REVISE).ended(Status.SUCCEEDED)
    assert (book.task("check").output or {})["verdict"] == "refuse"


def test_an_inspector_that_wants_another_draft_and_gets_none_has_passed_nothing() -> None:
    book = Playbook(plan_of(think("draft"), inspect("check", "draft.reply", revisions_max=0))).start()
    book.produces("draft").outcome("check", Inspected("passed", (), "nearly", revise=True))
    assert (book.task("check").output or {})["verdict"] == "look"


def test_what_has_left_the_house_is_never_sent_back() -> None:
    plan = plan_of(act("send"), inspect("check", "send.id"))
    book = Playbook(plan).start().proposes("send", action(0)).acted("send", {"id": "1"})
    book.outcome("check", REVISE).then(TaskSucceeded, RunSucceeded())


def test_a_draft_that_somebody_went_on_with_is_not_sent_back() -> None:
    plan = plan_of(think("draft"), inspect("check", "draft.reply"), think("other", "draft"))
    book = Playbook(plan).start().produces("draft").outcome("check", REVISE)
    book.then(TaskSucceeded)


def test_revisions_do_not_count_as_failed_attempts() -> None:
    plan = plan_of(
        think("draft", attempt_max=2), inspect("check", "draft.reply", revisions_max=3, attempt_max=2)
    )
    book = Playbook(plan).start()
    for _ in range(3):
        book.produces("draft").outcome("check", REVISE)
    book.fails("draft", FailureClass.TRANSIENT).stands(draft=Phase.RETRYING)
    book.later(10**9).wakes("draft").fails("draft", FailureClass.TRANSIENT).stands(draft=Phase.FAILED)


def test_a_draft_is_sent_back_also_from_tasks_that_only_wait_for_a_slot() -> None:
    crowd = [think(f"c{n}") for n in range(WINDOW - 1)]
    plan = plan_of(think("draft"), inspect("check", "draft.reply"), think("other", "draft"), *crowd)
    book = Playbook(plan).start().produces("draft").stands(check=Phase.RUNNING, other=Phase.READY)
    book.outcome("check", REVISE).then(RevisionRequested, TaskStarted(0, 2)).stands(other=Phase.WAITING)
    assert maintained(book.state) == recomputed(book.state)
    book.produces("draft").outcome("check", PASSED).stands(other=Phase.RUNNING)


# --- queued runs ---------------------------------------------------------------------------------------------

BEFORE = RunId("0" * 32)


def test_a_queued_run_waits_until_it_is_released_once() -> None:
    book = Playbook(chain(1)).start(behind=BEFORE).then(RunStarted, RunQueued(BEFORE)).owes()
    book.tell(ReleaseRun(RUN, BEFORE)).then(RunReleased(BEFORE), PlanAccepted, TaskStarted)
    book.tell(ReleaseRun(RUN, BEFORE)).then()


def test_a_second_start_of_a_run_starts_nothing() -> None:
    Playbook(chain(1)).start().start().then()


def test_a_wake_for_a_task_that_there_is_not_is_nothing() -> None:
    Playbook(chain(1)).start().tell(Wake(RUN, 7)).then().tell(Wake(RUN, -1)).then()


# --- runs of a time that a restore replaced --------------------------------------------------------------------


def test_what_a_run_of_the_lost_time_does_asks_and_says_that_it_may_have_left() -> None:
    plan = plan_of(act("pay", act="bank.pay"))
    book = Playbook(plan)
    book.tell(StartRun(RUN, plan.workflow.name, plan.digest, {}, relived=True))
    assert book.state.unusual.restored
    once = action(0, act="bank.pay", repeatability=Repeatability.ONCE)
    book.proposes("pay", once)
    waiting = book.state.task(0).act
    assert waiting is not None
    assert (waiting.rule, waiting.reason) == ("restored", RESTORED)
