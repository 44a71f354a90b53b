"""What fills the ledger of `bench ledger`: messages, the runs they start, and everybody's answers to them.

A real director decides every step; only the outside is made up here, and it answers at once. A run takes a message in,
thinks, fails now and then and tries again, asks a person, and acts. Some runs are left where they stand: a card that
nobody answers, an agent that never came back, a failure that is retried tomorrow, a message behind another of its
thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Acted,
    Failed,
    GrantApproval,
    Outcome,
    Produced,
    Proposed,
    ReceiveMessage,
    RecordNotified,
    RecordOutcome,
    RegisterWorkflow,
    Wake,
)
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.effects import InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId, SubjectId, derive, digest, effect_digest, idempotency_key
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Trigger, Workflow, compile_plan
from mainstay.kernel.policy import Action, Decision, Policy, Rule
from mainstay.kernel.predicates import Compare, Operator, Ref
from mainstay.kernel.state import Phase
from mainstay.kernel.values import DAY, HOUR, Digest, Usage
from mainstay.ledger.codec import Codec
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rebuild import RebuildableStore, rebuild
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.director import Director
from mainstay.runtime.loop import TICK_MAX
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Answer, Owed, Request, Tick
from mainstay.workflows.canonical import canonical

IN_FLIGHT = 300  # runs that go on at the same time, besides those that were left
PERIOD = 30 * DAY  # in which all of it happens
FAILS_EVERY = 25  # one answer of so many is a failure that passes
CONTENT_BYTES, CARD_BYTES, TEXT_CHARS = 800, 400, 80
STEPS = {"small": 6, "medium": 50, "large": 400}
MIX = ("small", "medium") * 9 + ("small", "large")
LEFT = ("card", "agent", "card", "retry", "card", "agent", "retry", "queued")

_PLENTY = 10**15
LIMITS = Limits(_PLENTY, _PLENTY, _PLENTY, _PLENTY)
POLICY = Policy(
    (
        Rule("replies ask", Decision.ASK, "a person looks first", "email.reply"),
        Rule("the rest is allowed", Decision.ALLOW, "it can be taken back", "*"),
    )
)


def workflows() -> dict[Digest, tuple[Plan, bytes]]:
    """A small, a medium and a large workflow, as they are pinned; a run of them has about 100 events on average."""
    found: dict[Digest, tuple[Plan, bytes]] = {}
    for size, steps in STEPS.items():
        workflow = Workflow(
            f"bench_{size}",
            1,
            tuple(_tasks(steps)),
            on=Trigger("message.received/1", Compare(Ref("trigger", ("message", "size")), Operator.IS, size)),
            key=Ref("trigger", ("message", "thread")),
        )
        raw = canonical(workflow)
        found[digest(raw)] = (compile_plan(workflow, digest(raw)), raw)
    return found


def _tasks(steps: int) -> Iterable[TaskSpec]:
    """Two chains side by side, a label in between, and at three quarters a reply that asks."""
    yield TaskSpec("first", TaskKind.THINK, Role.SPECIALIST, "reader")
    last = ["first", "first"]
    for number in range(steps):
        side = number % 2
        yield TaskSpec(f"step{number}", TaskKind.THINK, Role.SPECIALIST, "thinker", needs=(last[side],))
        last[side] = f"step{number}"
        if number == steps // 2:
            yield TaskSpec("label", TaskKind.ACT, Role.EXECUTOR, "writer", "email.label", needs=(last[side],))
        if number == steps * 3 // 4:
            yield TaskSpec("reply", TaskKind.ACT, Role.EXECUTOR, "writer", "email.reply", needs=(last[side],))
            last[side] = "reply"


@dataclass(slots=True)
class _Left:
    """A run that is to stay unfinished: how, and after how many answers."""

    how: str
    after: int


class Traffic:
    """One ledger, its director, and the outside. `go_on` takes one tick further."""

    def __init__(self, store: RebuildableStore, *, events: int, unfinished: int, left_by: int) -> None:
        """So many runs are left unfinished, evenly over the first `left_by` of all `events`."""
        self.store = store
        self.left: dict[RunId, _Left] = {}
        self._us_per_event = PERIOD // max(1, events)
        self._unfinished = unfinished
        self._left_every = left_by / unfinished if unfinished else 0.0
        self._waiting: deque[Request] = deque()
        self._wakes: list[tuple[int, RunId, int]] = []
        self._messages = 0
        self._answers = 0
        self._left_begun = 0
        self.begin_max: int | None = (
            None  # messages besides those whose runs are left; None: as many as there is room
        )
        self._left_thread = ("", "")  # and the size of its run: lines are kept by workflow
        self.clock = ManualClock(_now() - PERIOD)
        plans = workflows()
        self.director = Director(
            store,
            self.clock,
            PlanShelf(lambda wanted: plans[wanted][0]),
            projections=STANDARD,
            policy=POLICY,
            limits=LIMITS,
        )
        rebuild(
            store,
            Codec(lambda wanted: plans[wanted][0]),
            STANDARD,
            epoch=store.acquire(),
            at=self.clock.now(),
        )
        self.director.boot()
        for plan, raw in plans.values():
            command = RegisterWorkflow(plan.workflow.name, plan.workflow.version, plan.digest)
            self.director.handle([Request(command, "operator", blobs={plan.digest: raw})])

    @property
    def events(self) -> int:
        """How many there are."""
        return self.director.position

    @property
    def active(self) -> int:
        """Runs that go on."""
        return len(self.director.runs) - len(self.left)

    def go_on(self, *, begin: bool = True) -> None:
        """One tick, as full as the director takes them."""
        self.commit(self.director.tick(self.take(begin=begin)))

    def drain(self) -> None:
        """Finish every run that is not left."""
        while self.active or self._waiting:
            self.go_on(begin=False)

    def take(self, *, begin: bool = True) -> list[Request]:
        """What is decided next: answers and timers, and new messages while too few runs go on."""
        now = self.clock.now()
        while self._wakes and self._wakes[0][0] <= now:
            _, run, task = heappop(self._wakes)
            self._waiting.append(Request(Wake(run, task)))
        if self._wakes and not self._waiting and not begin:
            self.clock.advance(self._wakes[0][0] - now)
        waiting = self._waiting
        taken = [waiting.popleft() for _ in range(min(TICK_MAX, len(waiting)))]
        room = TICK_MAX - len(taken)
        while room > 0 and (left := self._next_left()) is not None:
            taken.append(self._message(left))
            room -= 1
        if begin:
            missing = min(IN_FLIGHT - self.active, room)
            if self.begin_max is not None:
                missing = min(missing, self.begin_max)
                self.begin_max -= max(0, missing)
            taken += [self._message(None) for _ in range(missing)]
        return taken

    def commit(self, tick: Tick) -> None:
        """Make a tick durable, and let the outside answer what it owes."""
        self.director.commit(tick)
        self.heard(tick)

    def heard(self, tick: Tick) -> None:
        """The outside answers what a durable tick owes; time passes."""
        self.passed(tick.events)
        for answer, value in tick.answers:
            answer(value)
        for owed in tick.effects:
            self._perform(owed)

    def passed(self, events: int) -> None:
        """Time passes with so many events."""
        self.clock.advance(self._us_per_event * events)

    # --- messages --------------------------------------------------------------------------------------------------

    def _message(self, left: _Left | None) -> Request:
        self._messages += 1
        number = self._messages
        thread = derive("thread", number).hex()
        size = MIX[number % len(MIX)]
        if left is not None and left.how == "queued":
            thread, size = self._left_thread
        elif left is not None:
            self._left_thread = (thread, size)
        content = sealed_bytes("content", number, size=CONTENT_BYTES)
        if left is not None:
            left.after %= STEPS[size]
        command = ReceiveMessage(
            "support",
            derive("message", number).hex(),
            thread,
            SubjectId(derive("subject", number % 5_000).hex()),
            digest(content),
            len(content),
            sent_at=self.clock.now(),
            fields={"size": size},
        )
        request = Request(command, "support", blobs={command.content: content})
        if left is not None:
            request.answer = _Noted(left, self._note)
        return request

    def _next_left(self) -> _Left | None:
        """Whether the next run is to stay unfinished: evenly over the first part of the ledger."""
        begun = self._left_begun
        if begun >= self._unfinished or self.events < begun * self._left_every:
            return None
        self._left_begun += 1
        how = LEFT[begun % len(LEFT)]
        if how == "queued" and not self._left_thread[0]:
            how = "card"
        return _Left(how, after=begun * 7)

    def _note(self, left: _Left, answer: Answer) -> None:
        for run in answer.detail["runs"]:
            self.left[RunId(run)] = left

    # --- the outside -----------------------------------------------------------------------------------------------

    def _perform(self, owed: Owed) -> None:
        effect = owed.effect
        outcome: Outcome
        left = self.left.get(effect.run)
        if left is not None and not self._still_answered(left, effect):
            return
        match effect:
            case InvokeAgent(run=run, task=task, attempt=attempt):
                blobs: dict[Digest, bytes] = {}
                self._answers += 1
                if left is not None and left.how == "retry" and left.after < 0:
                    outcome = Failed(FailureClass.THROTTLED, "too many questions", 24 * HOUR)
                elif self._answers % FAILS_EVERY == 0:
                    outcome = Failed(FailureClass.TRANSIENT, "no answer came")
                elif effect.act:
                    outcome = self._proposed(effect, blobs)
                else:
                    outcome = Produced(
                        {"text": "x" * TEXT_CHARS, "number": self._answers},
                        "it was asked for",
                        ("bench:1",),
                        Usage(40, 200, 50, 1),
                    )
                self._say(RecordOutcome(run, task, attempt, outcome), owed.cause, blobs)
            case InvokeAdapter(run=run, task=task, attempt=attempt, mode=Mode.CALL):
                self._say(RecordOutcome(run, task, attempt, Acted({"id": f"{run[-8:]}-{task}"})), owed.cause)
            case Notify(run=run, task=task, approval=approval):
                self._say(RecordNotified(run, task), owed.cause)
                act = self.director.runs[run].state.task(task).act
                if left is None and approval is not None and act is not None:
                    grant = GrantApproval(run, approval, act.action.digest, "operator", 4_000_000)
                    self._waiting.append(Request(grant, "operator"))
            case WakeAt(run=run, task=task, at=at):
                if self.director.runs[run].state.task(task).phase in (Phase.RETRYING, Phase.BLOCKED):
                    heappush(self._wakes, (at, run, task))
            case _:
                pass

    def _still_answered(self, left: _Left, effect: object) -> bool:
        """Whether a run that is left still gets this answer: so many do, and all but the one of a person."""
        if left.how == "card":
            return True
        left.after -= 1
        return left.after >= 0 or (
            left.how == "retry" and left.after == -1 and isinstance(effect, InvokeAgent)
        )

    def _say(
        self, command: RecordOutcome | RecordNotified, cause: int, blobs: dict[Digest, bytes] | None = None
    ) -> None:
        self._waiting.append(Request(command, "director", cause, blobs or {}))

    def _proposed(self, effect: InvokeAgent, blobs: dict[Digest, bytes]) -> Proposed:
        number = self._answers
        payload, card = (
            sealed_bytes("payload", number, size=CARD_BYTES),
            sealed_bytes("card", number, size=CARD_BYTES),
        )
        blobs |= {digest(payload): payload, digest(card): card}
        key = idempotency_key(effect.run, effect.task, digest(payload))
        adapter, _, operation = effect.act.partition(".")
        bound = effect_digest(
            adapter=adapter, operation=operation, contract="1.0", price_micros=0, key=key, payload=payload
        )
        reversible = operation == "label"
        action = Action(
            act=effect.act,
            adapter="support",
            operation=operation,
            contract="1.0",
            repeatability=Repeatability.KEYED if reversible else Repeatability.FINDABLE,
            finality=Finality.REVERSIBLE if reversible else Finality.FINAL_LOW,
            key=key,
            payload=digest(payload),
            card=digest(card),
            digest=bound,
            features={"recipient_known": True},
        )
        return Proposed(action, "it is asked for", ("bench:1",), Usage(40, 200, 50, 1))


class _Noted:
    """Hears which run a message started."""

    __slots__ = ("_left", "_note")

    def __init__(self, left: _Left, note: Callable[[_Left, Answer], None]) -> None:
        self._left = left
        self._note = note

    def __call__(self, answer: Answer) -> None:
        self._note(self._left, answer)


def sealed_bytes(*parts: str | int | bytes, size: int) -> bytes:
    """Bytes that depend on every part: what a sealed blob is to a ledger."""
    piece = derive(*parts, size=64)
    return b"".join(piece[turn % 64 :] + piece[: turn % 64] for turn in range(size // 64 + 1))[:size]


def _now() -> int:
    import time

    return time.time_ns() // 1000
