"""A run folded once and gone on with: its state, and where in its stream each task's events stand.

Rules of this file:

- What was folded is kept for the next look and only what came since is read, since an open page looks again whenever
  its run moves. A few runs are kept, and none for longer than there are others.
- Nothing is opened: what is kept says no more than the events do, whose personal values are sealed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from mainstay.kernel.events import (
    ActionInDoubt,
    AttemptFailed,
    ContextRecalled,
    Event,
    FailureDiagnosed,
    ModelUsed,
    RunEvent,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RUN, RunState
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import NEW, EventReader, RecordedEvent, Version

KEPT = 6
TASKS_KEPT = 12_000  # of all of them together: a kilobyte each
JUMP = 512  # events that are read past rather than asked for anew
ARTIFACTS_MAX = 200


@dataclass(slots=True)
class TaskTrack:
    """What a run's stream says of one task; of the run as a whole, one event group."""

    versions: list[int] = field(default_factory=list)
    first_at: Instant = Instant(0)
    last_at: Instant = Instant(0)
    began_at: Instant = Instant(0)  # its first attempt
    cost_micros: int = 0
    attempts: int = 0
    failures: int = 0

    @property
    def last(self) -> int:
        """The version of its last event."""
        return self.versions[-1]


@dataclass(slots=True)
class ModelTrack:
    """What a language model was used for in one run."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    cached: int = 0
    saved_micros: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact that an event names."""

    task: int
    kind: str  # reply, message
    digest: Digest
    version: int


@dataclass(slots=True)
class RunFold:
    """One run up to `version`."""

    state: RunState
    version: Version = NEW
    tasks: dict[int, TaskTrack] = field(default_factory=dict)
    whole: list[TaskTrack] = field(
        default_factory=list
    )  # events about the run itself, those in a row together
    models: dict[str, ModelTrack] = field(default_factory=dict)
    recalled: list[tuple[RecordedEvent, ContextRecalled]] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    made_count: int = 0
    started_at: Instant = Instant(0)
    ended_at: Instant = Instant(0)

    def take(self, recorded: RecordedEvent, event: Event) -> None:
        """One more event of this run."""
        before = self.state
        self.state = evolve(before, cast(RunEvent, event))
        self.started_at = self.started_at or recorded.at
        if self.state.ended and not before.ended:
            self.ended_at = recorded.at
        number = task_of(event)
        if number is None:
            track = self._own(recorded.version)
        else:
            track = self.tasks.get(number) or self.tasks.setdefault(number, TaskTrack())
        track.versions.append(recorded.version)
        track.first_at = track.first_at or recorded.at
        track.last_at = recorded.at
        self.version = Version(recorded.version)
        match event:
            case TaskStarted():
                track.attempts += 1
                track.began_at = track.began_at or recorded.at
            case TaskSucceeded(output=output):
                self._gave(event.task, output, recorded.version)
            case AttemptFailed() | TaskFailed() | ActionInDoubt():
                track.failures += 1
            case ContextRecalled():
                self.recalled.append((recorded, event))
            case ModelUsed():
                self._used(event)
                return  # its cost is part of what its attempt settles at
            case FailureDiagnosed():
                return
            case _:
                pass
        track.cost_micros += getattr(event, "cost", 0)

    def _own(self, version: int) -> TaskTrack:
        if not self.whole or self.whole[-1].last != version - 1:
            self.whole.append(TaskTrack())
        return self.whole[-1]

    def _used(self, event: ModelUsed) -> None:
        model = self.models.setdefault(event.model, ModelTrack())
        model.calls += event.calls
        model.input_tokens += event.input_tokens
        model.output_tokens += event.output_tokens
        model.cost_micros += event.cost
        model.cached += event.cached
        model.saved_micros += event.saved

    def _gave(self, task: int, output: Any, version: int) -> None:
        for value in _artifacts(output):
            self.made_count += 1
            if len(self.made) < ARTIFACTS_MAX:
                made = Made(task, str(value["kind"]), Digest(str(value["artifact"])), version)
                self.made.append(made)


class RunFolds:
    """The folds of the runs that were looked at last. Used by one thread at a time."""

    def __init__(self, store: Callable[[], EventReader], decoded: Callable[[RecordedEvent], Event]) -> None:
        self._store = store
        self._decoded = decoded
        self._kept: OrderedDict[RunId, RunFold] = OrderedDict()

    def size(self, run: RunId) -> int:
        """How many events of the run are still to be read."""
        known = self._kept.get(run)
        return self._store().version(run_stream(run)) - (known.version if known else 0)

    def fold(self, run: RunId) -> RunFold:
        """The run as it stands now."""
        fold = self._kept.pop(run, None) or RunFold(nothing(run))
        for recorded in self._store().read(run_stream(run), after=fold.version):
            fold.take(recorded, self._decoded(recorded))
        self._kept[run] = fold  # only now: what failed half-way is folded anew
        while len(self._kept) > 1 and (len(self._kept) > KEPT or self._tasks > TASKS_KEPT):
            self._kept.popitem(last=False)
        return fold

    @property
    def _tasks(self) -> int:
        return sum(len(one.tasks) for one in self._kept.values())

    def events(self, run: RunId, versions: Iterable[int]) -> Iterator[tuple[RecordedEvent, Event]]:
        """These events of a run, in order."""
        wanted = sorted(set(versions))
        at = 0
        while at < len(wanted):
            for recorded in self._store().read(run_stream(run), after=Version(wanted[at] - 1)):
                if recorded.version == wanted[at]:
                    yield recorded, self._decoded(recorded)
                    at += 1
                if at == len(wanted) or wanted[at] - recorded.version > JUMP:
                    break
            else:
                return


def task_of(event: Event) -> int | None:
    """Which task an event is about; None for the run as a whole."""
    number = getattr(event, "task", None)
    return number if isinstance(number, int) and number != RUN else None


def _artifacts(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case {"artifact": _, "kind": _}:
            yield value
        case dict():
            for one in value.values():
                yield from _artifacts(one)
        case list():
            for one in value:
                yield from _artifacts(one)
        case _:
            return
