"""A hundred tasks at once, and money for 37 of them: with the real loop, the real client, and an endpoint that lies."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest

from mainstay.agents import base as agents
from mainstay.agents.base import Brief, Drawn, Tools
from mainstay.agents.tools import NoTools
from mainstay.governance.costs import overview
from mainstay.governance.stopped import stopped
from mainstay.kernel.budget import Limits, day_of
from mainstay.kernel.events import FailureClass, ModelUsed, TaskFailed
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import Phase
from mainstay.kernel.values import DAY, SECOND, Usage
from mainstay.models.base import Completion, Message, Prompt, Unanswered
from mainstay.models.bounds import worst_case
from mainstay.models.client import EndpointModel
from mainstay.models.prices import Price
from mainstay.models.settings import ModelSettings
from mainstay.models.spending import Spending, Supply
from mainstay.runtime.clock import ManualClock
from mainstay.testing.model_server import ModelServer, Script, broken_off, completion, refusal, tokens
from mainstay.testing.plans import plan_of, think
from tests.runtime.house import DiskStore, House, Thinker, Thought, at_work

PROMPT = Prompt("Be brief.", (Message("user", "Where is my parcel?"),), 20)
PRICE = Price(1_000_000, 1_000_000)  # one micro-unit a token
_WORST = worst_case(PROMPT)
CEILING = PRICE.cost_micros(_WORST.input_tokens, _WORST.output_tokens)
TASKS, ROOM = 100, 37
SOON = 30 * SECOND  # longer than a start waits for what is only held
E = TypeVar("E")
LIMIT = CEILING * ROOM + CEILING - 1


class Paid(NoTools):
    """`Tools` with a model that is paid."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        return await self._spending.complete(prompt)

    def drawn(self) -> Drawn | None:
        uses = self._spending.uses
        return Drawn(models=uses) if uses else None


class Asker(Thinker):
    """Asks the model once, and says nothing of what it cost: the ledger has to know by itself."""

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        self.asked.append(brief)
        answer = await tools.complete(PROMPT)
        if isinstance(answer, Completion):
            return agents.Produced(Thought(), "asked")
        return agents.Failed(FailureClass.REFUSED, answer.detail, usage=Usage())


class Paying(House):
    """A house whose thinker asks a model on loopback."""

    def __init__(
        self, plan: Plan, server: ModelServer, *, limits: Limits, price: Price | None = PRICE, **more: object
    ) -> None:
        ceilings = {"thinker": None if price is None else CEILING, "a": None if price is None else CEILING}
        super().__init__(plan, limits=limits, ceilings=ceilings, **more)  # type: ignore[arg-type]
        settings = ModelSettings("test", "scripted:small", url=server.url, allowed_data=("customer",))
        self.model = EndpointModel(settings, lambda: "")
        supply = Supply(settings, self.model, price)
        self.thinker = Asker()
        agents_here: dict[str, Any] = dict.fromkeys(ceilings, self.thinker)
        self.performer.thinking._agents = agents_here
        self.performer.thinking._tools = lambda brief: Paid(
            Spending(supply, cost_max_micros=brief.cost_max_micros, data_class="customer")
        )
        self.most = 0
        self.limit = limits.day_micros or 0

    def watch(self) -> None:
        """The limit holds at every turn, not only in the end."""
        balances = self.director.balances
        self.most = max(self.most, balances.day_spent + balances.held)

    async def go_on(self, us: int) -> None:
        """The clock goes on, and what is due is done."""
        self.clock.advance(us)
        self.loop._news.set()
        for _ in range(3):
            await asyncio.sleep(0)
            await self.quiet()

    async def quiet(self) -> None:
        async with asyncio.timeout(60):
            while not self.loop.quiet:
                self.watch()
                await asyncio.sleep(0)

    def of_kind(self, kind: type[E]) -> list[E]:
        """Every event of a kind."""
        events = map(self.director.codec.event, self.store.read_all(limit=10_000))
        return [one for one in events if isinstance(one, kind)]

    def standing(self) -> dict[str, int]:
        """How many of the runs are done, and how many wait for money."""
        done = sum(self.status(f"run {number}") == "succeeded" for number in range(TASKS))
        blocked = sum(
            task.phase in (Phase.BLOCKED, Phase.RETRYING)
            for one in self.director.runs.values()
            for _, task in one.state.all_tasks()
        )
        return {"done": done, "waiting": blocked}


def _plan(budget: int = CEILING) -> Plan:
    return plan_of(think("only", cost_max_micros=budget, attempt_max=1))


async def _begin(house: Paying) -> None:
    await asyncio.gather(*(house.ask(house.begin(f"run {number}")) for number in range(TASKS)))
    await house.quiet()


def _story(
    script: Script, told: Callable[[Paying, ModelServer], object], *, limits: Limits | None = None
) -> None:
    async def story() -> None:
        with ModelServer(script) as server:
            house = Paying(_plan(), server, limits=limits or Limits(day_micros=LIMIT))
            async with at_work(house):
                await _begin(house)
                answer = told(house, server)
                if asyncio.iscoroutine(answer):
                    await answer
                await house.model.aclose()
            assert house.most <= house.limit or limits is not None

    asyncio.run(story())


# What the endpoint reports is unknown, or cannot be true: each call settles at what was reserved.
UNKNOWN: dict[str, Script] = {
    "no usage": completion("yes", usage=None),
    "more than can be": completion("yes", usage=tokens(10**9, 10**9)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_exactly_as_many_are_asked_as_there_is_money_for_and_the_rest_go_on_the_next_days(name: str) -> None:
    async def told(house: Paying, server: ModelServer) -> None:
        await house.go_on(SOON)  # what was only held has settled; it did not settle lower
        assert len(server.asked) == ROOM
        assert house.standing() == {"done": ROOM, "waiting": TASKS - ROOM}
        assert house.director.balances.day_spent == CEILING * ROOM
        waiting = stopped(
            house.store,
            lambda run: house.director.runs[run].state,
            house.director.limits,
            now=house.clock.now(),
        )
        assert len(waiting) == TASKS - ROOM
        first = waiting[0]
        assert (first.scope, first.needed_micros, first.rest_micros) == ("day", CEILING, CEILING)
        assert (first.spent_micros, first.limit_micros) == (CEILING * ROOM, LIMIT)
        for day, done in ((1, 2 * ROOM), (2, TASKS)):
            await house.go_on(DAY)
            await house.go_on(SOON)
            assert house.standing()["done"] == done, f"day {day}"
        assert len(server.asked) == TASKS
        today = day_of(house.clock.now())
        seen = overview(house.store, since=today - 2, until=today)
        assert [one.cost_micros for one in seen.days] == [CEILING * n for n in (ROOM, ROOM, TASKS - 2 * ROOM)]
        assert (seen.models[0].calls, seen.models[0].cost_micros) == (TASKS, CEILING * TASKS)
        assert seen.total.cost_micros == CEILING * TASKS

    _story(UNKNOWN[name], told)


def test_what_settles_lower_makes_room_and_still_nothing_goes_over() -> None:
    async def told(house: Paying, server: ModelServer) -> None:
        for _ in range(40):  # what is only held is waited for: seconds, not days
            await house.go_on(SOON)
            if house.standing()["done"] == TASKS:
                break
        assert house.standing()["done"] == TASKS
        cost = sum(one.cost for one in house.of_kind(ModelUsed))
        assert house.director.balances.day_spent == cost == TASKS * 8

    _story(completion("yes", usage=tokens(5, 3)), told)


def test_what_the_endpoint_refused_costs_nothing_and_what_broke_off_all_that_was_reserved() -> None:
    def told(house: Paying, server: ModelServer) -> None:
        ends = [(one.reason, one.cost) for one in house.of_kind(TaskFailed)]
        refused = [cost for reason, cost in ends if "(401)" in reason]
        # Where the endpoint hung up before its refusal was read nobody can know.
        assert set(refused) == {0}
        assert {cost for reason, cost in ends if "(401)" not in reason} <= {CEILING}
        assert house.director.balances.day_spent == CEILING * (len(ends) - len(refused))

    _story(refusal(401), told)

    def broken(house: Paying, server: ModelServer) -> None:
        assert len(server.asked) == ROOM
        assert house.director.balances.day_spent == CEILING * ROOM

    _story(broken_off(40), broken)


def test_a_raised_limit_lets_the_rest_go_when_the_director_starts_anew() -> None:
    async def story() -> None:
        store, clock = DiskStore(), ManualClock()
        with ModelServer(completion("yes", usage=None)) as server:
            for limit, done in ((LIMIT, ROOM), (LIMIT, ROOM), (CEILING * 60, 60), (CEILING * TASKS, TASKS)):
                async with AsyncExitStack() as stack:
                    house = Paying(_plan(), server, limits=Limits(day_micros=limit), store=store, clock=clock)
                    stack.push_async_callback(house.model.aclose)
                    await stack.enter_async_context(at_work(house))
                    await _begin(house)  # the second time each is there already
                    await house.go_on(SOON)
                    assert house.standing()["done"] == len(server.asked) == done
                    assert house.most <= limit

    asyncio.run(story())


def test_an_unknown_price_asks_nobody_but_a_person() -> None:
    async def story() -> None:
        with ModelServer(completion("yes", usage=tokens(1, 1))) as server:
            house = Paying(_plan(), server, limits=Limits(day_micros=LIMIT), price=None)
            async with at_work(house):
                await _begin(house)
                assert not server.asked
                assert house.standing() == {"done": 0, "waiting": TASKS}
                waiting = stopped(
                    house.store, lambda run: house.director.runs[run].state, Limits(), now=house.clock.now()
                )
                assert {one.scope for one in waiting} == {"price"}
                assert "price_input_usd" in waiting[0].ways[0]
                decided = await house.steering.allow(waiting[0].run, 40, actor="me")
                await house.quiet()
                assert decided.events
                assert len(server.asked) == 1
                assert house.standing() == {"done": 1, "waiting": TASKS - 1}
                assert house.director.balances.day_spent == 40  # all of it: nobody can reckon what it cost
                await house.model.aclose()

    asyncio.run(story())


def test_a_hundred_in_one_run_are_held_to_the_run_s_budget() -> None:
    async def story() -> None:
        with ModelServer(completion("yes", usage=None)) as server:
            many = tuple(
                think(f"t{number}", cost_max_micros=CEILING, attempt_max=1) for number in range(TASKS)
            )
            house = Paying(plan_of(*many, cost_max_micros=LIMIT), server, limits=Limits())
            async with at_work(house):
                await house.ask(house.begin("run 0"))
                await house.quiet()
                state = house.director.runs[house.run_of("run 0")].state
                assert (len(server.asked), state.spent, state.held) == (ROOM, CEILING * ROOM, 0)
                await house.steering.allow(state.head.run, CEILING * TASKS, actor="me")
                await house.go_on(SOON)
                assert len(server.asked) == TASKS
                assert house.status("run 0") == "succeeded"
                await house.model.aclose()

    asyncio.run(story())
