"""A whole director in memory, with agents and an outside world that do as they are told. Nothing here sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

from mainstay.agents import base as agents
from mainstay.agents.base import Brief, Data, Tools
from mainstay.agents.tools import NoTools
from mainstay.kernel.commands import StartRun
from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import RunId, SubjectId, run_id
from mainstay.kernel.plan import Plan, Role
from mainstay.kernel.policy import Policy
from mainstay.kernel.state import Phase
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.blobs import InMemoryBlobs
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import Position
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.boot import Registered
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.desk import Desk
from mainstay.runtime.director import Director
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.loop import Loop
from mainstay.runtime.performer import Performer
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.routes import Route
from mainstay.runtime.steering import Steering
from mainstay.runtime.tick import Answer, Request
from mainstay.runtime.workers import WORKER_MAX
from mainstay.testing.fakes import FakeAdapter
from mainstay.testing.plans import ALLOW_ALL, plan_of, think
from mainstay.workspace.desks import Desks

TURNS_MAX = 20_000  # of the event loop: far more than any test needs, and over in a second


class DiskStore(InMemoryStore):
    """The store in memory, whose next appends fail as they are told to."""

    def __init__(self) -> None:
        super().__init__(tables=TABLES)
        self.failures: list[MainstayError] = []
        self.batches: list[int] = []  # events of each append

    def append(self, batch: Any, **named: Any) -> Position:
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(sum(len(part.events) for part in batch))
        return super().append(batch, **named)


class Thought(Data):
    """What the thinker says."""

    text: str = "a thought"


Work = Callable[[Brief], Any]


class Thinker:
    """Does what the test says: `work` may be sync, or return something to await."""

    name, role, recipe, input, output, cost_max_micros = "thinker", Role.SPECIALIST, "told", Data, Thought, 0

    def __init__(self) -> None:
        self.asked: list[Brief] = []
        self.work_as: Work = lambda brief: agents.Produced(Thought(), "because")

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        self.asked.append(brief)
        answer = self.work_as(brief)
        return await answer if asyncio.iscoroutine(answer) or isinstance(answer, asyncio.Future) else answer


class Proposer:
    """Proposes a reply, or a label for `email.label`."""

    name, role, recipe, input, output, cost_max_micros = "proposer", Role.EXECUTOR, "told", Data, None, 0

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        if brief.act == "email.label":
            return agents.Proposed({"labels": ["new"]}, {}, "it is new")
        return agents.Proposed({"reply": {"text": "Dear Ann"}}, {}, "she asked")


def mail_contract() -> Contract:
    response = Schema((Field("key", FieldType.STRING),))
    reply = Operation("reply", Schema(), response, Repeatability.FINDABLE, Finality.FINAL_LOW)
    label = Operation("label", Schema(), response, Repeatability.KEYED, Finality.REVERSIBLE)
    return Contract("email", 1, 0, (reply, label))


class House:
    """Store, director, performer, loop and desk, wired as `workspace.serving` wires them."""

    def __init__(
        self,
        *plans: Plan,
        policy: Policy = ALLOW_ALL,
        worker_max: int = WORKER_MAX,
        store: DiskStore | None = None,
        clock: ManualClock | None = None,
        artifacts: Artifacts | None = None,
        **director: Any,
    ) -> None:
        self.plans = {plan.digest: plan for plan in plans or (plan_of(think("only")),)}
        self.store = store or DiskStore()
        self.clock = clock or ManualClock()
        self.thinker = Thinker()
        self.adapter = FakeAdapter(mail_contract())
        self.vault = Vault(bytes(range(32)), InMemoryKeys())
        self.artifacts = artifacts or Artifacts(self.vault, InMemoryBlobs(self.store.blob))
        self.noticed: list[tuple[str, Exception]] = []
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf(self.plans.__getitem__),
            projections=STANDARD,
            policy=policy,
            **director,
        )
        for plan in self.plans.values():
            name = plan.workflow.name
            self.director.workflows[name] = Registered(name, plan.workflow.version, plan.digest)
        self.performer = Performer(
            clock=self.clock,
            agents={"thinker": self.thinker, "proposer": Proposer()},
            artifacts=self.artifacts,
            gate=LastLook(self.director),
            routes=self.route,
            adapters={"email": self.adapter},
            tools=lambda brief: NoTools(),
            noticed=self.notice,
        )
        self.loop = Loop(
            self.director, self.performer, self.clock, worker_max=worker_max, noticed=self.notice
        )
        self.desk = Desk(
            self.director, lambda: self.performer.rendering, self.artifacts, self.route, self.loop.ask
        )
        self.steering = Steering(self.director, self.artifacts, self.loop.ask, adapters=("email",))

    def notice(self, what: str, error: Exception) -> None:
        self.noticed.append((what, error))

    def route(self, act: str, inputs: Json) -> Route | None:
        operation = self.adapter.contract.operation(act.partition(".")[2])
        return Route("email", self.adapter, operation) if operation else None

    def begin(self, name: str = "one", plan: Plan | None = None, *, subject: str = "") -> Request:
        """A request that starts a run."""
        plan = plan or next(iter(self.plans.values()))
        owner: SubjectId | None = None
        if subject:
            owner = self.vault.subject(subject)
            self.vault.ensure_subjects([owner])
        return Request(StartRun(self.run_of(name), plan.workflow.name, plan.digest, {}, "", owner))

    def run_of(self, name: str) -> RunId:
        return run_id(0, "test", name)

    def status(self, name: str = "one") -> str:
        row = self.store.get("runs", (self.run_of(name),))
        return str(row["status"]) if row else "unknown"

    def phase(self, name: str = "one", task: int = 0) -> Phase:
        return self.director.runs[self.run_of(name)].state.task(task).phase

    def events(self, name: str) -> list[str]:
        found = self.store.read("run:" + self.run_of(name))  # type: ignore[arg-type]
        return [type(self.director.codec.event(one)).__name__ for one in found]

    def cards(self, status: str = "waiting") -> list[dict[str, Any]]:
        return self.store.select("approvals", where={"status": status}, order="requested_at", limit=100)

    async def settled(self) -> None:
        """Let the loop work until nothing is waiting or under way."""
        await until(lambda: self.loop.quiet)

    async def later(self, us: int) -> None:
        """The clock goes on, and the loop looks at it."""
        self.clock.advance(us)
        self.loop._news.set()
        await asyncio.sleep(0)
        await self.settled()
        await asyncio.sleep(0)
        await self.settled()

    async def ask(self, request: Request) -> Answer:
        return await self.loop.ask(request)


def at_hand(cards: Any, steering: Any, **more: Any) -> Desks:
    """These desks; whoever asks another one finds none."""
    others = {one.name: None for one in fields(Desks)} | {"ingests": dict}
    return Desks(**others | {"cards": cards, "steering": steering} | more)


async def until(holds: Callable[[], bool]) -> None:
    """Give the others their turns until this holds."""
    for _ in range(TURNS_MAX):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


@asynccontextmanager
async def at_work(house: House) -> AsyncIterator[House]:
    """The loop at work, ended in order."""
    working = asyncio.create_task(house.loop.run(house.director.boot()))
    try:
        yield house
    finally:
        house.loop.stop()
        await working


def digest_of(text: str) -> Digest:
    from mainstay.kernel.ids import digest

    return digest(text.encode())
