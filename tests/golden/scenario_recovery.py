"""A second tale for the shelf: a desk where things fail, told by a real director over a ledger in memory.

Unlike `scenario`, which tells single runs, everything here goes through `runtime.director`: mail that starts runs,
lines, throttles, breakers, pauses, schedules, two crashes and a restored backup. The clock stands still until it is
moved, and nothing is drawn, so that the same code writes the same log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Acted,
    AdoptPolicy,
    AdvanceCursor,
    CancelRun,
    CancelTask,
    ClearIncident,
    Command,
    DetectIncident,
    EditApproval,
    Failed,
    GrantApproval,
    Inspected,
    ObserveSent,
    Outcome,
    PauseRun,
    PauseScope,
    PauseTask,
    Produced,
    Proposed,
    PurgeDeadLetter,
    ReceiveMessage,
    RecordNotified,
    RecordOutcome,
    RecordReplay,
    RegisterWorkflow,
    RejectApproval,
    RejectMessage,
    ResolveDoubt,
    ResumeRun,
    ResumeScope,
    ResumeTask,
    RetireWorkflow,
    Sighting,
    Sought,
    StartRun,
    StopDirector,
    ThrowKillSwitch,
    Wake,
)
from mainstay.kernel.effects import Notify, WakeAt
from mainstay.kernel.events import (
    FailureClass,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    WorkspaceEvent,
)
from mainstay.kernel.fork import fork, restart
from mainstay.kernel.ids import WORKSPACE, RunId, SubjectId, run_id, run_stream
from mainstay.kernel.plan import (
    Plan,
    Role,
    Schedule,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
    compile_plan,
)
from mainstay.kernel.policy import Decision, Policy, Rule
from mainstay.kernel.predicates import Compare, Operator, Ref
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Act, Phase, RunState
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Digest, Instant, Json, Usage
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.store import NewEvent, StreamAppend
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Owed, Request
from mainstay.workflows.canonical import definition_digest
from tests.ledger.any_run import POLICY, action

ABOUT = "a desk where things fail, told by a director: lines, throttles, a breaker, pauses, forks, crashes, a backup"
START = Instant(1_750_000_000_000_000)
SUBJECT = SubjectId("5" * 32)


def _think(name: str, role: Role = Role.SPECIALIST, **more: Any) -> TaskSpec:
    return TaskSpec(name, TaskKind.THINK, role, name, **more)


def _act(name: str, act: str, **more: Any) -> TaskSpec:
    return TaskSpec(name, TaskKind.ACT, Role.EXECUTOR, "propose-" + name, act=act, **more)


MAIL = Workflow(
    "mail",
    1,
    (
        _think("annotate", cost_max_micros=300),
        _think("draft", Role.EXECUTOR, inputs=(("intent", Ref("annotate", ("intent",))),), attempt_max=3),
        _think("inspect", Role.INSPECTOR, inputs=(("draft", Ref("draft")),), revisions_max=1),
        _act("label", "email.label", needs=("annotate",), optional=True),
        _act(
            "send", "email.reply", needs=("inspect",), inputs=(("reply", Ref("draft")),), deadline_us=3 * DAY
        ),
    ),
    on=Trigger("message.received/1"),
    key=Ref("trigger", ("message", "thread")),
    supersede=Supersede.WAITING,
)
ORDER = Workflow(
    "order",
    1,
    (
        _think("check", cost_max_micros=100, deadline_us=HOUR),
        _act("reserve", "books.enter", needs=("check",), compensate=_act("undo reserve", "books.cancel")),
        _act("charge", "bank.transfer", needs=("reserve",), compensate=_act("undo charge", "bank.refund")),
        _act("tell", "email.reply", needs=("charge",), delay_us=MINUTE),
    ),
    deadline_us=3 * DAY,
    runs_max=2,
)
LIST = Workflow(
    "list",
    1,
    (
        _think("readers"),
        _think("each", for_each=Ref("readers", ("items",)), cost_max_micros=50),
        _act("tell", "email.send", for_each=Ref("readers", ("items",)), needs=("each",), optional=True),
        _think("sum", when=Compare(Ref("readers", ("wanted",)), Operator.IS, True), needs=("tell",)),
    ),
    on=Trigger("schedule.due/1", schedule=Schedule("0 9 * * *", "Europe/Berlin")),
)
PLANS: dict[Digest, Plan] = {
    name: compile_plan(workflow, name)
    for workflow in (MAIL, ORDER, LIST)
    for name in [definition_digest(workflow)]
}
RULES = Policy((*POLICY.rules, Rule("refunds ask", Decision.ASK, "money goes out", "bank.*")))
THROTTLES: Mapping[str, Rate] = {"agent:each": Rate(60, MINUTE, 2)}


class Office:
    """A director over a ledger in memory, its timers, and hands that answer as they are told."""

    def __init__(self) -> None:
        self.store = InMemoryStore(tables=TABLES)
        self.clock = ManualClock(START)
        self.timers: set[tuple[Instant, RunId, int]] = set()
        self.boot()

    def boot(self) -> None:
        """A new director takes the ledger; the one before it just ends."""
        self.timers.clear()
        self.director = Director(
            self.store,
            self.clock,
            PlanShelf(PLANS.__getitem__),
            projections=STANDARD,
            policy=RULES,
            limits=Limits(day_micros=3_000),
            version="0.1",
            throttles=THROTTLES,
            breakers=BreakerSettings(failures=3),
        )
        self._note(self.director.boot())

    def tell(self, *commands: Command, actor: str = "director") -> None:
        """One tick: decide these together, append them, remember the timers, say that cards were shown."""
        self._note(self.director.handle([Request(command, actor) for command in commands]))

    def _note(self, owed: list[Owed]) -> None:
        for one in owed:
            if isinstance(one.effect, WakeAt):
                self.timers.add((one.effect.at, one.effect.run, one.effect.task))
        for one in owed:
            if isinstance(one.effect, Notify):
                self.tell(RecordNotified(one.effect.run, one.effect.task))

    def later(self, us: int) -> None:
        """Time passes, and each timer comes when it is due."""
        until = self.clock.now() + us
        while due := sorted(one for one in self.timers if one[0] <= until):
            at, run, task = due[0]
            self.timers.discard(due[0])
            self.clock.advance(max(0, at - self.clock.now()))
            self.tell(Wake(run, task))
        self.clock.advance(until - self.clock.now())

    def start(self, workflow: Workflow, name: str, **more: Any) -> RunId:
        """Start a run by hand."""
        run = run_id(self.clock.now(), workflow.name, name)
        self.tell(StartRun(run, workflow.name, definition_digest(workflow), **more), actor="operator")
        return run

    def state(self, run: RunId, version: int = 0) -> tuple[RunState, int]:
        """A run as the ledger tells it, up to an event of its stream."""
        state, last = nothing(run), 0
        for recorded in self.store.read(run_stream(run)):
            if not version or recorded.version <= version:
                event: Any = self.director.codec.event(recorded)
                state, last = evolve(state, event), recorded.version
        return state, last

    def number(self, run: RunId, name: str) -> int:
        """The number of a task."""
        state = self.director.runs[run].state
        return next(number for number, _ in state.all_tasks() if state.name(number) == name)

    def answer(self, run: RunId, name: str, outcome: Outcome) -> None:
        """What became of the present attempt of a task, a second later."""
        self.later(SECOND)
        number = self.number(run, name)
        self.tell(RecordOutcome(run, number, self.director.runs[run].state.task(number).attempt, outcome))

    def card(self, run: RunId, name: str) -> Act:
        """What an act of the run carries."""
        act = self.director.runs[run].state.task(self.number(run, name)).act
        assert act is not None
        return act

    def propose(self, run: RunId, name: str, text: str) -> None:
        """The executor of an act proposes it."""
        number = self.number(run, name)
        spec = self.director.runs[run].state.spec(number)
        self.answer(
            run, name, Proposed(action(run, number, spec.act, f"{text} {run}"), "it is due", ("record:1",))
        )

    def grant(self, run: RunId, name: str) -> None:
        """Yes, to what is shown."""
        card = self.card(run, name)
        assert card.approval is not None
        self.later(9 * SECOND)
        self.tell(
            GrantApproval(run, card.approval, card.action.digest, "operator", 9 * SECOND, confirmed=True),
            actor="operator",
        )

    def resolve(self, run: RunId, name: str, word: str) -> None:
        """The answer to a doubt."""
        self.tell(ResolveDoubt(run, self.number(run, name), word, "operator"), actor="operator")


def play() -> Office:
    """The whole of it."""
    office = Office()
    for chapter in _CHAPTERS:
        chapter(office)
        office.later(HOUR)
    return office


def _the_house_opens(office: Office) -> None:
    registered = [
        RegisterWorkflow(plan.workflow.name, plan.workflow.version, name) for name, plan in PLANS.items()
    ]
    office.tell(AdoptPolicy(Digest("b" * 64)), *registered)


def _mail(office: Office, key: str, thread: str = "a") -> RunId:
    office.later(MINUTE)
    message = ReceiveMessage(
        "support",
        key * 32,
        thread * 32,
        SUBJECT,
        Digest("c" * 64),
        2_048,
        office.clock.now(),
        fields={"size": 3},
    )
    office.tell(message, AdvanceCursor("support", {"uid": office.store.head}, received=1))
    [row] = office.store.select("runs", where={"message": key * 32})
    return RunId(str(row["run"]))


def _drafted(office: Office, run: RunId) -> None:
    usage = Usage(120, 900, 40, 1)
    office.answer(run, "annotate", Produced({"intent": "délai"}, "it asks when", ("intent:when@1",), usage))
    office.propose(run, "label", "label")
    office.answer(run, "label", Acted({"labels": ["when"]}))
    office.answer(run, "draft", Produced({"reply": "artifact:1"}, "a first draft"))
    finding = {"check": "promise of a date", "severity": "high", "remedy": "say when you will know"}
    office.answer(run, "inspect", Inspected("look", (finding,), "it promises a date", revise=True))
    office.answer(run, "draft", Produced({"reply": "artifact:2"}, "without the date", ("finding:1",)))
    office.answer(run, "inspect", Inspected("passed", (), "no promise left"))
    office.propose(run, "send", "reply")


def _mail_that_goes_its_way(office: Office) -> None:
    first = _mail(office, "1")
    _drafted(office, first)
    card = office.card(first, "send")
    assert card.approval is not None
    edited = action(first, 4, "email.reply", "one word changed")
    edit = EditApproval(first, card.approval, card.action.digest, edited, "operator", SECOND)
    office.tell(edit, actor="operator")
    queued = _mail(office, "2")  # the same thread, while the reply to the first is under way
    office.answer(first, "send", Failed(FailureClass.TIMEOUT, "no answer from the relay"))
    office.answer(first, "send", Sought(Sighting.UNKNOWN))
    office.later(10 * SECOND)
    office.answer(first, "send", Sought(Sighting.FOUND, {"message_id": "<1@example.org>"}))
    _drafted(office, queued)
    newer = _mail(office, "3")  # and this one replaces the second, which only waits
    _drafted(office, newer)
    card = office.card(newer, "send")
    assert card.approval is not None
    office.tell(RejectApproval(newer, card.approval, "operator", "c2VhbGVk", SECOND), actor="operator")
    by_hand = _mail(office, "4", "d")
    _drafted(office, by_hand)
    office.tell(ObserveSent("support", "9" * 32, "d" * 32, office.clock.now()))
    silent = _mail(office, "5", "f")
    office.answer(
        silent, "annotate", Failed(FailureClass.BUG, "ZeroDivisionError", usage=None, exception="a.py:7")
    )
    expired = _mail(office, "6", "e")
    _drafted(office, expired)
    office.later(3 * DAY)


def _ordered(office: Office, run: RunId) -> None:
    office.answer(run, "check", Produced({"stock": 3}, "there is enough", (), Usage(30)))
    office.propose(run, "reserve", "entry")
    office.answer(run, "reserve", Acted({"entry": 5}))
    office.propose(run, "charge", "charge")
    office.grant(run, "charge")
    office.answer(run, "charge", Acted({"id": "t-1"}))


def _orders_that_are_taken_back(office: Office) -> None:
    first = office.start(ORDER, "first")
    later = office.start(ORDER, "later", not_before=Instant(office.clock.now() + HOUR))
    third = office.start(ORDER, "third")  # two at once, and no more
    _ordered(office, first)
    _, point = office.state(first)
    office.tell(CancelRun(first, "operator", "the customer withdrew"), actor="operator")
    office.answer(
        first, "undo charge", Failed(FailureClass.REFUSED, "no refunds on holidays", usage=Usage(4))
    )
    office.resolve(first, "undo charge", "did_not")
    office.later(SECOND)
    office.propose(first, "undo charge", "refund")
    office.grant(first, "undo charge")
    office.answer(first, "undo charge", Failed(FailureClass.IN_DOUBT, "the line broke"))
    office.answer(first, "undo charge", Sought(Sighting.ABSENT))
    office.answer(first, "undo charge", Acted({"id": "r-1"}))
    office.propose(first, "undo reserve", "cancel")
    office.answer(first, "undo reserve", Acted())

    office.answer(third, "check", Failed(FailureClass.REFUSED, "no such article"))
    office.later(HOUR)
    office.tell(CancelRun(later, "operator"), actor="operator")
    state, version = office.state(first, point)
    forked = fork(state, version=version, actor="operator", changes={"check.stock": 4}, reason="c2VhbGVk")
    child = office.start(ORDER, "fork", forked=forked)
    office.later(MINUTE)
    office.propose(child, "tell", "on its way")
    office.grant(child, "tell")
    office.answer(child, "tell", Acted({"message_id": "<o@example.org>"}))

    state, version = office.state(third)
    again = restart(state, version=version, actor="operator", first="check")
    repeated = office.start(ORDER, "again", trigger={"n": 2}, forked=again)
    office.later(HOUR)
    office.tell(CancelRun(repeated, "operator"), actor="operator")
    office.start(ORDER, "forgotten")
    office.later(3 * DAY)  # nobody looks at it, and its time passes


def _an_order_that_is_steered(office: Office) -> None:
    run = office.start(ORDER, "steered")
    office.tell(PauseRun(run, "operator", "c2VhbGVk"), actor="operator")
    office.answer(run, "check", Produced({"stock": 3}, "there is enough"))
    office.tell(PauseTask(run, office.number(run, "tell"), "operator"), actor="operator")
    office.tell(ResumeRun(run, "operator"), actor="operator")
    office.propose(run, "reserve", "entry")
    office.answer(run, "reserve", Failed(FailureClass.TRANSIENT, "busy", 5 * SECOND))
    office.tell(PauseScope("adapter", "books", "operator", "stocktaking"), actor="operator")
    office.later(MINUTE)
    office.tell(ResumeScope("adapter", "books", "operator"), actor="operator")
    office.answer(run, "reserve", Acted({"entry": 6}))
    office.propose(run, "charge", "charge")
    office.grant(run, "charge")
    office.answer(run, "charge", Failed(FailureClass.TIMEOUT, "no answer"))
    office.resolve(run, "charge", "happened")
    office.tell(ResumeTask(run, office.number(run, "tell"), "operator"), actor="operator")
    office.tell(CancelTask(run, office.number(run, "tell"), "operator", "c2VhbGVk"), actor="operator")


def _a_list_with_a_throttle_and_a_breaker(office: Office) -> None:
    office.tell(PauseScope("workflow", "list", "operator", "a holiday"), actor="operator")
    office.later(DAY)  # nine o'clock comes, and what it starts waits
    office.tell(ResumeScope("workflow", "list", "operator"), actor="operator")
    run = next(run for run, one in office.director.runs.items() if one.state.head.workflow == "list")
    items: Json = {"items": ["ä", "b", {"deep": [1, 2.5, None]}], "wanted": False}
    office.answer(run, "readers", Produced(items, "three readers"))
    for item in range(3):
        office.later(SECOND)
        office.answer(run, f"each[{item}]", Produced({"text": "x"}, "written", (), Usage(20)))
    for item in range(3):
        office.propose(run, f"tell[{item}]", "news")
    first, second, third = (_mail(office, key, key) for key in ("7", "8", "0"))
    for one in (first, second, third):
        _drafted(office, one)
        office.grant(one, "send")
    for one in (first, second, third):
        office.answer(one, "send", Failed(FailureClass.TRANSIENT, "the relay is away"))
    waits = _mail(office, "a", "7a")
    _drafted(office, waits)
    office.grant(waits, "send")
    for _ in range(9):
        office.later(20 * SECOND)
        for one in (first, second, third, waits):
            found = office.director.runs.get(one)
            if found is not None and found.state.task(4).phase is Phase.ACTING:
                office.answer(one, "send", Acted({"message_id": "<m@example.org>"}))


def _a_crash_and_a_budget(office: Office) -> None:
    run = office.start(ORDER, "lost")
    office.answer(run, "check", Produced({"stock": 3}, "there is enough", (), Usage(2_500)))
    paid = office.start(ORDER, "paid")
    office.propose(run, "reserve", "entry")
    office.boot()  # the director before it ended with two calls under way
    office.later(MINUTE)
    office.answer(run, "reserve", Acted({"entry": 8}))
    office.propose(run, "charge", "charge")
    office.grant(run, "charge")
    office.boot()
    office.resolve(run, "charge", "unknown")
    office.tell(CancelRun(paid, "operator"), actor="operator")
    office.later(DAY)
    poor = office.start(ORDER, "poor")
    office.answer(poor, "check", Produced({"stock": 1}, "the last one", (), Usage(2_990)))
    blocked = office.start(ORDER, "blocked")
    office.later(MINUTE)
    office.tell(CancelRun(blocked, "operator"), actor="operator")
    office.tell(CancelRun(poor, "operator"), actor="operator")


def _what_the_house_notices(office: Office) -> None:
    silent = DetectIncident(
        IncidentKind.SOURCE_SILENT, "support", "no word for two days", {"days": 2}, ("wait", "ask"), "ask"
    )
    office.tell(silent, RejectMessage("support", "e" * 32, "it has no header", Digest("d" * 64), "INBOX/7"))
    office.tell(RejectMessage("support", "d" * 32, "it is no mail", Digest("e" * 64), "INBOX/8"))
    office.tell(ClearIncident(IncidentKind.SOURCE_SILENT, "support"))
    office.tell(RecordReplay("e" * 32, "message", "operator", None, "rejected"), actor="operator")
    office.tell(PurgeDeadLetter("d" * 32, "message", "operator", "it is no mail"), actor="operator")
    office.tell(ThrowKillSwitch("operator", True, "a fire drill"), actor="operator")
    office.tell(ThrowKillSwitch("operator", False), actor="operator")
    office.tell(RetireWorkflow("list", "operator"), actor="operator")
    office.tell(StopDirector())


def _a_ledger_out_of_a_backup(office: Office) -> None:
    office.boot()
    found = _mail(office, "b", "b")
    absent = _mail(office, "c", "c")
    for run in (found, absent):
        _drafted(office, run)
    office.tell(StopDirector())
    _restore(office)
    office.boot()
    office.answer(found, "send", Sought(Sighting.FOUND, {"message_id": "<b@example.org>"}))
    office.answer(absent, "send", Sought(Sighting.ABSENT))
    office.tell(ThrowKillSwitch("operator", False), actor="operator")
    office.grant(absent, "send")  # a log ends in the middle of things, as real ones do


def _restore(office: Office) -> None:
    """What a restore leaves at the end of a ledger."""
    store, now = office.store, office.clock.now()
    projector, codec = Projector(STANDARD), office.director.codec
    events: tuple[WorkspaceEvent, ...] = (
        LedgerRestored(store.head, "a" * 64, "operator", Instant(now - HOUR)),
        KillSwitchThrown("operator", True, "restored"),
    )
    new, changes = [], []
    for position, event in enumerate(events, store.head + 1):
        new.append(NewEvent(*codec.encode(event), "operator", bytes(16)))
        changes += projector.project(position, now, WORKSPACE, event, None)
    batch = [StreamAppend(WORKSPACE, store.version(WORKSPACE), new)]
    store.append(batch, epoch=store.acquire(), at=now, changes=changes)


_CHAPTERS: tuple[Callable[[Office], None], ...] = (
    _the_house_opens,
    _mail_that_goes_its_way,
    _orders_that_are_taken_back,
    _an_order_that_is_steered,
    _a_list_with_a_throttle_and_a_breaker,
    _a_crash_and_a_budget,
    _what_the_house_notices,
    _a_ledger_out_of_a_backup,
)
