"""The loop: deadlines, bounds, a full or failed disk, timers against a clock that jumps, how it ends."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from mainstay.agents import base as agents
from mainstay.kernel.commands import ClearIncident, DetectIncident, Wake
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.errors import (
    DirectorBusy,
    DirectorUnavailable,
    MainstayError,
    StaleEpoch,
    StorageFailed,
    StorageFull,
)
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import SECOND, Instant
from mainstay.runtime import loop as loop_module
from mainstay.runtime.loop import TICK_MAX
from mainstay.runtime.tick import Answer, Owed, Request
from mainstay.testing.plans import RUN, act, chain, plan_of, think
from tests.runtime.house import House, Thought, at_work, until


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loop does every so often it does at every turn."""
    monkeypatch.setattr(loop_module, "SWEEP_S", 0.0)
    monkeypatch.setattr(loop_module, "FULL_DISK_WAIT_S", 0.0)


def test_a_run_is_worked_through_and_each_answer_comes_after_its_commit() -> None:
    async def story() -> None:
        async with at_work(House(chain(5))) as house:
            answer = await house.ask(house.begin())
            assert answer.position <= house.store.head
            await house.settled()
            assert house.status() == "succeeded"
            assert [brief.task for brief in house.thinker.asked] == ["t0", "t1", "t2", "t3", "t4"]

    asyncio.run(story())


# --- deadlines ----------------------------------------------------------------------------------------------


def test_a_passed_deadline_is_reported_and_the_worker_goes_on() -> None:
    async def story() -> None:
        house = House(plan_of(think("only", timeout_s=10.0)), worker_max=1)
        house.thinker.work_as = lambda brief: asyncio.get_running_loop().create_future()  # never answers
        async with at_work(house):
            await house.ask(house.begin("slow"))
            await until(lambda: len(house.thinker.asked) == 1)
            house.clock.advance(9 * SECOND)
            for _ in range(20):
                await asyncio.sleep(0)
            assert "AttemptFailed" not in house.events("slow"), "not before its time"
            house.thinker.work_as = lambda brief: agents.Produced(Thought(), "quick")
            house.clock.advance(1 * SECOND)
            await until(lambda: "AttemptFailed" in house.events("slow"))
            await house.ask(house.begin("quick"))
            await until(lambda: house.status("quick") == "succeeded")

    asyncio.run(story())


def test_an_agent_that_swallows_the_end_of_its_time_does_not_cost_the_next_one_its_deadline() -> None:
    async def deaf() -> agents.Outcome:
        with contextlib.suppress(asyncio.CancelledError):  # somebody else's code: it should not, and does
            await asyncio.get_running_loop().create_future()
        return agents.Produced(Thought(), "too late")

    async def story() -> None:
        house = House(plan_of(think("only", timeout_s=10.0)), worker_max=1)
        house.thinker.work_as = lambda brief: deaf()
        async with at_work(house):
            await house.ask(house.begin("deaf"))
            await until(lambda: len(house.thinker.asked) == 1)
            house.clock.advance(10 * SECOND)
            await house.settled()
            house.thinker.work_as = lambda brief: asyncio.get_running_loop().create_future()
            await house.ask(house.begin("silent"))
            await until(lambda: len(house.thinker.asked) == 2)
            house.clock.advance(10 * SECOND)
            await until(lambda: "AttemptFailed" in house.events("silent"))

    asyncio.run(story())


# --- bounds -------------------------------------------------------------------------------------------------


def test_no_more_effects_are_under_way_than_there_are_workers() -> None:
    async def story() -> None:
        house = House(plan_of(*(think(f"t{n}") for n in range(9))), worker_max=3)
        gate = asyncio.Event()
        under_way: set[str] = set()
        most = 0

        async def work(brief: agents.Brief) -> agents.Outcome:
            nonlocal most
            under_way.add(brief.task)
            most = max(most, len(under_way))
            await gate.wait()
            under_way.discard(brief.task)
            return agents.Produced(Thought(), "done")

        house.thinker.work_as = work
        async with at_work(house):
            await house.ask(house.begin())
            await until(lambda: len(under_way) == 3)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(under_way) == 3
            gate.set()
            await until(lambda: house.status() == "succeeded")
            assert most == 3

    asyncio.run(story())


def test_a_full_inbox_refuses_and_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "INBOX_MAX", 3)

    async def story() -> None:
        house = House()
        for number in range(3):
            house.loop.send(house.begin(str(number)))
        with pytest.raises(DirectorBusy):
            house.loop.send(house.begin("one too many"))
        with pytest.raises(DirectorBusy):
            await house.loop.ask(house.begin("asked"))
        async with at_work(house):
            await house.settled()
        assert house.status("2") == "succeeded"
        assert house.status("one too many") == house.status("asked") == "unknown"

    asyncio.run(story())


def test_a_crowd_is_decided_in_slices_and_committed_once() -> None:
    async def story() -> None:
        house = House()
        count = 3 * TICK_MAX + 7
        answers: list[Answer] = []
        for number in range(count):
            request = house.begin(str(number))
            request.answer = answers.append
            house.loop.send(request)
        async with at_work(house):
            await until(lambda: len(answers) == count)
            assert house.loop.ticks == 2, "three slices in one, and the rest"
            positions = [answer.position for answer in answers]
            assert positions == sorted(positions), "in the order in which they were asked"
            await house.settled()
        assert all(house.status(str(number)) == "succeeded" for number in range(count))

    asyncio.run(story())


# --- the disk -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 40], ids=["committed on the loop", "committed in a thread"])
def test_a_full_disk_is_waited_out_with_the_tick_in_hand(rows: int) -> None:
    async def story() -> None:
        house = House()
        async with at_work(house):
            house.store.failures = [StorageFull(), StorageFull(), StorageFull()]
            asking = [asyncio.create_task(house.ask(house.begin(str(n)))) for n in range(rows)]
            await until(lambda: len(house.store.failures) == 1)
            assert house.loop.disk_full
            assert not any(task.done() for task in asking), "nothing is acknowledged before it is durable"
            assert not house.thinker.asked, "and nothing performed"
            await asyncio.gather(*asking)
            assert not house.loop.disk_full
            await house.settled()
            assert [what for what, _ in house.noticed] == ["the disk is full"] * 3
            assert all(house.status(str(n)) == "succeeded" for n in range(rows))

    asyncio.run(story())


@pytest.mark.parametrize("rows", [1, 40], ids=["committed on the loop", "committed in a thread"])
@pytest.mark.parametrize("error", [StorageFailed, StaleEpoch])
def test_a_failed_disk_or_a_lost_lease_ends_it_with_that_error(error: type[MainstayError], rows: int) -> None:
    async def story() -> None:
        house = House()
        working = asyncio.create_task(house.loop.run(house.director.boot()))
        house.store.failures = [error("this one")]
        asking = [asyncio.create_task(house.ask(house.begin(str(n)))) for n in range(rows)]
        with pytest.raises(error, match="this one"):
            await working
        assert not house.thinker.asked
        for task in asking:
            task.cancel()

    asyncio.run(story())


def test_it_ends_while_the_disk_is_full_and_says_so() -> None:
    async def story() -> None:
        house = House()
        working = asyncio.create_task(house.loop.run(house.director.boot()))
        house.store.failures = [StorageFull()] * 1_000_000
        asking = asyncio.create_task(house.ask(house.begin()))
        await until(lambda: house.loop.disk_full)
        house.loop.stop()
        with pytest.raises(StorageFull):
            await working
        asking.cancel()

    asyncio.run(story())


def test_what_a_worker_found_unsafe_ends_it() -> None:
    async def story() -> None:
        house = House()

        async def perform(owed: Owed) -> Request | None:
            raise StaleEpoch("seen before a call")

        house.performer.perform = perform  # type: ignore[method-assign]
        working = asyncio.create_task(house.loop.run(house.director.boot()))
        await house.ask(house.begin())
        with pytest.raises(StaleEpoch, match="seen before a call"):
            await working

    asyncio.run(story())


# --- the end ------------------------------------------------------------------------------------------------


def test_stop_cancels_what_is_under_way_and_the_next_boot_settles_it() -> None:
    cancelled: list[str] = []

    async def silent(brief: agents.Brief) -> agents.Outcome:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(brief.task)
            raise
        raise AssertionError

    async def story() -> None:
        house = House(plan_of(think("a"), think("b")))
        house.thinker.work_as = silent
        async with at_work(house):
            await house.ask(house.begin())
            await until(lambda: len(house.thinker.asked) == 2)
        assert sorted(cancelled) == ["a", "b"]
        again = House(*house.plans.values(), store=house.store, clock=house.clock)
        async with at_work(again):
            await until(lambda: again.status() == "succeeded")

    asyncio.run(story())


# --- timers -------------------------------------------------------------------------------------------------


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks of the `Wake` commands that were decided, in order."""
    found: list[int] = []
    from mainstay.runtime.director import Director

    decide = Director._decide

    def noting(self: Any, tick: Any, request: Request, queue: Any) -> Any:
        if isinstance(request.command, Wake):
            found.append(request.command.task)
        return decide(self, tick, request, queue)

    monkeypatch.setattr(Director, "_decide", noting)
    return found


def test_timers_wake_in_the_order_of_their_time_whatever_the_clock_does(woken: list[int]) -> None:
    async def story() -> None:
        house = House()
        now = house.clock.now()
        run = house.run_of("gone")
        async with at_work(house):
            for task, after_s in ((3, 30), (1, 10), (4, 40), (2, 20)):
                house.loop.timers.add(WakeAt(run, task, now + after_s * SECOND))  # type: ignore[arg-type]

            async def look() -> None:
                await house.ask(house.begin(f"look {house.clock.now()}"))
                await house.settled()

            await look()
            assert woken == []
            house.clock.advance(10 * SECOND)
            await look()
            assert woken == [1]
            house.clock.jump(-3600 * SECOND)  # back: nothing is due, and nothing is lost
            await look()
            assert woken == [1]
            house.clock.jump(3600 * SECOND + 25 * SECOND)  # forward over two of them
            await look()
            assert woken == [1, 2, 3]
            house.clock.advance(5 * SECOND)
            await look()
            assert woken == [1, 2, 3, 4]
            assert len(house.loop.timers) == 0

    asyncio.run(story())


def test_a_retry_waits_for_its_timer() -> None:
    from mainstay.kernel.events import FailureClass

    async def story() -> None:
        house = House()
        house.thinker.work_as = lambda brief: (
            agents.Failed(FailureClass.TRANSIENT, "not now")
            if brief.attempt == 1
            else agents.Produced(Thought(), "now")
        )
        async with at_work(house):
            await house.ask(house.begin())
            await house.settled()
            assert len(house.thinker.asked) == 1
            due = house.loop.timers.next_at()
            assert due is not None
            house.clock.advance(due - house.clock.now())
            await house.ask(house.begin("a look at the clock"))
            await until(lambda: house.status() == "succeeded")

    asyncio.run(story())


def test_whoever_still_asks_when_it_ends_is_told() -> None:
    async def story() -> None:
        house = House()
        working = asyncio.create_task(house.loop.run(house.director.boot()))
        house.store.failures = [StorageFailed("this one")]
        asking = asyncio.create_task(house.ask(house.begin("in hand")))
        with pytest.raises(StorageFailed):
            await working
        with pytest.raises(DirectorUnavailable) as in_hand:
            await asyncio.wait_for(asking, 60.0)
        assert in_hand.value.fields["sent"] is True, "it may have been decided"
        with pytest.raises(DirectorUnavailable) as late:
            await asyncio.wait_for(house.ask(house.begin("late")), 60.0)
        assert late.value.fields["sent"] is False, "nobody is there to take it"

    asyncio.run(story())


def test_a_full_disk_under_a_result_costs_an_attempt_and_not_the_director() -> None:
    async def story() -> None:
        house = House(plan_of(act("send", act="email.reply")))
        stage = house.artifacts.blobs.stage
        full = [StorageFull("no space for a large result")]

        def staged(data: bytes) -> Any:
            if full:
                raise full.pop()
            return stage(data)

        house.artifacts.blobs.stage = staged  # type: ignore[method-assign]
        async with at_work(house):
            await house.ask(house.begin())
            await until(lambda: "AttemptFailed" in house.events("one"))
            await house.settled()
            assert [type(error) for _, error in house.noticed] == [StorageFull]
            due = house.loop.timers.next_at()
            assert due is not None
            house.clock.advance(due - house.clock.now())
            await house.ask(house.begin("a look at the clock"))
            await until(lambda: house.status() == "succeeded")
            assert len(house.adapter.acts) == 2  # that of the look as well

    asyncio.run(story())


# --- the house itself ---------------------------------------------------------------------------------------


def told_to(house: House) -> list[DetectIncident | ClearIncident]:
    """What the loop tells of the house, in a list."""
    told: list[DetectIncident | ClearIncident] = []
    house.loop._incident = house.loop.workers._incident = told.append
    return told


async def wait_for(free: asyncio.Event) -> agents.Outcome:
    await free.wait()
    return agents.Produced(Thought(), "at last")


async def turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_clock_that_jumps_is_told_with_by_how_much_and_timers_are_looked_at_once() -> None:
    async def story() -> None:
        house = House()
        told = told_to(house)
        async with at_work(house):
            await turns()
            house.clock.advance(3_600 * SECOND)  # time that passes is no jump
            await turns()
            house.clock.jump(29 * SECOND)  # nor is a correction
            await turns()
            assert told == []
            house.loop.timers.add(WakeAt(RUN, 0, Instant(house.clock.now() + 3_600 * SECOND)))
            house.clock.jump(7_200 * SECOND)
            await until(lambda: told)
            await until(lambda: len(house.loop.timers) == 0)
            house.clock.jump(-60 * SECOND)
            await until(lambda: len(told) == 2)
        assert [(one.kind, one.known) for one in told if isinstance(one, DetectIncident)] == [
            (IncidentKind.CLOCK_JUMPED, {"by_s": 7_200}),
            (IncidentKind.CLOCK_JUMPED, {"by_s": -60}),
        ]

    asyncio.run(story())


def test_a_worker_that_does_not_hear_is_reported_and_replaced() -> None:
    gate = asyncio.Event()

    async def deaf() -> agents.Outcome:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
        return agents.Produced(Thought(), "too late")

    async def story() -> None:
        house = House(plan_of(think("only", timeout_s=10.0)), worker_max=1)
        house.thinker.work_as = lambda brief: deaf()
        told = told_to(house)
        async with at_work(house):
            await house.ask(house.begin("deaf"))
            await until(lambda: len(house.thinker.asked) == 1)
            house.clock.advance(19 * SECOND)
            await turns()
            assert "AttemptFailed" not in house.events("deaf"), "it has ten seconds to end by itself"
            assert told == []
            house.thinker.work_as = lambda brief: agents.Produced(Thought(), "quick")
            house.clock.advance(1 * SECOND)
            await until(lambda: "AttemptFailed" in house.events("deaf"))
            await house.ask(house.begin("quick"))
            await until(lambda: house.status("quick") == "succeeded")  # the pool has its one worker again
            assert house.loop.workers.deaf == 1
            before = house.events("deaf")
            free = asyncio.Event()
            house.thinker.work_as = lambda brief: wait_for(free)
            asked = len(house.thinker.asked)
            for name in ("busy", "next"):
                await house.ask(house.begin(name))
            await until(lambda: len(house.thinker.asked) == asked + 1)
            gate.set()
            await until(
                lambda: house.loop.workers.deaf == 0
            )  # it ends: its place was taken, although more waits
            await turns()
            assert len(house.thinker.asked) == asked + 1
            assert house.events("deaf") == before, "the late answer decides to nothing"
            free.set()
            await until(lambda: house.status("next") == "succeeded")
        assert [(type(one), one.kind, one.subject) for one in told] == [
            (DetectIncident, IncidentKind.PERFORMER_LOST, "agent thinker"),
            (ClearIncident, IncidentKind.PERFORMER_LOST, "agent thinker"),
        ]

    asyncio.run(story())


def test_a_deaf_worker_does_not_keep_the_loop_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "END_S", 0.0)
    gate = asyncio.Event()

    async def deaf() -> agents.Outcome:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
        return agents.Produced(Thought(), "too late")

    async def story() -> None:
        house = House(plan_of(think("only", timeout_s=10.0)), worker_max=1)
        house.thinker.work_as = lambda brief: deaf()
        async with at_work(house):
            await house.ask(house.begin("deaf"))
            await until(lambda: len(house.thinker.asked) == 1)
        gate.set()

    asyncio.run(story())


# --- between two ticks --------------------------------------------------------------------------------------


def test_what_only_the_writer_may_do_is_done_between_two_ticks_while_nothing_is_decided() -> None:
    async def story() -> None:
        async with at_work(House(chain(5))) as house:
            threads: list[str] = []
            heads: list[int] = []

            def work() -> None:
                threads.append(threading.current_thread().name)
                heads.append(house.store.head)
                house.loop.director.commit = refuse  # type: ignore[method-assign]
                time_passes.wait()
                house.loop.director.commit = commit  # type: ignore[method-assign]

            def refuse(tick: Any) -> None:
                raise AssertionError("two write at once")

            commit, time_passes = house.loop.director.commit, threading.Event()
            working = asyncio.create_task(house.loop.between(work))
            await until(lambda: bool(threads))
            begun = asyncio.create_task(house.ask(house.begin()))  # waits; the event loop is free
            for _ in range(50):
                await asyncio.sleep(0)
            assert house.store.head == heads[0]
            assert not begun.done()
            time_passes.set()
            await working
            await begun
            await house.settled()
            assert house.status() == "succeeded"
            assert threads[0].startswith("ledger")

    asyncio.run(story())


def test_what_it_raises_is_for_who_asked_and_the_loop_goes_on() -> None:
    async def story() -> None:
        def full() -> None:
            raise StorageFull(why="a test", remedy="none")

        async with at_work(House(chain(2))) as house:
            with pytest.raises(StorageFull):
                await house.loop.between(full)
            await house.ask(house.begin())
            await house.settled()
            assert house.status() == "succeeded"
            loop = house.loop
        with pytest.raises(DirectorUnavailable):
            await loop.between(full)

    asyncio.run(story())
