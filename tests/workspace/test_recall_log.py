"""Why a task knew what it knew: from the agent that recalled to the log that a person reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mainstay.agents.base import Brief, Data, Outcome, Produced, Tools
from mainstay.kernel.commands import StartRun
from mainstay.kernel.errors import NotFound
from mainstay.kernel.events import FailureClass, TaskFailed
from mainstay.kernel.ids import run_stream
from mainstay.kernel.plan import Plan, Role
from mainstay.memory.policy import RetrievalPolicy
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Request
from mainstay.testing.plans import plan_of, think
from mainstay.workspace.recall_log import RecallLog, recall_logs
from mainstay.workspace.tools import TaskTools
from tests.runtime.house import Thought, until
from tests.workspace.remembering_house import Remembering, story

POLICIES = {"notes": RetrievalPolicy("notes", version="v7", hits_max=1)}
PLAN: Plan = plan_of(think("draft", agent="reader", reads={"message": "trigger.message"}), think("plain"))


class Reader:
    """Looks something up, and says what it found."""

    name, role, recipe, input, output, cost_max_micros = "reader", Role.SPECIALIST, "told", Data, Thought, 0

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        found = await tools.recall("walnut boards", limit=3, policy="notes")
        return Produced(Thought(), "looked up", tuple(one.source for one in found))


async def read(
    one: Remembering, policies: Mapping[str, RetrievalPolicy] = POLICIES, ends: str = "succeeded"
) -> str:
    """Two notes, and a run that reads one of them; its id."""
    house = one.house
    await one.keep("walnut boards are in hall 2", memory="boards")
    await one.keep("walnut oil is sold out", memory="oil")
    house.loop.workers._performer = Performer(
        clock=house.clock,
        agents={"reader": Reader(), "thinker": house.thinker},
        artifacts=house.artifacts,
        gate=LastLook(house.director),
        routes=house.route,
        adapters={"email": house.adapter},
        tools=lambda brief: TaskTools(brief, lambda: one.remembered, policies, house.vault.keyed_hash),
        noticed=house.notice,
    )
    trigger, owner = one.message("ann", "Where are the boards?")
    definition = next(iter(house.plans))
    start = StartRun(house.run_of("ann"), "sample", definition, {"message": trigger}, "", owner)
    await house.ask(Request(start, blobs=house.artifacts.take_staged()))
    await until(lambda: house.status("ann") == ends)
    return house.run_of("ann")


def logs(one: Remembering, run: str, task: str, attempt: int = 0) -> Sequence[RecallLog]:
    from mainstay.kernel.run import evolve, nothing

    house = one.house
    events: list[tuple[Any, Any]] = [
        (recorded, house.director.codec.event(recorded))
        for recorded in house.store.read(run_stream(house.run_of("ann")))
    ]
    state = nothing(house.run_of("ann"))
    for _, event in events:
        state = evolve(state, event)
    said = {hit.unit.id: hit.unit.text for hit in one.found("walnut").hits}
    return recall_logs(state, events, task, attempt, house.artifacts, lambda unit: said.get(unit, ""))


def test_what_was_recalled_and_dropped_and_why() -> None:
    async def tell(one: Remembering) -> None:
        run = await read(one)
        [log] = logs(one, run, "draft")
        assert (log.task, log.attempt, log.hits, log.dropped) == ("draft", 1, 1, 1)
        assert log.recalls is not None
        [recall] = log.recalls
        assert (recall["policy"], recall["version"]) == ("notes", "v7")
        assert [(hit["id"], hit["text"]) for hit in recall["hits"]] == [
            ("boards@1", "walnut boards are in hall 2")
        ]
        assert [(left["id"], left["why"]) for left in recall["dropped"]] == [("oil@1", "too many hits")]
        assert logs(one, run, "0", attempt=1) == [log]

    story(tell, plans=(PLAN,))


def test_where_nothing_passes_and_the_policy_wants_a_person_nothing_is_made_of_it() -> None:
    async def tell(one: Remembering) -> None:
        wanting = RetrievalPolicy("notes", score_min=1.1, otherwise="ask")
        run = await read(one, {"notes": wanting}, ends="failed")
        [log] = logs(one, run, "draft")
        assert (log.hits, log.dropped) == (0, 2)
        failed = [
            event
            for recorded in one.house.store.read(run_stream(one.house.run_of("ann")))
            if isinstance(event := one.house.director.codec.event(recorded), TaskFailed)
        ]
        assert [event.failure for event in failed] == [FailureClass.REFUSED]
        assert "'notes'" in one.house.artifacts.open_text(failed[0].reason)

    story(tell, plans=(PLAN,))


def test_the_log_is_forgotten_with_whom_the_run_was_about() -> None:
    async def tell(one: Remembering) -> None:
        run = await read(one)
        one.house.vault.forget(one.house.vault.subject("ann@customer.example"))
        [log] = logs(one, run, "draft")
        assert (log.recalls, log.hits) == (None, 1)

    story(tell, plans=(PLAN,))


def test_a_task_that_recalled_nothing_and_one_that_is_not_there() -> None:
    async def tell(one: Remembering) -> None:
        run = await read(one)
        with pytest.raises(NotFound, match="'plain' recalled nothing"):
            logs(one, run, "plain")
        with pytest.raises(NotFound, match="Attempt 2"):
            logs(one, run, "draft", attempt=2)
        with pytest.raises(NotFound, match="no task 'sketch'"):
            logs(one, run, "sketch")

    story(tell, plans=(PLAN,))
