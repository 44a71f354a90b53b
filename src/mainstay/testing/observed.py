"""What was seen in many histories of one workflow: how runs ended, what they took, what never happened.

`Watch` listens to one history and adds to an `Observed`; those of several processes are added up. Nothing here judges
whether a promise was kept: that is the checkers' part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    Event,
    RevisionRequested,
    RunFailed,
    StartDeferred,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan, TaskKind
from mainstay.kernel.policy import Policy
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import RecordedEvent

# What is counted for each run, in the order in which it is told.
COUNTED: dict[type[Event], str] = {
    ApprovalRequested: "cards",
    ApprovalGranted: "approved",
    ActionEdited: "edited",
    ApprovalRejected: "rejected",
    ApprovalExpired: "expired",
    ActionDenied: "denied by a rule",
    AttemptFailed: "retries",
    RevisionRequested: "sent back by an inspector",
    ActionInDoubt: "in doubt",
    BudgetRefused: "stopped by a budget",
    StartDeferred: "put off",
    CompensationBegun: "took back what it did",
    CompensationFailed: "could not take it back",
}
DONE_ACTS = "acts done"
WORDS = (*COUNTED.values(), DONE_ACTS)
RAN, DONE, FAILED, SKIPPED, RETRIED = "ran", "done", "failed", "skipped", "retried"
BECAME = (RAN, DONE, FAILED, SKIPPED, RETRIED)


@dataclass(slots=True)
class Tally:
    """One kind of thing: how often, in how many runs, and how often in the run that had most."""

    total: int = 0
    runs: int = 0
    most: int = 0

    def add(self, other: Tally) -> None:
        """Take in what others counted."""
        self.total += other.total
        self.runs += other.runs
        self.most = max(self.most, other.most)


@dataclass(slots=True)
class Observed:
    """What was seen, added up."""

    histories: int = 0
    events: int = 0
    crashes: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # by status
    calm_ended: Counter[str] = field(default_factory=Counter)  # in histories without a fault
    counted: dict[str, Tally] = field(default_factory=lambda: {word: Tally() for word in WORDS})
    tasks: Counter[tuple[str, str]] = field(default_factory=Counter)  # (task, what became of it)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)  # (task, reason)
    # (task, reason); without a task where the run was given up as a whole
    calm_failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    costs: list[int] = field(default_factory=list)  # of every run

    @property
    def runs(self) -> int:
        """How many there were."""
        return self.ended.total()

    def add(self, other: Observed) -> None:
        """Take in what others saw."""
        self.histories += other.histories
        self.events += other.events
        self.crashes += other.crashes
        self.costs += other.costs
        for name in ("ended", "calm_ended", "tasks", "skips", "calm_failures", "rules"):
            getattr(self, name).update(getattr(other, name))
        for word, tally in other.counted.items():
            self.counted[word].add(tally)


@dataclass(slots=True)
class Watch:
    """Listens to one history. See `telling.Listener`."""

    calm: bool
    open_text: Callable[[str], str] = lambda text: text
    seen: Observed = field(default_factory=Observed)
    _states: dict[RunId, RunState] = field(default_factory=dict)
    _counts: dict[RunId, Counter[str]] = field(default_factory=dict)
    _blamed: set[RunId] = field(default_factory=set)  # runs with a task that was given up

    def event(self, recorded: RecordedEvent, event: Event, after: RunState | None) -> None:
        """See `Listener.event`."""
        self.seen.events += 1
        if after is None:
            return
        run = after.head.run
        self._states[run] = after
        word = COUNTED.get(type(event))
        if word is not None:
            self._count(run, word)
        if isinstance(event, RunFailed) and self.calm and run not in self._blamed:
            self.seen.calm_failures["", self.open_text(event.reason)] += 1
        number = getattr(event, "task", None)
        if isinstance(number, int) and number >= 0 and after.plan is not None:
            self._task(after, after.spec(number).name, event)

    def aside(self, at: Instant, kind: str, detail: str) -> None:
        """See `Listener.aside`."""
        self.seen.crashes += kind == "crash"

    def finish(self) -> Observed:
        """The history is over: what was seen in it."""
        seen = self.seen
        seen.histories = 1
        for run, state in self._states.items():
            status = state.status.name.lower()
            seen.ended[status] += 1
            if self.calm:
                seen.calm_ended[status] += 1
            seen.costs.append(state.spent)
            for word, count in self._counts.get(run, {}).items():
                seen.counted[word].add(Tally(count, 1, count))
        return seen

    def _count(self, run: RunId, word: str) -> None:
        self._counts.setdefault(run, Counter())[word] += 1

    def _task(self, after: RunState, name: str, event: Event) -> None:
        tasks = self.seen.tasks
        match event:
            case TaskStarted(attempt=attempt):
                tasks[name, RAN if attempt == 1 else RETRIED] += 1
            case TaskExpanded():
                tasks[name, RAN] += 1
            case TaskSucceeded(task=number):
                tasks[name, DONE] += 1
                if after.spec(number).kind is TaskKind.ACT and after.task(number).act is not None:
                    self._count(after.head.run, DONE_ACTS)
            case TaskFailed(reason=reason):
                tasks[name, FAILED] += 1
                self._blamed.add(after.head.run)
                if self.calm:
                    self.seen.calm_failures[name, self.open_text(reason)] += 1
            case TaskSkipped(reason=reason):
                tasks[name, SKIPPED] += 1
                self.seen.skips[name, reason] += 1
            case ActionStarted(authority=authority):
                kind, _, rule = authority.partition(":")
                if kind == "rule":
                    self.seen.rules[rule] += 1
            case ApprovalRequested(rule=rule) | ActionDenied(rule=rule):
                self.seen.rules[rule] += 1
            case _:
                pass


# --- what an operator should know of it -------------------------------------------------------------


def remarks(seen: Observed, plan: Plan, policy: Policy) -> list[str]:
    """What is worth a look although no promise was broken."""
    if not seen.runs:
        return [f"No run began in {seen.histories:,} histories: nothing that came in matched its trigger."]
    said = [_never(seen, task.name) for task in plan.workflow.tasks if not seen.tasks[task.name, RAN]]
    for task in plan.workflow.tasks:
        tried, done = seen.tasks[task.name, RAN], seen.tasks[task.name, DONE]
        if tried and not done:
            said.append(f"`{task.name}` began {tried:,} times and was never done.")
    runs, failed = seen.calm_ended.total(), seen.calm_ended["failed"]
    if failed:
        said.append(f"Of {runs:,} runs in histories where nothing went wrong outside, {failed:,} failed:")
        said += [
            f"  {f'`{task}`' if task else 'the whole run'}, {count:,} times: {reason}"
            for (task, reason), count in seen.calm_failures.most_common(3)
        ]
    acts = {task.act for task in plan.workflow.tasks if task.act}
    idle = [
        rule.name
        for rule in policy.rules
        if not seen.rules[rule.name] and any(rule in policy.rules_for(act) for act in acts)
    ]
    if idle:
        named = ", ".join(repr(name) for name in idle)
        said.append(f"{'This rule' if len(idle) == 1 else 'These rules'} never decided anything: {named}.")
    return said


def _never(seen: Observed, task: str) -> str:
    reasons = Counter({reason: count for (name, reason), count in seen.skips.items() if name == task})
    histories = f"in {seen.histories:,} histories"
    if not reasons:
        return f"`{task}` never ran {histories}: no run came so far."
    ((reason, _),) = reasons.most_common(1)
    if reason == "its condition is false":
        return f"`{task}` never ran: its condition was never true {histories}."
    return f"`{task}` never ran {histories}: {reason}."
