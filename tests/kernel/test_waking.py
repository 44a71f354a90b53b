"""Leading on: delays, deadlines, room for deferred starts, a new director, and a ledger out of a backup."""

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from mainstay.kernel.commands import (
    Admit,
    ReconcileRun,
    RecordOutcome,
    RecoverRun,
    ReleaseRun,
    Sighting,
    Sought,
    StartRun,
    Wake,
)
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.door import RESTORED
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    ApprovalGranted,
    ApprovalRequested,
    DeadlineSet,
    DoubtResolved,
    FailureClass,
    LookupStarted,
    PlanAccepted,
    RunDelayed,
    RunFailed,
    RunQueued,
    RunRecovered,
    RunReleased,
    RunStarted,
    StartDeferred,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import DONE, Phase, Status
from mainstay.kernel.state import RUN as THE_RUN
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, NOW, RUN, act, action, chain, plan_of, think
from mainstay.testing.spec import Playbook
from tests.kernel.test_ending import Kinder
from tests.strategies import Walk, maintained, recomputed

BEFORE = RunId("0" * 32)
WALKS = pytest.mark.parametrize("seed", range(120))
SEND = plan_of(act("send"))


def start(book: Playbook, **fields: object) -> Playbook:
    plan = book.plan
    return book.tell(StartRun(RUN, plan.workflow.name, plan.digest, **fields))  # type: ignore[arg-type]


# --- delays ----------------------------------------------------------------------------------------------------


def test_a_run_that_begins_later_owes_nothing_but_its_timer() -> None:
    later = Instant(NOW + HOUR)
    book = start(Playbook(chain(1)), not_before=later)
    book.then(RunStarted, RunDelayed(later)).owes(WakeAt(RUN, THE_RUN, later))
    book.later(HOUR - 1).tell(Wake(RUN, THE_RUN)).then()
    book.later(1).tell(Wake(RUN, THE_RUN)).then(PlanAccepted, TaskStarted)
    book.tell(Wake(RUN, THE_RUN)).then()


def test_the_delay_of_a_workflow_counts_from_its_trigger_and_the_later_of_both_wins() -> None:
    plan = plan_of(think("a"), delay_us=MINUTE, deadline_us=DAY)
    start(Playbook(plan)).then(RunStarted, RunDelayed(Instant(NOW + MINUTE)), DeadlineSet)
    book = start(Playbook(plan), not_before=Instant(NOW + HOUR))
    book.then(RunStarted, RunDelayed(Instant(NOW + HOUR)), DeadlineSet(THE_RUN, Instant(NOW + HOUR + DAY)))


def test_a_run_that_stood_in_line_begins_no_earlier_either() -> None:
    later = Instant(NOW + HOUR)
    book = start(Playbook(chain(1)), not_before=later, behind=BEFORE).then(RunStarted, RunDelayed, RunQueued)
    book.tell(ReleaseRun(RUN, BEFORE)).then(RunReleased(BEFORE), RunDelayed(later))
    book.later(HOUR).tell(Wake(RUN, THE_RUN)).then(PlanAccepted, TaskStarted)
    late = (
        start(Playbook(chain(1)), not_before=later, behind=BEFORE).later(HOUR).tell(Wake(RUN, THE_RUN)).then()
    )
    late.tell(ReleaseRun(RUN, BEFORE)).then(RunReleased, PlanAccepted, TaskStarted)


def test_a_task_that_begins_later_holds_no_slot_and_is_delayed_once() -> None:
    book = Playbook(plan_of(think("a", delay_us=HOUR, attempt_max=2))).start()
    book.then(RunStarted, PlanAccepted, StartDeferred(0, "delay", Instant(NOW + HOUR)))
    assert book.state.busy == 0
    book.later(HOUR - 1).wakes("a").then().later(1).wakes("a").then(TaskStarted)
    book.fails("a", FailureClass.TRANSIENT).later(MINUTE).wakes("a").then(TaskStarted)


def test_a_moment_that_has_come_delays_nothing() -> None:
    Playbook(plan_of(think("a", not_before=Instant(NOW - 1)))).start().stands(a=Phase.RUNNING)


# --- deadlines -------------------------------------------------------------------------------------------------

HURRY = plan_of(think("a", deadline_us=HOUR, attempt_max=9, cost_max_micros=5), think("b"))


def test_the_time_of_a_task_counts_from_its_first_start() -> None:
    book = (
        Playbook(HURRY)
        .start()
        .then(RunStarted, PlanAccepted, DeadlineSet(0, Instant(NOW + HOUR)), TaskStarted, TaskStarted)
    )
    book.fails("a", FailureClass.TRANSIENT).later(MINUTE).wakes("a").then(TaskStarted)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.RETRYING])
def test_a_task_whose_time_is_over_is_given_up_and_what_it_holds_counts(phase: Phase) -> None:
    book = Playbook(HURRY).start()
    if phase is Phase.RETRYING:
        book.fails("a", FailureClass.TRANSIENT, retry_after_us=DAY)
    book.stands(a=phase).later(HOUR).wakes("a")
    book.then(
        TaskFailed(0, 1, FailureClass.TIMEOUT, "its deadline has passed", 5 if phase is Phase.RUNNING else 0)
    )
    book.wakes("a").then().produces("a").then()


def test_a_timer_that_comes_early_or_for_a_task_that_is_done_is_nothing() -> None:
    book = Playbook(HURRY).start().later(HOUR - 1).wakes("a").then()
    book.produces("a").later(HOUR).wakes("a").then()


def test_what_may_have_left_is_not_given_up_for_want_of_time() -> None:
    plan = plan_of(act("send", deadline_us=HOUR))
    for failure in (None, FailureClass.TIMEOUT):
        book = Playbook(plan).start().proposes("send", action(0))
        if failure:
            book.fails("send", failure)
        book.later(HOUR)
        assert not [one for one in book.wakes("send").last if isinstance(one, TaskFailed)]


def test_a_card_expires_at_the_deadline_at_the_latest() -> None:
    book = Playbook(plan_of(act("send", deadline_us=HOUR)), policy=ASK_ALL).start()
    book.later(50 * MINUTE).proposes("send", action(0))
    assert book.act("send").expires_at == NOW + HOUR
    book.later(10 * MINUTE).wakes("send").stands(send=Phase.SKIPPED)


def test_a_run_in_line_whose_time_is_over_ends() -> None:
    book = start(Playbook(plan_of(think("a"), deadline_us=HOUR)), behind=BEFORE)
    book.later(HOUR).tell(Wake(RUN, THE_RUN)).then(RunFailed("its deadline passed"))
    book.tell(ReleaseRun(RUN, BEFORE)).then()


# --- a new director --------------------------------------------------------------------------------------------


def test_what_cost_nothing_is_asked_again_without_a_word_unless_directors_keep_ending() -> None:
    book = Playbook(chain(1, attempt_max=2)).start().tell(RecoverRun(RUN)).then()
    assert book.asked() == ["t0"]
    book.tell(RecoverRun(RUN, strict=True))
    assert book.last[-1] == RunRecovered(1)
    book.wakes("t0").then(TaskStarted(0, 2)).tell(RecoverRun(RUN, strict=True))
    failed = next(one for one in book.last if isinstance(one, TaskFailed))
    assert failed.failure is FailureClass.POISONED
    book.ended(Status.FAILED)


def test_how_many_were_under_way_is_told_once() -> None:
    book = Playbook(plan_of(think("a", cost_max_micros=5), act("b"), think("c"))).start()
    book.proposes("b", action(1)).tell(RecoverRun(RUN))
    assert [one for one in book.last if isinstance(one, RunRecovered)] == [RunRecovered(2)]
    book.tell(Wake(RUN, 1))
    assert not [one for one in book.tell(RecoverRun(RUN)).last if isinstance(one, RunRecovered)]


# --- a restored ledger -----------------------------------------------------------------------------------------

FINAL = [Finality.FINAL_LOW, Finality.FINAL_HIGH]


@pytest.mark.parametrize("finality", FINAL)
@pytest.mark.parametrize("granted", [False, True])
def test_a_card_is_looked_for_where_one_can_look_and_asked_about_where_not(
    finality: Finality, granted: bool
) -> None:
    for repeatability in Repeatability:
        one = action(0, repeatability=repeatability, finality=finality)
        book = Playbook(SEND, policy=ASK_ALL).start().proposes("send", one)
        card = book.act("send").approval
        if granted:
            book.facts = _without_performer(book)
            book.grants("send").then(ApprovalGranted)
        book.tell(ReconcileRun(RUN))
        if repeatability is not Repeatability.ONCE:
            reason = "the ledger was restored from a backup, and it may have left since"
            book.then(LookupStarted(0, book.task("send").attempt, Instant(NOW + one.grace_us), reason, card))
        else:
            book.then(ActionInDoubt)
        book.tell(ReconcileRun(RUN))


def _without_performer(book: Playbook) -> Facts:
    return replace(book.facts, performing=False)


@pytest.mark.parametrize(
    ("repeatability", "failure", "kind"),
    [
        (Repeatability.KEYED, FailureClass.TIMEOUT, LookupStarted),
        (Repeatability.KEYED, FailureClass.TRANSIENT, LookupStarted),
        (Repeatability.ONCE, FailureClass.TRANSIENT, ActionInDoubt),
        (Repeatability.FINDABLE, FailureClass.TRANSIENT, LookupStarted),
        (Repeatability.FINDABLE, FailureClass.TIMEOUT, LookupStarted),
    ],
)
def test_what_would_be_called_again_is_not_before_somebody_looked(
    repeatability: Repeatability, failure: FailureClass, kind: type
) -> None:
    book = Playbook(SEND).start().proposes("send", action(0, repeatability=repeatability))
    book.fails("send", failure).tell(ReconcileRun(RUN)).then(kind)
    book.later(HOUR).wakes("send")
    assert not [one for one in book.last if isinstance(one, ActionStarted)]


def test_what_can_be_taken_back_goes_on_as_it_was() -> None:
    one = action(0, repeatability=Repeatability.KEYED, finality=Finality.REVERSIBLE)
    book = Playbook(SEND, policy=ASK_ALL).start().proposes("send", one).tell(ReconcileRun(RUN)).then()
    book.stands(send=Phase.APPROVAL)


def test_found_it_is_done_and_absent_it_asks_anew() -> None:
    for sighting, kind in ((Sighting.FOUND, TaskSucceeded), (Sighting.ABSENT, ApprovalRequested)):
        book = Playbook(SEND, policy=ASK_ALL).start().proposes("send", action(0)).tell(ReconcileRun(RUN))
        book.tell(RecordOutcome(RUN, 0, book.task("send").attempt, Sought(sighting)))
        assert isinstance(book.last[0], kind)


def test_a_look_up_under_the_kill_switch_asks_and_never_sends() -> None:
    book = Playbook(SEND).start().proposes("send", action(0)).killed().tell(ReconcileRun(RUN))
    book.tell(RecordOutcome(RUN, 0, book.task("send").attempt, Sought(Sighting.ABSENT)))
    book.then(ApprovalRequested)


def backed_up(seed: int) -> Walk:
    """A walk that stops somewhere: half of them under rules that ask."""
    walk, random = Kinder(seed), Random(seed)
    walk.book.under(random.choice((ASK_ALL, ALLOW_ALL)))
    for _ in walk.steps(0):
        pass
    for _ in islice(walk.fair(), random.randint(1, 20) if walk.book.state.plan else 0):
        pass
    return walk


@WALKS
def test_after_a_restore_nothing_final_leaves_without_a_look_up_or_a_person(seed: int) -> None:
    walk = backed_up(seed)
    walk.book.tell(ReconcileRun(RUN))
    state = walk.book.state
    assert maintained(state) == recomputed(state)
    suspects: set[int] = set()
    for number, task in state.all_tasks():
        final = task.act is not None and task.act.action.finality is not Finality.REVERSIBLE
        if final and task.phase not in DONE:
            assert task.phase in (Phase.SEEKING, Phase.DOUBT), f"{number}: {task}"
            suspects.add(number)
    if state.plan is None:
        return
    log = len(walk.book.log)
    cleared: set[int] = set()
    sought: set[int] = set()
    for command in walk.fair():
        if isinstance(command, RecordOutcome) and isinstance(command.outcome, Sought):
            sought.add(command.task)
        for event in walk.book.log[log:]:
            match event:
                case DoubtResolved(task=number):
                    cleared.add(number)
                case ActionStarted(task=number) if number in suspects:
                    assert number in cleared | sought, "it left unseen"
                case _:
                    pass
        log = len(walk.book.log)


def test_the_walks_find_something_to_reconcile() -> None:
    found = 0
    for seed in range(120):
        found += bool(backed_up(seed).book.tell(ReconcileRun(RUN)).last)
    assert found > 10, found


# --- room ------------------------------------------------------------------------------------------------------


def test_what_nobody_deferred_is_not_admitted() -> None:
    book = (
        Playbook(chain(1))
        .start()
        .tell(Admit(RUN, 0))
        .then()
        .tell(Admit(RUN))
        .then()
        .tell(Admit(RUN, 9))
        .then()
    )
    book.fails("t0", FailureClass.TRANSIENT, retry_after_us=5 * SECOND).tell(Admit(RUN)).then()


@pytest.mark.parametrize("killed", [False, True])
def test_a_card_for_what_may_be_done_once_says_that_it_may_be_out_already_whatever_asks(killed: bool) -> None:
    book = Playbook(SEND).start().tell(ReconcileRun(RUN))
    book.facts = replace(book.facts, killed=killed)
    book.proposes("send", action(0, repeatability=Repeatability.ONCE))
    [card] = [one for one in book.last if isinstance(one, ApprovalRequested)]
    assert card.reason.startswith(RESTORED)
    assert ("kill switch" in card.reason) == killed
