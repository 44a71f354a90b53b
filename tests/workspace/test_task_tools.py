"""What a task is given from memory, and the log of it."""

import asyncio
import threading
from typing import Any

import pytest

from mainstay.agents.base import Brief, MessageView
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Json, Usage
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.units import Unit
from mainstay.models.base import Completion, ModelUse, Prompt, Unanswered
from mainstay.workspace.remembered import Remembered
from mainstay.workspace.tools import ITSELF, OF_ANOTHER, OF_ANOTHER_CLASS, TaskTools
from tests.workspace.remembering_house import Remembering, story

POLICIES = {
    "all": RetrievalPolicy("all", version="v1", hits_max=5, token_max=1_000),
    "two": RetrievalPolicy("two", version="v2", hits_max=2, token_max=1_000),
    "tight": RetrievalPolicy("tight", version="v3", hits_max=5, token_max=12),
}
FILES = [
    Unit(f"reply:{name}", f"walnut {text}", space="replies", kind="reply", fields={"intent": intent})
    for name, text, intent in (
        ("a", "boards in stock", "stock"),
        ("b", "boards delivered to the door", "delivery"),
        ("c", "oil for old boards", "care"),
    )
]


def tools(one: Remembering, policy: str = "all", inputs: Json | None = None, **more: Any) -> TaskTools:
    brief = Brief(
        RunId("1" * 32), "draft", 1, Role.EXECUTOR, inputs or {}, one.house.clock.now(), recall=policy
    )
    remembered = one.open(files=FILES)
    return TaskTools(brief, lambda: remembered, POLICIES, one.house.vault.keyed_hash, **more)


def log_of(made: TaskTools) -> Json:
    drawn = made.drawn()
    assert drawn is not None
    assert drawn.recall is not None
    [log] = drawn.recall["recalls"]
    return log


def test_the_log_says_by_what_policy_what_was_found_and_what_was_dropped() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one, "two")
        given = await made.recall("walnut boards", limit=10)
        assert len(given) == 2
        log = log_of(made)
        assert (log["policy"], log["version"], log["token_max"]) == ("two", "v2", 1_000)
        assert [hit["id"] for hit in log["hits"]] == [one.source for one in given]
        assert all(hit["features"] and hit["tokens"] > 0 for hit in log["hits"])
        assert [hit["rank"] for hit in log["hits"]] == [1, 2]
        assert [left["why"] for left in log["dropped"]] == ["too many hits"]
        drawn = made.drawn()
        assert drawn is not None
        assert (drawn.hits, drawn.dropped) == (2, 1)
        assert drawn.tokens == sum(hit["tokens"] for hit in log["hits"]) <= 1_000

    story(tell)


def test_work_goes_on_without_a_memory_that_fails_and_the_log_says_so() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one)

        def broken() -> Remembered:
            raise IndexError("out of range")

        made._remembered = broken
        assert await made.recall("walnut boards", limit=10) == ()
        log = log_of(made)
        assert (log["hits"], log["dropped"][0]["why"]) == ([], "the recall failed (IndexError)")

    story(tell)


def test_the_question_is_a_keyed_hash_and_equal_questions_are_equal() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one)
        await made.recall("walnut of Ann Sample", limit=1)
        await made.recall("walnut of Ann Sample", limit=1)
        await made.recall("walnut of somebody else", limit=1)
        drawn = made.drawn()
        assert drawn is not None
        assert drawn.recall is not None
        first, again, other = [log["query"] for log in drawn.recall["recalls"]]
        assert first == again != other
        assert "Ann" not in repr(drawn.recall)

    story(tell)


def test_fields_and_limit_narrow_and_another_policy_can_be_named() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one)
        assert [hit.source for hit in await made.recall("walnut", limit=5, intent="care")] == ["reply:c"]
        assert len(await made.recall("walnut boards", limit=1)) == 1
        assert len(await made.recall("walnut boards", limit=5, policy="two")) == 2
        assert await made.recall("walnut boards", limit=5, policy="nowhere") == ()
        assert await made.recall("  ", limit=5) == ()
        assert await made.recall("walnut", limit=0) == ()

    story(tell)


def test_a_budget_of_tokens_is_kept() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one, "tight")
        await made.recall("walnut boards", limit=5)
        log = log_of(made)
        assert log["tokens"] <= 12
        assert "no tokens left" in {left["why"] for left in log["dropped"]}

    story(tell)


def test_a_message_is_no_memory_of_itself() -> None:
    async def tell(one: Remembering) -> None:
        await one.receive("ann", "Do you sell walnut boards?")
        await one.receive("bea", "Are walnut boards sold by you?")
        view = MessageView(
            message_id="ann@m", thread="ann", mailbox="support", from_address="ann@customer.example"
        )
        made = tools(one, "two", {"message": view})
        given = await made.recall("Do you sell walnut boards?", limit=2)
        assert len(given) == 2
        own = f"message:{one.house.vault.keyed_hash('message', 'ann@m').hex()}@1"
        assert own not in {hit.source for hit in given}
        assert {left["id"]: left["why"] for left in log_of(made)["dropped"]}[own] == ITSELF

    story(tell)


def test_what_was_set_aside_says_so_in_the_log() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one)
        await made.recall("walnut boards", limit=5)
        made.set_aside("reply:b", "withheld to see whether it helps")
        asides = {hit["id"]: hit.get("set_aside") for hit in log_of(made)["hits"]}
        assert asides["reply:b"] == "withheld to see whether it helps"
        assert asides["reply:a"] is None

    story(tell)


def test_scores_say_how_alike_question_and_record_are() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one)
        [same] = await made.recall("walnut boards in stock", limit=1)
        assert same.source == "reply:a"
        assert same.score == pytest.approx(1.0, abs=1e-3)

    story(tell)


class Asked:
    """A model that may be asked."""

    model = "scripted:one"
    uses: tuple[ModelUse, ...] = (ModelUse("scripted:one", 1, cost_micros=7),)

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        return Completion(prompt.system, self.model, Usage())


def test_where_a_model_may_be_asked_a_record_of_another_data_class_is_left_out() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("walnut margins are thin", memory="margins", tag="internal")
        await one.keep("walnut is in the catalogue", memory="catalogue", tag="public")
        found = {hit.source for hit in await tools(one).recall("walnut", limit=10)}
        assert {"margins@1", "catalogue@1"} <= found
        made = tools(one, spending=Asked())
        found = {hit.source for hit in await made.recall("walnut", limit=10)}
        assert "margins@1" not in found
        assert "catalogue@1" in found
        dropped = {left["id"]: left["why"] for left in log_of(made)["dropped"]}
        assert dropped["margins@1"] == OF_ANOTHER_CLASS

    story(tell)


def test_what_a_model_was_asked_is_drawn_too() -> None:
    async def tell(one: Remembering) -> None:
        made = tools(one, spending=Asked())
        answer = await made.complete(Prompt("hello", (), 10))
        assert isinstance(answer, Completion)
        assert (made.model, answer.text) == ("scripted:one", "hello")
        drawn = made.drawn()
        assert drawn is not None
        assert (drawn.recall, drawn.models) == (None, Asked.uses)

    story(tell)


def test_who_recalled_nothing_has_drawn_nothing() -> None:
    async def tell(one: Remembering) -> None:
        def never() -> Any:
            raise AssertionError("memory is not opened for who recalls nothing")

        brief = Brief(RunId("1" * 32), "draft", 1, Role.EXECUTOR, {}, one.house.clock.now())
        made = TaskTools(brief, never, POLICIES, one.house.vault.keyed_hash)
        assert await made.recall("walnut", limit=3) == ()
        assert made.drawn() is None
        assert made.model == ""

    story(tell)


def test_while_a_memory_is_opened_the_loop_goes_on() -> None:
    async def tell(one: Remembering) -> None:
        went_on = threading.Event()
        brief = Brief(RunId("1" * 32), "draft", 1, Role.EXECUTOR, {}, one.house.clock.now(), recall="all")

        def slow() -> Remembered:
            assert went_on.wait(10), "the loop was held"
            return one.open(files=FILES)

        made = TaskTools(brief, slow, POLICIES, one.house.vault.keyed_hash)
        asking = asyncio.create_task(made.recall("walnut boards", limit=5))
        await asyncio.sleep(0)
        assert not asking.done()
        went_on.set()
        assert len(await asking) == 3

    story(tell)


def message_of(name: str) -> MessageView:
    return MessageView(
        message_id=f"{name}@m",
        thread=name,
        mailbox="support",
        from_address=f" {name.upper()}@customer.example",
    )


def test_what_was_noted_about_one_person_is_not_given_to_a_task_about_another() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("walnut boards for Ann: number 77", memory="ann", about="ann@customer.example")
        await one.keep("walnut boards for Ann: number 78", memory="ann")  # a correction, which names nobody
        await one.keep("walnut boards for all", memory="all")
        for name, ids in (("ann", {"ann@2", "all@1"}), ("bea", {"all@1"})):
            made = tools(one, inputs={"message": message_of(name)})
            given = {hit.source for hit in await made.recall("walnut boards number", limit=10)}
            assert {one for one in given if "@" in one} == ids
        assert {one["id"]: one["why"] for one in log_of(made)["dropped"]} == {"ann@2": OF_ANOTHER}

    story(tell)


def test_what_speaks_of_a_person_is_of_their_class_where_none_was_said() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("walnut boards for Ann", memory="ann", about="ann@customer.example")
        brief = Brief(
            RunId("1" * 32),
            "post",
            1,
            Role.EXECUTOR,
            {},
            one.house.clock.now(),
            recall="all",
            data_class="public",
        )
        remembered = one.open()
        made = TaskTools(brief, lambda: remembered, POLICIES, one.house.vault.keyed_hash, spending=Asked())
        assert [hit.source for hit in await made.recall("walnut boards", limit=10)] == []
        assert [left["why"] for left in log_of(made)["dropped"]] == [OF_ANOTHER_CLASS]

    story(tell)


def test_a_correction_is_forgotten_with_the_person_that_the_first_version_spoke_of() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("Ann likes walnut", memory="ann", about="ann@customer.example")
        await one.keep("Ann likes oak", memory="ann")
        rows = one.house.store.select("memories", where={"memory": "ann"}, order="version")
        assert {row["subject"] for row in rows} == {one.house.vault.subject("ann@customer.example")}

    story(tell)
