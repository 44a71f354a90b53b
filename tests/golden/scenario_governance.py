"""A fourth tale for the shelf: a desk whose replies earn that they leave by themselves, and lose it again.

Cards that are put off and come back, yeses that can be taken back, evidence, a proposal, a grant, an audit, a shadow;
links and devices, objectives, checkpoints, somebody who is forgotten, a program that is trusted. A real director tells
it. The clock stands still until it is moved.
"""

from __future__ import annotations

from mainstay.kernel.autonomy import Autonomy, AutonomyRules
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Acted,
    AdmitDevice,
    AdoptPolicy,
    AdoptSigningKey,
    AdoptTemplate,
    BeginForgetting,
    BreachObjective,
    DismissDevice,
    DistrustExecutable,
    FinishForgetting,
    GrantAutonomy,
    IssueLink,
    MeetObjective,
    Produced,
    RecordCheckpoint,
    RecordSecretRotation,
    RegisterWorkflow,
    RejectApproval,
    SnoozeApproval,
    TrustExecutable,
    UndoAct,
    UseLink,
)
from mainstay.kernel.ids import ApprovalId, RunId
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.policy import Policy
from mainstay.kernel.predicates import Literal, Ref
from mainstay.kernel.state import Phase
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Digest, Instant
from mainstay.ledger.projections import STANDARD
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.workflows.canonical import definition_digest
from tests.golden.scenario_recovery import SUBJECT, Office

ABOUT = "a desk whose replies earn that they leave by themselves: evidence, hold windows, audits, links, checkpoints"
_DRAFT = TaskSpec("draft", TaskKind.THINK, Role.EXECUTOR, "writer", cost_max_micros=900)
_SEND = TaskSpec(
    "send",
    TaskKind.ACT,
    Role.EXECUTOR,
    "sender",
    act="email.reply",
    inputs=(("reply", Ref("draft")),),
    kind_class=Literal("faq"),
)
ANSWER = Workflow("answer", 1, (_DRAFT, _SEND))
KIND = "answer/email.reply/faq"
PLANS: dict[Digest, Plan] = {name: compile_plan(ANSWER, name) for name in [definition_digest(ANSWER)]}


class GovernedOffice(Office):
    """The same office, where no rule says anything and a yes can be taken back for half a minute."""

    def boot(self) -> None:
        """See `Office.boot`."""
        self.timers.clear()
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf(PLANS.__getitem__),
            projections=STANDARD,
            policy=Policy(()),
            limits=Limits(day_micros=1_000),  # of which one draft may take most
            version="0.1",
            autonomy=Autonomy(AutonomyRules(target_ppm=200_000, hold_us=10 * MINUTE)),
            recipes={"writer": "templates", "sender": "1"},
            undo_us=30 * SECOND,
        )
        self._note(self.director.boot())

    def reply(self, name: str) -> RunId:
        """A reply that is proposed."""
        run = self.start(ANSWER, name)
        self.answer(run, "draft", Produced({"reply": "artifact:1"}, "from a template"))
        self.propose(run, "send", "reply")
        return run

    def leaves(self, run: RunId) -> None:
        """Its window passes, and it arrives."""
        self.later(10 * MINUTE)
        self.answer(run, "send", Acted({"message_id": "<a@example.org>"}))

    def phase(self, run: RunId) -> Phase:
        """Where the reply stands."""
        return self.director.runs[run].state.task(self.number(run, "send")).phase

    def undo(self, run: RunId) -> None:
        """Take it back."""
        self.tell(UndoAct(run, self.number(run, "send"), "operator"), actor="operator")


def play() -> GovernedOffice:
    """The whole of it."""
    office = GovernedOffice()
    for chapter in (_who_may, _a_card_put_off, _earned, _lost, _in_the_shadow, _signed_and_forgotten):
        chapter(office)
        office.later(HOUR)
    return office


def _who_may(office: GovernedOffice) -> None:
    registered = [RegisterWorkflow(ANSWER.name, ANSWER.version, name) for name in PLANS]
    template = AdoptTemplate("faq", Digest("7" * 64))
    office.tell(AdoptPolicy(Digest("b" * 64)), template, *registered)
    until = Instant(office.clock.now() + 30 * DAY)
    office.tell(AdmitDevice("d" * 32, "phone", "link", until), actor="operator")
    office.tell(TrustExecutable("pricing", Digest("8" * 64), "operator"), actor="operator")
    office.tell(DistrustExecutable("pricing", "operator"), actor="operator")
    office.tell(RecordSecretRotation("keyring:support", "operator", until), actor="operator")


def _a_card_put_off(office: GovernedOffice) -> None:
    run = office.reply("put off")
    card = office.card(run, "send")
    assert card.approval is not None
    link = IssueLink("e" * 32, card.approval, card.action.digest, Instant(office.clock.now() + DAY))
    until = Instant(office.clock.now() + 2 * HOUR)
    office.tell(link, SnoozeApproval(run, ApprovalId(card.approval), until, "operator"), actor="operator")
    office.later(3 * HOUR)
    office.tell(UseLink("e" * 32, "d" * 32, "approve"), actor="operator")
    office.grant(run, "send")
    office.undo(run)
    office.grant(run, "send")
    office.leaves(run)


def _earned(office: GovernedOffice) -> None:
    for number in range(30):  # with the one that was taken back, what proves fewer than one error in five
        run = office.reply(f"right {number}")
        office.grant(run, "send")
        office.leaves(run)
    office.tell(GrantAutonomy(KIND, "held", "operator"), actor="operator")


def _lost(office: GovernedOffice) -> None:
    wrong = seen = 0
    for number in range(20):
        run = office.reply(f"by itself {number}")
        if office.phase(run) is Phase.APPROVAL and wrong == 2:
            break  # it asks again
        if office.phase(run) is Phase.APPROVAL and not seen:
            seen += 1
            office.grant(run, "send")
            office.leaves(run)
        elif office.phase(run) is Phase.APPROVAL:
            wrong += 1
            card = office.card(run, "send")
            assert card.approval is not None
            office.tell(RejectApproval(run, card.approval, "operator", "", 5 * SECOND), actor="operator")
        elif wrong == 0:
            wrong += 1
            office.undo(run)
        else:
            office.leaves(run)


def _in_the_shadow(office: GovernedOffice) -> None:
    office.tell(GrantAutonomy(KIND, "shadow", "operator"), actor="operator")
    office.reply("only watched")
    office.tell(BreachObjective("answer", "success", "1h", 9, 30, 15_000))
    office.tell(MeetObjective("answer", "success"))


def _signed_and_forgotten(office: GovernedOffice) -> None:
    office.tell(AdoptSigningKey("1" * 16, "a" * 64))
    office.tell(RecordCheckpoint(office.store.head, "c" * 64, "1" * 16, "f" * 128))
    office.tell(BeginForgetting(SUBJECT, "operator"), actor="operator")
    office.tell(FinishForgetting(SUBJECT, 1, 2, 3, 1, ("triage",)))
    office.tell(DismissDevice("d" * 32, "operator", "lost"), actor="operator")
