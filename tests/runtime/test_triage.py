"""Annotations, what people say of them and what is learned: a whole director, the real specialist, scripted vectors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mainstay.agents.base import MessageView, Produced
from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.agents.judge import Judge
from mainstay.agents.specialists.intent import IntentSpecialist
from mainstay.kernel.commands import StartRun
from mainstay.kernel.errors import NotFound
from mainstay.kernel.plan import Plan
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.runtime.reviewing import Reviewing
from mainstay.runtime.sending import Decided
from mainstay.runtime.tick import Request
from mainstay.testing.plans import act, plan_of, think
from mainstay.workspace import learning as learning_module
from mainstay.workspace.learning import Learning
from tests.runtime.house import House, at_work, until

INTENTS = (
    Intent("login", "Login", "cannot sign in", True, ("access",), (), "login", ("I forgot my password",)),
    Intent("refund", "Refund", "wants money back", True, ("billing",), ("money",), "refund", ("repay me",)),
    Intent("thanks", "Thanks", "says thank you", False, ("done",), (), "", ("thank you",)),
)
PLAN = plan_of(
    think("annotate", reads={"message": "trigger.message"}),
    act(
        "label",
        act="email.label",
        reads={"labels": "annotate.labels"},
        compensate=act("off", act="email.label"),
    ),
    act("send", "annotate", reads={"intent": "annotate.intent"}),
)
TEXT = "my password is forgotten again"


class Desk(House):
    """A house whose thinker is the intent specialist."""

    def __init__(self, plan: Plan = PLAN) -> None:
        super().__init__(plan)
        self.specialist = specialist()
        self.thinker.work_as = lambda brief: self.specialist.annotate(brief.inputs["message"], brief.run)
        self.reviewing = Reviewing(self.director, self.artifacts, self.steering, INTENTS, self.loop.ask)
        self.learning = self.learner(self.specialist, adopts=True)

    def learner(self, who: IntentSpecialist, *, adopts: bool = False) -> Learning:
        ask = self.loop.ask if adopts else None
        return Learning(self.store, self.artifacts, who.judge, who.heard, ask)

    async def receives(self, name: str, text: str = TEXT) -> None:
        owner = self.vault.subject(f"{name}@example.com")
        self.vault.ensure_subjects([owner])
        view = MessageView(
            message_id=name, thread=name, mailbox="support", from_address=f"{name}@example.com", text=text
        )
        content = self.artifacts.put(view.model_dump_json().encode(), owner, b"message")
        trigger = {"message": {"content": content, "thread": name}}
        command = StartRun(self.run_of(name), PLAN.workflow.name, next(iter(self.plans)), trigger, "", owner)
        await self.ask(Request(command, blobs=self.artifacts.take_staged()))
        await self.settled()

    async def says(self, name: str, intent: str = "", **more: str) -> Decided:
        decided = await self.reviewing.review(self.run_of(name), intent=intent, actor="operator", **more)
        await self.settled()
        return decided

    def annotation(self, name: str = "one") -> dict[str, object]:
        row = self.store.get("annotations", (self.run_of(name), 0))
        assert row is not None
        return dict(row)

    def words(self) -> list[tuple[str, str]]:
        rows = self.store.select("annotation_words", order="position", limit=1_000)
        return [(str(row["kind"]), str(row["intent"])) for row in rows]


def specialist(intents: tuple[Intent, ...] = INTENTS) -> IntentSpecialist:
    return IntentSpecialist(intents, embedder=ScriptedEmbedder(128))


def tell(story: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = Desk()
        async with at_work(desk):
            await story(desk)
            await desk.settled()

    asyncio.run(run())


# --- the gate, and what people say ------------------------------------------------------------------------------------


def test_what_did_not_pass_asks_although_everything_is_allowed_and_a_yes_confirms_it() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        (card,) = desk.cards()
        assert (card["rule"], card["act"]) == ("gate", "email.reply")
        assert "confirmed or corrected 0 times so far, and 150 are wanted" in str(card["reason"])
        row = desk.annotation()
        assert (row["said"], row["auto"], row["waits"], row["label"]) == ("login", 0, 1, "")
        await desk.desk.approve(str(card["approval"]), actor="operator")
        row = desk.annotation()
        assert (row["waits"], row["label"]) == (0, "login")
        assert desk.words() == [("approval", "login")]

    tell(story)


def test_a_no_says_nothing_of_the_annotation() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        (card,) = desk.cards()
        await desk.desk.reject(str(card["approval"]), actor="operator")
        assert desk.annotation()["waits"] == 1
        assert desk.words() == []

    tell(story)


def test_right_confirms_and_the_card_goes_on_waiting() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        decided = await desk.says("one", note="as always")
        assert (decided.status, decided.events) == ("confirmed", 1)
        assert desk.annotation()["waits"] == 0
        assert len(desk.cards()) == 1
        assert (await desk.says("one")).events == 0
        assert desk.words() == [("review", "login")]

    tell(story)


def test_a_correction_of_what_waits_goes_on_as_a_fork_that_asks() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        decided = await desk.says("one", "refund")
        child = str(decided.detail["goes_on_as"])
        assert (decided.status, decided.detail["said"]) == ("corrected", "login")
        assert desk.status() == "cancelled"
        assert [one.operation for one in desk.adapter.acts] == ["label", "label"], "set, and taken off again"
        state = desk.director.runs[child].state  # type: ignore[index]
        output = state.task(0).output or {}
        assert (output["intent"], output["labels"], output["auto"]) == ("refund", ["billing"], True)
        assert output["flags"] == ["money"]
        assert {str(card["run"]) for card in desk.cards()} == {child}
        again = await desk.says("one", "refund")
        assert again.events == 0
        assert desk.store.count("runs") == 2
        for card in desk.cards():
            await desk.desk.approve(str(card["approval"]), actor="operator")
        assert desk.words() == [("review", "refund")], "the fork says no second word of the same"

    tell(story)


def test_a_correction_of_what_is_over_is_learned_and_nothing_else() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        (card,) = desk.cards()
        await desk.desk.approve(str(card["approval"]), actor="operator")
        await until(lambda: desk.status() == "succeeded")
        decided = await desk.says("one", "unknown")
        assert decided.detail["goes_on_as"] == ""
        assert desk.words() == [("approval", "login"), ("review", UNKNOWN)]
        assert desk.store.count("runs") == 1

    tell(story)


def test_a_label_that_does_not_exist_is_refused_with_the_nearest() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        with pytest.raises(NotFound, match="no intent 'refnd'") as error:
            await desk.says("one", "refnd")
        assert "The nearest is 'refund'" in error.value.why
        assert desk.words() == []
        with pytest.raises(NotFound):
            await desk.says("nobody")

    tell(story)


def test_the_note_of_a_review_is_not_in_the_clear() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one")
        await desk.says("one", note="wombat")
        assert all(b"wombat" not in one.data for one in desk.store.read_all(limit=1_000))

    tell(story)


# --- learning ---------------------------------------------------------------------------------------------------------


async def _lived(desk: Desk) -> None:
    """Some messages, confirmed, corrected, said twice, never answered."""
    for number, (text, truth) in enumerate(
        [(TEXT, ""), ("where is my money", "refund"), ("gracious me", "thanks"), ("blue scarf", UNKNOWN)] * 2
    ):
        name = f"m{number}"
        await desk.receives(name, f"{text} number {number}")
        await desk.says(name, truth)
        if number == 3:
            await desk.says("m0", "refund")  # changed their mind
        await desk.learning.catch_up()
    await desk.receives("silent")
    await desk.learning.catch_up()


def test_a_word_is_learned_at_once() -> None:
    async def story(desk: Desk) -> None:
        await desk.receives("one", "the wombat sings")
        before = desk.specialist.judge.judge("x", "the wombat sings", ())
        assert before is None or before.intent != "login"
        await desk.says("one", "login")
        assert await desk.learning.catch_up() == 1
        after = desk.specialist.judge.judge("y", "the wombat sings", ())
        assert after is not None
        assert after.intent == "login"
        assert await desk.learning.catch_up() == 0

    tell(story)


def test_the_ledger_alone_gives_the_same_with_and_without_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_module, "FIT_WORDS_MIN", 3)

    async def story(desk: Desk) -> None:
        await _lived(desk)
        learned = desk.specialist.judge
        assert learned.learned == 9
        assert desk.store.count("fits") >= 2
        anew, thawed = specialist(), specialist()
        from_nothing = desk.learner(anew)
        await from_nothing.catch_up()
        from_artifact = desk.learner(thawed)
        from_artifact.restore()
        assert 0 < thawed.judge.learned <= 9
        await from_artifact.catch_up()
        assert anew.judge.freeze() == learned.freeze() == thawed.judge.freeze()
        assert from_nothing.through == from_artifact.through == desk.learning.through

    tell(story)


def test_an_artifact_is_sealed_and_one_of_another_recipe_or_damaged_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learning_module, "FIT_WORDS_MIN", 3)

    async def story(desk: Desk) -> None:
        await _lived(desk)
        row = desk.store.select("fits", order="version", limit=1)[0]
        blob = desk.artifacts.blobs.read(row["artifact"])  # type: ignore[arg-type]
        assert b"login" not in blob
        other = specialist((*INTENTS[:2], Intent("thanks", "Thanks", "another", False)))
        assert other.recipe != desk.specialist.recipe
        restored = desk.learner(other)
        restored.restore()
        assert restored.through == other.judge.learned == 0
        await restored.catch_up()
        assert other.judge.learned == 9
        said = other.judge.judge("x", TEXT, ())
        assert said is not None
        assert said.gate.learned == 0, "evidence belongs to the recipe"

        def damaged(self: Judge, data: bytes, learned: int) -> None:
            from mainstay.kernel.errors import CommandRefused

            raise CommandRefused("damaged")

        monkeypatch.setattr(Judge, "thaw", damaged)
        again = desk.learner(specialist())
        again.restore()
        assert again.through == 0

    tell(story)


def test_what_was_said_of_a_forgotten_sender_is_passed_over() -> None:
    async def story(desk: Desk) -> None:
        await _lived(desk)
        desk.vault.forget(desk.vault.subject("m1@example.com"))
        anew = specialist()
        await desk.learner(anew).catch_up()
        assert anew.judge.learned == 8

    tell(story)


def test_mail_from_machines_is_not_put_to_the_gate() -> None:
    produced = specialist().annotate(
        MessageView(
            message_id="1",
            thread="1",
            mailbox="m",
            from_address="a@example.com",
            text="news",
            automatic="a list",
        )
    )
    view = produced.output
    assert (view.auto, view.gate, view.unknown) == (None, None, False)  # type: ignore[attr-defined]


# --- a specialist of the operator's own ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"intent": "login", "auto": True, "confidence": 1e300},
        {"intent": "login", "auto": "yes", "confidence": -1e300},
        {"intent": ["login"], "auto": True, "confidence": "high"},
        {"intent": "login", "auto": True, "gate": {"learned": "many"}},
        {"intent": "login", "auto": True, "gate": {"recipe": "ours", "features": [1.0, 2.0]}},
        {"intent": "login", "auto": True, "gate": [1]},
    ],
)
def test_what_an_own_specialist_says_of_its_gate_stops_neither_the_director_nor_learning(
    said: dict[str, object],
) -> None:
    async def story(desk: Desk) -> None:
        usual = desk.thinker.work_as
        gate = said.get("gate")
        ours = isinstance(gate, dict) and "recipe" in gate
        mine = said | {"gate": {**gate, "recipe": desk.specialist.judge.mark}} if ours else said  # type: ignore[dict-item]
        desk.thinker.work_as = lambda brief: Produced({**mine, "labels": ["x"]}, "because")
        await desk.receives("own")
        row = desk.annotation("own")
        assert row["said"] in ("login", "")
        assert 0 <= int(str(row["confidence_ppm"])) <= 1_000_000
        desk.thinker.work_as = usual
        await desk.receives("one")
        await desk.says("one")
        assert await desk.learning.catch_up() == 1
        assert desk.learning.through > int(str(row["position"]))

    tell(story)
