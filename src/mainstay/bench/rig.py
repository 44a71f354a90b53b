"""The thing that is measured: a real director on a real ledger file, with everything on.

On: `synchronous=FULL`, the hash chain, a policy that is asked before every step, budgets of every scope that hold
and settle with every step, the standard projections, snapshots of long runs, the workspace's lock. The agent is
trivial and lies in this process, so that what is measured is the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from mainstay.agents.base import Brief, Data, Produced, Tools
from mainstay.agents.tools import NoTools
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import StartRun, Wake
from mainstay.kernel.errors import DirectorBusy
from mainstay.kernel.ids import RunId, digest, run_id
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import Usage
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.connection import SQLITE3, Driver
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.sealing import Vault
from mainstay.ledger.sqlite import SqliteStore
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.collector import settle_collector
from mainstay.runtime.director import Director
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.loop import Loop
from mainstay.runtime.performer import Performer
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Answer, Owed, Request

LEDGER = "ledger.sqlite3"
TABLES = tuple(table for one in STANDARD for table in one.tables)
HOLD_MICROS = 100  # held before each step
COST_MICROS = 40  # what it settles at
TEXT_CHARS = 160  # makes an output of about 200 bytes

_DEFINITION = digest(b"mainstay bench engine")
_PLENTY = 10**15  # no budget refuses, every budget is asked
_LIMITS = Limits(_PLENTY, _PLENTY, _PLENTY, _PLENTY)
_POLICY = Policy(
    (
        Rule("no programs", Decision.DENY, "nobody runs programs here", "agent.shell"),
        Rule(
            "replies ask at first",
            Decision.ASK,
            "the first 20 ask",
            "email.*",
            (Condition("done_by_this_workflow", Operator.BELOW, 20),),
        ),
        Rule("payments ask", Decision.ASK, "money leaves", "payment.*"),
        Rule("thinking", Decision.ALLOW, "it changes nothing outside", "agent.*"),
    )
)


def chain(steps: int) -> Plan:
    """Steps one after the other."""
    return compile_plan(
        Workflow("bench", 1, tuple(_sequence("step", steps, ())), cost_max_micros=_PLENTY), _DEFINITION
    )


def fan_and_chain(count: int) -> Plan:
    """`count` tasks in one run: the first half fans out from one task into a join, the rest is a chain."""
    wide = max(1, count // 2 - 2)
    tasks = [_task("first", ())]
    tasks += [_task(f"wide{number}", ("first",)) for number in range(wide)]
    tasks.append(_task("join", tuple(f"wide{number}" for number in range(wide))))
    tasks += _sequence("step", count - len(tasks), ("join",))
    return compile_plan(Workflow("bench", 1, tuple(tasks), cost_max_micros=_PLENTY), _DEFINITION)


def _sequence(name: str, count: int, after: tuple[str, ...]) -> Iterable[TaskSpec]:
    for number in range(count):
        yield _task(f"{name}{number}", after)
        after = (f"{name}{number}",)


def _task(name: str, needs: tuple[str, ...]) -> TaskSpec:
    return TaskSpec(name, TaskKind.THINK, Role.SPECIALIST, "step", needs=needs, cost_max_micros=HOLD_MICROS)


class StepOutput(Data):
    """What a step gives: about 200 bytes as JSON."""

    text: str
    step: str
    number: int


class Step:
    """The trivial agent. `seen` is called at every execution, before the answer."""

    name = "step"
    role = Role.SPECIALIST
    recipe = "bench"
    input: type[Data] = Data
    output: type[Data] | None = StepOutput
    cost_max_micros = HOLD_MICROS

    def __init__(self) -> None:
        self.executions = 0
        self.seen: Callable[[Brief], None] | None = None
        self._awaited = 0
        self._reached = asyncio.Event()

    async def work(self, brief: Brief, tools: Tools) -> Produced:
        self.executions += 1
        if self.seen is not None:
            self.seen(brief)
        if self.executions == self._awaited:
            self._reached.set()
        output = StepOutput(text="x" * TEXT_CHARS, step=brief.task, number=self.executions)
        return Produced(output, "a trivial step", ("bench:1",), Usage(COST_MICROS))

    async def reached(self, executions: int) -> None:
        """Wait until so many steps were executed in all."""
        if self.executions < executions:
            self._awaited = executions
            self._reached.clear()
            await self._reached.wait()


class Rig:
    """A ledger in `folder`, its director and loop. Use as `async with rig.working()`."""

    def __init__(self, folder: Path, plan: Plan, *, driver: Driver = SQLITE3) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.lock = WriterLock(folder / "lock")
        self.lock.acquire()
        self.store = SqliteStore(folder / LEDGER, tables=TABLES, driver=driver)
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf({_DEFINITION: plan}.__getitem__),
            projections=STANDARD,
            policy=_POLICY,
            limits=_LIMITS,
        )
        self.step = Step()
        vault = Vault(os.urandom(32), InMemoryKeys())
        no_memory = NoTools()
        performer = Performer(
            clock=self.clock,
            agents={"step": self.step},
            artifacts=Artifacts(vault, BlobStore(folder / "blobs", self.store.blob)),
            gate=LastLook(self.director),
            routes=lambda act, inputs: None,
            adapters={},
            tools=lambda brief: no_memory,
        )
        self.loop = Loop(self.director, performer, self.clock)
        self.owed: list[Owed] = []
        self._started = 0

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Boot, let the loop run, and end it. A fault of the loop ends the body."""
        self.owed = self.director.boot()
        settle_collector()  # as `up` does
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.loop.run(self.owed))
            yield
            self.loop.stop()
            await running

    async def start(self, count: int, accepted: Callable[[RunId], None] | None = None) -> None:
        """Send requests to start so many runs; `accepted` hears of each that is durable."""
        for _ in range(count):
            self._started += 1
            run = run_id(self.clock.now(), "bench", self._started)
            request = Request(StartRun(run, "bench", _DEFINITION), "bench")
            if accepted is not None:
                request.answer = _Accepted(run, accepted)
            while True:
                try:
                    self.loop.send(request)
                    break
                except DirectorBusy:
                    await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until everything sent or reported so far is durable: an idle request goes through the same loop."""
        await self.loop.ask(Request(Wake(RunId("none"), 0), "bench"))

    def close(self) -> int:
        """Fold the log into the file, close, and say how many bytes the ledger takes."""
        self.store.checkpoint(truncate=True)
        self.store.close()
        self.lock.release()
        return ledger_bytes(self.folder)


class _Accepted:
    __slots__ = ("_run", "_tell")

    def __init__(self, run: RunId, tell: Callable[[RunId], None]) -> None:
        self._run = run
        self._tell = tell

    def __call__(self, answer: Answer) -> None:
        self._tell(self._run)


def ledger_bytes(folder: Path) -> int:
    """The size of all files of the ledger."""
    return sum(path.stat().st_size for path in folder.glob(LEDGER + "*"))


def resident_mb() -> float:
    """What this process has in memory now; where that cannot be read, what it had at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return peak_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mb() -> float:
    """The largest resident size of this process. Linux counts the parent's into `ru_maxrss` of a child, so the
    kernel's own figure for this address space is read where there is one.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
