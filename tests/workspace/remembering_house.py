"""A house with a memory: a director in memory, what keeps and retracts for it, and the index over its ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mainstay.agents.base import MessageView
from mainstay.kernel.commands import ReceiveMessage, StartRun
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.memory.context import Context
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.records import Note
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.runtime.keeping import Keeping, Kept
from mainstay.runtime.tick import Request
from mainstay.testing.plans import ASK_ALL, act, plan_of
from mainstay.workspace.remembered import Remembered
from tests.runtime.house import House, at_work, until

REPLY: Plan = plan_of(act("send", act="email.reply"))
ALL = RetrievalPolicy("all", hits_max=50, token_max=50_000)


class Remembering:
    """What a test does with such a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.keeping = Keeping(house.store, house.artifacts, house.ask)
        self.remembered = self.open()

    def open(self, **options: Any) -> Remembered:
        """Another index over the same ledger."""
        return Remembered(
            self.house.store, self.house.artifacts, ScriptedEmbedder(64), signature="North Desk", **options
        )

    async def keep(self, text: str, **more: Any) -> Kept:
        """One note."""
        return (await self.keeping.remember([Note(text, **more)], actor="operator"))[0]

    def found(self, cue: str, policy: RetrievalPolicy = ALL, **options: Any) -> Context:
        """What is recalled."""
        return self.remembered.recall(policy, cue, now=options.pop("now", self.house.clock.now()), **options)

    def ids(self, cue: str, **options: Any) -> list[str]:
        """The ids of that."""
        return [one.unit.id for one in self.found(cue, **options).hits]

    def message(self, name: str, text: str) -> tuple[Json, SubjectId]:
        """The trigger that a message of this person is, its blob staged, and whose it is."""
        house, address = self.house, f"{name}@customer.example"
        owner = house.vault.subject(address)
        house.vault.ensure_subjects([owner])
        view = MessageView(
            message_id=f"{name}@m",
            thread=name,
            mailbox="support",
            from_address=address,
            from_name=f"{name.capitalize()} Sample",
            subject="A question",
            text=text,
            new_text=text,
        )
        content = house.artifacts.put(view.model_dump_json().encode(), owner, b"message")
        return {"content": content, "thread": name, "mailbox": "support"}, owner

    async def receive(self, name: str, text: str, *, history: bool = False, automatic: str = "") -> None:
        """A message that starts nothing."""
        trigger, owner = self.message(name, text)
        key = self.house.vault.keyed_hash("message", f"{name}@m").hex()
        command = ReceiveMessage(
            "support",
            key,
            name,
            owner,
            Digest(trigger["content"]),
            len(text),
            Instant(self.house.clock.now()),
            automatic,
            history=history,
        )
        await self.house.ask(Request(command, "ingest", blobs=self.house.artifacts.take_staged()))

    async def card(self, name: str, question: str) -> dict[str, Any]:
        """The card of a run that answers this question."""
        house = self.house
        trigger, owner = self.message(name, question)
        definition = next(iter(house.plans))
        start = StartRun(house.run_of(name), "sample", definition, {"message": trigger}, "", owner)
        await house.ask(Request(start, blobs=house.artifacts.take_staged()))
        run = house.run_of(name)
        await until(lambda: bool([one for one in house.cards() if one["run"] == run]))
        return next(one for one in house.cards() if one["run"] == run)


def story(
    tell: Callable[[Remembering], Awaitable[None]], plans: tuple[Plan, ...] = (REPLY,), **house: Any
) -> None:
    """Tell it in a house whose every act asks."""

    async def run() -> None:
        async with at_work(House(*plans, **{"policy": ASK_ALL, **house})) as here:
            await tell(Remembering(here))
            assert here.noticed == []

    asyncio.run(run())
