"""The ranking of memory, refined by what drafts leaned on: from a person's approval to the log of the next recall."""

from typing import Any

import pytest

from mainstay.agents.base import Brief, Data, Outcome, Produced, Reply, Tools
from mainstay.kernel.plan import Plan, Role
from mainstay.memory import fitting
from mainstay.memory.features import NAMES
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.ranking import Ranker, shipped
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.performer import Performer
from mainstay.testing.plans import act, plan_of, think
from mainstay.workspace import refining
from mainstay.workspace.refined_ranking import frozen, in_force
from mainstay.workspace.refining import Refining, uses_of
from mainstay.workspace.tools import TaskTools
from tests.runtime.house import Proposer, until
from tests.workspace.remembering_house import Remembering, story

POLICIES = {"notes": RetrievalPolicy("notes", spaces=("notes",), hits_max=3)}
PLAN: Plan = plan_of(
    think("draft", agent="reader", reads={"message": "trigger.message"}), act("send", act="email.reply")
)
OTHER = Ranker("refined", dict.fromkeys(NAMES, 0.5), bias=-3.0)


class Drafted(Data):
    reply: Reply


class Reader:
    """Drafts from the second best note that it finds, and sets the third aside."""

    name, role, recipe, input, output, cost_max_micros = "reader", Role.SPECIALIST, "told", Data, Drafted, 0

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        found = await tools.recall("walnut boards", limit=3, policy="notes")
        tools.set_aside(found[2].source, "withheld")
        evidence = tuple(one.source for one in found)
        reply = Reply(text="Dear Ann", sources=(found[1].source,))
        return Produced(Drafted(reply=reply), "looked up", evidence)


def at_the_desk(one: Remembering) -> None:
    house = one.house
    house.loop.workers._performer = Performer(
        clock=house.clock,
        agents={"reader": Reader(), "proposer": Proposer()},
        artifacts=house.artifacts,
        gate=LastLook(house.director),
        routes=house.route,
        adapters={"email": house.adapter},
        tools=lambda brief: TaskTools(brief, lambda: one.remembered, POLICIES, house.vault.keyed_hash),
        noticed=house.notice,
    )


async def answered(one: Remembering, name: str, *, reject: bool = False) -> str:
    card = await one.card(name, "Where are the boards?")
    decide = one.house.desk.reject if reject else one.house.desk.approve
    await decide(str(card["approval"]), actor="operator")
    await until(lambda: one.house.status(name) not in ("running", "waiting"))
    return one.house.run_of(name)


async def noted(one: Remembering) -> None:
    for name, text in (("boards", "walnut boards"), ("oil", "walnut oil on boards"), ("saw", "a walnut saw")):
        await one.keep(text, memory=name)
    one.remembered.catch_up()
    while one.remembered.fill():
        pass
    at_the_desk(one)


def made(one: Remembering) -> Refining:
    house = one.house

    class Kept:
        """The store of the house, which nobody closes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.store, name)

        def close(self) -> None: ...

    opened: Any = lambda: (Kept(), house.artifacts)  # noqa: E731
    return Refining(house.store, house.artifacts, house.director.codec, opened, house.ask)


def test_a_use_is_what_the_reply_leaned_on_among_what_was_recalled() -> None:
    async def tell(one: Remembering) -> None:
        await noted(one)
        run = await answered(one, "ann")
        house = one.house
        [use] = uses_of(house.store, house.artifacts, house.director.codec, run)
        assert use.good.tolist() == [False, True]  # and the third was set aside
        assert use.table.shape == (2, len(NAMES))
        house.vault.forget(house.vault.subject("ann@customer.example"))
        assert list(uses_of(house.store, house.artifacts, house.director.codec, run)) == []

    story(tell, plans=(PLAN,))


def test_other_weights_are_a_version_that_ranks_and_is_named_by_every_recall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refining, "USES_EVERY", 2)
    given: list[int] = []

    def better(uses: Any, shipped: Ranker, *, name: str) -> Ranker:
        given.append(len(uses))
        return OTHER

    async def tell(one: Remembering) -> None:
        await noted(one)
        rounds = made(one)
        before = one.found("walnut boards", POLICIES["notes"])
        assert before.ranker == one.remembered.standing().ranker == shipped().name
        await answered(one, "ann")
        await answered(one, "cid", reject=True)
        assert not await rounds.catch_up()  # one use is not enough
        await answered(one, "bea")
        assert not await rounds.catch_up()  # and the guard says that two are too few to tell
        with monkeypatch.context() as patch:
            patch.setattr(fitting, "refined", better)
            await answered(one, "dan")
            assert not await rounds.catch_up()
            await answered(one, "eve")
            assert await rounds.catch_up()
        assert given == [4]  # what was rejected is none
        after = one.found("walnut boards", POLICIES["notes"])
        assert after.ranker == one.remembered.standing().ranker == "refined 1"
        assert after.hits[0].score != before.hits[0].score
        # A start anew, and a replay: the same.
        other = one.open()
        other.catch_up()
        while other.fill():
            pass
        assert (
            other.recall(POLICIES["notes"], "walnut boards", now=one.house.clock.now()).digest == after.digest
        )
        assert in_force(one.house.store, one.house.artifacts).through > 0
        # Two replies later the shipped weights are the better ones: that is a version too.
        await answered(one, "fay")
        await answered(one, "gus")
        assert await rounds.catch_up()
        assert one.found("walnut boards", POLICIES["notes"]).digest == before.digest

    story(tell, plans=(PLAN,))


def test_an_artifact_holds_names_of_features_and_numbers() -> None:
    assert frozen(OTHER) == frozen(Ranker("refined", dict(reversed([*OTHER.weights.items()])), bias=-3.0))
    said = frozen(OTHER).decode()
    for name in (*NAMES, "refined", "name", "weights", "bias"):
        said = said.replace(f'"{name}"', "")
    assert not any(letter.isalpha() for letter in said)


def test_one_of_another_recipe_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "USES_EVERY", 1)
    monkeypatch.setattr(fitting, "refined", lambda uses, shipped, *, name: OTHER)

    async def tell(one: Remembering) -> None:
        await noted(one)
        await answered(one, "ann")
        assert await made(one).catch_up()
        assert in_force(one.house.store, one.house.artifacts).ranker is not None
        monkeypatch.setattr("mainstay.workspace.refined_ranking.recipe", lambda: "another")
        assert in_force(one.house.store, one.house.artifacts).ranker is None
        assert in_force(one.house.store, one.house.artifacts).version == 1

    story(tell, plans=(PLAN,))
