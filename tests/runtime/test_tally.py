"""Limits on counts hold within a tick, after a restart, and are over with the day."""

import asyncio
from typing import Any

from mainstay.kernel.counting import KEPT, Tally, quarter_of
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import DAY, HOUR, Instant
from mainstay.testing.plans import act, plan_of
from tests.runtime.house import House, at_work

REPLY = plan_of(act("send", act="email.reply"))


def at_most(count: int, field: str = "done_today") -> Policy:
    return Policy((Rule("some", Decision.ALLOW, "few", "*", (Condition(field, Operator.BELOW, count),)),))


async def ask_for(house: House, runs: range) -> None:
    await asyncio.gather(*(house.ask(house.begin(f"run {one}", subject="ann@example.com")) for one in runs))
    await house.settled()


def test_runs_of_one_tick_share_a_limit_and_a_restart_remembers_it() -> None:
    async def story() -> None:
        house = House(REPLY, policy=at_most(3))
        async with at_work(house):
            await ask_for(house, range(8))
            assert (len(house.adapter.acts), len(house.cards())) == (3, 5)
        again = House(REPLY, policy=at_most(3), store=house.store, clock=house.clock)
        async with at_work(again):
            await ask_for(again, range(8, 10))
            assert (len(again.adapter.acts), len(again.cards())) == (0, 7)
            await again.later(2 * DAY)
            again.store.select("done_lately", limit=10)
            await ask_for(again, range(10, 15))
            assert len(again.adapter.acts) == 3

    asyncio.run(story())


def test_what_is_approved_is_on_its_way_and_counts() -> None:
    async def story() -> None:
        async with at_work(House(REPLY, policy=at_most(1))) as house:
            await ask_for(house, range(2))
            (card,) = house.cards()
            await house.desk.approve(card["approval"], actor="operator")
            await house.settled()
            assert len(house.adapter.acts) == 2
            assert house.director.tally.done("email.reply", house.clock.now()) == 2
            assert house.director.tally.all_on_their_way("email.reply") == 0

    asyncio.run(story())


def test_a_tally_is_bounded_and_looks_back_by_quarters_of_an_hour() -> None:
    tally, begin = Tally(), Instant(1_000 * DAY)
    for hour in range(24 * 9):
        tally.count("a", Instant(begin + hour * HOUR))
    held: Any = tally._done["a"]
    assert len(held) <= KEPT + 1
    now = Instant(begin + (24 * 9 - 1) * HOUR)
    assert tally.last_hour("a", now) == 2  # at the hour itself, and the one before
    assert tally.done("a", Instant(now - DAY + 1)) == 25
    assert tally.last_hour("b", now) == 0
    other = Tally()
    other.restore([("a", quarter_of(now), 7)])
    assert other.last_hour("a", now) == 7
