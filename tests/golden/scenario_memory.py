"""A third tale for the shelf: a desk that remembers, learns and pays a model, told by a real director.

Memories that are corrected and retracted, a price that nobody knows, what attempts drew upon, a gate that asks, a
review, a budget that is raised, and the kill switch over what costs money. The clock stands still until it is moved.
"""

from __future__ import annotations

from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Acted,
    AdoptFit,
    AdoptPolicy,
    AllowSpending,
    Failed,
    Inspected,
    JudgeDraft,
    Outcome,
    Produced,
    RecordOutcome,
    RegisterWorkflow,
    Remember,
    RetractMemory,
    ReviewAnnotation,
    ThrowKillSwitch,
)
from mainstay.kernel.events import ContextRecalled, FailureClass, ModelUsed
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.predicates import Ref
from mainstay.kernel.values import HOUR, MINUTE, SECOND, Digest, Usage
from mainstay.ledger.projections import STANDARD
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.workflows.canonical import definition_digest
from tests.golden.scenario_recovery import POLICY, SUBJECT, Office

ABOUT = (
    "a desk that remembers and pays a model: recalls, prices nobody knows, a gate, a review, a raised budget"
)
_READ = TaskSpec("read", TaskKind.THINK, Role.SPECIALIST, "reader", cost_max_micros=400)
_WRITE = TaskSpec(
    "write", TaskKind.THINK, Role.EXECUTOR, "writer", inputs=(("about", Ref("read")),), cost_max_micros=900
)
_CHECK = TaskSpec(
    "check",
    TaskKind.THINK,
    Role.INSPECTOR,
    "checker",
    inputs=(("draft", Ref("write")),),
    cost_max_micros=200,
    revisions_max=1,
)
_SEND = TaskSpec(
    "send",
    TaskKind.ACT,
    Role.EXECUTOR,
    "sender",
    act="email.reply",
    needs=("read", "check"),
    inputs=(("reply", Ref("write")),),
)
LETTER = Workflow("letter", 1, (_READ, _WRITE, _CHECK, _SEND), cost_max_micros=3_000)
PLANS: dict[Digest, Plan] = {name: compile_plan(LETTER, name) for name in [definition_digest(LETTER)]}


class PaidOffice(Office):
    """The same office, with a model: what the reader asks has no known price."""

    def boot(self) -> None:
        """See `Office.boot`."""
        self.timers.clear()
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf(PLANS.__getitem__),
            projections=STANDARD,
            policy=POLICY,
            limits=Limits(day_micros=20_000),
            version="0.1",
            ceilings={"reader": None, "writer": 700, "checker": 200},
        )
        self._note(self.director.boot())

    def thought(self, run: RunId, name: str, outcome: Outcome, *models: ModelUsed, hits: int = 0) -> None:
        """What became of an attempt, and what it drew upon."""
        self.later(SECOND)
        number = self.number(run, name)
        attempt = self.director.runs[run].state.task(number).attempt
        recalled = (ContextRecalled(number, attempt, Digest("e" * 64), hits, 2, 40 * hits),) if hits else ()
        self.tell(RecordOutcome(run, number, attempt, outcome, (*recalled, *models)))


def play() -> PaidOffice:
    """The whole of it."""
    office = PaidOffice()
    for chapter in (_it_remembers, _a_price_that_nobody_knows, _a_budget_that_ends, _under_the_kill_switch):
        chapter(office)
        office.later(HOUR)
    return office


def _it_remembers(office: PaidOffice) -> None:
    registered = [RegisterWorkflow(LETTER.name, LETTER.version, name) for name in PLANS]
    office.tell(AdoptPolicy(Digest("b" * 64)), *registered)
    note, again = Digest("1" * 64), Digest("2" * 64)
    first = Remember(
        "note:1", "notes", "note", note, "mark-1", SUBJECT, "operator", "operator", tag="customer"
    )
    office.tell(first, actor="operator")
    corrected = Remember("note:1", "notes", "note", again, "mark-2", SUBJECT, "operator", "operator")
    office.tell(corrected, actor="operator")
    office.tell(
        Remember("doc:7#0", "documents", "chunk", note, "mark-3", source="document:7#0", actor="operator"),
        RetractMemory("note:1", "operator", "c2VhbGVk"),
        AdoptFit("triage", 1, "recipe-1", Digest("3" * 64), 150, office.store.head),
        actor="operator",
    )


def _read(office: PaidOffice, run: RunId, *, auto: bool = True) -> None:
    number = office.number(run, "read")
    used = ModelUsed(number, 1, "acme:large", 2, 900, 60, 0, 1, 120)
    said = {"intent": "délai", "auto": auto, "audit": False, "confidence": 0.4}
    office.thought(
        run, "read", Produced(said, "it asks when", ("note:1@2",), Usage(0, 900, 60, 1)), used, hits=3
    )


def _written(office: PaidOffice, run: RunId) -> None:
    number, check = office.number(run, "write"), office.number(run, "check")
    large = ModelUsed(number, 1, "acme:large", 1, 1_200, 90, 310)
    office.thought(run, "write", Failed(FailureClass.TIMEOUT, "no answer", usage=None), large)
    office.later(HOUR)
    again = ModelUsed(number, 2, "acme:small", 1, 1_200, 90, 70)
    office.thought(
        run, "write", Produced({"reply": "artifact:1"}, "from two memories", (), Usage()), again, hits=2
    )
    guard = ModelUsed(check, 1, "acme:small", 1, 400, 10, 25, 0, 0, True)
    office.thought(run, "check", Inspected("passed", (), "nothing to say", (), Usage(25)), guard)


def _a_price_that_nobody_knows(office: PaidOffice) -> None:
    run = office.start(LETTER, "first")
    office.later(MINUTE)
    office.tell(AllowSpending(run, "price", 350, "operator"), actor="operator")
    _read(office, run, auto=False)
    review = ReviewAnnotation(
        run, office.number(run, "read"), "délai", "billing", "operator", 4 * SECOND, "c2VhbGVk"
    )
    office.tell(review, actor="operator")
    _written(office, run)
    office.propose(run, "send", "reply")
    office.grant(run, "send")
    office.answer(run, "send", Acted({"message_id": "<l@example.org>"}))
    office.tell(
        JudgeDraft(run, 1, 40, 6, "operator", ("lesson:1",), ("lesson:2",), "recipe-1"), actor="operator"
    )


def _a_budget_that_ends(office: PaidOffice) -> None:
    run = office.start(LETTER, "second")
    office.tell(AllowSpending(run, "run", 500, "operator"), AllowSpending(run, "price", 400, "operator"))
    _read(office, run)
    office.later(MINUTE)  # the writer may cost more than is left
    office.tell(AllowSpending(run, "run", 5_000, "operator"), actor="operator")
    _written(office, run)


def _under_the_kill_switch(office: PaidOffice) -> None:
    office.tell(ThrowKillSwitch("operator", on=True), actor="operator")
    run = office.start(LETTER, "third")
    office.later(MINUTE)
    office.tell(ThrowKillSwitch("operator", on=False), actor="operator")
    office.tell(AllowSpending(run, "price", 300, "operator"), actor="operator")
    _read(office, run)
