"""Corners of failure and recovery: what two rare things do together, each told as a short story."""

from dataclasses import replace
from typing import Any

from mainstay.kernel.admission import Admission
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    CancelRun,
    CancelTask,
    ReconcileRun,
    RecoverRun,
    ResolveDoubt,
    Sighting,
    Sought,
    StartRun,
)
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.events import (
    ActionStarted,
    ApprovalRequested,
    BreakerOpened,
    BudgetRefused,
    FailureClass,
    RunCancelled,
    RunForked,
    TaskFailed,
)
from mainstay.kernel.fork import fork
from mainstay.kernel.run import pending
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import DAY, HOUR, SECOND, Instant
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, NOW, RUN, act, action, plan_of, ref, think
from mainstay.testing.spec import Playbook


def child_of(parent: Playbook, forked: RunForked, trigger: Any = None) -> Playbook:
    """The run that begins where `forked` says."""
    book = Playbook(parent.plan, policy=parent.facts.policy)
    head = parent.state.head
    return book.tell(StartRun(RUN, head.workflow, head.definition, trigger or head.trigger, forked=forked))


def alone(book: Playbook, on: bool = True) -> Playbook:
    """No director is at work: what is decided starts nothing."""
    book.facts = replace(book.facts, performing=not on)
    return book


# --- a fork of a fork ------------------------------------------------------------------------------------------


def test_an_act_that_was_inherited_is_inherited_by_a_fork_of_the_fork() -> None:
    plan = plan_of(
        think("draft", reads={"n": "trigger.n"}),
        act("send", reads={"text": "draft.text"}),
        think("after", "send"),
    )
    first = Playbook(plan).start({"n": 1}).produces("draft", {"text": "a"})
    first.proposes("send", action(1)).acted("send", {"id": "1"})
    second = child_of(first, fork(first.state, version=7, actor="me", changes={"draft.text": "b"}))
    assert second.task("send").phase is Phase.SUCCEEDED
    third = child_of(second, fork(second.state, version=9, actor="me", changes={"draft.text": "c"}))
    assert third.task("send").phase is Phase.SUCCEEDED, "it left the house two runs ago"


# --- too late ----------------------------------------------------------------------------------------------------


def test_what_was_approved_while_no_director_was_at_work_does_not_leave_after_its_deadline() -> None:
    plan = plan_of(act("send", deadline_us=DAY))
    book = Playbook(plan, policy=ASK_ALL).start().proposes("send", action(0))
    alone(book).later(HOUR).grants("send")
    alone(book, False).later(2 * DAY).tell(RecoverRun(RUN))
    assert not any(isinstance(one, ActionStarted) for one in book.last), book.last
    failed = next(one for one in book.last if isinstance(one, TaskFailed))
    assert (failed.failure, failed.reason) == (FailureClass.TIMEOUT, "its deadline has passed")
    book.ended(Status.FAILED)


def test_what_a_look_up_proves_absent_after_its_deadline_is_given_up_for_that() -> None:
    plan = plan_of(act("send", deadline_us=HOUR))
    book = Playbook(plan).start().proposes("send", action(0)).fails("send", FailureClass.TIMEOUT)
    book.later(2 * HOUR).outcome("send", Sought(Sighting.ABSENT))
    book.then(TaskFailed, *book.last[1:])
    assert book.last[0].reason == "its deadline has passed"


def test_a_doubt_answered_after_the_deadline_lays_no_card_that_has_expired_already() -> None:
    plan = plan_of(act("send", deadline_us=HOUR))
    book = Playbook(plan).start().proposes("send", action(0))
    book.later(2 * HOUR).tell(RecoverRun(RUN))
    book.later(HOUR).outcome("send", Sought(Sighting.UNKNOWN)).stands(send=Phase.DOUBT)
    book.tell(ResolveDoubt(RUN, 0, "did_not", "me"))
    assert not any(
        isinstance(one, ApprovalRequested) and one.expires_at <= book.facts.now for one in book.last
    )


# --- twice -------------------------------------------------------------------------------------------------------


def test_a_cancel_that_is_said_twice_still_takes_back() -> None:
    undo = act("undo mark", act="email.label")
    plan = plan_of(act("mark", act="email.label", compensate=undo), think("then", "mark"))
    book = Playbook(plan).start().proposes("mark", action(0, act="email.label")).acted("mark")
    book.tell(CancelRun(RUN, "me", "enough"))
    assert book.state.status is Status.COMPENSATING
    book.tell(CancelRun(RUN, "me", "enough")).then()
    book.proposes(2, action(2, act="email.label")).acted(2).ended(Status.CANCELLED)


def test_what_is_taken_back_may_be_let_be_task_by_task() -> None:
    undo = act("undo mark", act="email.label")
    plan = plan_of(act("mark", act="email.label", compensate=undo), think("then", "mark"))
    book = Playbook(plan).start().proposes("mark", action(0, act="email.label")).acted("mark")
    book.tell(CancelRun(RUN, "me", "enough")).tell(CancelTask(RUN, 2, "me", "let it be")).ended(
        Status.CANCELLED
    )


# --- breakers ------------------------------------------------------------------------------------------------------


def test_the_breaker_of_an_operation_with_a_dot_in_its_name_is_found_again() -> None:
    admission = Admission({}, BreakerSettings())
    until = Instant(NOW + 30 * SECOND)
    admission.breakers.note(BreakerOpened("tools", "calendar.create", until, 5, 1, "no luck"))
    admission.refresh()
    scope = admission.defers_act("w", "tools", "calendar.create", NOW)
    assert admission.free_at(scope, NOW) == until, "or the house wakes at once, for ever"


# --- money -------------------------------------------------------------------------------------------------------


def test_what_a_look_up_proved_absent_is_in_no_doubt_while_it_waits_for_money() -> None:
    dear = action(0, price_micros=50)
    book = Playbook(plan_of(act("send")), policy=ASK_ALL, limits=Limits(day_micros=60)).start()
    book.proposes("send", dear).tell(ReconcileRun(RUN)).stands(send=Phase.SEEKING)
    book.under(ALLOW_ALL)
    book.facts.balances.move("other", 20, 0)  # held by others: it will fit when that has settled
    book.outcome("send", Sought(Sighting.ABSENT)).then(BudgetRefused).stands(send=Phase.RETRYING)
    book.tell(CancelRun(RUN, "me", "enough")).then(RunCancelled).ended(Status.CANCELLED)


# --- a fan-out that was half done ----------------------------------------------------------------------------------


def half_done() -> Playbook:
    plan = plan_of(
        think("find", reads={"n": "trigger.n"}),
        act("label", for_each=ref("find.rows"), reads={"row": "item"}, act="email.label"),
    )
    book = Playbook(plan).start({"n": 1}).produces("find", {"rows": ["a", "b", "c"]})
    book.proposes("label[0]", action(2, act="email.label")).acted("label[0]")
    book.fails("label[1]", FailureClass.REFUSED).fails("label[2]", FailureClass.REFUSED)
    return book.ended(Status.FAILED)


def found_anew(rows: list[str] | None) -> Playbook:
    parent = half_done()
    book = child_of(parent, fork(parent.state, version=9, actor="me", changes={"trigger.n": 2}), {"n": 2})
    assert book.asked() == ["find"], "its items wait for the list"
    return book.fails("find", FailureClass.REFUSED) if rows is None else book.produces("find", {"rows": rows})


def test_items_of_a_fan_out_that_was_half_done_wait_for_its_list() -> None:
    book = found_anew(["a", "b", "d"])
    assert [one.inputs for one in pending(book.state) if isinstance(one, InvokeAgent)] == [
        {"row": "b"},
        {"row": "d"},
    ]


def test_an_item_that_the_new_list_has_not_is_skipped() -> None:
    book = found_anew(["a", "b"])
    assert book.asked() == ["label[1]"]
    book.stands(**{"label[2]": Phase.SKIPPED})


def test_without_its_list_no_item_begins() -> None:
    found_anew(None).stands(**{"label[1]": Phase.SKIPPED}).ended(Status.FAILED)
