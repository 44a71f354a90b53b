"""What becomes of an act: retries, look-ups, doubts, crashes, late truths."""

import pytest

from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    Failed,
    RecordOutcome,
    RecoverRun,
    ResolveDoubt,
    Sighting,
    Sought,
    Wake,
    Withheld,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.effects import InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    ApprovalRequested,
    AttemptFailed,
    DoubtResolved,
    FailureClass,
    LookupDeferred,
    LookupStarted,
    RunFailed,
    RunSucceeded,
    RunSuperseded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.recovery import RETRY_BASE_US, RETRY_MAX_US, retry_delay_us
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND
from mainstay.testing.plans import ALLOW_ALL, RUN, act, action, chain, plan_of
from mainstay.testing.spec import Playbook

KEYED, FINDABLE, ONCE = Repeatability.KEYED, Repeatability.FINDABLE, Repeatability.ONCE
SEND = plan_of(act("send", attempt_max=2))


def sending(repeatability: Repeatability, *, price: int = 0, attempt_max: int = 3) -> Playbook:
    proposed = action(0, repeatability=repeatability, price_micros=price, attempt_max=attempt_max)
    return Playbook(SEND, policy=ALLOW_ALL).start().proposes("send", proposed)


def answer(book: Playbook, word: str, attempt: int = 0) -> Playbook:
    return book.tell(ResolveDoubt(RUN, 0, word, "operator", attempt))


# --- retries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeatability", list(Repeatability))
def test_what_is_proven_not_to_have_happened_is_called_again_up_to_its_limit(
    repeatability: Repeatability,
) -> None:
    book = sending(repeatability)
    for _ in range(2):
        book.fails("send", FailureClass.TRANSIENT).then(AttemptFailed).later(HOUR).wakes("send")
        book.then(ActionStarted)
    book.fails("send", FailureClass.TRANSIENT).then(TaskFailed, RunFailed)
    keys = {event.key for event in book.log if isinstance(event, ActionStarted)}
    assert len(keys) == 1


def test_attempts_of_the_executor_do_not_count_against_the_effect() -> None:
    book = Playbook(SEND, policy=ALLOW_ALL).start().fails("send", FailureClass.TRANSIENT).later(HOUR)
    book.wakes("send").proposes("send", action(0, attempt_max=2))
    book.fails("send", FailureClass.TRANSIENT).then(AttemptFailed)


def test_backoff_doubles_with_derived_jitter_and_is_bounded() -> None:
    for attempt in range(1, 30):
        step = min(RETRY_MAX_US, RETRY_BASE_US << min(attempt - 1, 20))
        delay = retry_delay_us(RUN, 0, attempt)
        assert step // 2 <= delay <= step
        assert delay == retry_delay_us(RUN, 0, attempt)
    assert len({retry_delay_us(RUN, task, 5) for task in range(20)}) > 10


def test_retry_after_is_honoured() -> None:
    book = sending(ONCE).fails("send", FailureClass.THROTTLED, retry_after_us=HOUR)
    book.later(HOUR - 1).wakes("send").then()
    book.later(1).wakes("send").then(ActionStarted)


def test_a_wake_before_its_time_is_nothing_and_the_timer_is_owed_still() -> None:
    book = sending(KEYED).fails("send", FailureClass.TRANSIENT).owes(WakeAt)
    book.wakes("send").then().later(-DAY).wakes("send").then().owes(WakeAt)


def test_an_agent_is_retried_and_its_unknown_cost_counts_to_the_ceiling() -> None:
    book = Playbook(chain(1, cost_max_micros=50, attempt_max=2)).start()
    book.fails("t0", FailureClass.TIMEOUT, usage=None).then(AttemptFailed)
    assert (book.state.held, book.state.spent) == (0, 50)
    book.later(HOUR).wakes("t0").then(TaskStarted(0, 2, 50)).fails("t0", FailureClass.TIMEOUT, usage=None)
    book.then(TaskFailed, RunFailed)
    assert (book.state.held, book.state.spent) == (0, 100)


def test_an_agents_bug_is_not_tried_again() -> None:
    Playbook(chain(1)).start().fails("t0", FailureClass.BUG).then(TaskFailed, RunFailed)


# --- no answer -----------------------------------------------------------------------------------------------

NO_ANSWER = [FailureClass.TIMEOUT, FailureClass.LOST, FailureClass.IN_DOUBT, FailureClass.BUG]


@pytest.mark.parametrize("failure", NO_ANSWER)
def test_without_an_answer_the_contract_decides(failure: FailureClass) -> None:
    sending(KEYED).fails("send", failure).then(AttemptFailed).owes(WakeAt)
    sending(FINDABLE).fails("send", failure).then(LookupStarted).owes(InvokeAdapter)
    sending(ONCE).fails("send", failure).then(ActionInDoubt).owes(Notify)


@pytest.mark.parametrize("last", list(FailureClass))
def test_a_call_that_may_have_arrived_is_never_given_up_in_silence(last: FailureClass) -> None:
    book = (
        sending(KEYED, price=7, attempt_max=2).fails("send", FailureClass.TIMEOUT).later(HOUR).wakes("send")
    )
    book.fails("send", last).then(ActionInDoubt)
    assert book.state.held == 7


def test_withheld_before_its_first_call_ends_the_run_as_overtaken() -> None:
    sending(KEYED).outcome("send", Withheld("newer")).then(TaskSkipped, RunSuperseded).ended(
        Status.SUPERSEDED
    )
    book = sending(KEYED).fails("send", FailureClass.TIMEOUT).later(HOUR).wakes("send")
    book.outcome("send", Withheld("newer")).then(AttemptFailed)


# --- look-ups ------------------------------------------------------------------------------------------------


def seeking() -> Playbook:
    return sending(FINDABLE, price=7).fails("send", FailureClass.TIMEOUT)


def test_what_is_found_has_happened() -> None:
    book = seeking().outcome("send", Sought(Sighting.FOUND, {"id": "1"})).then(TaskSucceeded, RunSucceeded())
    assert (book.state.held, book.state.spent) == (0, 7)


def test_what_is_absent_is_called_again_up_to_its_limit() -> None:
    book = seeking()
    for _ in range(2):
        book.outcome("send", Sought(Sighting.ABSENT)).then(ActionStarted)
        book.fails("send", FailureClass.TIMEOUT).then(LookupStarted)
    book.outcome("send", Sought(Sighting.ABSENT)).then(TaskFailed, RunFailed)
    assert (book.state.held, book.state.spent) == (0, 0)


def test_what_cannot_be_seen_is_sought_again_until_its_grace_is_over() -> None:
    book = seeking()
    rounds = 0
    while book.task("send").phase is Phase.SEEKING:
        book.outcome("send", Sought(Sighting.UNKNOWN))
        if book.task("send").phase is Phase.SEEKING:
            book.then(LookupDeferred).outcome("send", Sought(Sighting.UNKNOWN)).then().owes(WakeAt)
            book.later(MINUTE).wakes("send").then(LookupStarted)
            assert [one.mode for one in book.calls()] == [Mode.FIND]
            rounds += 1
    assert 2 <= rounds <= 5
    book.then(ActionInDoubt).owes(Notify)


def test_a_failure_of_the_call_that_is_heard_twice_starts_one_look_up() -> None:
    seeking().fails("send", FailureClass.TIMEOUT).then()


@pytest.mark.parametrize("late", [Acted({"id": "1"}), Sought(Sighting.FOUND, {"id": "1"})])
def test_the_truth_may_come_late(late: Acted | Sought) -> None:
    seeking().outcome("send", late).then(TaskSucceeded, RunSucceeded())
    sending(ONCE).fails("send", FailureClass.TIMEOUT).outcome("send", late).then(
        TaskSucceeded, RunSucceeded()
    )
    sending(KEYED).fails("send", FailureClass.TIMEOUT).outcome("send", late).then(
        TaskSucceeded, RunSucceeded()
    )


def test_late_answers_of_older_attempts_are_nothing() -> None:
    book = sending(KEYED).fails("send", FailureClass.TIMEOUT).later(HOUR).wakes("send").then(ActionStarted)
    old = book.task("send").attempt - 1
    for outcome in (Acted(), Failed(FailureClass.REFUSED, "no"), Sought(Sighting.ABSENT), Withheld("newer")):
        book.tell(RecordOutcome(RUN, 0, old, outcome)).then()


# --- doubt ---------------------------------------------------------------------------------------------------


def doubtful(price: int = 7) -> Playbook:
    return sending(ONCE, price=price).fails("send", FailureClass.TIMEOUT)


def test_the_operator_says_it_happened() -> None:
    book = answer(doubtful(), "happened").then(DoubtResolved, TaskSucceeded, RunSucceeded())
    assert (book.state.held, book.state.spent) == (0, 7)
    answer(book, "happened").then()


def test_the_operator_says_it_did_not_and_is_asked_before_it_goes_again() -> None:
    book = answer(doubtful(), "did_not").then(DoubtResolved, ApprovalRequested).owes(WakeAt, Notify)
    assert (book.state.held, book.state.spent) == (0, 0)
    book.grants("send")
    assert isinstance(book.last[1], ActionStarted)
    assert book.state.held == 7


def test_the_operator_cannot_say_and_the_ceiling_counts() -> None:
    book = answer(doubtful(), "unknown").then(DoubtResolved, TaskFailed, RunFailed)
    assert (book.state.held, book.state.spent) == (0, 7)


def test_an_answer_that_is_none_of_the_three_is_nothing() -> None:
    answer(doubtful(), "hapened").then()


def test_an_answer_to_an_earlier_doubt_does_not_settle_the_next() -> None:
    book = doubtful()
    first = book.task("send").attempt
    answer(book, "did_not", first).then(DoubtResolved, ApprovalRequested)
    book.grants("send").fails("send", FailureClass.TIMEOUT).then(ActionInDoubt)
    answer(book, "did_not", first).then()


# --- after a crash -------------------------------------------------------------------------------------------


def recovered(book: Playbook) -> Playbook:
    return book.tell(RecoverRun(RUN))


def test_after_a_crash_the_contract_says_what_to_do_and_says_it_once() -> None:
    keyed = recovered(sending(KEYED, price=7)).then(AttemptFailed).owes(WakeAt)
    assert keyed.state.held == 7
    recovered(keyed).then().wakes("send").then(ActionStarted)
    recovered(recovered(sending(FINDABLE)).then(LookupStarted)).then().owes(InvokeAdapter)
    recovered(recovered(sending(ONCE)).then(ActionInDoubt)).then().owes(Notify)


def test_a_keyed_call_that_crashes_every_time_asks_in_the_end() -> None:
    book = sending(KEYED, attempt_max=3)
    for _ in range(2):
        recovered(book).then(AttemptFailed).wakes("send").then(ActionStarted)
    recovered(book).then(ActionInDoubt)


def test_after_a_crash_under_the_kill_switch_nothing_is_called_and_nothing_hidden() -> None:
    recovered(sending(KEYED)).killed().wakes("send").then(ActionInDoubt).owes(Notify)


def test_thinking_is_asked_again_and_what_may_be_spent_is_counted() -> None:
    recovered(Playbook(chain(1)).start()).then().owes(InvokeAgent)
    book = recovered(Playbook(chain(1, cost_max_micros=5)).start()).then(AttemptFailed).owes(WakeAt)
    assert (book.state.held, book.state.spent) == (0, 5)
    book.wakes("t0").then(TaskStarted(0, 2, 5))


@pytest.mark.parametrize("repeatability", list(Repeatability))
def test_after_a_crash_a_cancelled_run_calls_nothing_again(repeatability: Repeatability) -> None:
    book = sending(repeatability).tell(CancelRun(RUN, "operator"))
    recovered(book)
    assert all(one.mode is Mode.FIND for one in book.calls())
    if repeatability is FINDABLE:
        book.outcome("send", Sought(Sighting.ABSENT)).then(TaskFailed)
        assert book.state.left == 0
    else:
        book.then(ActionInDoubt)
        answer(book, "did_not").then(DoubtResolved, TaskFailed)


def test_a_timer_of_a_task_that_is_done_is_nothing() -> None:
    book = Playbook(chain(2)).start().fails("t0", FailureClass.TRANSIENT).later(2 * SECOND)
    book.wakes("t0").produces("t0").tell(Wake(RUN, 0)).then()


def test_an_answer_where_an_effect_was_asked_for_is_a_failure() -> None:
    plan = plan_of(act("send"))
    story = Playbook(plan, policy=ALLOW_ALL).start().produces("send", {"text": "done, trust me"})
    story.ended(Status.FAILED)
