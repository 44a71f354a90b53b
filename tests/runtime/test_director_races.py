"""What is asked while a tick is decided and not durable yet: memory is ahead of the disk, and must be believed."""

import asyncio

import pytest

from mainstay.kernel.commands import CancelRun
from mainstay.kernel.errors import StorageFull
from mainstay.runtime import loop as loop_module
from mainstay.runtime.tick import Request
from mainstay.testing.plans import plan_of, think
from tests.runtime.house import House, at_work, until


def test_a_run_that_ended_in_the_tick_in_hand_is_not_read_back_from_the_disk() -> None:
    house = House()
    director = house.director
    director.boot()
    director.handle([house.begin()])
    run = house.run_of("one")
    in_hand = director.tick([Request(CancelRun(run, "operator", ""))])
    assert director.load(run) is None, "on the disk it is open still"
    director.commit(in_hand)
    director.handle([Request(CancelRun(run, "operator", ""))])
    assert director.load(run) is None
    assert house.events("one").count("RunCancelled") == 1


def test_cancelling_twice_while_the_disk_is_full_cancels_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "FULL_DISK_WAIT_S", 0.0)

    async def story() -> None:
        house = House()
        house.thinker.work_as = lambda brief: asyncio.get_running_loop().create_future()
        async with at_work(house):
            await house.ask(house.begin())
            run = house.run_of("one")
            house.store.failures = [StorageFull()] * 50
            first = asyncio.create_task(house.desk.cancel(run, actor="operator"))
            await until(lambda: house.loop.disk_full)
            second = asyncio.create_task(house.desk.cancel(run, actor="operator"))
            one, two = await asyncio.gather(first, second)
            assert one.events > 0
            assert two.events == 0
            assert one.status == two.status == "ended"

    asyncio.run(story())


def test_the_same_start_twice_in_one_tick_starts_one_run_even_if_it_ends_at_once() -> None:
    from mainstay.kernel.predicates import Compare, Operator, Ref

    never = Compare(Ref("trigger", ("wanted",)), Operator.IS, True)
    house = House(plan_of(think("only", when=never)))
    house.director.boot()
    house.director.handle([house.begin(), house.begin()])
    assert house.status() == "succeeded"
    assert house.events("one").count("RunStarted") == 1
