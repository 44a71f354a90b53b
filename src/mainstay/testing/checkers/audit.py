"""The audit of one history: reads the ledger as it grows, tells every book, and holds the director against them.

What is durable is compared with what providers say they did, what the operator said yes to, what the director
remembers and what the views show. All of that outlives every crash, so that what really happened and what the ledger
says can be held against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import cast

from mainstay.kernel.contract import Operation
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import (
    DirectorStarted,
    DirectorStopped,
    Event,
    FailureClass,
    IncidentDetected,
    KillSwitchThrown,
    RunEvent,
    TaskFailed,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId, run_of
from mainstay.kernel.plan import Plan
from mainstay.kernel.run import evolve, nothing, pending
from mainstay.kernel.state import RUN, RunState
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventStore, RecordedEvent, RowChange
from mainstay.runtime.tick import Tick
from mainstay.testing.checkers import truth
from mainstay.testing.checkers.admission import Breakers, Lines, Pauses, Throttles
from mainstay.testing.checkers.autonomy import Kinds
from mainstay.testing.checkers.books import Book, Books, Card, Rules, Started
from mainstay.testing.checkers.cards import Cards
from mainstay.testing.checkers.endings import Forks, Restores, Undoing
from mainstay.testing.checkers.memories import Memories
from mainstay.testing.checkers.money import Money
from mainstay.testing.checkers.promise import Violation, demand
from mainstay.testing.checkers.spending import Spending
from mainstay.testing.checkers.times import Schedules, Waits
from mainstay.testing.drawn_tools import Meter
from mainstay.testing.process import VIEWS, Process
from mainstay.testing.telling import Listener
from mainstay.testing.world import Provider


@dataclass(slots=True)
class Audit:
    """Books of its own over one history."""

    codec: Codec
    rules: Rules
    providers: Mapping[str, Provider]
    paths: Counter[str]
    answers: Set[tuple[RunId, int, int]]
    said_yes: set[Digest] = field(default_factory=set)
    meter: Meter = field(default_factory=Meter)
    position: int = 0
    unclean: int = 0  # directors in a row that ended untimely
    clean: bool = True
    changes: list[RowChange] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    books: Books = field(init=False)
    every: tuple[Book, ...] = field(init=False)
    told: Cards = field(init=False)
    money: Money = field(init=False)
    pauses: Pauses = field(init=False)
    breakers: Breakers = field(init=False)
    lines: Lines = field(init=False)
    schedules: Schedules = field(init=False)

    def __post_init__(self) -> None:
        books = self.books = Books(self.rules, self.providers, self.paths, self.answers, self.said_yes)
        self.told, self.money = Cards(books), Money(books)
        self.pauses, self.breakers, self.lines = Pauses(books), Breakers(books), Lines(books)
        self.schedules = Schedules(books)
        # Money comes last: it marks as stopped what the others still look at.
        self.every = (
            Restores(books),
            Forks(books),
            self.told,
            self.pauses,
            Throttles(books),
            self.breakers,
            self.lines,
            Undoing(books),
            Waits(books),
            self.schedules,
            Spending(books, self.meter),
            Memories(books),
            Kinds(books),
            self.money,
        )

    # --- what others look at ----------------------------------------------------------------------

    @property
    def states(self) -> dict[RunId, RunState]:
        """Every run, as the ledger tells it."""
        return self.books.states

    @property
    def cards(self) -> dict[ApprovalId, Card]:
        """Every card."""
        return self.books.cards

    @property
    def acts(self) -> dict[IdempotencyKey, Started]:
        """Every effect that may have left."""
        return self.books.acts

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return self.books.killed

    @property
    def refusals(self) -> Counter[RunId]:
        """How often a budget refused a run."""
        return self.told.refusals

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
        at = recorded.at
        if recorded.stream.startswith("run:"):
            run, happened = run_of(recorded.stream), cast(RunEvent, event)
            before = self.states.get(run) or nothing(run)
            after = self.states[run] = evolve(before, happened)
            for listener in self.listeners:
                listener.event(recorded, event, after)
            for book in self.every:
                book.run_event(run, before, after, at, happened)
            if type(event) is TaskFailed and event.failure is FailureClass.POISONED:
                self.paths["poisoned"] += 1
        else:
            for listener in self.listeners:
                listener.event(recorded, event, None)
            self._house(event)
            for book in self.every:
                book.house_event(recorded.position, at, event)
        self.changes += VIEWS.project(recorded.position, at, recorded.stream, event, after)

    def _house(self, event: Event) -> None:
        match event:
            case KillSwitchThrown(on=on):
                demand(on is not self.killed, "the kill switch is thrown once")
                self.books.killed = on
                self.paths["kill switch thrown" if on else "kill switch released"] += 1
            case DirectorStarted(unclean=unclean):
                self.unclean = 0 if self.clean else self.unclean + 1
                self.clean = False
                demand(unclean == self.unclean, "untimely ends are counted", f"{unclean}, not {self.unclean}")
                self.paths["crash loop"] += unclean >= 3
            case DirectorStopped():
                self.clean = True
                self.paths["stopped as it should"] += 1
            case IncidentDetected(kind=kind):
                self.paths[f"incident: {kind}"] += 1
            case _:
                pass

    # --- what providers tell ----------------------------------------------------------------------

    def call_began(
        self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes, *, stale: bool
    ) -> None:
        """A call leaves the house now."""
        self.told.call_began(provider, operation, key, payload, stale=stale)

    def happened(self, provider: Provider, operation: Operation, key: IdempotencyKey) -> None:
        """It took effect on the other side."""
        self.told.happened(provider, operation, key)

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
        self.schedules.are_awaited(process)

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
        self.schedules.are_awaited(process)
        demand(process.director.cards_agree(), "the cards that are shown are those that wait")

    def _same_run(self, process: Process, run: RunId) -> None:
        one = process.director.runs.get(run)
        state = self.states[run]
        if one is None:
            demand(state.ended and not state.left, "a run leaves memory when it is over", run)
        else:
            demand(one.state == state, "memory equals a fresh fold", run)
            demand(one.version == process.store.version(f"run:{run}"), "versions agree", run)  # type: ignore[arg-type]

    def _same_house(self, process: Process) -> None:
        director, money = process.director, self.money
        held = money.all_held
        demand(director.balances.held == held, "holds equal the ceilings", f"{director.balances.held} {held}")
        demand(director.killed is self.killed, "the kill switch is remembered")
        demand(director.house.paused == self.pauses.scopes, "pauses are remembered")
        counts = {key: count for key, count in director.counts.items() if count}
        if counts != money.counts:
            raise Violation("counts equal what the log says", f"{counts} {money.counts}")
        if not self.books.clock_crossed_back:
            day = director.balances.day
            spent = director.balances.day_spent
            demand(spent == money.day_spent[day], "spent equals what the log says", f"{spent} on day {day}")
        self.told.one_run_each()
        self.schedules.one_run_each()
        self.lines.within_bounds()

    def _handed_out(self, process: Process, state: RunState, doing: set[tuple[str, RunId, int, int]]) -> None:
        for effect in pending(state):
            if isinstance(effect, WakeAt):
                known = process.timer_runs(effect) or ("wake", effect.run, effect.task, 0) in doing
                if effect.task == RUN or effect.at == state.deadline(effect.task):
                    known = (
                        known or (effect.at, effect.run, effect.task) in process.woken
                    )  # it came, and is over
                if not known:
                    raise Violation("a timer that is owed runs", str(effect))
            else:
                attempt = getattr(effect, "attempt", 0)
                kind = "notice" if attempt == 0 and not hasattr(effect, "attempt") else "outcome"
                known = (kind, effect.run, effect.task, attempt) in doing
                if kind == "notice" and (effect.run, effect.task) in process.outside.notifier.untold:
                    continue
                if not known:
                    raise Violation("what is owed is being done", str(effect))

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
        truth.chain_holds(store)
        truth.views_equal_a_rebuild(store, self.changes)
        truth.messages_are_whole(self.told, mailbox, triggered)
        self.schedules.all_began()
        if not self.books.restored_at:
            truth.spending_is_booked(self.money, really_spent)
        truth.acts_are_told_truly(self.books, self.money)
