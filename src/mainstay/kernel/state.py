"""The state of a run: small frozen records, and a table of tasks that is changed without being copied whole.

Task states lie by number in a two-level tuple. Changing one copies one chunk and the spine: under a
microsecond at 10,000 tasks, where copying a dict costs 44 (`docs/benchmarks.md`). What a decision would have
to search for is kept as a field: tasks ready, slots in use, tasks left.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from mainstay.kernel.contract import Finality
from mainstay.kernel.events import RunForked
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.plan import Plan, TaskSpec
from mainstay.kernel.policy import Action
from mainstay.kernel.predicates import Ref, resolve
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json

CHUNK = 64
WINDOW = 64  # this many tasks of one run may be under way at once
RUN = -1  # where a task's number is asked for and the run itself is meant


class Phase(Enum):
    """Where a task stands."""

    # Enum hashes the name in Python code; phases are looked up in sets several times an event.
    __hash__ = object.__hash__

    WAITING = auto()  # for the tasks it needs
    READY = auto()
    RUNNING = auto()  # an agent is asked
    RETRYING = auto()  # a failed attempt, or a start that was deferred; a timer or the director leads on
    BLOCKED = auto()  # by a budget; a timer or the operator leads on
    DELAYED = auto()  # its first start comes later, as its declaration wants
    EXPANDED = auto()  # a for_each waits for its items
    APPROVAL = auto()  # a person is asked
    HELD = auto()  # it may leave, and can still be taken back
    ACTING = auto()  # the effect may be leaving
    SEEKING = auto()  # did it leave?
    DOUBT = auto()  # only the operator can say: did it leave, or what about an act that cannot be taken back
    SUCCEEDED = auto()
    FAILED = auto()
    SKIPPED = auto()


DONE = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.SKIPPED})
UNDER_WAY = frozenset({Phase.ACTING, Phase.SEEKING, Phase.DOUBT})  # the world may already have changed
BUSY = frozenset({Phase.RUNNING, Phase.RETRYING, Phase.BLOCKED, Phase.ACTING, Phase.SEEKING})  # hold a slot


class Status(Enum):
    """Where a run stands."""

    __hash__ = object.__hash__  # as for `Phase`

    NOT_STARTED = auto()
    QUEUED = auto()  # behind another run with the same key
    RUNNING = auto()
    COMPENSATING = auto()  # about to end; what it did is taken back first
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    SUPERSEDED = auto()


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Act:
    """What an act task carries from its proposal on."""

    action: Action
    approval: ApprovalId | None = None
    authority: str = ""  # set once it may leave
    expires_at: Instant = Instant(0)
    seek_until: Instant = Instant(0)
    rule: str = ""
    reason: str = ""
    tried: bool = False  # an earlier call of it may have arrived
    calls: int = 0  # how often it was let go
    asked: int = 0  # how many cards there were for it
    sought: bool = False  # it was looked for, or asked about, although this ledger never let it go
    snoozed_until: Instant = Instant(0)  # the card was put off
    held_until: Instant = Instant(0)  # until then it could be taken back
    recipe: str = ""  # what made it


@swift
@dataclass(frozen=True, slots=True)
class TaskState:
    """One task. `waiting` counts what it still needs (of a fan-out: items not done); `wake_at` 0 is no timer."""

    phase: Phase
    waiting: int = 0
    attempt: int = 0
    hold: int = 0
    output: Json | None = None
    act: Act | None = None
    wake_at: Instant = Instant(0)
    notified: bool = False


@dataclass(frozen=True, slots=True)
class Expansion:
    """The items of one `for_each`: `count` tasks from number `first` on."""

    parent: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Revision:
    """How often a draft was sent back, and with which findings the last time."""

    task: int
    round: int
    findings: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Unusual:
    """What few runs have: a pause, deadlines, a parent, acts to be taken back. All others share one that is empty."""

    not_before: Instant = Instant(0)  # the plan is followed no earlier
    forked: RunForked | None = None
    deadlines: tuple[tuple[int, Instant], ...] = ()  # by task; `RUN` for the run's own
    paused: bool = False
    paused_tasks: tuple[int, ...] = ()
    undoable: tuple[
        int, ...
    ] = ()  # acts that happened and name a compensation, in the order in which they arrived
    undoing: tuple[int, ...] = ()  # which act each task from `undo_first` on takes back
    undo_first: int = 0  # number of the first compensation; 0: none is planned
    ending: str = ""  # how a run that compensates will end: "failed" or "cancelled"
    ending_actor: str = ""
    ending_reason: str = ""
    run_max: int | None = None  # what a person let it spend in all, in place of its budget
    price_max: int | None = None  # and for one attempt of which nobody knows the price
    restored: bool = False  # it was open when the ledger came out of a backup: the world may be ahead of it


ORDINARY = Unusual()


@swift
@dataclass(frozen=True, slots=True)
class Head:
    """What never changes in a run."""

    run: RunId
    workflow: str = ""
    definition: Digest = Digest("")
    trigger: Json = field(default_factory=dict)
    key: str = ""
    subject: SubjectId | None = None
    sealed_under: SubjectId | None = None
    by: str = ""

    @property
    def owner(self) -> SubjectId | None:
        """Under whose key what is personal of it is sealed: its subject's, or that of all whom it concerns."""
        return self.sealed_under or self.subject


TaskTable = tuple[tuple[TaskState, ...], ...]


@swift
@dataclass(frozen=True, slots=True)
class RunState:
    """A run, folded."""

    head: Head
    status: Status = Status.NOT_STARTED
    plan: Plan | None = None
    tasks: TaskTable = ()
    ready: tuple[
        tuple[tuple[int, ...], int], ...
    ] = ()  # batches of ready tasks, each with how many have gone
    busy: int = 0  # slots of the window in use
    left: int = 0  # tasks not done
    held: int = 0
    spent: int = 0
    failed: int = 0  # tasks given up that were not optional
    expansions: tuple[Expansion, ...] = ()
    revisions: tuple[Revision, ...] = ()
    unusual: Unusual = ORDINARY

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen, save the settling of effects that were under way."""
        return self.status in ENDED

    @property
    def parent(self) -> RunId | None:
        """The run that this one goes on from."""
        forked = self.unusual.forked
        return forked.parent if forked is not None else None

    @property
    def size(self) -> int:
        """How many tasks there are, items included."""
        return (len(self.tasks) - 1) * CHUNK + len(self.tasks[-1]) if self.tasks else 0

    def task(self, number: int) -> TaskState:
        """The state of a task."""
        return self.tasks[number // CHUNK][number % CHUNK]

    def find(self, number: int) -> TaskState | None:
        """The state of a task; None when there is none of this number."""
        at, offset = number // CHUNK, number % CHUNK
        tasks = self.tasks
        return tasks[at][offset] if 0 <= at < len(tasks) and offset < len(tasks[at]) else None

    def act(self, number: int) -> Act:
        """What a task proposed to do; it is asked only of a task that proposed something."""
        act = self.task(number).act
        assert act is not None, f"task {number} of run {self.head.run} has no action"
        return act

    def spec(self, number: int) -> TaskSpec:
        """The declaration of a task; an item of a `for_each` has its parent's."""
        plan = self.plan
        assert plan is not None
        if number < len(plan.needs):
            return plan.workflow.tasks[number]
        undone = self.undoes(number)
        if undone is not None:
            undo = self.spec(undone).compensate
            assert undo is not None
            return undo
        return plan.workflow.tasks[self.expansion_of(number).parent]

    def undoes(self, number: int) -> int | None:
        """The act that this task takes back; None for an ordinary task."""
        first = self.unusual.undo_first
        return self.unusual.undoing[number - first] if first and number >= first else None

    def expansion_of(self, number: int) -> Expansion:
        """The fan-out that an item belongs to."""
        return self.expansions[bisect_right(self.expansions, number, key=_first) - 1]

    def is_item(self, number: int) -> bool:
        """Whether this is one of the tasks that a `for_each` fanned out into."""
        assert self.plan is not None
        return number >= self.plan.size and self.undoes(number) is None

    def name(self, number: int) -> str:
        """The task's name, `draft` or `draft[3]`."""
        assert self.plan is not None
        if number < self.plan.size:
            return self.plan.workflow.tasks[number].name
        undone = self.undoes(number)
        if undone is not None:
            return f"undo {self.name(undone)}"
        expansion = self.expansion_of(number)
        return f"{self.plan.workflow.tasks[expansion.parent].name}[{number - expansion.first}]"

    def exists(self, number: int) -> bool:
        """Whether there is a task of this number."""
        tasks = self.tasks
        return bool(tasks) and 0 <= number < (len(tasks) - 1) * CHUNK + len(tasks[-1])

    def all_tasks(self) -> Iterator[tuple[int, TaskState]]:
        """Every task with its number."""
        number = 0
        for chunk in self.tasks:
            for task in chunk:
                yield number, task
                number += 1

    def revision(self, number: int) -> Revision | None:
        """How often this draft was sent back, if it was."""
        return next((one for one in self.revisions if one.task == number), None)

    def deadline(self, number: int) -> Instant:
        """When this task (or the `RUN`) must be done; 0 where nothing says so."""
        deadlines = self.unusual.deadlines
        return next((at for task, at in deadlines if task == number), Instant(0)) if deadlines else Instant(0)


class Sources:
    """What references of one task may name (trigger, outputs, item), looked up when asked."""

    __slots__ = ("_number", "_own", "_state")

    def __init__(self, state: RunState, number: int) -> None:
        undone = state.undoes(number)
        self._state = state
        self._number = number if undone is None else undone
        self._own = (
            "" if undone is None else state.spec(undone).name
        )  # a compensation may read what its act gave

    def get(self, name: str) -> Any:
        """The value behind the first word of a reference; None for a task that left nothing."""
        state = self._state
        if name == "trigger":
            return state.head.trigger
        assert state.plan is not None
        if name == "item":
            return self._item()
        if name == self._own:
            return state.task(self._number).output
        return state.task(state.plan.numbers[name]).output

    def _item(self) -> Any:
        state = self._state
        assert state.plan is not None
        if self._number < state.plan.size:
            return None
        expansion = state.expansion_of(self._number)
        values = _fanned(state, expansion.parent)
        place = self._number - expansion.first
        return values[place] if place < len(values) else None


def items_of(state: RunState, number: int) -> list[Any]:
    """The list that a task's `for_each` fans out over; empty where a skipped task left nothing."""
    return list(_fanned(state, number))


def _fanned(state: RunState, number: int) -> Sequence[Any]:
    # Not copied: each of 10,000 items looks here for its own value.
    ref: Ref | None = state.spec(number).for_each
    assert ref is not None
    values = resolve(ref, Sources(state, number))
    return values if isinstance(values, list | tuple) else ()


def _first(expansion: Expansion) -> int:
    return expansion.first


@lru_cache(maxsize=256)
def waiting_task(needs: int) -> TaskState:
    """The state of a task that waits for so many others; shared, since a plan of 10,000 has many alike."""
    return TaskState(Phase.WAITING, needs) if needs else TaskState(Phase.READY)


def new_table(states: Iterable[TaskState]) -> TaskTable:
    """A table of these tasks, in order."""
    row = tuple(states)
    return tuple(row[start : start + CHUNK] for start in range(0, len(row), CHUNK))


def with_task(table: TaskTable, number: int, task: TaskState) -> TaskTable:
    """The table with one task changed; copies one chunk and the spine."""
    at, offset = divmod(number, CHUNK)
    row = list(table[at])  # a list and back is a third faster than splicing tuples
    row[offset] = task
    if len(table) == 1:
        return (tuple(row),)
    spine = list(table)
    spine[at] = tuple(row)
    return tuple(spine)


def with_tasks(table: TaskTable, changes: Mapping[int, TaskState]) -> TaskTable:
    """The table with many tasks changed; copies each chunk once."""
    chunks: dict[int, list[TaskState]] = {}
    for number, task in changes.items():
        at, offset = divmod(number, CHUNK)
        chunk = chunks.get(at)
        if chunk is None:
            chunk = chunks[at] = list(table[at])
        chunk[offset] = task
    return tuple(tuple(chunks[at]) if at in chunks else chunk for at, chunk in enumerate(table))


def with_more(table: TaskTable, states: Iterable[TaskState]) -> TaskTable:
    """The table with tasks added at its end."""
    if not table:
        return new_table(states)
    return (*table[:-1], *new_table((*table[-1], *states)))


def owes_notice(task: TaskState) -> bool:
    """Whether the operator has yet to be told that this task waits for them."""
    return not task.notified and task.phase in (Phase.APPROVAL, Phase.DOUBT, Phase.BLOCKED)


def goes_on(state: RunState, number: int) -> bool:
    """Whether this task is still wanted: not once its run has ended, nor while the run takes back what it did."""
    return state.status is Status.RUNNING or (not state.ended and state.undoes(number) is not None)


def is_paused(state: RunState, number: int) -> bool:
    """Whether the operator paused this task, or the fan-out that it is an item of."""
    paused = state.unusual.paused_tasks
    if not paused or number in paused:
        return bool(paused)
    return state.is_item(number) and state.expansion_of(number).parent in paused


def is_deferred(task: TaskState) -> bool:
    """Whether its start waits for the director to admit it: for room, or for a pause to end."""
    return task.phase is Phase.RETRYING and not task.wake_at


def may_have_left(task: TaskState) -> bool:
    """Whether the world may already have what this task does: such a task outlives its run."""
    if task.phase is Phase.RETRYING:
        return task.act is not None and task.act.tried
    return task.phase in UNDER_WAY


def given_up(state: RunState) -> tuple[int, tuple[ApprovalId, ...]]:
    """What ending the run now gives up: the ceilings of agents under way, and the cards that wait."""
    cost = 0
    cards: list[ApprovalId] = []
    for _, task in state.all_tasks():
        if task.phase in DONE or may_have_left(task):
            continue
        cost += task.hold
        if task.phase is Phase.APPROVAL and task.act is not None and task.act.approval is not None:
            cards.append(task.act.approval)
    return cost, tuple(cards)


def supersedable(state: RunState) -> bool:
    """Whether something newer may end this run: nothing that cannot be taken back is under way."""
    if state.status is Status.QUEUED:
        return True
    if state.status is not Status.RUNNING:
        return False
    return not any(
        may_have_left(task) and task.act is not None and task.act.action.finality is not Finality.REVERSIBLE
        for _, task in state.all_tasks()
    )
