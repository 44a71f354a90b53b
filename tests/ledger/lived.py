"""A ledger in memory that a director has worked in: runs that ended and runs that did not, all by hand."""

from mainstay.kernel.commands import (
    Acted,
    AdvanceCursor,
    Command,
    Produced,
    Proposed,
    RecordOutcome,
    RegisterWorkflow,
    StartRun,
    ThrowKillSwitch,
)
from mainstay.kernel.effects import InvokeAdapter, InvokeAgent
from mainstay.kernel.ids import run_id
from mainstay.kernel.values import Usage
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import RebuildableStore, rebuild
from mainstay.ledger.store import RowChange
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Owed, Request
from mainstay.testing.plans import ALLOW_ALL, act, action, plan_of, think

PLAN = plan_of(think("one", cost_max_micros=100), act("send", "one"), think("two", "send"))
OPEN_EVERY = 2  # each second run is left after its first task


class Lived:
    """The store, its director, and work for it."""

    def __init__(self, store: RebuildableStore | None = None) -> None:
        self.store = store or InMemoryStore(tables=TABLES)
        self.clock = ManualClock()
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf({PLAN.digest: PLAN}.__getitem__),
            projections=STANDARD,
            policy=ALLOW_ALL,
        )
        epoch = self.store.acquire()
        rebuild(
            self.store, self.director.codec, STANDARD, epoch=epoch, at=self.clock.now()
        )  # marks them as whole
        self.director.boot()
        self._runs = 0
        self._tell(RegisterWorkflow("sample", 1, PLAN.digest))
        self._tell(ThrowKillSwitch("operator", True, "a pause"))
        self._tell(ThrowKillSwitch("operator", False))

    def work(self, runs: int) -> None:
        """Start some runs; each second one is led to its end."""
        for _ in range(runs):
            self._runs += 1
            self.clock.advance(1_000_000)
            run = run_id(self.clock.now(), "lived", self._runs)
            owed = self._tell(StartRun(run, "sample", PLAN.digest))
            while owed and (
                self._runs % OPEN_EVERY
                or (isinstance(owed[0].effect, InvokeAgent) and owed[0].effect.task == 0)
            ):
                owed = self._tell(_outcome(owed[0]))
        self._tell(AdvanceCursor("email", {"read": self._runs}, received=1))

    def change(self, change: RowChange) -> None:
        """Change a row of a view, which no event has told to change."""
        self.store.append((), epoch=self.director.epoch, at=self.clock.now(), changes=[change])

    def _tell(self, command: Command) -> list[Owed]:
        return self.director.handle([Request(command, "test")])


def _outcome(owed: Owed) -> RecordOutcome:
    effect = owed.effect
    match effect:
        case InvokeAgent(act=""):
            answer: Produced | Proposed | Acted = Produced({"text": "x"}, "so", (), Usage(40))
        case InvokeAgent():
            answer = Proposed(action(effect.task, run=effect.run), "so", (), Usage(0))
        case InvokeAdapter():
            answer = Acted({})
        case _:
            raise AssertionError(f"{effect} is not expected here")
    return RecordOutcome(effect.run, effect.task, effect.attempt, answer)
