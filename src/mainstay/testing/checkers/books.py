"""What all checkers share: the story so far, as the ledger tells it, and what people and providers told beside it.

Each checker keeps books of its own (`Book`) and is told of every durable event with the run's state before and after.
None of them trusts the director's memory or the views.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol

from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.events import Event, RunEvent
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId
from mainstay.kernel.policy import Action, Policy
from mainstay.kernel.state import RunState
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import Digest, Instant
from mainstay.testing.world import Provider


@dataclass(slots=True)
class Card:
    """A card, as the ledger tells it."""

    run: RunId
    task: int
    digest: Digest
    expires_at: Instant
    reason: str = ""  # why it asks
    waits: bool = True
    granted: bool = False
    snoozed: bool = False  # put off: nobody sees it before it comes back


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
    reversible: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What is in force in a history."""

    policy: Policy
    limits: Limits
    throttles: Mapping[str, Rate]
    breakers: BreakerSettings
    ceilings: Mapping[str, int | None] = field(default_factory=dict)
    undo_us: int = 0


@dataclass(slots=True)
class Books:
    """The story so far."""

    rules: Rules
    providers: Mapping[str, Provider]
    paths: Counter[str]
    answers: Set[tuple[RunId, int, int]]  # attempts that really answered, whether or not anybody heard it
    said_yes: set[Digest] = field(default_factory=set)  # by the operator, to exactly these bytes
    killed: bool = False
    restored_at: int = 0  # the position of the last restore; 0: none
    set_back: int = 0  # how often the clock was
    replaying: bool = False  # a backup is read: nobody knows when the clock was set back in it
    clock_crossed_back: bool = False  # over midnight: what a day has left is not one number any more
    states: dict[RunId, RunState] = field(default_factory=dict)
    cards: dict[ApprovalId, Card] = field(default_factory=dict)
    acts: dict[IdempotencyKey, Started] = field(default_factory=dict)
    said: dict[tuple[RunId, int], str] = field(default_factory=dict)  # answers to doubts
    forked: dict[RunId, RunId] = field(default_factory=dict)  # its parent
    looked_for: set[tuple[RunId, int]] = field(default_factory=set)  # since the last restore
    lost: set[IdempotencyKey] = field(
        default_factory=set
    )  # happened after the backup, not called since its restore

    def act_of(self, run: RunId, task: int) -> Started | None:
        """What of this task is under way, or may have arrived."""
        mine = (act for act in self.acts.values() if act.run == run and act.task == task and act.under_way)
        return next(mine, None)

    def stopped(self, run: RunId, task: int) -> None:
        """Nothing of this task is under way any more."""
        for act in self.acts.values():
            if act.run == run and act.task == task:
                act.under_way = False

    def undoes(self, run: RunId, task: int) -> bool:
        """Whether this task takes another one back."""
        state = self.states[run]
        return state.plan is not None and state.undoes(task) is not None


class Book(Protocol):
    """One checker."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """Something became durable in the stream of a run."""
        ...

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """Something became durable elsewhere."""
        ...


def action_of(state: RunState, task: int) -> Action | None:
    """The action that a task carries."""
    act = state.task(task).act
    return act.action if act is not None else None
