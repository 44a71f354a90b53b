"""A kind of act that earns its autonomy: a real director over a store in memory, a clock, and an operator who decides.

Each act is a run of its own, as each message is. What `Earning` says of an act is read from the director's own state;
what it says of a kind, from the director's fold, which `agrees` holds against the events and the views.

    earning = Earning()
    for _ in range(43):
        earning.decided(clean=True)
    earning.grant("held")
    earning.act()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.kernel.autonomy import Autonomy, AutonomyRules, Standing, folded
from mainstay.kernel.commands import (
    Acted,
    Command,
    GrantApproval,
    GrantAutonomy,
    Proposed,
    RecordOutcome,
    RegisterWorkflow,
    RejectApproval,
    RevokeAutonomy,
    StartRun,
    UndoAct,
    Wake,
)
from mainstay.kernel.effects import InvokeAdapter
from mainstay.kernel.events import AutonomyEvent
from mainstay.kernel.ids import RunId, run_id
from mainstay.kernel.plan import Plan, Workflow, compile_plan
from mainstay.kernel.policy import Policy
from mainstay.kernel.predicates import Literal
from mainstay.kernel.state import Act, Phase, TaskState
from mainstay.kernel.values import SECOND, Json
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.store import EventStore
from mainstay.runtime.boot import read_standing
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Owed, Request
from mainstay.runtime.trusting import AUTONOMY
from mainstay.testing.plans import NOW, act, action
from mainstay.workflows.canonical import canonical, definition_digest

OPERATOR = "operator"
LOOKED_US = 8 * SECOND  # for so long a card is open before it is answered
USUAL = AutonomyRules()
NOBODY = Policy(())  # no rule says anything, so autonomy does
_FLOW = Workflow("support", 1, (act("send", kind_class=Literal("faq")),))
PLAN = compile_plan(_FLOW, definition_digest(_FLOW))
KIND = "support/email.reply/faq"


class Earning:
    """One workspace whose only workflow sends a reply."""

    def __init__(
        self,
        *,
        rules: AutonomyRules = USUAL,
        policy: Policy = NOBODY,
        plan: Plan = PLAN,
        recipes: Mapping[str, str] | None = None,
        store: EventStore | None = None,
        clock: ManualClock | None = None,
        director: type[Director] = Director,
        seed: str = "",
    ) -> None:
        self.plan = plan
        self.rules = rules
        self.clock = clock or ManualClock(NOW)
        self.store: EventStore = store or InMemoryStore(tables=TABLES)
        self._policy, self._class = policy, director
        self._made = 0
        self._seed = seed
        self.owed: list[Owed] = []
        self.boot(recipes or {"proposer": "one way"})

    def boot(self, recipes: Mapping[str, str]) -> None:
        """A new director over what is there, as after a restart."""
        self.director = self._class(
            self.store,
            self.clock,
            PlanShelf(lambda _: self.plan),
            projections=STANDARD,
            policy=self._policy,
            autonomy=Autonomy(self.rules),
            recipes=recipes,
        )
        self.director.recipes.contracts["email.reply"] = "1"
        workflow = self.plan.workflow
        self.owed = self.director.boot()
        command = RegisterWorkflow(workflow.name, workflow.version, self.plan.digest)
        self.tell(Request(command, OPERATOR, blobs={definition_digest(workflow): canonical(workflow)}))
        self.tell(*self.director.outdated())

    # --- what is done ------------------------------------------------------------------------------------------------

    def asked(self, **commanded: Any) -> list[Request]:
        """The requests that start one more run and let its act be proposed."""
        self._made += 1
        run = self.run_of(self._made)
        start = StartRun(run, self.plan.workflow.name, self.plan.digest, commanded.pop("trigger", {}))
        proposed = action(0, run=run, text=f"reply {self._made}", **commanded)
        outcome = Proposed(proposed, "because")
        return [Request(start), Request(RecordOutcome(run, 0, 1, outcome))]

    def act(self, **commanded: Any) -> RunId:
        """One more act, proposed; what became of it is in `state`."""
        self.tell(*self.asked(**commanded))
        return self.run_of(self._made)

    def decided(self, *, clean: bool, open_us: int = LOOKED_US, **commanded: Any) -> RunId:
        """One more act, and the operator's yes or no to it where it asks."""
        run = self.act(**commanded)
        if self.state(run).phase is Phase.APPROVAL:
            self.answer(run, clean=clean, open_us=open_us)
        return run

    def answer(self, run: RunId, *, clean: bool, open_us: int = LOOKED_US, batch: str = "") -> None:
        """The operator's yes or no."""
        self.tell(self.answered(run, clean=clean, open_us=open_us, batch=batch))
        self.deliver()

    def answered(self, run: RunId, *, clean: bool, open_us: int = LOOKED_US, batch: str = "") -> Request:
        """The same as a request, to be decided together with others."""
        waiting = self.waiting(run)
        assert waiting.approval is not None
        command: Command = (
            GrantApproval(
                run, waiting.approval, waiting.action.digest, OPERATOR, open_us, confirmed=True, batch=batch
            )
            if clean
            else RejectApproval(run, waiting.approval, OPERATOR, "", open_us, batch)
        )
        return Request(command, OPERATOR)

    def undo(self, run: RunId) -> None:
        """The operator takes it back before it leaves."""
        self.tell(Request(UndoAct(run, 0, OPERATOR), OPERATOR))

    def wait(self, us: int) -> None:
        """Time passes; what is due leaves."""
        self.clock.advance(us)
        due = [run for run, one in self.director.runs.items() if one.state.task(0).phase is Phase.HELD]
        self.tell(*(Request(Wake(run, 0)) for run in due))
        self.deliver()

    def deliver(self) -> None:
        """The other side has everything that was let go."""
        calls = [owed.effect for owed in self.owed if isinstance(owed.effect, InvokeAdapter)]
        self.owed = []
        self.tell(*(Request(RecordOutcome(one.run, one.task, one.attempt, Acted({}))) for one in calls))

    def grant(self, level: str, kind: str = KIND) -> bool:
        """The operator's word; whether it was enough."""
        self.tell(Request(GrantAutonomy(kind, level, OPERATOR), OPERATOR))
        return self.standing(kind).level == level

    def revoke(self, kind: str = KIND, cause: str = OPERATOR) -> None:
        """The operator wants to be asked again."""
        self.tell(Request(RevokeAutonomy(kind, cause, "because", OPERATOR), OPERATOR))

    def tell(self, *requests: Request) -> None:
        """All of these in one tick."""
        if requests:
            self.owed += self.director.handle(list(requests))

    def earn(self, level: str = "held", *, decisions: int = 43) -> None:
        """So many clean decisions, and the grant that they prove."""
        for _ in range(decisions):
            self.decided(clean=True)
        assert self.grant(level), "the evidence does not suffice"

    # --- what is so --------------------------------------------------------------------------------------------------

    def run_of(self, number: int) -> RunId:
        """The run of an act."""
        return run_id(NOW, "earning", self._seed, number)

    def state(self, run: RunId) -> TaskState:
        """The task of an act, also when its run is over."""
        found = self.director.folded(run)
        assert found is not None
        return found.task(0)

    def waiting(self, run: RunId) -> Act:
        """An act as its card shows it."""
        one = self.state(run).act
        assert one is not None
        return one

    def rule(self, run: RunId) -> str:
        """Why a person was asked."""
        return self.waiting(run).rule

    def authority(self, run: RunId) -> str:
        """Under which an act left, or may leave; empty where it may not."""
        return self.waiting(run).authority

    def standing(self, kind: str = KIND) -> Standing:
        """Where a kind stands."""
        return self.director.autonomy.of(kind)

    def events(self) -> list[AutonomyEvent]:
        """Everything that was said of autonomy, in order."""
        found = (self.director.codec.event(one) for one in self.store.read(AUTONOMY))
        return [event for event in found if isinstance(event, AutonomyEvent)]

    def agrees(self, kind: str = KIND) -> None:
        """The director's fold, a fresh fold of the events and what a new director reads from the view are one."""
        fresh = Standing()
        for event in self.events():
            if event.kind == kind:
                fresh = folded(fresh, event)
        assert fresh == self.standing(kind), f"the fold is {fresh}, the director has {self.standing(kind)}"
        viewed = read_standing(self.store, self.clock.now()).autonomy.get(kind, Standing())
        assert viewed == fresh, f"the view says {viewed}, the events {fresh}"

    def rows(self, table: str) -> list[Json]:
        """Rows of a view."""
        return list(self.store.select(table, limit=10_000))
