"""The operator's hand on a run: what a pause holds back and what it does not, and what may be given up."""

import pytest

from mainstay.kernel.commands import (
    CancelTask,
    PauseRun,
    PauseTask,
    RecordOutcome,
    RecoverRun,
    ReleaseRun,
    ResumeRun,
    ResumeTask,
    RunCommand,
    Sighting,
    Sought,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import (
    ActionStarted,
    FailureClass,
    RunPaused,
    RunResumed,
    RunSucceeded,
    StartDeferred,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import DONE, Phase, Status
from mainstay.kernel.values import DAY, HOUR
from mainstay.testing.plans import ASK_ALL, RUN, act, action, chain, each, plan_of, think
from mainstay.testing.spec import Playbook
from tests.strategies import Walk, maintained, recomputed

WALKS = pytest.mark.parametrize("seed", range(60))
STEERING: list[RunCommand] = [
    PauseRun(RUN, "me"),
    ResumeRun(RUN, "me"),
    PauseTask(RUN, 0, "me"),
    ResumeTask(RUN, 0, "me"),
    CancelTask(RUN, 0, "me"),
]


def pause(book: Playbook) -> Playbook:
    return book.tell(PauseRun(RUN, "me", "sealed"))


def pause_task(book: Playbook, task: str | int) -> Playbook:
    return book.tell(PauseTask(RUN, book.number(task), "me", "sealed"))


def resume_task(book: Playbook, task: str | int) -> Playbook:
    return book.tell(ResumeTask(RUN, book.number(task), "me"))


# --- a run -----------------------------------------------------------------------------------------------------


def test_a_paused_run_hears_what_is_under_way_and_starts_nothing() -> None:
    book = pause(Playbook(chain(2)).start()).then(RunPaused("me", "sealed"))
    pause(book).then()
    book.produces("t0").then(TaskSucceeded).stands(t1=Phase.READY)
    book.tell(ResumeRun(RUN, "me")).then(RunResumed("me"), TaskStarted)
    book.tell(ResumeRun(RUN, "me")).then()


def test_a_retry_of_a_paused_run_waits_for_its_end() -> None:
    book = pause(Playbook(chain(1)).start()).fails("t0", FailureClass.TRANSIENT).later(HOUR).wakes("t0")
    book.then(StartDeferred(0, "pause:run")).owes()
    book.tell(ResumeRun(RUN, "me")).then(RunResumed, TaskStarted(0, 2))


def test_an_effect_that_was_approved_meanwhile_leaves_when_the_pause_ends() -> None:
    book = Playbook(plan_of(act("send")), policy=ASK_ALL).start().proposes("send", action(0))
    pause(book).grants("send").stands(send=Phase.RETRYING).owes()
    assert [type(one) for one in book.last][-1] is StartDeferred
    book.tell(ResumeRun(RUN, "me")).then(RunResumed, ActionStarted)


def test_rules_that_changed_during_the_pause_are_asked_again() -> None:
    book = pause(Playbook(plan_of(act("send"))).start()).proposes("send", action(0))
    book.stands(send=Phase.RETRYING).under(ASK_ALL).tell(ResumeRun(RUN, "me")).stands(send=Phase.APPROVAL)


def test_what_may_have_left_is_looked_for_also_while_it_is_paused_and_not_called_again() -> None:
    book = pause(Playbook(plan_of(act("send"))).start().proposes("send", action(0)))
    book.fails("send", FailureClass.TIMEOUT).stands(send=Phase.SEEKING)
    book.tell(RecordOutcome(RUN, 0, book.task("send").attempt, Sought(Sighting.ABSENT)))
    book.then(StartDeferred(0, "pause:run")).owes()
    book.tell(ResumeRun(RUN, "me")).then(RunResumed, ActionStarted)


def test_a_run_that_waits_in_line_may_be_paused_and_begins_paused() -> None:
    before = RunId("0" * 32)
    book = pause(Playbook(chain(1)).start(behind=before)).then(RunPaused)
    book.tell(ReleaseRun(RUN, before)).stands(t0=Phase.READY)
    book.tell(ResumeRun(RUN, "me")).then(RunResumed, TaskStarted)


@pytest.mark.parametrize("command", STEERING, ids=lambda one: type(one).__name__)
def test_nothing_is_steered_before_it_began_or_after_it_ended(command: RunCommand) -> None:
    Playbook(chain(1)).tell(command).then()
    Playbook(chain(1)).start().produces("t0").ended(Status.SUCCEEDED).tell(command).then()


# --- a task ----------------------------------------------------------------------------------------------------


def test_a_paused_task_waits_alone() -> None:
    plan = plan_of(think("a"), think("b", "a"), think("c", "a"))
    book = pause_task(Playbook(plan).start(), "b").then(TaskPaused(1, "me", "sealed"))
    pause_task(book, "b").then()
    book.produces("a").stands(b=Phase.RETRYING, c=Phase.RUNNING).produces("c")
    resume_task(book, "b").then(TaskResumed(1, "me"), TaskStarted)
    resume_task(book, "b").then()


def test_a_paused_fan_out_starts_none_of_its_items() -> None:
    plan = plan_of(think("first"), each("label", "trigger.rows", "first"), think("beside", "first"))
    book = pause_task(Playbook(plan).start({"rows": [1, 2]}), "label").produces("first")
    assert book.asked() == ["beside"]
    assert maintained(book.state) == recomputed(book.state)
    resume_task(book, "label")
    assert sorted(book.asked()) == ["beside", "label[0]", "label[1]"]


def test_a_fan_out_paused_half_way_goes_on_with_its_items_when_it_is_resumed() -> None:
    book = Playbook(plan_of(each("label", "trigger.rows"))).start({"rows": [1, 2]})
    pause_task(book, "label").fails("label[0]", FailureClass.TRANSIENT).later(HOUR).wakes("label[0]")
    assert book.asked() == ["label[1]"], "what was under way is heard"
    resume_task(book, "label")
    assert sorted(book.asked()) == ["label[0]", "label[1]"]


def test_one_item_is_paused_by_itself() -> None:
    book = Playbook(plan_of(each("label", "trigger.rows"))).start({"rows": [1, 2]})
    pause_task(book, "label[0]").fails("label[0]", FailureClass.TRANSIENT)
    book.fails("label[1]", FailureClass.TRANSIENT).later(HOUR).wakes("label[0]").wakes("label[1]")
    assert book.asked() == ["label[1]"]


def test_a_task_that_is_done_or_not_there_is_not_paused() -> None:
    book = Playbook(chain(2)).start().produces("t0")
    pause_task(book, "t0").then()
    pause_task(book, 9).then()


def test_a_paused_run_and_a_paused_task_both_have_to_be_resumed() -> None:
    book = pause(pause_task(Playbook(chain(2)).start(), "t1")).produces("t0")
    book.tell(ResumeRun(RUN, "me")).stands(t1=Phase.RETRYING)
    resume_task(book, "t1").then(TaskResumed, TaskStarted)


# --- giving one up ---------------------------------------------------------------------------------------------


def test_a_cancelled_task_is_skipped_with_what_needs_it() -> None:
    book = (
        Playbook(plan_of(think("a"), think("b", "a"), think("c"))).start().tell(CancelTask(RUN, 0, "me", "x"))
    )
    book.then(TaskCancelled(0, "me", "x", 0), TaskSkipped).stands(c=Phase.RUNNING)
    book.tell(CancelTask(RUN, 0, "me")).then().produces("c").ended(Status.SUCCEEDED)


def test_what_its_agent_may_have_spent_counts() -> None:
    book = Playbook(chain(1, cost_max_micros=30)).start().tell(CancelTask(RUN, 0, "me"))
    book.then(TaskCancelled(0, "me", "", 30), RunSucceeded)
    assert (book.state.spent, book.state.held) == (30, 0)


def test_its_card_waits_no_longer() -> None:
    book = Playbook(plan_of(act("send")), policy=ASK_ALL).start().proposes("send", action(0))
    card = book.act("send").approval
    book.tell(CancelTask(RUN, 0, "me")).then(TaskCancelled(0, "me", "", 0, card), RunSucceeded)


@pytest.mark.parametrize("how", ["acting", "seeking", "doubt", "retrying"])
def test_what_may_have_left_is_never_given_up_here(how: str) -> None:
    keyed = {"doubt": Repeatability.ONCE, "retrying": Repeatability.KEYED}.get(how, Repeatability.FINDABLE)
    book = Playbook(plan_of(act("send"))).start().proposes("send", action(0, repeatability=keyed))
    if how != "acting":
        book.fails("send", FailureClass.TIMEOUT)
    book.stands(send=Phase[how.upper()]).tell(CancelTask(RUN, 0, "me")).then()


@WALKS
def test_nothing_starts_while_it_is_paused_and_nothing_that_may_have_left_is_given_up(seed: int) -> None:
    walk = Walk(seed)
    for _ in walk.steps(120):
        book, state = walk.book, walk.book.state
        unusual = state.unusual
        for event in book.last:
            if isinstance(event, TaskStarted | ActionStarted):
                assert not unusual.paused
                assert event.task not in unusual.paused_tasks
                if state.is_item(event.task):
                    assert state.expansion_of(event.task).parent not in unusual.paused_tasks
            if isinstance(event, TaskCancelled):
                task = state.task(event.task)
                assert task.phase in DONE
                assert task.act is None or not task.act.tried


@WALKS
def test_a_pause_never_loses_a_run(seed: int) -> None:
    """However often it is paused and resumed, a run ends in the end."""
    walk = Walk(seed)
    for _ in walk.steps(30):
        if walk.random.random() < 0.2:
            number = walk.random.randint(0, max(0, walk.book.state.size - 1))
            for command in (PauseRun(RUN, "me"), PauseTask(RUN, number, "me"), RecoverRun(RUN)):
                walk.book.tell(command)
    if walk.book.state.plan is None:
        return
    for _ in walk.fair():
        pass
    assert walk.book.state.ended


def test_a_deadline_passes_also_while_it_is_paused() -> None:
    book = pause(Playbook(plan_of(think("a"), deadline_us=DAY)).start())
    book.later(DAY).wakes(-1)
    book.ended(Status.FAILED)
