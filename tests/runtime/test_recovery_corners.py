"""Two rare things at once, with a whole director: a fork beside its parent, a crash after a workflow came back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mainstay.agents import base as agents
from mainstay.kernel.commands import RecordReplay, RegisterWorkflow, RetireWorkflow, Wake
from mainstay.kernel.events import FailureClass
from mainstay.kernel.plan import Missed, Plan, Schedule, Supersede, Trigger
from mainstay.kernel.policy import Policy
from mainstay.kernel.values import DAY, HOUR
from mainstay.runtime.boot import read_standing
from mainstay.runtime.tick import Request
from mainstay.runtime.timers import HOUSE
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, act, plan_of, ref, think
from tests.runtime.house import House, at_work, until

Story = Callable[[House], Awaitable[None]]


def tell(story: Story, *plans: Plan, policy: Policy = ALLOW_ALL, **director: Any) -> None:
    async def run() -> None:
        async with at_work(House(*plans, policy=policy, **director)) as house:
            await story(house)
            await house.settled()

    asyncio.run(run())


def keyed(house: House, name: str, key: str) -> Request:
    request = house.begin(name)
    return replace(request, command=replace(request.command, key=key))  # type: ignore[type-var]


def test_a_fork_that_stands_behind_its_parent_does_not_overtake_it() -> None:
    plan = plan_of(think("draft"), act("send", "draft"), key=ref("trigger.k"), supersede=Supersede.WAITING)

    async def story(house: House) -> None:
        await house.ask(keyed(house, "one", "k"))
        await until(lambda: len(house.cards()) == 1)
        await house.settled()
        child = await house.steering.fork(house.run_of("one"), changes={"draft.text": "b"}, actor="operator")
        assert child.status == "queued"
        await house.desk.approve(house.cards()[0]["approval"], actor="operator")
        await until(lambda: house.status() != "running")
        assert house.status() == "succeeded", "nothing newer came: what was approved leaves"
        assert len(house.adapter.acts) == 1

    tell(story, plan, policy=ASK_ALL)


def test_a_replay_that_is_told_twice_is_recorded_once() -> None:
    async def story(house: House) -> None:
        house.thinker.work_as = lambda brief: agents.Failed(FailureClass.REFUSED, "no")
        await house.ask(house.begin())
        await until(lambda: house.status() == "failed")
        letter = str(house.run_of("one"))
        command = RecordReplay(letter, "run", "operator", None, "started")
        assert (await house.ask(Request(command))).events == 1
        assert (await house.ask(Request(command))).events == 0

    tell(story)


def test_a_workflow_that_comes_back_missed_nothing_though_the_director_ends_before_it_looks() -> None:
    schedule = Schedule("0 * * * *", missed=Missed.ALL)
    plan = plan_of(think("only"), on=Trigger("schedule.due/1", schedule=schedule))
    name = plan.workflow.name
    register, look = RegisterWorkflow(name, 1, plan.digest), Wake(HOUSE, 0)
    house = House(plan)
    house.director.workflows.clear()
    house.director.boot()
    house.director.handle([Request(register)])
    house.director.handle([Request(look)])
    house.clock.advance(3 * HOUR)
    house.director.handle([Request(look)])
    assert house.store.count("runs") == 3
    house.director.handle([Request(RetireWorkflow(name, "operator"))])
    house.clock.advance(10 * DAY)
    house.director.handle([Request(register)])
    fired = dict(house.director.house.fired)
    assert read_standing(house.store, house.clock.now()).house.fired == fired == {}
    after = House(plan, store=house.store, clock=house.clock)
    after.director.workflows.clear()
    after.director.boot()
    after.director.handle([Request(look)])
    assert house.store.count("runs") == 3
