"""Checks of cards and of the one door: what leaves was allowed by a rule, or by a yes to exactly these bytes."""

from __future__ import annotations

from collections import Counter
from typing import cast

from mainstay.kernel.contract import Finality, Operation
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    DoubtResolved,
    Event,
    FailureClass,
    LookupStarted,
    MessageReceived,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunForked,
    RunQueued,
    RunStarted,
    RunSuperseded,
    TaskCancelled,
    TaskExpanded,
    TaskSkipped,
    TaskSucceeded,
    ThreadAnswered,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId, effect_digest
from mainstay.kernel.plan import Role, Supersede, TaskKind
from mainstay.kernel.policy import Decision
from mainstay.kernel.state import Phase, RunState, Status
from mainstay.kernel.values import Instant
from mainstay.testing.checkers.books import Books, Card, Started, action_of
from mainstay.testing.checkers.promise import demand
from mainstay.testing.world import Provider


class Cards:
    """What waits, what was granted, what may leave; messages, and the runs that they started."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.messages: Counter[str] = Counter()
        self.runs_of: Counter[tuple[str, str]] = Counter()  # (workflow, message)
        self.behind: dict[RunId, RunId] = {}
        self.answered: dict[str, int] = {}  # thread: when it was answered by hand, as the count of events
        self.begun_at: dict[RunId, int] = {}
        self.refusals: Counter[RunId] = Counter()
        self._heard = 0
        self._held: dict[tuple[RunId, int], Instant] = {}  # until when an act can be taken back

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        self._heard += 1
        match event:
            case MessageReceived(message_key=key):
                self.messages[key] += 1
                demand(self.messages[key] == 1, "a message is taken in once", key)
            case ThreadAnswered(thread=thread):
                self.answered[thread] = self._heard
                self.books.paths["answered by hand"] += 1
            case _:
                pass

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        self._heard += 1
        books, paths = self.books, self.books.paths
        match event:
            case RunStarted(workflow=workflow, trigger=trigger):
                self.begun_at[run] = self._heard
                self._started(workflow, trigger, 1)
            case RunForked():
                self._started(before.head.workflow, before.head.trigger, -1)
            case RunQueued(behind=behind):
                self.behind[run] = behind
                paths["queued behind another run"] += 1
            case ApprovalRequested(approval=approval, digest=digest, expires_at=expires_at, reason=reason):
                action = action_of(before, event.task)
                demand(action is not None and action.digest == digest, "a card shows the action")
                books.cards[approval] = Card(run, event.task, digest, expires_at, reason)
                books.stopped(run, event.task)
                self._held.pop((run, event.task), None)
            case ApprovalSnoozed() | ApprovalResurfaced():
                self._put_off(at, event)
            case ActionHeld(task=task, until=until):
                self._held[run, task] = until
                paths["held"] += 1
            case ActionUndone(task=task):
                self._taken_back(run, before, task)
            case ActionEdited(approval=approval, action=action, replaces=replaces):
                old = books.cards[cast(ApprovalId, replaces)]
                demand(old.waits, "only a waiting card is edited")
                old.waits = False
                books.cards[approval] = Card(run, event.task, action.digest, old.expires_at, old.reason)
                paths["edited"] += 1
            case ApprovalGranted(approval=approval, digest=digest):
                card = books.cards[approval]
                demand(card.waits, "only a waiting card is granted")
                demand(card.digest == digest, "a yes is bound to the digest that was shown")
                demand(not card.expires_at or at < card.expires_at, "an expired card is not granted")
                demand(digest in books.said_yes, "nobody said yes to this digest")
                granted = action_of(before, event.task)
                high = granted is not None and granted.finality is Finality.FINAL_HIGH
                demand(event.confirmed or not high, "high stake wants its second step")
                card.waits, card.granted = False, True
                paths["approved"] += 1
            case ApprovalRejected(approval=approval):
                books.cards[approval].waits = False
                paths["rejected"] += 1
            case ApprovalExpired(approval=approval):
                expires = books.cards[approval].expires_at
                demand(bool(expires) and at >= expires, "a card expires in its time")
                books.cards[approval].waits = False
                paths["expired"] += 1
            case ActionDenied():
                paths["denied by a rule"] += 1
                self._no_card(run, event.task)
            case RunCancelled(withdrawn=cards) | RunSuperseded(withdrawn=cards):
                self._ended_from_outside(run, before, event, cards)
            case RunFailed(withdrawn=cards) | CompensationBegun(withdrawn=cards):
                self._withdrawn(run, cards)
            case TaskCancelled(withdrawn=card_or_none):
                paths["task cancelled"] += 1
                books.stopped(run, event.task)
                if card_or_none is not None:
                    books.cards[card_or_none].waits = False
            case CompensationFailed() | LookupStarted():
                self._no_card(run, event.task)
            case ActionStarted():
                self._window_passed(run, before, at, event)
                self._may_leave(run, before, event)
            case ActionInDoubt(reason=reason):
                paths["in doubt"] += 1
                paths["in doubt after a crash"] += "director stopped" in reason
                self._no_card(run, event.task)
            case DoubtResolved(answer=answer):
                books.said[run, event.task] = answer
                paths[f"doubt: {answer}"] += 1
            case BudgetRefused(scope=scope):
                self.refusals[run] += 1
                paths[f"budget refused: {scope}"] += 1
            case RevisionRequested():
                paths["revision"] += 1
            case TaskExpanded():
                paths["for_each"] += 1
            case TaskSucceeded():
                self._succeeded(run, before, event)
            case TaskSkipped() if before.task(event.task).phase is Phase.ACTING:
                paths["withheld"] += 1
            case AttemptFailed(failure=FailureClass.LOST):
                paths["attempt lost with its process"] += 1
            case _:
                pass

    def _put_off(self, at: Instant, event: ApprovalSnoozed | ApprovalResurfaced) -> None:
        card, paths = self.books.cards[event.approval], self.books.paths
        demand(card.waits, "only a waiting card is put off, and comes back")
        if isinstance(event, ApprovalSnoozed):
            demand(at < event.until, "a card is put off to later")
            in_time = not card.expires_at or event.until < card.expires_at
            demand(in_time, "a card is not put off beyond its expiry")
            paths["put off: card"] += 1
        else:
            demand(card.snoozed, "only what was put off comes back")
            paths["a card came back"] += 1
        card.snoozed = isinstance(event, ApprovalSnoozed)

    def _taken_back(self, run: RunId, before: RunState, task: int) -> None:
        """Nothing of it has left, and the yes that it had lets nothing leave any more."""
        books, act = self.books, before.task(task).act
        assert act is not None
        demand(books.act_of(run, task) is None, "what has left is not taken back", f"task {task} of {run}")
        if act.approval is not None:
            books.cards[act.approval].granted = False
        self._held.pop((run, task), None)
        books.paths["taken back before it left"] += 1

    def _window_passed(self, run: RunId, before: RunState, at: Instant, event: ActionStarted) -> None:
        """What can be taken back leaves when its window has passed; a yes gives it one."""
        books, where = self.books, f"task {event.task} of {run}"
        until = self._held.pop((run, event.task), None)
        act = before.task(event.task).act
        assert act is not None
        if until is not None:
            demand(at >= until or bool(books.set_back), "nothing leaves before its window has passed", where)
        elif event.authority.startswith("approval:") and books.rules.undo_us:
            again = act.calls or act.tried or act.sought or act.held_until
            free = act.action.finality is Finality.REVERSIBLE
            demand(bool(again) or free, "what was approved can be taken back first", where)

    def _started(self, workflow: str, trigger: object, more: int) -> None:
        message = trigger.get("message") if isinstance(trigger, dict) else None
        if isinstance(message, dict) and "key" in message:
            self.runs_of[workflow, str(message["key"])] += more

    def one_run_each(self) -> None:
        """After a tick: no message has started two runs of one workflow, forks aside."""
        for key, count in self.runs_of.items():
            demand(count <= 1, "a message starts one run", str(key))

    def _succeeded(self, run: RunId, before: RunState, event: TaskSucceeded) -> None:
        books, task, attempt = self.books, event.task, event.attempt
        vouched = books.said.get((run, task)) == "happened"
        known = not attempt or vouched or (run, task, attempt) in books.answers
        known = known or (run, task) in books.looked_for
        demand(known, "an attempt succeeds by its own answer", f"task {task} of {run}, {attempt}")
        acts = before.spec(task).kind is TaskKind.ACT and attempt > 0
        called = books.act_of(run, task) is not None or vouched or (run, task) in books.looked_for
        demand(called or not acts, "an act that is told as done was started", f"task {task} of {run}")
        self._no_card(run, task)

    def _no_card(self, run: RunId, task: int) -> None:
        """The truth came, and the card that asked again is gone."""
        for card in self.books.cards.values():
            if card.run == run and card.task == task:
                card.waits = False

    def _withdrawn(self, run: RunId, cards: tuple[ApprovalId, ...]) -> None:
        books = self.books
        waiting = {name for name, card in books.cards.items() if card.run == run and card.waits}
        demand(waiting <= set(cards), "the end of a run names the cards it withdraws")
        for card in set(cards) - waiting:
            # Approved while no director was at work, or put off since, and not let go yet.
            idle = books.act_of(run, books.cards[card].task) is None
            demand(books.cards[card].granted and idle, "only a card that waits is withdrawn", card)
        for card in cards:
            books.cards[card].waits = False

    def _ended_from_outside(
        self, run: RunId, before: RunState, event: RunCancelled | RunSuperseded, cards: tuple[ApprovalId, ...]
    ) -> None:
        self._withdrawn(run, cards)
        paths = self.books.paths
        acting = [act for act in self.books.acts.values() if act.run == run and act.under_way]
        if isinstance(event, RunCancelled):
            paths["cancelled with an act under way" if acting else "cancelled"] += 1
            return
        paths["superseded"] += 1
        for act in acting:
            action = action_of(before, act.task)
            reversible = action is not None and action.finality is Finality.REVERSIBLE
            demand(reversible, "nothing is superseded while it acts", f"task {act.task} of {run}")

    def _may_leave(self, run: RunId, before: RunState, event: ActionStarted) -> None:
        books = self.books
        demand(not books.killed, "no effect starts under the kill switch", f"task {event.task} of {run}")
        action = action_of(before, event.task)
        assert action is not None
        demand(event.digest == action.digest and event.key == action.key, "what starts is what was proposed")
        kind, _, name = event.authority.partition(":")
        if kind == "approval":
            card = books.cards.get(ApprovalId(name))
            granted = card is not None and card.granted and card.digest == event.digest and card.run == run
            demand(granted, "an approval of this digest lets it leave", event.authority)
        else:
            rules = books.rules.policy.rules
            named = [rule for rule in rules if rule.name == name and rule.then is Decision.ALLOW]
            denied = any(
                rule.then is Decision.DENY and not rule.conditions and rule.act in ("*", action.act)
                for rule in rules
            )
            earned = kind == "autonomy"  # `checkers.autonomy` holds that against its grant
            demand((bool(named) or earned) and not denied, "a rule lets it leave", event.authority)
            demand(action.finality is not Finality.FINAL_HIGH, "high stake always asks")
            demand(
                run not in books.forked, "the acts of a forked run always ask", f"task {event.task} of {run}"
            )
            unsure = action.finality is not Finality.REVERSIBLE and _rests_on_unsure(before, event.task)
            demand(
                not unsure,
                "what rests on an annotation that did not pass asks",
                f"task {event.task} of {run}",
            )
        before_it = books.act_of(run, event.task)
        tried = before_it is not None and before.task(event.task).phase is Phase.RETRYING and before_it.tried
        reversible = action.finality is Finality.REVERSIBLE
        books.acts[event.key] = Started(
            run, event.task, event.digest, event.attempt, event.hold, tried=tried, reversible=reversible
        )
        books.paths["act started"] += 1

    # --- what providers tell ----------------------------------------------------------------------

    def call_began(
        self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes, *, stale: bool
    ) -> None:
        """A call leaves the house now."""
        books = self.books
        demand(not stale, "a stale director sends nothing")
        books.lost.discard(key)  # what becomes of it now, this ledger knows
        act = books.acts.get(key)
        demand(act is not None and act.under_way, "an effect leaves after its start is durable", key)
        assert act is not None
        demand(not books.killed, "no effect starts under the kill switch", "called")
        state = books.states[act.run]
        undoes = books.undoes(act.run, act.task)
        demand(not state.ended, "no effect starts after its run has ended", act.run)
        ending = state.status is Status.COMPENSATING and not undoes
        demand(not ending, "what has not left is not done before it is taken back", act.run)
        action = action_of(state, act.task)
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
        if not undoes:
            self._not_overtaken(act.run, state)

    def _not_overtaken(self, run: RunId, state: RunState) -> None:
        assert state.plan is not None
        workflow = state.plan.workflow
        message = state.head.trigger.get("message")
        if workflow.supersede is Supersede.WAITING and workflow.key_max == 1:
            newer = any(
                older == run
                and one not in self.books.forked  # a fork brings nothing new
                and not self.books.states[one].ended
                and self.books.states[one].head.key
                and self.books.states[one].head.key == state.head.key
                for one, older in self.behind.items()
            )
            demand(not newer, "what a newer message overtook is not sent", run)
        if isinstance(message, dict):
            answered_at = self.answered.get(str(message["thread"]), 0)
            demand(answered_at < self.begun_at[run], "what was answered by hand is not sent", run)

    def happened(self, provider: Provider, operation: Operation, key: IdempotencyKey) -> None:
        """It took effect on the other side."""
        books = self.books
        demand(provider.did(key) <= 1, "nothing happens twice", f"{provider.name} {key}")
        act = books.acts[key]
        books.paths[f"effect: {operation.repeatability}"] += 1
        state = books.states[act.run].task(act.task)
        demand(
            state.act is not None and (state.phase in (Phase.ACTING, Phase.SEEKING) or state.act.tried),
            "the ledger knows that it may have happened",
            f"task {act.task} of {act.run} is {state.phase.name}",
        )


def _rests_on_unsure(state: RunState, number: int) -> bool:
    """Whether a specialist before this act said that its annotation did not pass, or was drawn as a sample."""
    plan = state.plan
    assert plan is not None
    if state.undoes(number) is not None:
        return False
    start = number if number < plan.size else state.expansion_of(number).parent
    before: set[int] = set()
    edge = {start}
    while edge:
        edge = {need for one in edge for need in plan.needs[one]} - before
        before |= edge
    said = [
        state.task(one).output or {} for one in before if plan.workflow.tasks[one].role is Role.SPECIALIST
    ]
    single = [one for output in said for one in (output, *output.get("items", ())) if isinstance(one, dict)]
    return any(one.get("auto") is False or (one.get("auto") is True and one.get("audit")) for one in single)
