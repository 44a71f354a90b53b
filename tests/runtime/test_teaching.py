"""Edits become lessons, lessons go into the next drafts, some are withheld, and one that does not help is retired.

A whole director with the shipped drafter and the real proposer; only the memory is a plain look into the ledger.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mainstay.agents.base import MessageView, Recalled
from mainstay.agents.executor import Proposer
from mainstay.agents.filling import Operator, house_of
from mainstay.agents.intents import Intent
from mainstay.agents.lessons import is_withheld
from mainstay.agents.specialists.writer import ReplyWriter
from mainstay.agents.template import parse_template
from mainstay.agents.tools import NoTools
from mainstay.governance.lessons import TRIALS_MIN, LessonReport, lessons_report
from mainstay.kernel.commands import StartRun
from mainstay.kernel.events import DraftJudged, MemoryRecorded, MemoryRetracted
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.plan import Role
from mainstay.kernel.predicates import Literal
from mainstay.kernel.values import Json
from mainstay.memory.lesson_rules import Rules
from mainstay.runtime.artifacts import SubjectForgotten
from mainstay.runtime.desk import Desk
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.performer import Performer
from mainstay.runtime.sending import Decided
from mainstay.runtime.teaching import Teaching
from mainstay.runtime.tick import Request
from mainstay.testing.plans import ASK_ALL, act, plan_of, think
from tests.runtime.house import House, at_work, until

BODY = """Hello {{ message.sender_name }},

thank you for your question. I am going to look into it.

If you want to add something, answer to this mail.

{{ operator.signature }}"""
OPERATOR = Operator("North Desk", "North Desk")
INTENTS = (Intent("question", "Question", "somebody asks", True, template="question"),)
TEMPLATES = {"question": parse_template(BODY, name="question")}
HOUSE = house_of(TEMPLATES, INTENTS, operator=OPERATOR)
OLD, NEW = "I am going to look into it.", "You have my answer by Friday."

DRAFT = think("draft", agent="reply-writer", role=Role.EXECUTOR, reads={"message": "trigger.message"})
PLAN = plan_of(
    replace(DRAFT, inputs=(*DRAFT.inputs, ("intent", Literal("question")))),
    act("send", reads={"message": "trigger.message", "reply": "draft.reply"}),
)


class Desks:
    """A house whose drafter learns."""

    def __init__(self, house: House, rules: Rules) -> None:
        self.house = house
        self.rules = rules
        self.teaching = Teaching(
            house.store, house.artifacts, house=HOUSE, operator=OPERATOR, intents=INTENTS
        )
        writer = ReplyWriter(INTENTS, TEMPLATES, OPERATOR, house=HOUSE, rules=rules)
        performer = Performer(
            clock=house.clock,
            agents={"reply-writer": writer, "proposer": Proposer()},
            artifacts=house.artifacts,
            gate=LastLook(house.director),
            routes=house.route,
            adapters={"email": house.adapter},
            tools=lambda brief: Recall(self.teaching, house),
            noticed=house.notice,
        )
        house.loop.workers._performer = performer
        self.desk = Desk(
            house.director,
            lambda: performer.rendering,
            house.artifacts,
            house.route,
            house.loop.ask,
            lambda: self.teaching,
        )

    async def card(self, name: str, *, text: str = "How is it done?") -> dict[str, Any]:
        """The card of a run about a message from somebody of this name."""
        house = self.house
        address = f"{name}@customer.example"
        owner: SubjectId = house.vault.subject(address)
        house.vault.ensure_subjects([owner])
        view = MessageView(
            message_id=f"{name}@m",
            thread=f"{name}@m",
            mailbox="support",
            from_address=address,
            from_name=f"{name.capitalize()} Sample",
            subject="A question",
            text=text,
            new_text=text,
        )
        content = house.artifacts.put(view.model_dump_json().encode(), owner, b"message")
        trigger: Json = {"message": {"content": content, "thread": name, "mailbox": "support"}}
        definition = next(iter(house.plans))
        start = StartRun(house.run_of(name), "sample", definition, trigger, "", owner)
        await house.ask(Request(start, blobs=house.artifacts.take_staged()))
        await until(lambda: bool(self._cards(name)))
        await house.settled()
        return self._cards(name)[0]

    def _cards(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.house.cards() if one["run"] == self.house.run_of(name)]

    def text(self, card: dict[str, Any]) -> str:
        run = self.house.director.runs[card["run"]].state
        assert run.task(1).act is not None
        shown = self.house.artifacts.open_json(run.task(1).act.action.card, run.head.subject, b"card")
        assert shown is not None
        return str(shown["request"]["reply"]["text"])

    async def edit(self, card: dict[str, Any], old: str, new: str) -> Decided:
        text = self.text(card)
        assert old in text
        decided = await self.desk.edit(card["approval"], text=text.replace(old, new), actor="operator")
        await self.house.settled()
        return decided

    async def approve(self, card: dict[str, Any]) -> Decided:
        decided = await self.desk.approve(card["approval"], actor="operator")
        await self.house.settled()
        return decided

    def memory(self) -> list[Any]:
        codec = self.house.director.codec
        return [codec.event(one) for one in self.house.store.read("memory")]  # type: ignore[arg-type]

    def report(self) -> LessonReport:
        return lessons_report(self.house.store)


class Recall(NoTools):
    """Every lesson in force."""

    def __init__(self, teaching: Teaching, house: House) -> None:
        self._teaching, self._house = teaching, house
        self.aside: list[str] = []

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        names = {str(row["memory"]) for row in self._house.store.select("memories", limit=1_000)}
        found = [self._teaching.lesson(name) for name in sorted(names)] if policy == "lessons" else []
        return [Recalled(f"{one.id}@1", "", 0.5, one.fields) for one in found if one is not None]


def story(tell: Callable[[Desks], Any], rules: Rules = Rules(withheld_share=0.0)) -> None:  # noqa: B008
    async def run() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            await tell(Desks(house, rules))
            assert house.noticed == []

    asyncio.run(run())


def test_an_edit_is_in_the_next_draft_and_nobody_of_the_first_is_in_the_lesson() -> None:
    async def tell(desks: Desks) -> None:
        first = await desks.card("ann", text="My order 4711, please. Ann")
        decided = await desks.edit(first, OLD, NEW)
        assert decided.detail == {"words": 27, "changed": 7, "lessons": 1}
        judged, recorded = desks.memory()
        assert isinstance(judged, DraftJudged)
        assert isinstance(recorded, MemoryRecorded)
        assert (judged.words, judged.changed, judged.given, judged.withheld) == (27, 7, (), ())
        assert recorded.source == f"run:{first['run']}/1"

        second = await desks.card("bea")
        text = desks.text(second)
        assert text.startswith(
            "Hello Bea Sample,\n\nthank you for your question. You have my answer by Friday.\n\n"
        )
        await desks.approve(second)
        assert desks.memory()[-1].given == (recorded.memory,)

        # What is kept of it lies under the key of whom it was learned from, and names nobody all the same.
        assert recorded.subject == desks.house.vault.subject("ann@customer.example")
        lesson = desks.teaching.lesson(recorded.memory)
        assert lesson is not None
        kept = str(lesson.fields) + lesson.situation
        assert not [word for word in ("Ann", "ann@", "4711", "customer.example") if word in kept]

    story(tell)


@pytest.mark.parametrize("word", ["back", "again", "here", "in"])
def test_an_addition_after_a_changed_sentence_finds_its_place(word: str) -> None:
    async def tell(desks: Desks) -> None:
        card = await desks.card("ann")
        decided = await desks.edit(card, "Hello Ann Sample,", f"Dear Ann Sample,\n\nwelcome {word}!")
        assert decided.detail["lessons"] == 2
        assert desks.text(await desks.card("bea")).startswith(
            f"Dear Bea Sample,\n\nwelcome {word}!\n\nthank you"
        )

    story(tell)


def test_edit_and_lesson_are_written_in_one_transaction() -> None:
    async def tell(desks: Desks) -> None:
        card = await desks.card("ann")
        before = len(desks.house.store.batches)
        await desks.edit(card, OLD, NEW)
        wrote = desks.house.store.batches[before]
        stored = [one for one in desks.house.store.read_all(limit=1_000) if one.stream == "memory"]
        edited = [one for one in desks.house.store.read_all(limit=1_000) if one.actor == "operator"]
        assert wrote >= 4
        assert {one.at for one in stored} == {edited[0].at}
        assert len(stored) == 2

    story(tell)


def test_the_same_edit_again_agrees_and_the_same_call_again_does_nothing() -> None:
    async def tell(desks: Desks) -> None:
        first = await desks.card("ann")
        await desks.edit(first, OLD, NEW)
        second = await desks.card("bea")
        assert OLD in desks.text(second)  # two must agree
        await desks.edit(second, OLD, NEW)
        recorded = [one for one in desks.memory() if isinstance(one, MemoryRecorded)]
        assert [one.version for one in recorded] == [1, 2]
        lesson = desks.teaching.lesson(recorded[0].memory)
        assert lesson is not None
        assert lesson.agreeing == (first["run"], second["run"])
        third = await desks.card("cid")
        assert NEW in desks.text(third)

    story(tell, Rules(withheld_share=0.0, min_agreeing=2))


def test_what_only_concerns_one_person_teaches_nothing_and_that_is_said() -> None:
    async def tell(desks: Desks) -> None:
        decided = await desks.edit(await desks.card("ann"), OLD, "Ann: 4711.")
        assert decided.detail == {"words": 27, "changed": 7, "personal": 1}
        assert [type(one).__name__ for one in desks.memory()] == ["DraftJudged"]
        other = await desks.card("bea")
        rewritten = await desks.edit(other, desks.text(other), "No.")
        assert rewritten.detail["rewritten"] is True

    story(tell)


def test_an_edit_that_takes_back_what_a_lesson_brought_retires_it() -> None:
    async def tell(desks: Desks) -> None:
        await desks.edit(await desks.card("ann"), OLD, NEW)
        await desks.edit(await desks.card("bea"), NEW, OLD)
        (_, recorded, _, retracted) = desks.memory()
        assert isinstance(retracted, MemoryRetracted)
        assert (retracted.memory, retracted.actor) == (recorded.memory, "operator")
        assert OLD in desks.text(await desks.card("cid"))

    story(tell)


def test_an_approval_without_lessons_writes_nothing_more() -> None:
    async def tell(desks: Desks) -> None:
        decided = await desks.approve(await desks.card("ann"))
        assert (decided.detail, desks.memory()) == ({}, [])

    story(tell)


def test_a_person_who_is_forgotten_meanwhile_keeps_no_decision_from_being_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def tell(desks: Desks) -> None:
        await desks.edit(await desks.card("ann"), OLD, NEW)
        card = await desks.card("bea")
        real = desks.house.artifacts.open_value

        def forgotten(value: Any, subject: Any) -> Any:
            raise SubjectForgotten

        monkeypatch.setattr(type(desks.house.artifacts), "open_value", lambda self, v, s: forgotten(v, s))
        decided = await desks.desk.approve(card["approval"], actor="operator")
        monkeypatch.setattr(type(desks.house.artifacts), "open_value", lambda self, v, s: real(v, s))
        assert decided.events > 0

    story(tell)


def test_a_lesson_that_does_not_help_is_retired_by_its_figures_and_one_that_helps_is_kept() -> None:
    """The operator edits by a rule: one lesson saves the edit, the other one's place is rewritten every time."""

    async def tell(desks: Desks) -> None:
        await desks.edit(await desks.card("ann"), OLD, NEW)
        await desks.edit(await desks.card("bob"), "add something,", "add anything at all,")
        useful, useless = (one.memory for one in desks.memory() if isinstance(one, MemoryRecorded))
        share = desks.rules.withheld_share
        for number in range(200):
            name = f"n{number}"
            card = await desks.card(name)
            text = desks.text(card)
            assert (OLD in text) == is_withheld(card["run"], useful, share)
            edited = text.replace(OLD, NEW)
            if number % 3 == 0:  # whether the other lesson went in or not, there is as much to change
                edited = edited.replace("answer to this mail", f"write again ({'x' * (1 + number % 2)})")
            if edited == text:
                await desks.approve(card)
            else:
                await desks.desk.edit(card["approval"], text=edited, actor="operator")
            await desks.house.settled()
            if any(isinstance(one, MemoryRetracted) and one.memory == useless for one in desks.memory()):
                break
        retired = [
            one for one in desks.memory() if isinstance(one, MemoryRetracted) and one.memory == useless
        ]
        assert [one.actor for one in retired] == ["mainstay"]
        assert "not" in retired[0].reason
        assert desks.teaching.lesson(useful) is not None
        found = {one.lesson: one for one in desks.report().lessons}
        assert found[useless].retracted
        assert min(found[useless].effect.given.count, found[useless].effect.withheld.count) >= TRIALS_MIN
        told = found[useful].told
        assert told is not None
        assert told.interval is not None
        assert told.interval[0] > 0.05

    story(tell, Rules(withheld_share=0.3))
