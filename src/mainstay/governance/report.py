"""What became of a workflow's runs in a window: how they ended, in which ways they failed, where time and money went.

A pure fold over recorded events. The runs are those that started in the window, with all that followed, up to the
moment of the report. Percentiles are nearest-rank, over runs that have ended: one in flight would tell a time that is
not over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from mainstay.governance.run_account import IN_FLIGHT, Kind, Mode, RunAccount
from mainstay.governance.run_time import Part
from mainstay.kernel.events import Event, RunEvent
from mainstay.kernel.ids import RunId, run_stream
from mainstay.ledger.store import EventReader, RecordedEvent

OUTCOMES = ("succeeded", "failed", "cancelled", "superseded", IN_FLIGHT)
_ALL = 1_000_000_000  # rows


@dataclass(frozen=True, slots=True)
class Spread:
    """How a length of time is spread over those that have it at all."""

    count: int = 0
    p50_us: int = 0
    p90_us: int = 0
    p99_us: int = 0
    total_us: int = 0


@dataclass(frozen=True, slots=True)
class ErrorMode:
    """One way in which things went wrong: how often, in how many runs, and the newest of these to look at."""

    kind: str
    failure: str  # failure class, or scope of what held it back
    task: str  # "" for the run as a whole
    count: int
    runs: int
    newest: RunId


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """One task of the workflow over all runs."""

    task: str
    attempts: int  # of its agent
    retries: int
    given_up: int
    agents: Spread  # how long these attempts took
    calls: Spread  # how long its calls and look-ups at an adapter took
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. Times are microseconds, money is micro-units."""

    workflow: str
    since: int
    until: int
    runs: dict[str, int] = field(default_factory=dict)  # by how they ended
    modes: tuple[ErrorMode, ...] = ()  # the most frequent first
    retries: int = 0
    elapsed: Spread = Spread()
    parts: dict[str, Spread] = field(
        default_factory=dict
    )  # queue, agents, calls, retry, operator: they add up
    answers: dict[str, int] = field(default_factory=dict)  # approved, edited, rejected
    answered: Spread = Spread()  # from question to answer
    tasks: tuple[TaskFigures, ...] = ()
    cost_micros: int = 0
    operator_us: int = 0

    @property
    def count(self) -> int:
        """How many runs it is about."""
        return sum(self.runs.values())

    @property
    def succeeded(self) -> int:
        """How many came to what they were for."""
        return self.runs.get("succeeded", 0)

    @property
    def dead_letters(self) -> int:
        """How many were given up, and can be replayed."""
        return self.runs.get("failed", 0)

    @property
    def cost_per_outcome_micros(self) -> int | None:
        """What one succeeded run cost, with all that failed on the way; None when there is none."""
        return self.cost_micros // self.succeeded if self.succeeded else None

    @property
    def operator_us_per_outcome(self) -> int | None:
        """The operator's time for one succeeded run; None when there is none."""
        return self.operator_us // self.succeeded if self.succeeded else None


Decode = Callable[[RecordedEvent], Event]


def report(store: EventReader, decode: Decode, workflow: str, *, since: int, until: int, now: int) -> Report:
    """The report on the runs of `workflow` that started from `since` on and before `until` (microseconds)."""
    return summed(workflow, _accounts(store, decode, workflow, since, until, now), since=since, until=until)


def account(events: Iterable[tuple[int, RunEvent]], *, now: int) -> RunAccount:
    """The account of one run; events with their recorded times."""
    one = RunAccount()
    for at, event in events:
        one.take(at, event)
    one.close(now)
    return one


def _accounts(
    store: EventReader, decode: Decode, workflow: str, since: int, until: int, now: int
) -> Iterator[tuple[RunId, RunAccount]]:
    rows = store.select("runs", where={"workflow": workflow}, order="started_at", after=since - 1, limit=_ALL)
    for row in rows:
        started = row["started_at"]
        assert isinstance(started, int)
        if started >= until:
            return
        run = RunId(str(row["run"]))
        events = ((one.at, decode(one)) for one in store.read(run_stream(run)))
        yield run, account(events, now=now)  # type: ignore[arg-type]  # a run's stream holds a run's events


def summed(workflow: str, accounts: Iterable[tuple[RunId, RunAccount]], *, since: int, until: int) -> Report:
    """One report from the accounts of its runs."""
    total = _Total()
    for run, one in accounts:
        total.add(run, one)
    return Report(
        workflow=workflow,
        since=since,
        until=until,
        runs={name: total.runs[name] for name in OUTCOMES if total.runs[name]},
        modes=total.error_modes(),
        retries=sum(count for (kind, _, _), count in total.modes.items() if kind is Kind.RETRIED),
        elapsed=spread(total.elapsed),
        parts={part.value: spread(total.parts[part]) for part in Part},
        answers={name: total.answers[name] for name in ("approved", "edited", "rejected")},
        answered=spread(total.answered),
        tasks=total.figures(),
        cost_micros=total.cost,
        operator_us=total.operator_us,
    )


class _Total:
    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.modes: Counter[Mode] = Counter()
        self.answers: Counter[str] = Counter()
        self.elapsed: list[int] = []
        self.parts: dict[Part, list[int]] = {part: [] for part in Part}
        self.answered: list[int] = []
        self.cost = 0
        self.operator_us = 0
        self._in_runs: Counter[Mode] = Counter()
        self._newest: dict[Mode, RunId] = {}
        self._tasks: dict[str, list[int]] = {}  # attempts, retries, given up, cost
        self._took: dict[str, tuple[list[int], list[int]]] = {}  # agents, calls

    def add(self, run: RunId, one: RunAccount) -> None:
        self.runs[one.outcome] += 1
        if one.ended:
            self.elapsed.append(one.elapsed_us)
            for part, spent_us in one.spent_us.items():
                if spent_us:
                    self.parts[part].append(spent_us)
        for mode, count in one.modes.items():
            self.modes[mode] += count
            self._in_runs[mode] += 1
            self._newest[mode] = run
        self.answers += one.answers
        self.answered += one.answered_us
        self.operator_us += one.operator_us
        self.cost += one.cost_micros
        for name, task in one.tasks.items():
            sums = self._tasks.setdefault(name, [0, 0, 0, 0])
            for at, amount in enumerate((task.attempts, task.retries, task.given_up, task.cost_micros)):
                sums[at] += amount
            took = self._took.setdefault(name, ([], []))
            took[0].extend(task.agents_us)
            took[1].extend(task.calls_us)

    def error_modes(self) -> tuple[ErrorMode, ...]:
        return tuple(
            ErrorMode(mode[0].value, mode[1], mode[2], count, self._in_runs[mode], self._newest[mode])
            for mode, count in sorted(self.modes.items(), key=lambda one: (-one[1], one[0]))
        )

    def figures(self) -> tuple[TaskFigures, ...]:
        return tuple(
            TaskFigures(name, attempts, retries, given_up, spread(agents), spread(calls), cost)
            for name, (attempts, retries, given_up, cost) in self._tasks.items()
            for agents, calls in (self._took[name],)
        )


def spread(lengths: list[int]) -> Spread:
    """Nearest-rank percentiles, and the sum."""
    if not lengths:
        return Spread()
    ranked = sorted(lengths)

    def rank(share: int) -> int:
        return ranked[max(0, -(-share * len(ranked) // 100) - 1)]

    return Spread(len(ranked), rank(50), rank(90), rank(99), sum(ranked))
