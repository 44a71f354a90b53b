"""What a director knows: the runs that are open, and everything else that a decision may look at.

Rules of this file:

- It is folded from the ledger when the workspace is taken, and from every event that is decided after; it is ahead of
  the disk between a tick and its commit.
- Runs that have ended leave it at once. Balances, counts and keys move with every decision, so that two commands of
  one tick cannot both spend the last cent or both take a key.
- It is read by whoever holds the director; only decisions change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mainstay.kernel.admission import Admission
from mainstay.kernel.autonomy import Autonomy
from mainstay.kernel.breaker import DEFAULT_BREAKER, BreakerSettings
from mainstay.kernel.budget import Balances, Limits
from mainstay.kernel.counting import Tally
from mainstay.kernel.facts import Facts
from mainstay.kernel.house import House, Registered
from mainstay.kernel.ids import RunId
from mainstay.kernel.policy import Policy
from mainstay.kernel.recipe import Recipes
from mainstay.kernel.state import RunState, Status
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projection
from mainstay.ledger.store import Epoch, EventStore
from mainstay.runtime.admitting import Admitting
from mainstay.runtime.boot import (
    Open,
    answered_by_hand,
    cards_agree,
    fold_ended,
    fold_open,
    fold_run,
    read_standing,
)
from mainstay.runtime.budget_warnings import BudgetWarnings
from mainstay.runtime.clock import Clock
from mainstay.runtime.collector import paused_collector
from mainstay.runtime.governing import Governing
from mainstay.runtime.inbox import BY_HAND, Inbox
from mainstay.runtime.lines import Lines, bounds_of
from mainstay.runtime.operator_time import Calendar, by_utc
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.remembering import Remembering
from mainstay.runtime.trusting import Trusting
from mainstay.runtime.writing import SNAPSHOT_EVERY, Writing

NO_RATES: Mapping[str, Rate] = {}
NO_RECIPES: Mapping[str, str] = {}
NO_CEILINGS: Mapping[str, int | None] = {}  # every agent may cost what its task's budget allows
NO_RULES = Policy(())  # everything asks


class Books:
    """The books of one director."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        plans: PlanShelf,
        *,
        projections: Sequence[Projection] = (),
        policy: Policy = NO_RULES,
        limits: Limits = Limits(),
        version: str = "0",
        snapshot_every: int = SNAPSHOT_EVERY,
        ceilings: Mapping[str, int | None] = NO_CEILINGS,
        performing: bool = True,
        throttles: Mapping[str, Rate] = NO_RATES,
        breakers: BreakerSettings = DEFAULT_BREAKER,
        autonomy: Autonomy | None = None,
        recipes: Mapping[str, str] = NO_RECIPES,
        undo_us: int = 0,
        calendar: Calendar = by_utc,
    ) -> None:
        self.store = store
        self.clock = clock
        self.plans = plans
        self._version = version
        self.codec = Codec(plans.__getitem__)
        self.writing = Writing(store, self.codec, projections, snapshot_every=snapshot_every)
        # What is in force, from the settings or by events.
        self.policy = policy
        self.offered: dict[Digest, Policy] = {}  # may be adopted: each is in force from its event on
        self.limits = limits
        self.ceilings = ceilings
        self.performing = performing  # without a performer, nothing starts: it waits for the next boot
        self.autonomy = autonomy or Autonomy()
        self.recipes = recipes if isinstance(recipes, Recipes) else Recipes(recipes)
        self.templates: dict[str, Digest] = {}
        self.undo_us = undo_us
        self._calendar = calendar
        # What moves with every decision.
        self.runs: dict[RunId, Open] = {}
        self.lines = Lines()
        self.house = House()
        self.balances = Balances()
        self.counts: dict[tuple[str, str], int] = {}
        self.tally = Tally()
        self.admitting = Admitting(Admission(throttles, breakers))
        self._warnings = BudgetWarnings()
        self._gone: set[RunId] = set()  # ended in this tick: until its commit the disk has them open
        self._held_written = 0
        self._levels: dict[str, int] = {}  # of the throttles, as they are written
        self._house_at: Instant | None = None  # the timer of the house that is owed
        self._schedule_at: Instant | None = None  # when the next schedule is due
        self._tick_facts: Facts | None = None  # the same for all of a tick, until the house changes
        # Who decides about what is no run.
        self._inbox = Inbox(store, plans, self.runs, self.lines)
        self._remembering = Remembering(store)
        self._governing = Governing(store)
        self._trusting = Trusting(store, self.autonomy)

    @property
    def epoch(self) -> Epoch:
        """Under which the workspace was taken."""
        return self.writing.epoch

    @property
    def position(self) -> int:
        """Of the last event that was decided."""
        return self.writing.position

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return self.house.killed

    @property
    def workflows(self) -> dict[str, Registered]:
        """The workflows in force for new runs."""
        return self.house.workflows

    @property
    def waiting(self) -> dict[str, int]:
        """How many starts wait for room, by the scope that they wait for."""
        return self.admitting.waiting

    def facts(self, now: Instant) -> Facts:
        """What a decision may look at besides the run's state."""
        return Facts(
            now,
            self.policy,
            self.balances,
            self.limits,
            self.counts,
            self.plans,
            self.killed,
            self.ceilings,
            self.performing,
            self.admitting.admission,
            self.autonomy,
            self.recipes,
            self.templates,
            self.undo_us,
            *self._calendar(now),
            self.tally,
        )

    def folded(self, run: RunId) -> RunState | None:
        """A run as it stands, also one that is over; None where there never was one."""
        one = self.runs.get(run)
        return one.state if one is not None else fold_ended(self.store, self.codec, run)

    def cards_agree(self) -> bool:
        """Whether the view of approvals shows exactly the cards that the folded runs are waiting on."""
        return cards_agree(self.store, [one.state for one in self.runs.values()])

    # --- taking the workspace ----------------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Become the writer and read what every decision needs: balances, counts, definitions, the kill switch."""
        self.writing.acquire()
        standing = read_standing(self.store, self.clock.now())
        for name, registered in self.house.workflows.items():
            standing.house.workflows.setdefault(name, registered)
        self.house = standing.house
        admission = self.admitting.admission
        for opened in standing.breakers:
            admission.breakers.note(opened)
        admission.buckets.restore(standing.buckets)
        admission.paused = self.house.paused
        admission.killed = self.house.killed
        admission.refresh()
        self.autonomy.kinds = standing.autonomy
        self._trusting.breached = standing.breached
        self.templates = standing.templates
        self.counts = standing.counts
        self.tally.restore(standing.lately)
        self.balances = standing.balances
        self._warnings.given = standing.warned
        self._held_written = standing.balances.held

    @paused_collector()
    def load_all(self) -> None:
        """Fold every open run into memory."""
        known = self.runs.keys() | self._gone
        for run, one in fold_open(self.store, self.codec, self.plans.__getitem__, besides=known):
            self._remember(run, one)
        self._recall_answers()

    def _recall_answers(self) -> None:
        """Whether the operator answered a run's thread by hand while its effect was under way."""
        for run in answered_by_hand(self.store, self.runs):
            self.lines.answer(run, BY_HAND)

    def load(self, run: RunId) -> Open | None:
        """Fold one open run into memory; None when there is no such run or it has ended."""
        one = self.runs.get(run)
        if one is None and run not in self._gone:
            one = fold_run(self.store, self.codec, self.plans.__getitem__, run)
            if one is not None:
                self._remember(run, one)
        return one

    def _remember(self, run: RunId, one: Open) -> None:
        self.runs[run] = one
        self.tally.begin(one.state)
        if not one.state.ended:
            head = one.state.head
            bounds = bounds_of(self.plans[head.definition].workflow)
            self.lines.join(run, head, bounds, queued=one.state.status is Status.QUEUED)
