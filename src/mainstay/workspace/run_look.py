"""A run as a page shows it: how it stands, its plan with the state of each task, its timeline, costs and sources.

    look = workspace.run_look.look(run)
    for group in look.timeline.groups:
        print(group.name, group.told.text)

Everything is read from its events (`run_fold`); what is personal is opened for whoever looks and kept nowhere. What a
fork or a restart would take over is asked of the same functions that decide it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.governance.explain import Line
from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import DONE, Phase, RunState, may_have_left
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.store import EventReader, Version
from mainstay.workspace.cards import message_of
from mainstay.workspace.run_artifacts import Artifact, all_opened, artifacts_of
from mainstay.workspace.run_branch import Branch, fork_branch, restart_branch
from mainstay.workspace.run_fold import ModelTrack, RunFold, RunFolds
from mainstay.workspace.run_search import FoundRun
from mainstay.workspace.timeline import Teller, Timeline, standing, timeline

if TYPE_CHECKING:
    from mainstay.ledger.store import RecordedEvent
    from mainstay.runtime.artifacts import Artifacts
    from mainstay.workspace.recall_log import RecallLog

RECALLS_MAX = 12
NAMES_MAX = 200
CHILDREN_MAX = 50
EVENTS = 50


@dataclass(frozen=True, slots=True)
class PlanTask:
    """A task of the plan as it is drawn; a `for_each` is one, with its items counted by state."""

    number: int
    name: str
    state: str
    said: str
    needs: tuple[int, ...]
    count: int
    of: Mapping[str, int]
    kind: str
    began_at: Instant
    ended_at: Instant


@dataclass(frozen=True, slots=True)
class TaskCost:
    """What the attempts of a task cost; the items of a `for_each` are one."""

    name: str
    attempts: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Definition:
    """What the run is pinned to, and what is in force now."""

    digest: Digest
    version: int
    in_force: str  # digest of what new runs follow; empty: its workflow starts no more


@dataclass(frozen=True, slots=True)
class Hand:
    """What a person may do with the run as it stands."""

    open: bool
    paused: bool
    cancellable: tuple[str, ...]  # tasks that can be given up
    pausable: tuple[str, ...]
    paused_tasks: tuple[str, ...]
    restartable: tuple[str, ...]  # tasks from which an ended run can be done anew; the first is the usual one
    forkable: bool
    doubts: int
    blocked: tuple[str, ...]  # tasks that a budget stopped


@dataclass(frozen=True, slots=True)
class RunLook:
    """One run, whole."""

    run: FoundRun
    version: int  # of its last event
    tasks: int
    tasks_done: int
    limit_micros: int | None
    plan: tuple[PlanTask, ...]
    timeline: Timeline
    costs: tuple[TaskCost, ...]
    models: Mapping[str, ModelTrack]
    artifacts: tuple[Artifact, ...]
    artifacts_in_all: int
    recalls: tuple[RecallLog, ...]
    recalls_in_all: int
    definition: Definition
    parent: str
    point: int
    children: tuple[FoundRun, ...]
    hand: Hand
    forgotten: bool  # whoever it is about was forgotten
    message: Json  # the one that began it, opened; empty where none did
    left: bool  # to the operator: the message got no draft, and has no answer yet


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run as it stands in the ledger, with what is sealed in it opened."""

    line: Line
    version: int
    name: str
    type: str  # of the event, as its class is called
    task: str
    fields: Json


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; `older` is where the next page begins."""

    run: FoundRun
    events: tuple[Event, ...]
    older: int
    version: int
    task: str


@dataclass(slots=True)
class RunDesk:
    """Looks at the runs of one workspace. Used by one thread at a time; reading takes no lock."""

    store: Callable[[], EventReader]
    folds: RunFolds
    artifacts: Callable[[], Artifacts]
    opened: Callable[[Any], Any]
    decoded: Callable[[RecordedEvent], Any]
    found: Callable[[Sequence[Json]], tuple[FoundRun, ...]]
    recalled: Callable[[RunState, Sequence[tuple[RecordedEvent, Any]]], list[RecallLog]]
    run_max: Callable[[], int | None]
    view: Callable[[Digest, SubjectId | None], Json]  # a message, opened
    left: Callable[[Json], bool]

    def id_of(self, short: str) -> RunId:
        """The run that a whole or short id means. Raises `NotFound` or `AmbiguousId`."""
        return RunId(find_id(self.store(), "runs", "run", short))

    def is_long(self, run: RunId) -> bool:
        """Whether so much of it must be read first that no quick page should wait behind it."""
        return self.folds.size(run) > 1_500

    def look(self, short: str, *, before: int = 0, task: int | None = None) -> RunLook:
        """The run, with a page of its timeline. Raises `NotFound` or `AmbiguousId`."""
        run = self.id_of(short)
        fold, row = self.folds.fold(run), self._row(run)
        state = fold.state
        done = sum(one.phase is Phase.SUCCEEDED for _, one in state.all_tasks())
        children = self.store().select("runs", where={"parent": run}, limit=CHILDREN_MAX)
        made = artifacts_of(fold, self.artifacts())
        recalls = self.recalled(state, fold.recalled[-RECALLS_MAX:])
        limit = state.plan.workflow.cost_max_micros if state.plan is not None else None
        return RunLook(
            run=self.found([row])[0],
            version=fold.version,
            tasks=state.size,
            tasks_done=done,
            limit_micros=state.unusual.run_max or limit or self.run_max(),
            plan=plan_tasks(fold),
            timeline=timeline(fold, self._teller(run), before=before, task=task),
            costs=_costs(fold),
            models=fold.models,
            artifacts=made,
            artifacts_in_all=fold.made_count + sum(one.act is not None for _, one in state.all_tasks()),
            recalls=tuple(recalls),
            recalls_in_all=len(fold.recalled),
            definition=self._definition(row, state),
            parent=str(row["parent"] or ""),
            point=int(row["point"] or 0),
            children=self.found([dict(one) for one in children]),
            hand=_hand(state),
            forgotten=self._forgotten(state),
            message=message_of(state, self.view),
            left=self.left(row),
        )

    def events(
        self, short: str, *, before: int = 0, task: int | None = None, limit: int = EVENTS
    ) -> EventPage:
        """Its events as they stand in the ledger, newest first. Raises `NotFound` or `AmbiguousId`."""
        run = self.id_of(short)
        fold = self.folds.fold(run)
        state = fold.state
        if task is None:
            last = min(before - 1, fold.version) if before else fold.version
            versions = list(range(max(1, last - limit + 1), last + 1))
            older = versions[0] if versions and versions[0] > 1 else 0
        else:
            track = fold.tasks.get(task)
            own = [one for one in (track.versions if track else ()) if not before or one < before]
            versions = own[-limit:]
            older = versions[0] if len(own) > limit else 0
        from mainstay.governance.explain import tell

        events = list(self.folds.events(run, versions))
        opened = [(recorded, self.opened(event)) for recorded, event in events]
        lines = tell(opened, state, self.artifacts().open_text)
        shown = [
            _event(recorded, event, line, state, self.artifacts().open_text)
            for (recorded, event), line in zip(opened, lines, strict=True)
        ]
        name = state.name(task) if task is not None and state.exists(task) else ""
        return EventPage(self.found([self._row(run)])[0], tuple(reversed(shown)), older, fold.version, name)

    def fork_of(self, short: str, *, version: int = 0, changes: Mapping[str, Any] | None = None) -> Branch:
        """What `steering.fork` would do. Raises `CommandRefused` where it cannot."""
        run = self.id_of(short)
        state = self._as_of(run, version)
        return fork_branch(state, version or self.folds.fold(run).version, changes or {})

    def restart_of(self, short: str, first: str) -> Branch:
        """What `steering.restart` would do. Raises `CommandRefused` where it cannot."""
        fold = self.folds.fold(self.id_of(short))
        return restart_branch(fold.state, fold.version, first)

    # --- within ----------------------------------------------------------------------------------------------------

    def _row(self, run: RunId) -> Json:
        row = self.store().get("runs", (run,))
        assert row is not None, "its id was found in this view"
        return dict(row)

    def _teller(self, run: RunId) -> Teller:
        return Teller(
            lambda versions: list(self.folds.events(run, versions)), self.opened, self.artifacts().open_text
        )

    def _as_of(self, run: RunId, version: int) -> RunState:
        fold = self.folds.fold(run)
        state = fold.state
        if version and version < fold.version:
            state = nothing(run)
            for recorded in self.store().read(run_stream(run), after=Version(0)):
                if recorded.version > version:
                    break
                state = evolve(state, self.decoded(recorded))
        elif version > fold.version:
            raise NotFound(f"This run has no event {version}.", why=f"Its last one is {fold.version}.")
        return state

    def _definition(self, row: Json, state: RunState) -> Definition:
        known = self.store().get("workflows", (str(row["workflow"]),))
        return Definition(
            Digest(str(row["definition"])),
            state.plan.workflow.version if state.plan is not None else 0,
            str(known["definition"]) if known else "",
        )

    def _forgotten(self, state: RunState) -> bool:
        owner = state.head.owner
        return owner is not None and not self.artifacts().vault.knows(owner)


def plan_tasks(fold: RunFold) -> tuple[PlanTask, ...]:
    """The tasks of a run's plan, and those that take acts back, as they stand."""
    state = fold.state
    if state.plan is None:
        return ()
    fans = {one.parent: one for one in state.expansions}
    found: list[PlanTask] = []
    for number in (*range(state.plan.size), *_compensations(state)):
        spec, where = state.spec(number), standing(state, number)
        needs = state.plan.needs[number] if number < state.plan.size else (state.undoes(number) or 0,)
        fan, of, said = fans.get(number), Counter[str](), where.said
        if fan is not None:
            of.update(standing(state, one).state for one in range(fan.first, fan.first + fan.count))
            said = f"{of['done']:,} of {fan.count:,} done"
        track = fold.tasks.get(number)
        found.append(
            PlanTask(
                number,
                state.name(number),
                where.state,
                said,
                tuple(needs),
                fan.count if fan is not None and fan.count else 1,
                dict(of),
                f"{spec.agent} {spec.act}",
                track.began_at or track.first_at if track else Instant(0),
                track.last_at if track else Instant(0),
            )
        )
    return tuple(found)


def _compensations(state: RunState) -> range:
    first = state.unusual.undo_first
    return range(first, first + len(state.unusual.undoing)) if first else range(0)


def _costs(fold: RunFold) -> tuple[TaskCost, ...]:
    """By task, the dearest first; what cost nothing and was tried once is left out."""
    state = fold.state
    attempts, cost = Counter[str](), Counter[str]()
    for number, track in fold.tasks.items():
        name = state.name(number).partition("[")[0] if state.exists(number) else "?"
        attempts[name] += track.attempts
        cost[name] += track.cost_micros
    whole = sum(one.cost_micros for one in fold.whole)
    found = [TaskCost(name, attempts[name], cost[name]) for name in cost if cost[name] or attempts[name] > 1]
    if whole:
        found.append(TaskCost("given up with the run", 0, whole))
    return tuple(sorted(found, key=lambda one: (-one.cost_micros, one.name))[:NAMES_MAX])


def _hand(state: RunState) -> Hand:
    names = (
        {number: state.name(number) for number, task in state.all_tasks() if task.phase not in DONE}
        if not state.ended
        else {}
    )
    give_up = [name for number, name in names.items() if not may_have_left(state.task(number))]
    paused = [number for number in state.unusual.paused_tasks if state.exists(number)]
    phases = Counter(task.phase for _, task in state.all_tasks())
    return Hand(
        open=not state.ended,
        paused=state.unusual.paused,
        cancellable=tuple(give_up[:NAMES_MAX]),
        pausable=tuple(name for number, name in names.items() if number not in paused)[:NAMES_MAX],
        paused_tasks=tuple(state.name(number) for number in paused),
        restartable=_restartable(state),
        forkable=state.plan is not None,
        doubts=phases[Phase.DOUBT],
        blocked=tuple(
            state.name(number) for number, task in state.all_tasks() if task.phase is Phase.BLOCKED
        )[:NAMES_MAX],
    )


def _restartable(state: RunState) -> tuple[str, ...]:
    if not state.ended or state.plan is None:
        return ()
    tasks = state.plan.workflow.tasks[:NAMES_MAX]
    phases = [state.task(number).phase for number in range(len(tasks))]
    failed = [
        one.name for one, phase in zip(tasks, phases, strict=True) if phase in (Phase.FAILED, Phase.DOUBT)
    ]
    return (*failed, *(one.name for one in tasks if one.name not in failed))


def _event(
    recorded: RecordedEvent, event: Any, line: Line, state: RunState, open_text: Callable[[str], str]
) -> Event:
    from mainstay.workspace.event_types import plain

    number = getattr(event, "task", None)
    known = isinstance(number, int) and state.exists(number)
    return Event(
        line,
        recorded.version,
        line.event,
        type(event).__name__,
        state.name(number) if known and isinstance(number, int) else "",
        all_opened(plain(event), open_text),
    )
