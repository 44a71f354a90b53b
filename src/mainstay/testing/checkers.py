"""The invariants, checked after every step: an audit that reads only what is durable.

`Audit` reads the ledger as it grows and keeps books of its own: cards, money, what may leave, what was done.
It trusts neither the director's memory nor the views, and compares both with what it counted. Providers tell
it of every call and every effect (`world.Guard`), the operator tells it what they said yes to; both outlive
every crash, so that what really happened and what the ledger says can be held against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import cast

from mainstay.kernel.budget import Limits
from mainstay.kernel.contract import Finality, Operation
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    DoubtResolved,
    Event,
    FailureClass,
    KillSwitchThrown,
    MessageReceived,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunQueued,
    RunStarted,
    RunSuperseded,
    TaskExpanded,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    ThreadAnswered,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId, effect_digest, run_of
from mainstay.kernel.plan import Plan, Supersede, TaskKind, holds
from mainstay.kernel.policy import Action, Decision, Policy
from mainstay.kernel.recovery import UNPROVEN
from mainstay.kernel.run import evolve, nothing, pending
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import DAY, Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import EventStore, RecordedEvent, RowChange
from mainstay.ledger.verify import Verified, verify
from mainstay.runtime.tick import Tick
from mainstay.testing.process import VIEWS, Process
from mainstay.testing.telling import Listener
from mainstay.testing.world import MESSAGE, Provider


class Violation(BaseException):
    """A promise was broken; `rule` names which. No `Exception`: the process under test may not swallow it."""

    def __init__(self, rule: str, text: str = "") -> None:
        super().__init__(f"{rule}: {text}" if text else rule)
        self.rule = rule


@dataclass(slots=True)
class Card:
    """A card, as the ledger tells it."""

    run: RunId
    task: int
    digest: Digest
    expires_at: Instant
    waits: bool = True
    granted: bool = False


@dataclass(slots=True)
class Started:
    """An effect that may leave, as the ledger tells it."""

    run: RunId
    task: int
    digest: Digest
    attempt: int
    price: int
    under_way: bool = True
    tried: bool = False  # an earlier call may have arrived


@dataclass(slots=True)
class Audit:
    """Books of its own over one history."""

    codec: Codec
    policy: Policy
    limits: Limits
    providers: Mapping[str, Provider]
    paths: Counter[str]
    answers: Set[tuple[RunId, int, int]]  # attempts that really answered, whether or not anybody heard it
    position: int = 0
    killed: bool = False
    clock_crossed_back: bool = False  # over midnight: what a day has left is not one number any more
    states: dict[RunId, RunState] = field(default_factory=dict)
    cards: dict[ApprovalId, Card] = field(default_factory=dict)
    acts: dict[IdempotencyKey, Started] = field(default_factory=dict)
    held: dict[RunId, dict[int, int]] = field(default_factory=dict)
    run_spent: Counter[RunId] = field(default_factory=Counter)
    day_spent: Counter[int] = field(default_factory=Counter)
    workflow_day_spent: Counter[tuple[str, int]] = field(default_factory=Counter)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    runs_of: Counter[tuple[str, str]] = field(default_factory=Counter)  # (workflow, message)
    said_yes: set[Digest] = field(default_factory=set)  # by the operator, to exactly these bytes
    said: dict[tuple[RunId, int], str] = field(default_factory=dict)  # answers to doubts
    behind: dict[RunId, RunId] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)  # thread: position of the answer by hand
    begun_at: dict[RunId, int] = field(default_factory=dict)
    refusals: Counter[RunId] = field(default_factory=Counter)
    changes: list[RowChange] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)

    # --- reading the ledger -----------------------------------------------------------------------

    def catch_up(self, store: EventStore) -> None:
        """Read what is durable since the last time."""
        while True:
            events = store.read_all(after=self.position, limit=500)  # type: ignore[arg-type]
            for recorded in events:
                self._record(recorded)
            if len(events) < 500:
                return

    def _record(self, recorded: RecordedEvent) -> None:
        event = self.codec.event(recorded)
        demand(recorded.position == self.position + 1, "positions count without gaps")
        self.position = recorded.position
        after: RunState | None = None
        if recorded.stream.startswith("run:"):
            run = run_of(recorded.stream)
            before = self.states.get(run) or nothing(run)
            if isinstance(event, RunStarted):
                self.begun_at[run] = recorded.position
            self._before(run, before, recorded.at, event)
            after = self.states[run] = evolve(before, cast(RunEvent, event))
            for listener in self.listeners:
                listener.event(recorded, event, after)
            self._money(run, before, after, recorded.at, event)
        else:
            for listener in self.listeners:
                listener.event(recorded, event, None)
            self._house(recorded, event)
        self.changes += VIEWS.project(recorded.position, recorded.at, recorded.stream, event, after)

    def _house(self, recorded: RecordedEvent, event: Event) -> None:
        match event:
            case KillSwitchThrown(on=on):
                demand(on is not self.killed, "the kill switch is thrown once")
                self.killed = on
                self.paths["kill switch thrown" if on else "kill switch released"] += 1
            case MessageReceived(message_key=key):
                self.messages[key] += 1
                demand(self.messages[key] == 1, "a message is taken in once", key)
            case ThreadAnswered(thread=thread):
                self.answered[thread] = recorded.position
                self.paths["answered by hand"] += 1
            case _:
                pass

    def _before(self, run: RunId, before: RunState, at: Instant, event: Event) -> None:
        match event:
            case RunStarted(workflow=workflow, trigger=trigger):
                message = trigger.get("message")
                if isinstance(message, dict) and "key" in message:
                    key = (workflow, str(message["key"]))
                    self.runs_of[key] += 1
                    demand(self.runs_of[key] == 1, "a message starts one run", str(key))
            case RunQueued(behind=behind):
                self.behind[run] = behind
                self.paths["queued behind another run"] += 1
            case ApprovalRequested(approval=approval, digest=digest, expires_at=expires_at):
                task = before.task(event.task)
                demand(task.act is not None and task.act.action.digest == digest, "a card shows the action")
                self.cards[approval] = Card(run, event.task, digest, expires_at)
                self._stopped(run, event.task)
            case ActionEdited(approval=approval, action=action, replaces=replaces):
                old = self.cards[cast(ApprovalId, replaces)]
                demand(old.waits, "only a waiting card is edited")
                old.waits = False
                self.cards[approval] = Card(run, event.task, action.digest, old.expires_at)
                self.paths["edited"] += 1
            case ApprovalGranted(approval=approval, digest=digest):
                card = self.cards[approval]
                demand(card.waits, "only a waiting card is granted")
                demand(card.digest == digest, "a yes is bound to the digest that was shown")
                demand(at < card.expires_at, "an expired card is not granted")
                demand(digest in self.said_yes, "nobody said yes to this digest")
                card.waits, card.granted = False, True
                self.paths["approved"] += 1
            case ApprovalRejected(approval=approval):
                self.cards[approval].waits = False
                self.paths["rejected"] += 1
            case ApprovalExpired(approval=approval):
                demand(at >= self.cards[approval].expires_at, "a card expires in its time")
                self.cards[approval].waits = False
                self.paths["expired"] += 1
            case ActionDenied():
                self.paths["denied by a rule"] += 1
            case RunCancelled(withdrawn=cards) | RunSuperseded(withdrawn=cards):
                self._ended_from_outside(run, before, event, cards)
            case ActionStarted():
                self._may_leave(run, before, event)
            case ActionInDoubt(reason=reason):
                self.paths["in doubt"] += 1
                self.paths["in doubt after a crash"] += "director stopped" in reason
            case DoubtResolved(answer=answer):
                self.said[run, event.task] = answer
                self.paths[f"doubt: {answer}"] += 1
            case BudgetRefused(scope=scope):
                self.refusals[run] += 1
                self.paths[f"budget refused: {scope}"] += 1
            case RevisionRequested():
                self.paths["revision"] += 1
            case TaskExpanded():
                self.paths["for_each"] += 1
            case TaskSucceeded(task=task, attempt=attempt):
                known = not attempt or self.said.get((run, task)) == "happened"
                known = known or (run, task, attempt) in self.answers
                demand(known, "an attempt succeeds by its own answer", f"task {task} of {run}, {attempt}")
                acts = before.spec(task).kind is TaskKind.ACT and attempt > 0
                called = self._act_of(run, task) is not None
                demand(called or not acts, "an act that is told as done was started", f"task {task} of {run}")
            case TaskSkipped() if before.task(event.task).phase is Phase.ACTING:
                self.paths["withheld"] += 1
            case AttemptFailed(failure=FailureClass.LOST):
                self.paths["attempt lost with its process"] += 1
            case _:
                pass

    def _ended_from_outside(
        self, run: RunId, before: RunState, event: RunCancelled | RunSuperseded, cards: tuple[ApprovalId, ...]
    ) -> None:
        waiting = {name for name, card in self.cards.items() if card.run == run and card.waits}
        demand(waiting <= set(cards), "the end of a run names the cards it withdraws")
        for card in set(cards) - waiting:
            # Approved while no director was at work, and not let go yet.
            idle = self._act_of(run, self.cards[card].task) is None
            demand(self.cards[card].granted and idle, "only a card that waits is withdrawn", card)
        for card in cards:
            self.cards[card].waits = False
        acting = [act for act in self.acts.values() if act.run == run and act.under_way]
        if isinstance(event, RunCancelled):
            self.paths["cancelled with an act under way" if acting else "cancelled"] += 1
            return
        self.paths["superseded"] += 1
        for act in acting:
            action = _action(before, act.task)
            reversible = action is not None and action.finality is Finality.REVERSIBLE
            demand(reversible, "nothing is superseded while it acts", f"task {act.task} of {run}")

    def _may_leave(self, run: RunId, before: RunState, event: ActionStarted) -> None:
        demand(not self.killed, "no effect starts under the kill switch", f"task {event.task} of {run}")
        action = _action(before, event.task)
        assert action is not None
        demand(event.digest == action.digest and event.key == action.key, "what starts is what was proposed")
        kind, _, name = event.authority.partition(":")
        if kind == "approval":
            card = self.cards.get(ApprovalId(name))
            granted = card is not None and card.granted and card.digest == event.digest and card.run == run
            demand(granted, "an approval of this digest lets it leave", event.authority)
        else:
            rules = [rule for rule in self.policy.rules if rule.name == name and rule.then is Decision.ALLOW]
            denied = any(
                rule.then is Decision.DENY and not rule.conditions and rule.act in ("*", action.act)
                for rule in self.policy.rules
            )
            demand(bool(rules) and not denied, "a rule lets it leave", event.authority)
            demand(action.finality is not Finality.FINAL_HIGH, "high stake always asks")
        before_it = self._act_of(run, event.task)
        tried = before_it is not None and before.task(event.task).phase is Phase.RETRYING and before_it.tried
        self.acts[event.key] = Started(run, event.task, event.digest, event.attempt, event.hold, tried=tried)
        self.paths["act started"] += 1

    def _stopped(self, run: RunId, task: int) -> None:
        for act in self.acts.values():
            if act.run == run and act.task == task:
                act.under_way = False

    # --- money ------------------------------------------------------------------------------------

    def _money(self, run: RunId, before: RunState, after: RunState, at: Instant, event: Event) -> None:
        holds = self.held.setdefault(run, {})
        cost = int(getattr(event, "cost", 0))
        number = getattr(event, "task", None)
        match event:
            case TaskStarted(task=task, hold=hold) | ActionStarted(task=task, hold=hold):
                holds[task] = hold
                self._within_limits(run, after, at)
            case RunCancelled() | RunSuperseded():
                for task in [one for one in holds if not self._acting(run, one)]:
                    del holds[task]
            case RevisionRequested(inspector=inspector):
                holds.pop(inspector, None)
            case ActionProposed(task=task):
                holds.pop(task, None)
            case AttemptFailed(task=task, failure=failure):
                tried = self._act_of(run, task)
                if tried is not None and (tried.tried or failure in UNPROVEN):
                    tried.tried = True  # it may have happened: released only on proof
                else:
                    holds.pop(task, None)
                    self._stopped(run, task)
            case _ if number is not None and after.task(number).phase not in _HOLDING:
                holds.pop(number, None)
                self._stopped(run, number)
            case _:
                pass
        if cost:
            workflow, day = after.head.workflow, at // DAY
            self.run_spent[run] += cost
            self.day_spent[day] += cost
            self.workflow_day_spent[workflow, day] += cost
        if isinstance(event, TaskSucceeded) and (act := after.task(event.task).act) is not None:
            self.counts[after.head.workflow, act.action.act] += 1
            self.paths["act done"] += 1
        demand(
            after.held == sum(holds.values()), "holds equal the ceilings", f"{after.held} in {run}, {event}"
        )
        demand(after.spent == self.run_spent[run], "spent equals what the log says", f"{run}, {event}")

    def _acting(self, run: RunId, task: int) -> bool:
        return self._act_of(run, task) is not None

    def _act_of(self, run: RunId, task: int) -> Started | None:
        """What of this task is under way, or may have arrived."""
        mine = (act for act in self.acts.values() if act.run == run and act.task == task and act.under_way)
        return next(mine, None)

    def _within_limits(self, run: RunId, after: RunState, at: Instant) -> None:
        limits, workflow, day = self.limits, after.head.workflow, at // DAY
        used = sum(self.held[run].values()) + self.run_spent[run]
        assert after.plan is not None
        for limit in (limits.run_micros, after.plan.workflow.cost_max_micros):
            demand(limit is None or used <= limit, "a budget is a limit", f"run: {used} of {limit}")
        if self.clock_crossed_back:
            return
        held = sum(sum(holds.values()) for holds in self.held.values())
        used = self.day_spent[day] + held
        demand(limits.day_micros is None or used <= limits.day_micros, "a budget is a limit", f"day: {used}")
        mine = sum(
            sum(holds.values())
            for one, holds in self.held.items()
            if self.states[one].head.workflow == workflow
        )
        used = self.workflow_day_spent[workflow, day] + mine
        limit = limits.workflow_day_micros
        demand(limit is None or used <= limit, "a budget is a limit", f"workflow: {used} of {limit}")

    # --- what providers tell ----------------------------------------------------------------------

    def call_began(
        self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes, *, stale: bool
    ) -> None:
        """A call leaves the house now."""
        demand(not stale, "a stale director sends nothing")
        act = self.acts.get(key)
        demand(act is not None and act.under_way, "an effect leaves after its start is durable", key)
        assert act is not None
        demand(not self.killed, "no effect starts under the kill switch", "called")
        state = self.states[act.run]
        demand(not state.ended, "no effect starts after its run has ended", act.run)
        action = _action(state, act.task)
        assert action is not None
        digest = effect_digest(
            adapter=provider.name,
            operation=operation.name,
            contract=provider.contract.version,
            price_micros=action.price_micros,
            key=key,
            payload=payload,
        )
        demand(digest == act.digest, "what leaves is what was approved")
        self._not_overtaken(act.run, state)

    def _not_overtaken(self, run: RunId, state: RunState) -> None:
        assert state.plan is not None
        message = state.head.trigger.get("message")
        if state.plan.workflow.supersede is Supersede.WAITING:
            newer = any(older == run and not self.states[one].ended for one, older in self.behind.items())
            demand(not newer, "what a newer message overtook is not sent", run)
        if isinstance(message, dict):
            answered_at = self.answered.get(str(message["thread"]), 0)
            demand(answered_at < self.begun_at[run], "what was answered by hand is not sent", run)

    def happened(self, provider: Provider, operation: Operation, key: IdempotencyKey) -> None:
        """It took effect on the other side."""
        demand(provider.did(key) <= 1, "nothing happens twice", f"{provider.name} {key}")
        act = self.acts[key]
        self.paths[f"effect: {operation.repeatability}"] += 1
        state = self.states[act.run].task(act.task)
        demand(
            state.act is not None and (state.phase in (Phase.ACTING, Phase.SEEKING) or state.act.tried),
            "the ledger knows that it may have happened",
            f"task {act.task} of {act.run} is {state.phase.name}",
        )

    # --- what the director believes ---------------------------------------------------------------

    def after_commit(self, process: Process, tick: Tick) -> None:
        """Memory equals the log, and what is owed is being done."""
        self.catch_up(process.store)
        director = process.director
        doing: set[tuple[str, RunId, int, int]] | None = None
        for part in tick.batch:
            if not part.stream.startswith("run:"):
                continue
            run = run_of(part.stream)
            self._same_run(process, run)
            if run in director.runs and process.performing:
                doing = doing if doing is not None else process.under_way()
                self._handed_out(process, director.runs[run].state, doing)
        self._same_house(process)

    def after_boot(self, process: Process) -> None:
        """A new director believes exactly what the log says."""
        self.catch_up(process.store)
        still_open = {run for run, state in self.states.items() if not state.ended or state.left}
        demand(set(process.director.runs) == still_open, "no open run is forgotten at boot")
        doing = process.under_way()
        for run in still_open:
            self._same_run(process, run)
            self._handed_out(process, self.states[run], doing)
        self._same_house(process)

    def _same_run(self, process: Process, run: RunId) -> None:
        one = process.director.runs.get(run)
        state = self.states[run]
        if one is None:
            demand(state.ended and not state.left, "a run leaves memory when it is over", run)
        else:
            demand(one.state == state, "memory equals a fresh fold", run)
            demand(one.version == process.store.version(f"run:{run}"), "versions agree", run)  # type: ignore[arg-type]

    def _same_house(self, process: Process) -> None:
        director = process.director
        held = sum(sum(holds.values()) for holds in self.held.values())
        demand(director.balances.held == held, "holds equal the ceilings", f"{director.balances.held} {held}")
        demand(director.killed is self.killed, "the kill switch is remembered")
        counts = {key: count for key, count in director.counts.items() if count}
        demand(counts == self.counts, "counts equal what the log says", f"{counts} {self.counts}")
        if not self.clock_crossed_back:
            day = director.balances.day
            spent = director.balances.day_spent
            demand(spent == self.day_spent[day], "spent equals what the log says", f"{spent} on day {day}")

    def _handed_out(self, process: Process, state: RunState, doing: set[tuple[str, RunId, int, int]]) -> None:
        for effect in pending(state):
            if isinstance(effect, WakeAt):
                known = process.timer_runs(effect) or ("wake", effect.run, effect.task, 0) in doing
                demand(known, "a timer that is owed runs", str(effect))
            else:
                attempt = getattr(effect, "attempt", 0)
                kind = "notice" if attempt == 0 and not hasattr(effect, "attempt") else "outcome"
                known = (kind, effect.run, effect.task, attempt) in doing
                if kind == "notice" and (effect.run, effect.task) in process.outside.notifier.untold:
                    continue
                demand(known, "what is owed is being done", str(effect))

    def acknowledged(self, store: EventStore, position: int) -> None:
        """An answer was delivered that says: durable up to here."""
        demand(store.head >= position, "an answer is durable before it is given")

    # --- at the end -------------------------------------------------------------------------------

    def final(
        self,
        store: EventStore,
        mailbox: Mapping[str, Json],
        triggered: Mapping[str, Plan],
        really_spent: Mapping[RunId, int],
    ) -> None:
        """After everything: the chain, the views, the messages, and the truth of every act."""
        demand(isinstance(verify(store), Verified), "the chain holds")
        self._views_equal_a_rebuild(store)
        demand(set(self.messages) == set(mailbox), "no message is lost")
        for name, plan in triggered.items():
            on = plan.workflow.on
            assert on is not None
            for key, trigger in mailbox.items():
                wanted = on.event == MESSAGE and (on.where is None or holds(on.where, {"trigger": trigger}))
                demand(self.runs_of[name, key] == wanted, "a message starts one run", f"{name} {key}")
        for run, spent in really_spent.items():
            booked = self.run_spent[run]
            demand(spent <= booked, "what was spent is in the books", f"{spent}, not {booked}, in {run}")
        for provider in self.providers.values():
            for one in provider.done:
                act = self.acts[one.key]
                self._told_truly(act, happened=True)
        for key, act in self.acts.items():
            if not any(provider.did(key) for provider in self.providers.values()):
                self._told_truly(act, happened=False)

    def _told_truly(self, act: Started, *, happened: bool) -> None:
        task = self.states[act.run].task(act.task)
        if self.said.get((act.run, act.task)) == "unknown":
            return
        where = f"task {act.task} of {act.run} is {task.phase.name}, by {act.digest[:8]}"
        if happened:
            demand(task.phase is Phase.SUCCEEDED, "what happened is not told as not done", where)
            demand(
                act.price <= self.run_spent[act.run],
                "what was spent is in the books",
                f"{act.price}, {where}",
            )
        else:
            same = task.act is not None and task.act.action.digest == act.digest
            demand(not (same and task.phase is Phase.SUCCEEDED), "what is told as done happened", where)

    def _views_equal_a_rebuild(self, store: EventStore) -> None:
        scratch = InMemoryStore(tables=VIEWS.tables)
        scratch.append((), epoch=scratch.acquire(), at=Instant(0), changes=self.changes)
        for table in VIEWS.tables:
            rows = store.select(table.name, limit=100_000)
            again = scratch.select(table.name, limit=100_000)
            if table.name == "house":
                rows = [row for row in rows if row["key"] != "held"]
            demand(rows == again, "views equal a rebuild", table.name)


_HOLDING = frozenset({Phase.RUNNING, Phase.ACTING, Phase.SEEKING, Phase.DOUBT})


def _action(state: RunState, task: int) -> Action | None:
    act = state.task(task).act
    return act.action if act is not None else None


def demand(holds: bool, rule: str, text: str = "") -> None:
    """Raise `Violation` unless the rule holds."""
    if not holds:
        raise Violation(rule, text)
