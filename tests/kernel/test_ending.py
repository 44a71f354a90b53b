"""The end of a run: what it did is taken back once, the last first, by the one door."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    CancelTask,
    Failed,
    Outcome,
    PauseRun,
    RecordOutcome,
    ResolveDoubt,
    Sighting,
    Sought,
    SupersedeRun,
    Wake,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.effects import InvokeAdapter, InvokeAgent, Mode, Notify
from mainstay.kernel.events import (
    ActionProposed,
    ActionStarted,
    ApprovalRequested,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DoubtResolved,
    FailureClass,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunResumed,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.plan import Role, TaskKind, TaskSpec
from mainstay.kernel.state import RUN as THE_RUN
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import DAY, HOUR
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, DENY_ALL, RUN, act, action, plan_of, ref, think
from mainstay.testing.spec import Playbook
from tests.strategies import Walk, maintained, recomputed

UNDO_A, UNDO_B = act("undo a"), act("undo b")
TWO = plan_of(act("a", compensate=UNDO_A), act("b", "a", compensate=UNDO_B), think("c", "b"))
ONE = plan_of(act("a", compensate=UNDO_A), think("c", "a"))
WALKS = pytest.mark.parametrize("seed", range(120))


def did(book: Playbook, *names: str) -> Playbook:
    for name in names:
        book.proposes(name, action(book.number(name), text=name)).acted(name, {"of": name})
    return book


def cancel(book: Playbook) -> Playbook:
    return book.tell(CancelRun(RUN, "me", "a duplicate"))


# --- whether -------------------------------------------------------------------------------------------------


def test_a_run_that_did_nothing_that_could_be_taken_back_just_ends() -> None:
    cancel(Playbook(TWO).start()).then(RunCancelled("me", "a duplicate"))
    book = Playbook(plan_of(act("a"), think("c", "a"))).start()
    did(book, "a").fails("c", FailureClass.REFUSED).then(TaskFailed, RunFailed)


def test_a_run_that_failed_says_what_it_takes_back_and_how_it_will_end() -> None:
    book = did(Playbook(TWO).start(), "a", "b").fails("c", FailureClass.REFUSED)
    reason = "1 of its tasks given up"
    book.then(TaskFailed, CompensationBegun("failed", reason), CompensationPlanned((1, 0)), TaskStarted(3, 1))
    assert book.state.status is Status.COMPENSATING
    assert (book.state.name(3), book.state.name(4)) == ("undo b", "undo a")
    book.proposes(3, action(3, text="undo b")).acted(3)
    book.then(TaskSucceeded, TaskStarted(4, 1))
    book.proposes(4, action(4, text="undo a")).acted(4).then(TaskSucceeded, RunFailed(reason))
    book.ended(Status.FAILED)


def test_a_cancelled_run_ends_as_cancelled_by_whom_and_why() -> None:
    book = cancel(did(Playbook(ONE).start(), "a"))
    book.then(
        CompensationBegun("cancelled", "a duplicate", "me"), CompensationPlanned((0,)), TaskStarted(2, 1)
    )
    book.proposes(2, action(2, text="undo")).acted(2).then(TaskSucceeded, RunCancelled("me", "a duplicate"))


def test_a_run_that_succeeds_or_is_superseded_takes_nothing_back() -> None:
    did(Playbook(ONE).start(), "a").produces("c").ended(Status.SUCCEEDED)
    did(Playbook(ONE).start(), "a").tell(SupersedeRun(RUN, "newer")).ended(Status.SUPERSEDED)


def test_a_run_whose_deadline_passed_takes_back_too() -> None:
    plan = plan_of(act("a", compensate=UNDO_A), think("c", "a"), deadline_us=DAY)
    book = did(Playbook(plan).start(), "a").later(DAY).tell(Wake(RUN, THE_RUN))
    book.then(CompensationBegun("failed", "its deadline passed"), CompensationPlanned, TaskStarted)
    book.later(DAY).tell(Wake(RUN, THE_RUN)).then()


def test_to_cancel_it_once_more_changes_nothing() -> None:
    book = cancel(did(Playbook(ONE).start(), "a"))
    assert book.state.status is Status.COMPENSATING
    cancel(book).then()


# --- what is under way -----------------------------------------------------------------------------------------


def test_it_begins_only_when_everything_under_way_has_settled() -> None:
    book = did(Playbook(TWO).start(), "a").proposes("b", action(1, text="b"))
    cancel(book).then(CompensationBegun("cancelled", "a duplicate", "me")).owes(InvokeAdapter)
    book.acted("b").then(TaskSucceeded, CompensationPlanned((1, 0)), TaskStarted)


def test_what_proves_not_to_have_happened_is_not_taken_back() -> None:
    book = did(Playbook(TWO).start(), "a").proposes("b", action(1, text="b"))
    cancel(book).fails("b", FailureClass.REFUSED)
    book.then(TaskFailed, CompensationPlanned((0,)), TaskStarted)


@pytest.mark.parametrize(
    ("failure", "repeatability"),
    [(FailureClass.TRANSIENT, one) for one in Repeatability] + [(FailureClass.TIMEOUT, Repeatability.KEYED)],
)
def test_nothing_of_the_plan_is_called_again_once_it_takes_back(
    failure: FailureClass, repeatability: Repeatability
) -> None:
    book = did(Playbook(TWO).start(), "a")
    cancel(book.proposes("b", action(1, text="b", repeatability=repeatability))).fails("b", failure)
    for _ in range(9):
        book.later(HOUR).wakes("b")
    calls = [one for one in book.log if isinstance(one, ActionStarted) and one.task == 1]
    assert len(calls) == 1


def test_what_a_look_up_proves_absent_is_not_done_once_it_takes_back() -> None:
    book = did(Playbook(TWO).start(), "a").proposes("b", action(1, text="b"))
    cancel(book.fails("b", FailureClass.TIMEOUT))
    book.tell(RecordOutcome(RUN, 1, book.task("b").attempt, Sought(Sighting.ABSENT)))
    book.then(TaskFailed, CompensationPlanned((0,)), TaskStarted)


def test_a_doubt_is_settled_before_anything_is_taken_back() -> None:
    book = did(Playbook(TWO).start(), "a").proposes(
        "b", action(1, text="b", repeatability=Repeatability.ONCE)
    )
    cancel(book.fails("b", FailureClass.TIMEOUT)).owes(Notify)
    book.tell(ResolveDoubt(RUN, 1, "happened", "me"))
    book.then(DoubtResolved, TaskSucceeded, CompensationPlanned((1, 0)), TaskStarted)


def test_what_comes_late_is_taken_back_as_well() -> None:
    book = did(Playbook(TWO).start(), "a").proposes("b", action(1, text="b"))
    cancel(book.fails("b", FailureClass.TIMEOUT))
    book.tell(RecordOutcome(RUN, 1, book.task("b").attempt, Acted()))
    book.then(TaskSucceeded, CompensationPlanned((1, 0)), TaskStarted)


def test_what_may_have_happened_is_reason_enough_to_wait_for_it() -> None:
    book = cancel(Playbook(ONE).start().proposes("a", action(0, text="a")))
    book.then(CompensationBegun("cancelled", "a duplicate", "me"))
    book.acted("a").then(TaskSucceeded, CompensationPlanned((0,)), TaskStarted)
    book = cancel(Playbook(ONE).start().proposes("a", action(0, text="a")))
    book.fails("a", FailureClass.REFUSED).then(TaskFailed, RunCancelled).ended(Status.CANCELLED)


# --- by the one door -------------------------------------------------------------------------------------------


def test_a_compensation_sees_what_its_act_gave() -> None:
    undo = act("undo a", reads={"entry": "a.of", "wanted": "trigger.n"})
    book = cancel(did(Playbook(plan_of(act("a", compensate=undo), think("c", "a"))).start({"n": 7}), "a"))
    [effect] = [one for one in book.owed if isinstance(one, InvokeAgent)]
    assert effect.inputs == {"entry": "a", "wanted": 7}


def test_it_asks_under_rules_that_ask_and_a_no_lets_it_be() -> None:
    book = cancel(did(Playbook(ONE).start(), "a")).under(ASK_ALL).proposes(2, action(2, text="undo"))
    book.then(ActionProposed, ApprovalRequested)
    assert book.state.status is Status.COMPENSATING
    book.rejects(2).ended(Status.CANCELLED)


@pytest.mark.parametrize("how", ["rule", "expiry", "failure", "agent"])
def test_one_that_cannot_be_done_asks_and_is_never_given_up_in_silence(how: str) -> None:
    book = cancel(did(Playbook(ONE).start(), "a"))
    if how == "agent":
        book.fails(2, FailureClass.REFUSED)
    else:
        book.under({"rule": DENY_ALL, "expiry": ASK_ALL, "failure": ALLOW_ALL}[how])
        book.proposes(2, action(2, text="undo"))
        if how == "expiry":
            book.later(8 * DAY).wakes(2)
        elif how == "failure":
            book.fails(2, FailureClass.REFUSED)
    assert type(book.last[-1]) is CompensationFailed
    card = None if how == "agent" else book.act(2).approval
    book.owes(Notify(RUN, 2, "compensation", card))
    assert book.state.status is Status.COMPENSATING
    book.under(ALLOW_ALL).tell(ResolveDoubt(RUN, 2, "did_not", "me"))
    if how == "agent":
        book.wakes(2).proposes(2, action(2, text="undo")).then(ActionProposed, ActionStarted).acted(2)
    else:
        book.then(DoubtResolved, ApprovalRequested).grants(2).acted(2)
    book.ended(Status.CANCELLED)


@pytest.mark.parametrize(("word", "kind"), [("happened", TaskSucceeded), ("unknown", TaskFailed)])
def test_the_operator_may_let_it_be(word: str, kind: type[RunEvent]) -> None:
    book = (
        did(Playbook(TWO).start(), "a", "b").fails("c", FailureClass.REFUSED).fails(3, FailureClass.REFUSED)
    )
    book.tell(ResolveDoubt(RUN, 3, word, "me")).then(DoubtResolved, kind, TaskStarted(4, 1))


def test_cancelling_a_paused_run_lifts_the_pause_and_takes_back() -> None:
    book = cancel(did(Playbook(ONE).start(), "a").tell(PauseRun(RUN, "me")))
    book.then(RunResumed, CompensationBegun, CompensationPlanned((0,)), TaskStarted(2, 1))


def test_one_that_the_operator_gave_up_makes_room_for_the_next() -> None:
    book = did(Playbook(TWO).start(), "a", "b").under(ASK_ALL).fails("c", FailureClass.REFUSED)
    book.proposes(3, action(3, text="undo b")).tell(CancelTask(RUN, 3, "me"))
    assert book.asked() == ["undo a"]


def test_a_compensation_with_a_time_of_its_own_can_be_tried_again_after_it() -> None:
    plan = plan_of(act("a", compensate=act("undo a", deadline_us=HOUR)), think("c", "a"))
    book = cancel(did(Playbook(plan).start(), "a")).fails(2, FailureClass.TRANSIENT, retry_after_us=2 * HOUR)
    book.later(HOUR).wakes(2)
    assert book.task(2).phase is Phase.DOUBT
    book.tell(ResolveDoubt(RUN, 2, "did_not", "me")).later(1).wakes(2)
    assert book.asked() == ["undo a"], "to say that it was not done is to ask for it anew"


def test_the_items_of_a_fan_out_are_taken_back_one_by_one() -> None:
    tell = TaskSpec(
        "a", TaskKind.ACT, Role.EXECUTOR, "p", "email.reply", for_each=ref("trigger.rows"), compensate=UNDO_A
    )
    book = Playbook(plan_of(tell, think("c", "a"))).start({"rows": [1, 2]})
    book.proposes("a[1]", action(3, text="1")).acted("a[1]").proposes("a[0]", action(2, text="0")).acted(
        "a[0]"
    )
    book.fails("c", FailureClass.REFUSED)
    assert CompensationPlanned((2, 3)) in book.last
    assert book.state.name(4) == "undo a[0]"


# --- in every history ------------------------------------------------------------------------------------------


class TakenBack:
    """Reads a log by itself: what happened and names a compensation, in the order of its arrival."""

    def __init__(self, book: Playbook) -> None:
        self.book = book
        self.arrived: list[int] = []
        self.planned: list[int] = []
        self.calls: dict[int, int] = {}
        self.done: list[int] = []

    def see(self, event: RunEvent) -> None:
        state = self.book.state
        match event:
            case CompensationPlanned(tasks=acts):
                assert not self.planned, "planned twice"
                assert list(acts) == self.arrived[::-1], "the last one first, and each of them"
                assert len(set(acts)) == len(acts)
                self.planned = list(acts)
            case TaskSucceeded(task=number) if state.undoes(number) is not None:
                self.done.append(number)
                assert self.done == sorted(set(self.done)), "one after the other, each once"
            case TaskSucceeded(task=number):
                act = state.task(number).act
                if act is not None and state.spec(number).compensate is not None:
                    self.arrived.append(number)
            case ActionStarted(task=number) | TaskStarted(task=number) if self.planned:
                undone = state.undoes(number)
                assert undone is not None, "the plan went on"
                assert undone in self.arrived
            case RunFailed() | RunCancelled() if self.planned:
                first = state.unusual.undo_first
                left = [n for n in range(first, first + len(self.planned)) if not _over(self.book, n)]
                assert not left or isinstance(event, RunCancelled), "it ended before all was taken back"
            case _:
                pass


def _over(book: Playbook, number: int) -> bool:
    return book.state.task(number).phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.SKIPPED)


class Kinder(Walk):
    """A walk whose every act names a compensation, in a world that mostly answers well."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        tasks = self.book.plan.workflow.tasks
        undo = act("undo", act="email.label", deadline_us=self.random.choice((None, HOUR)))
        named = (replace(one, compensate=undo) if one.kind is TaskKind.ACT else one for one in tasks)
        self.book = Playbook(plan_of(*named), policy=ALLOW_ALL)

    def _outcome(self, number: int) -> Outcome:
        found = super()._outcome(number)
        return super()._outcome(number) if isinstance(found, Failed) else found

    def _world_answers(self, mode: Mode) -> Outcome:
        return (
            Acted({"id": "1"})
            if mode is Mode.CALL and self.random.random() < 0.6
            else super()._world_answers(mode)
        )


def cancelled(seed: int) -> Iterator[Walk]:
    """A walk that is cancelled somewhere and led to its end, seen after every command."""
    walk, random = Kinder(seed), Random(seed)
    for _ in walk.steps(random.choice((0, 0, 20))):
        yield walk
    for _ in islice(walk.fair(), random.randint(5, 25) if walk.book.state.plan else 0):
        yield walk
    if walk.book.state.plan is not None:
        walk.book.tell(CancelRun(RUN, "me"))
        yield walk
        for _ in walk.fair():
            yield walk


@WALKS
def test_what_happened_is_taken_back_at_most_once_in_reverse_order_and_nothing_else(seed: int) -> None:
    watch: TakenBack | None = None
    for walk in cancelled(seed):
        watch = watch or TakenBack(walk.book)
        assert maintained(walk.book.state) == recomputed(walk.book.state)
        for event in walk.book.last:
            watch.see(event)


def test_the_walks_take_something_back() -> None:
    planned = done = 0
    for seed in range(120):
        *_, walk = cancelled(seed)
        planned += sum(len(one.tasks) for one in walk.book.log if isinstance(one, CompensationPlanned))
        state = walk.book.state
        done += sum(
            isinstance(one, TaskSucceeded) and state.undoes(one.task) is not None for one in walk.book.log
        )
    assert (planned > 20, done > 10) == (True, True), (planned, done)
