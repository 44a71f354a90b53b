"""Deferred starts of a director: who waits for what, what calls tell a breaker, and when to look again."""

from typing import Any

from mainstay.kernel.admission import Admission
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.commands import (
    Acted,
    Admit,
    Failed,
    GrantApproval,
    PauseRun,
    Proposed,
    RecordOutcome,
    RecoverRun,
    ResolveDoubt,
    ResumeRun,
    StartRun,
    Wake,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import (
    ActionStarted,
    BreakerClosed,
    BreakerOpened,
    FailureClass,
    RunEvent,
    ScopePaused,
    TaskStarted,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.house import House
from mainstay.kernel.ids import RunId, run_id
from mainstay.kernel.plan import Plan, Priority
from mainstay.kernel.policy import Policy
from mainstay.kernel.run import advance, nothing
from mainstay.kernel.state import RunState
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, MINUTE, SECOND, Instant
from mainstay.runtime.admitting import Admitting
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, NOW, act, action, plan_of, think

SETTINGS = BreakerSettings(failures=2, rest_us=30 * SECOND)
THINK, SEND = plan_of(think("only"), name="think"), plan_of(act("send"), name="send")
SCOPE = "throttle:agent:thinker"


class Desk:
    """Runs under one admission, each event heard as the director hears it."""

    def __init__(self, policy: Policy = ALLOW_ALL, **rates: Rate) -> None:
        named = {name.replace("_", ":", 1): rate for name, rate in rates.items()}
        self.admitting = Admitting(Admission(named, SETTINGS))
        self.house, self.policy, self.now = House(), policy, NOW
        self.runs: dict[RunId, RunState] = {}
        self.said: list[BreakerOpened | BreakerClosed] = []

    def facts(self) -> Facts:
        plans = {plan.digest: plan for plan in (THINK, SEND)} | {
            state.plan.digest: state.plan for state in self.runs.values() if state.plan
        }
        return Facts(self.now, self.policy, plans=plans, admission=self.admitting.admission)

    def tell(self, command: Any, plan: Plan | None = None) -> tuple[RunEvent, ...]:
        facts = self.facts()
        if plan is not None:
            facts.plans[plan.digest] = plan  # type: ignore[index]
        before = self.runs.get(command.run) or nothing(command.run)
        state, events = advance(before, command, facts)
        self.runs[command.run] = state
        for event in events:
            said = self.admitting.hear(before, state, event, self.now)
            if said is not None:
                self.said.append(said)
                self.admitting.note(said, self.house)
        return events

    def start(self, name: str, plan: Plan) -> RunId:
        run = run_id(0, "test", name)
        self.tell(StartRun(run, plan.workflow.name, plan.digest), plan)
        return run

    def sends(self, name: str, repeatability: Repeatability = Repeatability.FINDABLE) -> RunId:
        """A run whose act was proposed."""
        run = self.start(name, SEND)
        self.tell(
            RecordOutcome(run, 0, 1, Proposed(action(0, run=run, repeatability=repeatability), "because"))
        )
        return run

    def answers(self, run: RunId, outcome: Any) -> None:
        self.tell(RecordOutcome(run, 0, self.runs[run].task(0).attempt, outcome))

    def admits(self) -> list[RunId]:
        """What the director does at the end of a tick."""
        found = []
        for run, task in self.admitting.admissible(self.now):
            found.append(run)
            if not self.tell(Admit(run, task)):
                self.admitting.put_back(self.runs[run], task, self.facts())
        return found


NOT_NOW = Failed(FailureClass.TRANSIENT, "not now", retry_after_us=DAY)


def test_a_start_that_a_throttle_keeps_waits_until_it_fits_and_each_takes_a_token() -> None:
    desk = Desk(agent_thinker=Rate(1, MINUTE, 1))
    first, second, third = (desk.start(name, THINK) for name in ("1", "2", "3"))
    assert desk.admitting.waiting == {SCOPE: 2}
    assert desk.admitting.next_at(desk.now) == NOW + MINUTE
    assert desk.admits() == []
    desk.now = Instant(NOW + MINUTE)
    assert desk.admits() == [second]
    assert desk.admitting.waiting == {SCOPE: 1}
    assert desk.admitting.next_at(desk.now) == NOW + 2 * MINUTE
    desk.now = Instant(NOW + 2 * MINUTE)
    assert desk.admits() == [third]
    assert desk.admitting.next_at(desk.now) is None
    assert first not in desk.admits()


def test_after_a_boot_the_open_runs_say_who_waits() -> None:
    desk = Desk(agent_thinker=Rate(1, MINUTE, 1))
    runs = [desk.start(name, THINK) for name in ("1", "2", "3")]
    levels = desk.admitting.admission.buckets.levels()
    desk.admitting = Admitting(Admission({"agent:thinker": Rate(1, MINUTE, 1)}, SETTINGS))
    desk.admitting.admission.buckets.restore(levels)
    for run in runs:
        desk.admitting.notice(desk.runs[run], desk.facts())
    assert desk.admitting.waiting == {SCOPE: 2}
    desk.now = Instant(NOW + MINUTE)
    assert desk.admits() == [runs[1]]


def test_what_the_run_itself_holds_back_stands_in_no_line() -> None:
    desk = Desk()
    run = desk.start("1", SEND)
    desk.tell(PauseRun(run, "me"))
    desk.tell(RecordOutcome(run, 0, 1, Proposed(action(0, run=run), "because")))
    assert desk.admitting.waiting == {}
    desk.admitting.notice(desk.runs[run], desk.facts())
    assert desk.admitting.waiting == {}
    assert [type(one) for one in desk.tell(ResumeRun(run, "me"))][-1] is ActionStarted


def test_who_waits_for_another_scope_by_now_is_put_there() -> None:
    desk = Desk(adapter_email=Rate(1, MINUTE, 1))
    first, second = desk.sends("1"), desk.sends("2")
    assert desk.admitting.waiting == {"throttle:adapter:email": 1}
    desk.house.note(ScopePaused("adapter", "email", "me"))
    desk.admitting.note(ScopePaused("adapter", "email", "me"), desk.house)
    desk.now = Instant(NOW + MINUTE)
    assert desk.admits() == [second]
    assert desk.admitting.waiting == {"pause:adapter:email": 1}
    assert desk.admitting.next_at(desk.now) is None, "no clock ends a pause"
    desk.house.paused.clear()
    desk.admitting.note(BreakerClosed("email", "other"), desk.house)
    assert desk.admits() == [second]
    assert first != second


def test_calls_that_fail_in_a_row_open_the_breaker_and_one_tries_after_its_rest() -> None:
    desk = Desk()
    runs = [desk.sends(name) for name in ("1", "2")]
    for run in runs:
        desk.answers(run, NOT_NOW)
    assert [type(one) for one in desk.said] == [BreakerOpened]
    late = [desk.sends(name) for name in ("3", "4")]
    assert desk.admitting.waiting == {"breaker:email.reply": 2}
    assert desk.admitting.next_at(desk.now) == NOW + 30 * SECOND
    desk.now = Instant(NOW + 30 * SECOND)
    assert desk.admits() == [late[0]], "one call tries, the other waits for what becomes of it"
    desk.answers(late[0], Acted())
    assert [type(one) for one in desk.said] == [BreakerOpened, BreakerClosed]
    assert desk.admits() == [late[1]]


def test_a_lost_answer_counts_and_what_a_look_up_says_does_not() -> None:
    desk = Desk()
    for name in ("1", "2"):
        desk.answers(desk.sends(name), Failed(FailureClass.TIMEOUT, "no answer"))
    assert len(desk.said) == 1


def test_what_a_person_says_of_a_doubt_is_no_word_of_the_other_side() -> None:
    desk = Desk()
    run = desk.sends("1", Repeatability.ONCE)
    desk.answers(run, Failed(FailureClass.TIMEOUT, "no answer"))
    desk.tell(ResolveDoubt(run, 0, "unknown", "me"))
    assert desk.said == [], "one call failed, and one only"
    run = desk.sends("2", Repeatability.ONCE)
    desk.answers(run, Failed(FailureClass.TIMEOUT, "no answer"))
    desk.tell(ResolveDoubt(run, 0, "happened", "me"))
    assert [type(one) for one in desk.said] == [BreakerOpened], "that it happened does not close it"


def test_an_expired_card_or_a_failed_agent_says_nothing_of_an_adapter() -> None:
    desk = Desk(ASK_ALL)
    for name in ("1", "2", "3"):
        run = desk.sends(name)
        task = desk.runs[run].task(0)
        assert task.act is not None
        desk.now = Instant(task.act.expires_at)
        desk.tell(Wake(run, 0))
    for name in ("4", "5", "6"):
        desk.tell(RecordOutcome(desk.start(name, SEND), 0, 1, NOT_NOW))
    assert desk.said == []
    assert not desk.admitting.admission.breakers.any_open


def test_a_card_that_is_granted_takes_a_token_when_it_leaves_not_before() -> None:
    desk = Desk(ASK_ALL, adapter_email=Rate(1, MINUTE, 1))
    run = desk.sends("1")
    assert desk.admitting.admission.buckets.levels() == {}
    card = desk.runs[run].task(0).act
    assert card is not None
    assert card.approval is not None
    desk.tell(GrantApproval(run, card.approval, card.action.digest, "me", confirmed=True))
    assert desk.admitting.admission.buckets.levels() == {"adapter:email": NOW + MINUTE}


def test_what_a_crash_lost_says_nothing_of_the_other_side() -> None:
    desk = Desk()
    runs = [desk.sends(name, Repeatability.KEYED) for name in ("1", "2", "3")]
    for run in runs:
        desk.tell(RecoverRun(run))
    assert desk.said == []


def test_only_throttles_ask_to_hear_of_every_thought() -> None:
    for admitting, throttled in (
        (Desk().admitting, False),
        (Desk(workspace=Rate(9, MINUTE, 9)).admitting, True),
    ):
        assert (TaskStarted in admitting.heard) is throttled
        assert admitting.idle is not throttled


def test_a_run_of_high_priority_is_admitted_first() -> None:
    desk = Desk(workspace=Rate(1, MINUTE, 1))
    low = plan_of(think("only"), name="low", priority=Priority.LOW)
    high = plan_of(think("only"), name="high", priority=Priority.HIGH)
    desk.start("first", THINK)
    waits, urgent = desk.start("low", low), desk.start("high", high)
    desk.now = Instant(NOW + MINUTE)
    assert desk.admits() == [urgent]
    desk.now = Instant(NOW + 2 * MINUTE)
    assert desk.admits() == [waits]


def test_a_delay_is_its_own_timer_and_stands_in_no_line() -> None:
    desk = Desk()
    later = plan_of(think("only", delay_us=MINUTE), name="later")
    run = desk.start("1", later)
    assert desk.admitting.idle
    assert desk.runs[run].task(0).wake_at == NOW + MINUTE
