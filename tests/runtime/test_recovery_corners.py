"""Two rare things at once, with a whole director: forks beside their parents, dead letters told twice, clocks that jump."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mainstay.agents import base as agents
from mainstay.kernel.commands import RecordReplay
from mainstay.kernel.events import FailureClass
from mainstay.kernel.plan import Plan, Supersede
from mainstay.kernel.policy import Policy
from mainstay.runtime.tick import Request
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
