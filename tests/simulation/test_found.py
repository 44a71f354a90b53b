"""What the simulator found, each as the shortest history that shows it."""

import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    CancelRun,
    GrantApproval,
    ObserveSent,
    ReceiveMessage,
    RegisterWorkflow,
    ResolveDoubt,
    StartRun,
)
from mainstay.kernel.ids import RunId, digest
from mainstay.kernel.plan import Plan, Priority, Supersede, TaskSpec, Trigger, Workflow, compile_plan
from mainstay.kernel.policy import Decision, Policy, Rule
from mainstay.kernel.predicates import Ref
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, MINUTE, Digest
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.tick import Request
from mainstay.runtime.waiting import Waiting
from mainstay.testing.cast import StandardCast
from mainstay.testing.faults import Chaos, FaultyStore
from mainstay.testing.mix import Mix
from mainstay.testing.plans import act, think
from mainstay.testing.process import VIEWS, Parts, Process, Surroundings, new_vault
from mainstay.testing.thinkers import simulated_agents
from mainstay.testing.world import SimulatedNotifier

BEGIN = 1_767_225_600_000_000
ALLOWED = Policy((Rule("allowed", Decision.ALLOW, "this is a test"),))


class Silence:
    """Listens to providers and says nothing."""

    def call_began(self, provider: object, operation: object, key: str, payload: bytes) -> None: ...

    def happened(self, provider: object, operation: object, key: str, payload: bytes) -> None: ...


class House:
    """A workspace whose process can be ended and started, with nobody in it but the test."""

    def __init__(self, plan: Plan, rates: dict[str, float] | None = None, seed: int = 1, **mix: Any) -> None:
        self.chaos = Chaos(seed, rates or {})
        self.clock = ManualClock(BEGIN)
        self.spent: Counter[RunId] = Counter()
        self.disk = InMemoryStore(tables=VIEWS.tables)
        self.world = StandardCast().providers(self.chaos, Silence(), self.clock.monotonic_s)
        self.outside = Surroundings(
            self.chaos,
            Mix({}, (plan,), ALLOWED, Limits(), **mix),
            self.clock,
            new_vault(Random(1)),
            {plan.digest: plan},
            self.world,
            simulated_agents(self.chaos, self.spent),
            SimulatedNotifier(self.chaos),
            Parts(),
        )
        self.plan = plan
        self.process = self.boot()
        self.tell(RegisterWorkflow(plan.workflow.name, 1, plan.digest))

    def boot(self) -> Process:
        self.process = Process(self.outside, FaultyStore(self.disk, self.chaos))
        self.process.boot()
        return self.process

    def visit(self, command: object) -> None:
        """Decide with the lock in hand, while no director is at work."""
        visitor = Process(self.outside, FaultyStore(self.disk, self.chaos), performing=False)
        visitor.visit()
        visitor.inbox.append(Request(command))  # type: ignore[arg-type]
        visitor.load_concerned()
        visitor.tick(1)

    def tell(self, *commands: object) -> None:
        self.process.inbox.extend(Request(command) for command in commands)  # type: ignore[arg-type]
        self.process.tick(256)

    def receive(self, key: str, thread: str = "thread") -> None:
        subject = self.outside.vault.subject("customer@example.org")
        self.outside.vault.ensure_subjects([subject])
        self.tell(ReceiveMessage("support", key, thread, subject, Digest("0" * 64), 1))

    def start(self, name: str, key: str = "") -> RunId:
        run = RunId(name.ljust(32, "0"))
        self.tell(StartRun(run, self.plan.workflow.name, self.plan.digest, {}, key))
        return run

    def work_until(self, phase: Phase, run: RunId, task: int) -> None:
        """Let everybody go on until the task stands there."""
        for _ in range(100):
            state = self.process.director.runs[run].state
            if state.exists(task) and state.task(task).phase is phase:
                return
            for job in self.process.ready()[:1]:
                self.process.resume(job)
            self.clock.advance(1_000_000)
            self.process.wake_due()
            self.process.tick(256)
        raise AssertionError(f"it never came to {phase}")

    def work(self, steps: int = 30) -> None:
        for _ in range(steps):
            for job in self.process.ready()[:1]:
                self.process.resume(job)
            self.clock.advance(5_000_000)
            self.process.wake_due()
            self.process.tick(256)

    def status(self, run: RunId) -> Status | None:
        one = self.process.director.runs.get(run)
        return one.state.status if one is not None else None

    def called(self) -> int:
        return sum(len(one.done) for one in self.world.values())


def plan(*tasks: object, keyed: bool = False, triggered: bool = False, **fields: Any) -> Plan:
    workflow = Workflow(
        "sample",
        1,
        tasks,  # type: ignore[arg-type]
        Trigger("message.received/1") if triggered else None,
        Ref("trigger", ("message", "thread")) if keyed else None,
        Supersede.NEVER,
        **fields,
    )
    return compile_plan(workflow, digest(repr(workflow).encode()))


def test_a_director_starts_after_a_day_on_which_runs_began_and_nothing_was_spent() -> None:
    house = House(plan(think("one")))
    house.start("a")
    house.boot()
    assert house.process.director.balances.day_spent == 0


def test_a_run_started_by_hand_waits_behind_the_other_with_its_key() -> None:
    house = House(plan(think("one"), keyed=True))
    first = house.start("a", "key")
    second = house.start("b", "key")
    assert house.status(first) is Status.RUNNING
    assert house.status(second) is Status.QUEUED
    house.work()
    assert house.status(second) is None  # released, and done


def test_the_order_of_a_queue_survives_a_restart_after_the_clock_was_set_back() -> None:
    house = House(plan(think("one"), keyed=True, triggered=True))
    house.receive("message1")
    house.clock.jump(-DAY)
    house.receive("message2")
    [first, second] = house.process.director.runs
    assert second < first  # ids begin with the time of their making
    house.boot()
    house.work()
    assert not house.process.director.runs


def test_a_cancel_that_comes_before_the_call_stops_it() -> None:
    house = House(plan(act("do", act="keyed.do")))
    run = house.start("a")
    house.work_until(Phase.ACTING, run, 0)
    house.tell(CancelRun(run, "operator"))
    house.work()
    assert house.called() == 0
    assert not house.process.director.runs


@pytest.mark.parametrize("restarted", [False, True])
def test_an_answer_by_hand_stops_an_effect_also_after_a_restart(restarted: bool) -> None:
    house = House(plan(act("do", act="keyed.do"), triggered=True))
    house.receive("message1")
    [run] = house.process.director.runs
    house.work_until(Phase.ACTING, run, 0)
    house.tell(ObserveSent("support", "answer1", "thread"))
    if restarted:
        house.boot()
    house.work(40)
    assert house.called() == 0


def test_a_clock_set_back_does_not_stretch_the_looking_into_days() -> None:
    house = House(plan(act("do", act="vague.do")))
    run = house.start("a")
    house.work_until(Phase.ACTING, run, 0)
    house.boot()  # whether it was called, nobody can tell: it is looked for
    house.clock.jump(-2 * DAY)
    house.work(120)
    assert house.process.director.runs[run].state.task(0).phase is Phase.DOUBT
    assert house.chaos.paths["look-up unknown"] < 30


def test_what_a_confused_agent_spent_is_in_the_books() -> None:
    house = House(plan(think("one", cost_max_micros=500, timeout_s=20.0)), {"agent confused": 1.0})
    run = house.start("a")
    house.work()
    assert house.spent[run] > 0
    assert house.process.director.balances.spent == house.spent[run]


def test_a_notifier_that_fails_does_not_end_the_director() -> None:
    house = House(plan(act("do", act="legal.do")), {"notifier raised": 1.0})
    run = house.start("a")
    house.work_until(Phase.APPROVAL, run, 0)
    house.work()
    assert house.process.director.runs[run].state.task(0).notified is False
    house.chaos.quiet = True
    house.boot()
    house.work()
    assert house.process.director.runs[run].state.task(0).notified is True


def test_a_run_ended_while_nobody_was_at_work_lets_the_next_in_line_go_on() -> None:
    house = House(plan(act("do", act="legal.do"), keyed=True))
    first = house.start("a", "key")
    second = house.start("b", "key")
    house.visit(CancelRun(first, "operator"))
    house.boot()
    assert house.status(second) is Status.RUNNING


# --- pauses, throttles, taking back ---------------------------------------------------------------


def undone(name: str, *needs: str, **fields: Any) -> TaskSpec:
    """A keyed act that is taken back by a keyed act."""
    return act(name, *needs, act="keyed.do", compensate=act(f"undo {name}", act="keyed.undo"), **fields)


def test_directors_that_end_untimely_are_counted_from_the_first_on() -> None:
    house = House(plan(think("one")))
    for count in (1, 2, 3):
        house.boot()
        assert house.process.director.house.unclean == count
    assert house.process.director.house.suspected


def test_a_throttle_forgives_its_debt_once_when_the_clock_is_set_back() -> None:
    rates = {"agent:thinker": Rate(1, MINUTE, 1)}
    house = House(plan(think("one"), think("two"), think("three")), throttles=rates)
    run = house.start("a")
    house.clock.jump(-2 * DAY)
    house.work(60)
    assert house.status(run) is None  # done in minutes, not when the old time has come round


def test_an_answer_by_hand_does_not_stop_what_is_taken_back() -> None:
    house = House(plan(undone("do"), act("no", "do", act="nowhere.do"), triggered=True))
    house.receive("message1")
    [run] = house.process.director.runs
    house.work_until(Phase.ACTING, run, 2)  # the act that takes back
    house.tell(ObserveSent("support", "answer1", "thread"))
    house.work(40)
    assert house.called() == 2
    assert house.status(run) is None


def test_a_line_in_which_nobody_waits_any_more_is_no_line() -> None:
    waiting = Waiting()
    waiting.add("breaker:keyed.do", Priority.NORMAL, RunId("a"), 0)
    waiting.add("throttle:workspace", Priority.NORMAL, RunId("a"), 0)
    assert waiting.next("throttle:workspace") == ("a", 0)
    assert waiting.scopes() == ()


def test_an_item_that_settles_while_its_run_takes_back_finishes_nothing_else() -> None:
    fan = replace(undone("do", "list"), for_each=Ref("list", ("items",)))
    for seed in range(20):  # the list is drawn: two items at least are wanted
        house = House(plan(think("list"), fan), seed=seed)
        run = house.start("a")
        house.work_until(Phase.EXPANDED, run, 1)
        if house.process.director.runs[run].state.size > 3:
            break
    house.work_until(Phase.ACTING, run, 3)
    house.tell(CancelRun(run, "operator"))
    house.work(80)
    assert house.status(run) is None
    did = Counter(str(json.loads(one.payload)["operation"]) for one in house.world["keyed"].done)
    assert did["do"] == did["undo"] >= 1  # also of an item that settled after another


def test_what_did_not_go_out_is_not_asked_about_again_by_a_run_that_takes_back() -> None:
    house = House(
        plan(undone("one"), act("two", "one", act="once.do", compensate=act("undo two", act="once.undo")))
    )
    run = house.start("a")
    house.work_until(Phase.ACTING, run, 1)
    house.boot()  # whether it was called, nobody can tell
    house.tell(CancelRun(run, "operator"))
    assert house.process.director.runs[run].state.task(1).phase is Phase.DOUBT
    house.tell(ResolveDoubt(run, 1, "did_not", "operator"))
    assert house.process.director.runs[run].state.task(1).phase is Phase.FAILED
    house.work(40)
    assert house.status(run) is None


def test_what_was_called_before_and_may_go_once_more_is_not_shown_as_what_can_be_taken_back() -> None:
    house = House(plan(act("one", act="once.do")), breakers=BreakerSettings(1, DAY, DAY))
    run = house.start("a")
    house.work_until(Phase.ACTING, run, 0)
    house.boot()  # whether it was called, nobody can tell; the breaker is open
    house.tell(ResolveDoubt(run, 0, "did_not", "operator"))
    one = house.process.director.runs[run].state.task(0).act
    assert one is not None
    assert one.approval is not None
    house.tell(GrantApproval(run, one.approval, one.action.digest, "operator", confirmed=True))
    assert house.process.director.runs[run].state.task(0).act.authority.startswith("approval:")  # type: ignore[union-attr]
    assert house.disk.count("leaving") == 0
    assert house.boot().director.cards_agree()


def test_a_queued_run_whose_time_came_before_the_clock_was_set_back_begins_all_the_same() -> None:
    house = House(plan(act("do", act="legal.do"), keyed=True, delay_us=10 * MINUTE))
    first = house.start("a", "key")
    second = house.start("b", "key")
    house.clock.advance(11 * MINUTE)
    house.process.wake_due()
    house.process.tick(256)  # its time comes while it waits for the other
    house.clock.jump(-5 * MINUTE)
    house.tell(CancelRun(first, "operator"))
    assert house.status(second) is Status.RUNNING
    house.work(120)
    assert house.process.director.runs[second].state.plan is not None
