"""Compensation, pauses, throttles, breakers, limits, forks: with a whole director, an agent and an outside world."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.agents import base as agents
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.events import FailureClass
from mainstay.kernel.plan import Plan, Priority, Workflow, compile_plan
from mainstay.kernel.policy import Policy
from mainstay.kernel.predicates import Compare, Operator
from mainstay.kernel.state import Phase
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Digest
from mainstay.runtime.steering import Steering
from mainstay.testing.fakes import Fault
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, act, plan_of, ref, think
from tests.runtime.house import House, Thought, at_work, until

Story = Callable[[House], Awaitable[None]]
UNDO = act("undo mark", act="email.label")
MARKED = act("mark", act="email.label", compensate=UNDO)


def tell(story: Story, *plans: Plan, policy: Policy = ALLOW_ALL, **director: Any) -> None:
    async def run() -> None:
        async with at_work(House(*plans, policy=policy, **director)) as house:
            await story(house)
            await house.settled()

    asyncio.run(run())


def fails(house: House) -> None:
    house.thinker.work_as = lambda brief: agents.Failed(FailureClass.REFUSED, "no")


def acts(house: House) -> list[str]:
    return [one.operation for one in house.adapter.acts]


def of_workflow(*tasks: Any, **fields: Any) -> Plan:
    workflow = Workflow(fields.pop("name", "w"), 1, tasks, **fields)
    return compile_plan(workflow, Digest(f"{abs(hash(repr(workflow))):064x}"))


# --- compensation -------------------------------------------------------------------------------------


def test_a_run_that_fails_takes_back_what_it_did_last_first_and_once() -> None:
    plan = plan_of(
        MARKED,
        act("second", "mark", act="email.label", compensate=act("undo second", act="email.label")),
        think("then", "second"),
    )

    async def story(house: House) -> None:
        fails(house)
        await house.ask(house.begin())
        await until(lambda: house.status() == "failed")
        assert acts(house) == ["label"] * 4
        told = house.events("one")
        assert told.count("CompensationBegun") == told.count("CompensationPlanned") == 1
        assert told[-1] == "RunFailed"
        planned = next(
            event
            for event in map(house.director.codec.event, house.store.read("run:" + house.run_of("one")))  # type: ignore[arg-type]
            if type(event).__name__ == "CompensationPlanned"
        )
        assert planned.tasks == (1, 0)  # type: ignore[union-attr]
        assert len({one.key for one in house.adapter.acts}) == 4

    tell(story, plan)


def test_a_run_that_did_nothing_just_ends() -> None:
    async def story(house: House) -> None:
        fails(house)
        await house.ask(house.begin())
        await until(lambda: house.status() == "failed")
        assert "CompensationBegun" not in house.events("one")

    tell(story, plan_of(think("first"), act("mark", "first", act="email.label", compensate=UNDO)))


def test_a_compensation_is_gated_like_any_act_and_one_that_fails_asks() -> None:
    async def story(house: House) -> None:
        fails(house)
        await house.ask(house.begin())
        await until(lambda: len(house.cards()) == 1)
        await house.desk.approve(house.cards()[0]["approval"], actor="operator")
        await until(lambda: len(house.cards()) == 1 and house.phase(task=2) is Phase.APPROVAL)
        assert house.director.runs[house.run_of("one")].state.name(2) == "undo mark"
        house.adapter.plan([Fault.REFUSED])
        await house.desk.approve(house.cards()[0]["approval"], actor="operator")
        await until(lambda: house.phase(task=2) is Phase.DOUBT)
        await house.settled()
        doubt = house.store.get("in_doubt", (house.run_of("one"), 2))
        assert doubt is not None
        attempt = int(str(doubt["attempt"]))
        stale = {"actor": "operator", "attempt": attempt + 1}
        late = await house.desk.resolve(house.run_of("one"), 2, "did_not", **stale)  # type: ignore[arg-type]
        assert not late.events  # it was said of another call
        decided = await house.desk.resolve(
            house.run_of("one"), 2, "did_not", actor="operator", attempt=attempt
        )
        assert decided.events
        await until(lambda: len(house.cards()) == 1)
        await house.desk.approve(house.cards()[0]["approval"], actor="operator")
        await until(lambda: house.status() == "failed")
        assert acts(house) == ["label", "label"]

    tell(story, plan_of(MARKED, think("then", "mark")), policy=ASK_ALL)


def test_a_cancelled_run_takes_back_what_it_did() -> None:
    hanging: list[asyncio.Future[Any]] = []

    async def story(house: House) -> None:
        hanging.append(asyncio.get_running_loop().create_future())
        house.thinker.work_as = lambda brief: hanging[0]
        await house.ask(house.begin())
        await until(lambda: len(house.adapter.acts) == 1 and len(house.thinker.asked) == 1)
        await house.desk.cancel(house.run_of("one"), actor="operator")
        await until(lambda: house.status() == "cancelled")
        assert acts(house) == ["label", "label"]
        hanging[0].set_result(agents.Produced(Thought(), "late"))

    tell(story, plan_of(MARKED, think("then", "mark")))


def test_a_paused_run_that_is_cancelled_takes_back_what_it_did() -> None:
    hanging: list[asyncio.Future[Any]] = []

    async def story(house: House) -> None:
        hanging.append(asyncio.get_running_loop().create_future())
        house.thinker.work_as = lambda brief: hanging[0]
        await house.ask(house.begin())
        await until(lambda: len(house.adapter.acts) == 1 and len(house.thinker.asked) == 1)
        await house.steering.pause_run(house.run_of("one"), actor="operator")
        await house.desk.cancel(house.run_of("one"), actor="operator")
        await until(lambda: house.status() == "cancelled")
        assert acts(house) == ["label", "label"]
        hanging[0].set_result(agents.Produced(Thought(), "late"))

    tell(story, plan_of(MARKED, think("then", "mark")))


# --- pauses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["workspace", "workflow", "adapter"])
def test_a_paused_scope_starts_nothing_new_and_goes_on_when_resumed(scope: str) -> None:
    plan = plan_of(act("mark", act="email.label"))
    name = {"workspace": "", "workflow": plan.workflow.name, "adapter": "email"}[scope]

    async def story(house: House) -> None:
        assert (await house.steering.pause(scope, name, actor="operator")).events == 1
        assert (await house.steering.pause(scope, name, actor="operator")).events == 0
        await house.ask(house.begin())
        await house.settled()
        assert acts(house) == []
        assert (await house.steering.resume(scope, name, actor="operator")).events >= 1
        await until(lambda: house.status() == "succeeded")
        assert acts(house) == ["label"]

    tell(story, plan)


def test_a_paused_run_and_a_paused_task_wait_alone() -> None:
    plan = plan_of(think("first"), act("mark", "first", act="email.label"), think("beside", "first"))
    answer: list[asyncio.Future[Any]] = []

    async def story(house: House) -> None:
        answer.append(asyncio.get_running_loop().create_future())
        house.thinker.work_as = lambda brief: (
            answer[0] if brief.task == "first" else agents.Produced(Thought(), "")
        )
        await house.ask(house.begin())
        run = house.run_of("one")
        await house.steering.pause_run(run, actor="operator")
        answer[0].set_result(agents.Produced(Thought(), "because"))
        await until(lambda: house.phase(task=0) is Phase.SUCCEEDED)
        await house.settled()
        assert house.phase(task=2) is Phase.READY
        await house.steering.pause_run(run, "mark", actor="operator")
        await house.steering.resume_run(run, actor="operator")
        await until(lambda: house.phase(task=2) is Phase.SUCCEEDED)
        await house.settled()
        assert acts(house) == []
        await house.steering.resume_run(run, "mark", actor="operator")
        await until(lambda: house.status() == "succeeded")
        with pytest.raises(CommandRefused, match="has ended"):
            await house.steering.pause_run(run, actor="operator")

    tell(story, plan)


def test_a_cancelled_task_is_given_up_with_what_needs_it() -> None:
    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.cards()) == 1)
        await house.steering.cancel_task(house.run_of("one"), "mark", actor="operator")
        await until(lambda: house.status() == "succeeded")
        assert house.cards() == []

    tell(story, plan_of(act("mark", act="email.label"), think("then", "mark")), policy=ASK_ALL)


# --- throttles, breakers, limits ----------------------------------------------------------------------


def test_a_throttle_lets_runs_go_in_turn_and_never_more_than_its_rate() -> None:
    many = plan_of(*(think(f"t{number}") for number in range(6)))

    async def story(house: House) -> None:
        await house.ask(house.begin("large"))
        await house.ask(house.begin("small"))
        await house.settled()
        assert len(house.thinker.asked) == 2  # the burst
        for minute in range(1, 8):
            await house.later(MINUTE)
            assert len(house.thinker.asked) == 2 + minute
        by_run = [brief.run for brief in house.thinker.asked[2:6]]
        assert len(set(by_run)) == 2, "the small run waits no longer than its turn"

    tell(story, many, throttles={"agent:thinker": Rate(1, MINUTE, 2)})


def test_a_breaker_opens_after_failures_in_a_row_and_one_call_tries_again() -> None:
    plan = plan_of(act("mark", act="email.label"))
    calls: list[str] = []

    async def story(house: House) -> None:
        house.adapter.plan([Fault.NOT_NOW] * 4)
        for number in range(3):
            await house.ask(house.begin(f"run {number}"))
        await house.settled()
        assert [row["opened"] for row in house.store.select("breakers")] == [1]
        await house.ask(house.begin("late"))
        await house.settled()
        assert house.phase("late") is Phase.RETRYING
        await house.later(31 * SECOND)  # one trial call fails, and it rests twice as long
        assert [row["opened"] for row in house.store.select("breakers")] == [2]
        assert acts(house) == calls == []
        await house.later(61 * SECOND)
        await until(lambda: house.status("late") == "succeeded")
        for _ in range(12):
            await house.later(MINUTE)
        assert house.store.select("breakers") == []
        assert [house.status(f"run {number}") for number in range(3)] == ["succeeded"] * 3

    tell(story, plan, breakers=BreakerSettings(failures=3))


def test_no_more_runs_of_a_workflow_than_it_allows() -> None:
    plan = of_workflow(think("only"), runs_max=2)
    hanging: dict[str, asyncio.Future[Any]] = {}

    async def story(house: House) -> None:
        def work(brief: agents.Brief) -> Any:
            return hanging.setdefault(brief.run, asyncio.get_running_loop().create_future())

        house.thinker.work_as = work
        for number in range(5):
            await house.ask(house.begin(f"run {number}"))
        await until(lambda: len(hanging) == 2)
        assert (
            sorted(house.status(f"run {number}") for number in range(5)) == ["queued"] * 3 + ["running"] * 2
        )
        for served in range(1, 6):
            hanging[house.thinker.asked[served - 1].run].set_result(agents.Produced(Thought(), ""))
            wanted = min(5, 2 + served)
            await until(lambda wanted=wanted: len(hanging) == wanted)  # type: ignore[misc]
        await until(lambda: all(house.status(f"run {number}") == "succeeded" for number in range(5)))

    tell(story, plan)


def test_high_priority_is_admitted_first() -> None:
    low = of_workflow(think("only"), name="low", priority=Priority.LOW)
    high = of_workflow(think("only"), name="high", priority=Priority.HIGH)

    async def story(house: House) -> None:
        await house.ask(house.begin("first", low))
        for number in range(3):
            await house.ask(house.begin(f"low {number}", low))
        await house.ask(house.begin("urgent", high))
        await house.settled()
        await house.later(MINUTE)
        assert [brief.run for brief in house.thinker.asked] == [house.run_of("first"), house.run_of("urgent")]

    tell(story, low, high, throttles={"workspace": Rate(1, MINUTE, 1)})


# --- delays and deadlines -----------------------------------------------------------------------------


def test_a_delay_and_a_deadline() -> None:
    plan = plan_of(think("first", delay_us=HOUR), think("then", "first"))

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await house.settled()
        assert house.phase() is Phase.DELAYED
        await house.later(59 * MINUTE)
        assert house.thinker.asked == []
        await house.later(MINUTE)
        await until(lambda: house.status() == "succeeded")

    tell(story, plan)


def test_a_run_whose_deadline_passes_fails_and_its_card_waits_no_longer() -> None:
    plan = of_workflow(act("mark", act="email.label"), deadline_us=DAY)

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.cards()) == 1)
        await house.settled()
        await house.later(DAY)
        assert house.status() == "failed"
        assert house.cards() == []

    tell(story, plan, policy=ASK_ALL)


def test_a_task_whose_deadline_passes_is_given_up() -> None:
    async def story(house: House) -> None:
        house.thinker.work_as = lambda brief: agents.Failed(FailureClass.TRANSIENT, "not now", 7_200.0)
        await house.ask(house.begin())
        await house.settled()
        await house.later(HOUR)
        assert house.status() == "failed"

    tell(story, plan_of(think("first", deadline_us=HOUR)))


# --- forks --------------------------------------------------------------------------------------------


def test_what_was_rejected_is_asked_again_once_however_many_ask() -> None:
    plan = plan_of(think("first"), act("mark", "first", act="email.label"), act("send", "first"))

    async def story(house: House) -> None:
        await house.ask(house.begin(subject="ann@example.com"))
        await until(lambda: len(house.cards()) == 2)
        no, other = house.cards()
        with pytest.raises(CommandRefused, match="was not rejected"):
            await house.steering.ask_again(no["approval"], actor="operator")
        await house.desk.reject(no["approval"], actor="operator")
        with pytest.raises(CommandRefused, match="cannot be asked again yet"):
            await house.steering.ask_again(no["approval"], actor="operator")
        await house.desk.approve(other["approval"], actor="operator")
        await until(lambda: house.status() != "running")
        await house.settled()
        both = await asyncio.gather(
            *(house.steering.ask_again(no["approval"], actor="operator") for _ in range(2))
        )
        assert len({one.run for one in both}) == 1
        assert sorted(one.events > 0 for one in both) == [False, True]
        await until(lambda: len(house.cards()) == 1)
        await house.settled()
        (card,) = house.cards()
        assert (card["run"], card["parent"], card["act"]) == (both[0].run, no["run"], no["act"])
        assert [brief.task for brief in house.thinker.asked] == ["first"], "what was done before is kept"
        assert len(acts(house)) == 1, "what had left is not done twice"
        late = await house.steering.ask_again(no["approval"], actor="operator")
        assert (late.run, late.events, late.detail) == (both[0].run, 0, {"approval": card["approval"]})
        await house.desk.reject(card["approval"], actor="operator")
        await until(lambda: not house.cards())
        await house.settled()
        assert (await house.steering.ask_again(no["approval"], actor="operator")).events == 0
        assert (await house.steering.ask_again(card["approval"], actor="operator")).events > 0

    tell(story, plan, policy=ASK_ALL)


def test_a_restart_by_hand_counts_as_asked_again() -> None:
    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.cards()) == 1)
        (no,) = house.cards()
        await house.desk.reject(no["approval"], actor="operator")
        await until(lambda: house.status() != "running")
        child = await house.steering.restart(house.run_of("one"), first="mark", actor="operator")
        await until(lambda: len(house.cards()) == 1)
        again = await house.steering.ask_again(no["approval"], actor="operator")
        assert (again.run, again.events) == (child.run, 0)

    tell(story, plan_of(act("mark", act="email.label")), policy=ASK_ALL)


def test_a_restart_that_is_drafting_yet_counts_as_asked_again() -> None:
    """Or a model that takes its time would leave two drafts of one answer, each of which could be approved."""

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.cards()) == 1)
        (no,) = house.cards()
        await house.desk.reject(no["approval"], actor="operator")
        await until(lambda: house.status() != "running")
        written: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        house.thinker.work_as = lambda brief: written
        child = await house.steering.restart(house.run_of("one"), first="draft", actor="operator")
        await until(lambda: len(house.thinker.asked) == 2)
        again = await house.steering.ask_again(no["approval"], actor="operator")
        assert (again.run, again.events, again.detail) == (child.run, 0, {})
        written.set_result(agents.Failed(FailureClass.REFUSED, "no"))
        await until(lambda: house.store.get("runs", (child.run,))["ended_at"] is not None)  # type: ignore[index]
        assert (await house.steering.ask_again(no["approval"], actor="operator")).events > 0

    tell(story, plan_of(think("draft"), act("mark", "draft", act="email.label")), policy=ASK_ALL)


def test_a_restart_inherits_what_was_done_and_its_acts_ask() -> None:
    plan = plan_of(
        think("first"), act("mark", "first", act="email.label"), think("then", "mark"), act("send", "then")
    )

    async def story(house: House) -> None:
        house.thinker.work_as = lambda brief: (
            agents.Failed(FailureClass.REFUSED, "no")
            if brief.task == "then"
            else agents.Produced(Thought(), "because")
        )
        await house.ask(house.begin(subject="ann@example.com"))
        await until(lambda: house.status() == "failed")
        parent = house.run_of("one")
        with pytest.raises(NotFound, match="no task"):
            await house.steering.restart(parent, first="nowhere", actor="operator")
        house.thinker.work_as = lambda brief: agents.Produced(Thought(), "because")
        child = await house.steering.restart(parent, actor="operator")
        again = await house.steering.restart(parent, actor="operator")
        assert (again.run, again.events) == (child.run, 0)
        await until(lambda: len(house.cards()) == 1)
        await house.settled()
        assert [brief.task for brief in house.thinker.asked] == ["first", "then", "then"]
        assert acts(house) == ["label"]
        row = house.store.get("runs", (child.run,))
        assert row is not None
        assert row["parent"] == parent
        await house.desk.approve(house.cards()[0]["approval"], actor="operator")
        await until(lambda: len(house.adapter.acts) == 2)

    tell(story, plan)


def test_a_fork_with_changed_inputs_thinks_anew_only_what_read_them() -> None:
    plan = plan_of(
        think("first"),
        think("second", reads={"text": "first.text"}),
        think("beside"),
        act("mark", "second", act="email.label"),
    )

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: house.status() == "succeeded")
        parent = house.run_of("one")
        with pytest.raises(CommandRefused, match="no field"):
            await house.steering.fork(parent, changes={"first.nothing": "x"}, actor="operator")
        with pytest.raises(CommandRefused, match="cannot be"):
            await house.steering.fork(parent, changes={"first.text": 3}, actor="operator")
        asked = len(house.thinker.asked)
        child = await house.steering.fork(parent, changes={"first.text": "other"}, actor="operator")
        await until(lambda: len(house.thinker.asked) > asked)
        await house.settled()
        assert [brief.task for brief in house.thinker.asked[asked:]] == ["second"]
        assert house.thinker.asked[-1].inputs["text"] == "other"
        row = house.store.get("runs", (child.run,))
        assert row is not None
        assert row["status"] == "succeeded", "the act had happened before the point, and is inherited"
        early = await house.steering.fork(parent, version=3, actor="operator")
        await until(lambda: len(house.cards()) == 1)
        assert house.cards()[0]["run"] == early.run

    tell(story, plan)


def test_a_fork_reads_no_sealed_words_but_those_of_its_parent() -> None:
    """By its digest a changed field could name the message of anybody, which a draft would then quote."""
    steering = object.__new__(Steering)
    digest = "ab" * 32
    values = {
        "trigger.message.content": "cd" * 32,
        "first.reply.artifact": "cd" * 32,
        "first.cases": [1],
        "first.text": "words",
        "first.digest": "cd" * 32,
    }
    steering._value = lambda state, path: values[path]  # type: ignore[method-assign]
    state: Any = SimpleNamespace(head=SimpleNamespace(owner=None))
    for path, value in (
        ("trigger.message.content", digest),
        ("first.reply.artifact", digest),
        ("first.cases", [{"message": {"artifact": digest, "kind": "reply"}}]),
        ("first.text", "sealed:AAAA"),
    ):
        with pytest.raises(CommandRefused, match="cannot be changed"):
            steering._closed(state, path, value)
    assert steering._closed(state, "first.text", "other") == "other"
    assert steering._closed(state, "first.digest", digest) == digest
    assert steering._closed(state, "first.cases", [2]) == [2]


def test_what_its_own_condition_skipped_was_not_given_up() -> None:
    never = Compare(ref("first.text"), Operator.IS, "never")
    plan = plan_of(think("first"), think("second", when=never), think("third", "second"))

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: house.status() == "succeeded")
        with pytest.raises(CommandRefused, match="given up"):
            await house.steering.restart(house.run_of("one"), actor="operator")

    tell(story, plan)


def test_what_the_operator_wrote_in_a_tasks_place_stands() -> None:
    plan = plan_of(
        think("first"),
        think("second", reads={"text": "first.text"}),
        think("third", reads={"text": "second.text"}),
    )

    async def story(house: House) -> None:
        await house.ask(house.begin())
        await until(lambda: house.status() == "succeeded")
        asked = len(house.thinker.asked)
        changes = {"first.text": "other", "second.text": "by hand"}
        child = await house.steering.fork(house.run_of("one"), changes=changes, actor="operator")
        await until(lambda: len(house.thinker.asked) > asked)
        await house.settled()
        [third] = house.thinker.asked[asked:]
        assert (third.task, third.inputs["text"]) == ("third", "by hand")
        row = house.store.get("runs", (child.run,))
        assert row is not None
        assert row["status"] == "succeeded"

    tell(story, plan)
