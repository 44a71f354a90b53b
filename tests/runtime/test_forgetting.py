"""Somebody is forgotten: step by step, however often it is cut short, and nobody else with them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mainstay.agents import base as agents
from mainstay.governance.forget import Whom, plan_of
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.events import SubjectForgotten
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import SECOND
from mainstay.memory.records import Note
from mainstay.runtime.artifacts import FORGOTTEN
from mainstay.runtime.forgetting import Forgetting
from mainstay.runtime.keeping import Keeping
from mainstay.testing.fakes import Fault
from mainstay.testing.plans import ASK_ALL, act, think
from mainstay.testing.plans import plan_of as make_plan
from tests.runtime.house import House, Thought, at_work, until
from tests.runtime.test_teaching import NEW, OLD, Desks, Rules, story

ANN, BOB = "ann@customer.example", "bob@customer.example"
SEND = make_plan(think("look"), act("send", "look"))
STEPS = (
    "begun",
    "runs ended",
    "keys destroyed",
    "memories retracted",
    "lessons fitted anew",
    "caches dropped",
)


class Beside:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.dropped: list[list[str]] = []
        self.inside = False

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        self.inside = True
        yield
        self.inside = False

    async def drop(self, runs: list[str]) -> None:
        assert self.inside, "nothing may come in between"
        self.dropped.append(runs)


class Killed(Exception):
    """The process ends here."""


def forgetting(house: House, *, until_step: str = "") -> Forgetting:
    def reached(step: str) -> None:
        if step == until_step:
            raise Killed

    return Forgetting(house.director, house.artifacts, house.loop.ask, Beside(), reached=reached)


def at(house: House, tell: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with at_work(house):
            await tell(house)

    asyncio.run(run())


def whom(house: House, address: str = ANN) -> SubjectId:
    return house.vault.subject(address)


async def forget(house: House, address: str = ANN, **how: Any) -> Any:
    return await forgetting(house, **how).forget(whom(house, address), actor="operator")


async def waiting(house: House, *people: str) -> None:
    for one in people:
        await house.ask(house.begin(one, subject=one))
    await until(lambda: len(house.cards()) == len(people))
    await house.settled()


def test_their_cards_are_withdrawn_and_those_of_others_wait_on() -> None:
    async def tell(house: House) -> None:
        await waiting(house, ANN, BOB)
        done = await forget(house)
        assert (done.runs, done.messages, done.models) == (1, 0, ())
        (left,) = house.cards()
        assert left["run"] == house.run_of(BOB)
        assert house.status(ANN) == "superseded"
        assert not house.vault.knows(whom(house))
        assert house.vault.knows(whom(house, BOB))
        *_, last = house.store.read("governance")  # type: ignore[arg-type]
        assert isinstance(house.director.codec.event(last), SubjectForgotten)

    at(House(SEND, policy=ASK_ALL), tell)


def test_what_was_rejected_of_theirs_is_asked_about_by_nobody() -> None:
    async def tell(house: House) -> None:
        await waiting(house, ANN)
        (card,) = house.cards()
        await house.desk.reject(str(card["approval"]), actor="operator")
        await until(lambda: house.status(ANN) != "running")
        await forget(house)
        house.vault.ensure_subjects([whom(house)])  # they write again, as somebody new
        with pytest.raises(CommandRefused, match="not asked about again"):
            await house.steering.ask_again(str(card["approval"]), actor="operator")
        assert house.store.count("runs") == 1

    at(House(SEND, policy=ASK_ALL), tell)


def test_a_card_that_is_edited_or_answered_after_all_is_refused_in_words() -> None:
    async def tell(house: House) -> None:
        await waiting(house, ANN)
        card = str(house.cards()[0]["approval"])
        house.vault.forget(whom(house))
        with pytest.raises(CommandRefused):
            await house.desk.edit(card, text="Another text", actor="operator")
        await house.desk.reject(card, reason="Ann asked for it", actor="operator")
        await house.settled()
        events = b"".join(one.data for one in house.store.read_all(limit=1_000))
        assert b"Ann asked" not in events
        assert FORGOTTEN.encode() in events
        assert house.noticed == []

    at(House(SEND, policy=ASK_ALL), tell)


def test_what_is_under_way_ends_as_forgotten_and_keeps_nothing() -> None:
    async def tell(house: House) -> None:
        gate = asyncio.Event()

        async def later() -> agents.Outcome:
            await gate.wait()
            return agents.Produced(Thought(text="of Ann"), "because of Ann")

        house.thinker.work_as = lambda brief: later()
        await house.ask(house.begin(ANN, subject=ANN))
        await until(lambda: bool(house.thinker.asked))
        house.vault.forget(whom(house))
        gate.set()
        await until(lambda: house.status(ANN) != "running")
        assert house.noticed == []
        events = b"".join(one.data for one in house.store.read_all(limit=1_000))
        assert b"because of Ann" not in events

    at(House(SEND, policy=ASK_ALL), tell)


def test_an_act_in_doubt_can_still_be_answered() -> None:
    async def tell(house: House) -> None:
        house.adapter.plan([Fault.LOST_ANSWER])
        house.adapter.unreachable = True
        await waiting(house, ANN)
        await house.desk.approve(str(house.cards()[0]["approval"]), actor="operator")
        for _ in range(200):
            await house.later(30 * SECOND)
            if house.store.count("in_doubt"):
                break
        assert plan_of(house.store, about_ann(house), known=True).doubts == 1
        await forget(house)
        (doubt,) = house.store.select("in_doubt")
        await house.desk.resolve(str(doubt["run"]), int(str(doubt["task"])), "happened", actor="operator")
        await house.settled()
        assert house.store.count("in_doubt") == 0

    at(House(SEND, policy=ASK_ALL), tell)


def test_a_note_about_somebody_goes_with_them_and_one_that_shows_their_address_too() -> None:
    async def tell(house: House) -> None:
        keeping = Keeping(house.store, house.artifacts, house.loop.ask)
        kept = await keeping.remember(
            [
                Note("prefers mornings", about=ANN),
                Note(f"ask {ANN.upper()} about the lamp"),
                Note("the lamp is broken"),
                Note("prefers evenings", about=BOB),
                Note(f"{BOB} and {ANN} are partners", about=BOB),
            ],
            actor="operator",
        )
        await keeping.remember(
            [Note("prefers noon", memory=kept[0].memory)], actor="operator"
        )  # a correction lies under the key of what it corrects
        found = plan_of(house.store, about_ann(house), known=True)
        assert set(found.memories) == {kept[0].memory, kept[1].memory, kept[4].memory}
        done = await forget(house)
        assert done.memories == 3
        believed = house.store.select("memories", where={"superseded": 0, "retracted": 0})
        assert {row["memory"] for row in believed} == {kept[2].memory, kept[3].memory}

    at(House(SEND, policy=ASK_ALL), tell)


def about_ann(house: House) -> Whom:
    return Whom(whom(house), frozenset(house.vault.joints(whom(house))))


@pytest.mark.parametrize("first", ["ann", "bea"])
def test_a_lesson_stays_as_others_taught_it_and_goes_with_the_last_of_them(first: str) -> None:
    async def tell(desks: Desks) -> None:
        house = desks.house
        runs = {}
        for name in ("ann", "bea"):
            card = await desks.card(name)
            runs[name] = str(card["run"])
            await desks.edit(card, OLD, NEW)
        lesson = desks.memory()[-1].memory
        last = "bea" if first == "ann" else "ann"
        done = await forget(house, f"{first}@customer.example")
        assert done.lessons == 1
        left = desks.teaching.lesson(lesson)
        assert left is not None
        assert left.agreeing == (runs[last],)
        assert (await forget(house, f"{last}@customer.example")).lessons == 1
        assert desks.teaching.lesson(lesson) is None
        rows = house.store.select("memories", where={"memory": lesson})
        assert all(house.vault.knows(SubjectId(str(row["subject"]))) is False for row in rows)

    story(tell, Rules(withheld_share=0.0, min_agreeing=2))


@pytest.mark.parametrize("step", STEPS)
def test_what_was_cut_short_is_gone_on_from(step: str) -> None:
    async def tell(house: House) -> None:
        await waiting(house, ANN, BOB)
        keeping = Keeping(house.store, house.artifacts, house.loop.ask)
        await keeping.remember([Note("prefers mornings", about=ANN)], actor="operator")
        with pytest.raises(Killed):
            await forget(house, until_step=step)
        after = forgetting(house)
        assert after.unfinished() == [whom(house)]
        (done,) = await after.go_on()
        assert (done.runs, done.memories) == (1, 1)
        assert after.unfinished() == []
        assert not house.vault.knows(whom(house))
        assert [card["run"] for card in house.cards()] == [house.run_of(BOB)]

    at(House(SEND, policy=ASK_ALL), tell)


def test_somebody_of_whom_nothing_is_held_is_refused_and_who_writes_again_is_new() -> None:
    async def tell(house: House) -> None:
        with pytest.raises(NotFound, match="Nobody"):
            await forget(house, "nobody@customer.example")
        await waiting(house, ANN)
        await forget(house)
        with pytest.raises(NotFound, match="before"):
            await forget(house)
        await house.ask(house.begin("again", subject=ANN))
        await until(lambda: len(house.cards()) == 1)
        assert (await forget(house)).runs == 2
        assert house.cards() == []

    at(House(SEND, policy=ASK_ALL), tell)
