"""Sentences about a run and its tasks: how it began and ended, and the work that was done."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import FAILURES, because, moment, short, short_run, withdrawn
from mainstay.kernel.events import (
    AttemptFailed,
    BudgetRefused,
    ContextRecalled,
    CourseEvent,
    ModelUsed,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunFailed,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    SpendingAllowed,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    WorkEvent,
)
from mainstay.kernel.plan import PROPOSED
from mainstay.kernel.values import money


def say_course(event: CourseEvent) -> str:
    """How a run began, waited and ended, in one sentence without its full stop."""
    match event:
        case RunStarted():
            message = event.trigger.get("message")
            key = str(message.get("key", "")) if isinstance(message, dict) else ""
            cause = f", because message {short(key)} came in" if key else ""
            if event.workflow == PROPOSED:
                cause = f", because {event.trigger.get('client', 'somebody')} proposed its act"
            return f"A run of {event.workflow} began (definition {short(event.definition)}){cause}"
        case RunQueued(behind=behind, line="workflow"):
            return f"It waits in line behind run {short_run(behind)}: as many runs of its workflow as may are at work"
        case RunQueued(behind=behind):
            return f"It waits for run {short_run(behind)}, which has the same key"
        case RunReleased(after=after):
            return f"It goes on, since run {short_run(after)} has ended"
        case RunSuperseded():
            by = f" ({short(event.by)})" if event.by else ""
            return f"It was overtaken: {event.reason}{by}{withdrawn(len(event.withdrawn))}"
        case RunCancelled():
            return f"{event.actor} ended it{because(event.reason)}{withdrawn(len(event.withdrawn))}"
        case RunSucceeded():
            return "Everything was done, or skipped for a stated reason"
        case RunFailed(reason=reason):
            return f"The run failed: {reason}{withdrawn(len(event.withdrawn))}"
        case PlanAccepted(plan=plan):
            names = ", ".join(task.name for task in plan.workflow.tasks[:8])
            more = ", …" if plan.size > 8 else ""
            tasks = "one task" if plan.size == 1 else f"{plan.size} tasks"
            return f"Its plan was accepted: {tasks} ({names}{more})"
        case _:
            assert_never(event)


def say_work(event: WorkEvent) -> str:
    """What became of the work of a task, in one sentence without its full stop."""
    match event:
        case TaskStarted():
            held = f", with {money(event.hold)} held for it" if event.hold else ""
            return f"{_attempt(event.attempt)} began{held}"
        case TaskSucceeded():
            return "It is done" + (f": {event.rationale}" if event.rationale else "")
        case AttemptFailed():
            what = f"{_attempt(event.attempt)} failed: {event.reason} ({FAILURES[event.failure]})"
            return f"{what}. The next is due at {moment(event.retry_at)}"
        case TaskFailed():
            return f"It was given up: {event.reason} ({FAILURES[event.failure]})"
        case TaskSkipped(reason=reason):
            return f"It was skipped: {reason}"
        case TaskExpanded(count=count):
            return f"It became {count} tasks, one for each item"
        case RevisionRequested():
            found = "one finding" if len(event.findings) == 1 else f"{len(event.findings)} findings"
            why = f": {event.rationale}" if event.rationale else ""
            return f"The inspector sent it back with {found}{why}"
        case BudgetRefused(scope="price"):
            return (
                "It may not begin: nobody knows what its model costs, and an unknown price is never taken for "
                f"nothing. Its own budget is {money(event.needed)}"
            )
        case SpendingAllowed(scope="price", amount=amount, actor=actor):
            return f"{actor} let an attempt of unknown price cost up to {money(amount)} in this run"
        case SpendingAllowed(amount=amount, actor=actor):
            return f"{actor} let the run spend up to {money(amount)} in all"
        case BudgetRefused():
            wait = " until what is held has settled" if event.passing else ""
            return (
                f"It may not begin{wait}: it needs {money(event.needed)}, and {money(event.left)} are left "
                f"of the budget of the {event.scope}"
            )
        case ContextRecalled():
            left_out = f", {event.dropped} left out" if event.dropped else ""
            return (
                f"It was given {_counted(event.hits, 'memory', 'memories')} ({event.tokens} tokens{left_out})"
            )
        case ModelUsed():
            cached = (
                f", {event.cached} of them from the cache (saving {money(event.saved)})"
                if event.cached
                else ""
            )
            return (
                f"It asked {event.model} {_counted(event.calls, 'time', 'times')}{cached}: {event.input_tokens} "
                f"tokens in, {event.output_tokens} out, {money(event.cost)}"
            )
        case _:
            assert_never(event)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _attempt(number: int) -> str:
    return "The work" if number <= 1 else f"Attempt {number}"
