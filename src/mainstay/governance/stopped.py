"""What waits for money: which budget stopped it, what is spent so far, what its run may yet cost, and what can be done.

Read from the runs themselves, folded: the view `stopped` only says which runs are worth a look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mainstay.governance.costs import costs, total
from mainstay.kernel.budget import Limits, day_of, month_of
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import DONE, Phase, RunState
from mainstay.kernel.values import DAY, Instant, money
from mainstay.ledger.store import EventReader

LOOKED_AT = 500  # runs that were stopped last
_KEYS = {"day": "day_usd", "month": "month_usd", "workflow": "workflow_usd", "run": "run_usd"}


@dataclass(frozen=True, slots=True)
class Stopped:
    """A task that may not begin. Money is micro-units."""

    run: RunId
    workflow: str
    task: str
    agent: str
    scope: str  # run, workflow, day, month; price: nobody knows what its agent costs
    needed_micros: int
    spent_micros: int  # under this budget, up to now
    limit_micros: int | None  # the budget; None where it is the price that is missing
    rest_micros: int  # the most that what is left of the run may cost, as far as its plan is known
    since: Instant
    again_at: Instant  # when a clock tries again; 0: somebody has to
    ways: tuple[str, ...]


def stopped(
    store: EventReader,
    state_of: Callable[[RunId], RunState],
    limits: Limits,
    *,
    now: Instant,
    most: int | None = None,
) -> tuple[Stopped, ...]:
    """Everything that waits for money, the longest first; with `most` only so many of those that were stopped last."""
    found: list[Stopped] = []
    spent = _spent(store, now)
    for row in store.select("stopped", order="position", descending=True, limit=LOOKED_AT):
        run = RunId(str(row["run"]))
        if store.get("open_runs", (run,)) is None:
            continue
        if most is not None and len(found) == most:
            break
        state = state_of(run)
        scope, at = str(row["scope"]), _number(row["at"])
        waiting = [number for number, task in state.all_tasks() if task.phase is Phase.BLOCKED]
        for number in waiting[:1]:
            found.append(_about(state, number, scope, _number(row["needed"]), Instant(at), limits, spent))
    return tuple(sorted(found, key=lambda one: (one.since, one.run)))


def rest_of(state: RunState) -> int:
    """The most that what is left of a run may cost: the budgets of the tasks that are not done.

    Of a fan-out that has not happened yet nobody knows how wide it will be: it counts once.
    """
    return sum(
        state.spec(number).cost_max_micros for number, task in state.all_tasks() if task.phase not in DONE
    )


def _about(
    state: RunState,
    number: int,
    scope: str,
    needed: int,
    since: Instant,
    limits: Limits,
    spent: Mapping[tuple[str, str], int],
) -> Stopped:
    spec, task, workflow = state.spec(number), state.task(number), state.head.workflow
    used = (
        state.spent if scope in ("run", "price") else spent.get((scope, workflow), spent.get((scope, ""), 0))
    )
    rest = rest_of(state)
    return Stopped(
        state.head.run,
        workflow,
        state.name(number),
        spec.agent,
        scope,
        needed,
        used,
        _limit(state, scope, limits),
        rest,
        since,
        task.wake_at,
        _ways(state, scope, used + rest, task.wake_at),
    )


def _limit(state: RunState, scope: str, limits: Limits) -> int | None:
    assert state.plan is not None
    match scope:
        case "run":
            declared = [limits.run_micros, state.plan.workflow.cost_max_micros]
            said = state.unusual.run_max
            return (
                said if said is not None else min((one for one in declared if one is not None), default=None)
            )
        case "workflow":
            return limits.workflow_day_micros
        case "day":
            return limits.day_micros
        case "month":
            return limits.month_micros
        case _:
            return None


def _ways(state: RunState, scope: str, enough: int, again_at: Instant) -> tuple[str, ...]:
    """What a person can do about it."""
    run = state.head.run[-8:]
    drop = f"`mainstay cancel {run}` gives it up"
    if scope == "price":
        return (
            "write price_input_usd and price_output_usd (for a million tokens) under the model's [models.NAME] in "
            "mainstay.toml, and start `mainstay up` anew: 0 if it is free",
            f"`mainstay allow {run} 0.05` lets each attempt of this run cost up to so much (here five cents)",
            drop,
        )
    ways = [f"raise {_KEYS.get(scope, scope)} under [budgets] in mainstay.toml and start `mainstay up` anew"]
    if scope == "run":
        amount = money(enough).removeprefix("$")
        ways = [f"`mainstay allow {run} {amount}` lets this run spend so much in all"]
    if scope == "day" or scope == "workflow":
        ways.append("wait: it goes on by itself after midnight UTC")
    if scope == "month":
        ways.append("wait: it goes on by itself with the next month")
    return (*ways, drop)


def _spent(store: EventReader, now: Instant) -> dict[tuple[str, str], int]:
    """What is spent of the budgets of the day and the month, and of each workflow today."""
    today = day_of(now)
    rows = [
        one for one in costs(store, since=today - 31) if month_of(Instant(one.day * DAY)) == month_of(now)
    ]
    mine = [one for one in rows if one.day == today]
    found = {("workflow", one.workflow): one.cost_micros for one in mine}
    return found | {("day", ""): total(mine).cost_micros, ("month", ""): total(rows).cost_micros}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
