"""What was done lately and what is on its way, by the name of the act: what rules with a limit count.

A live fold: it moves with every decision, so that two acts of one tick cannot both be the twentieth. It is bounded: of
what is done it keeps quarters of an hour, for two days; of what is on its way, the tasks that may leave.

An act is on its way from the moment it may leave (approved, held, started) until it is settled; one in doubt stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainstay.kernel.events import (
    ActionDenied,
    ActionHeld,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalGranted,
    ApprovalRequested,
    CompensationFailed,
    DoubtResolved,
    RunEvent,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import DONE, Phase, RunState
from mainstay.kernel.values import HOUR, MINUTE, Instant

QUARTER = 15 * MINUTE
KEPT = 2 * 24 * 4  # quarters: the operator's day, wherever it begins, and one to spare
Kind = tuple[str, str]  # workflow, act

_TOUCHING = frozenset[type[RunEvent]](
    {
        *(ActionStarted, ActionHeld, ApprovalGranted, ApprovalRequested, ActionDenied, ActionShadowed),
        *(ActionUndone, TaskSucceeded, TaskFailed, TaskCancelled, CompensationFailed, DoubtResolved),
    }
)


def quarter_of(at: Instant) -> int:
    """The quarter of an hour, counted from 1970."""
    return at // QUARTER


class Tally:
    """Acts done by quarter of an hour, and acts on their way."""

    __slots__ = ("_by_act", "_done", "_out", "_tasks")

    def __init__(self) -> None:
        self._done: dict[str, dict[int, int]] = {}
        self._out: dict[Kind, int] = {}
        self._by_act: dict[str, int] = {}
        self._tasks: dict[RunId, dict[int, Kind]] = {}

    def restore(self, rows: Iterable[tuple[str, int, int]]) -> None:
        """What the view knows: act, quarter, count."""
        self._done = {}
        for act, quarter, count in rows:
            self._done.setdefault(act, {})[quarter] = count

    def done(self, act: str, since: Instant) -> int:
        """How many were done since then, to the beginning of that quarter of an hour."""
        first = quarter_of(since)
        return sum(count for quarter, count in self._done.get(act, _NONE).items() if quarter >= first)

    def last_hour(self, act: str, now: Instant) -> int:
        """How many were done in the last hour; up to a quarter more are counted."""
        return self.done(act, Instant(now - HOUR))

    def on_their_way(self, workflow: str, act: str) -> int:
        """How many of this workflow may leave and are not settled."""
        return self._out.get((workflow, act), 0)

    def all_on_their_way(self, act: str) -> int:
        """The same of every workflow."""
        return self._by_act.get(act, 0)

    def count(self, act: str, at: Instant) -> None:
        """One more was done."""
        quarters = self._done.setdefault(act, {})
        quarter = quarter_of(at)
        quarters[quarter] = quarters.get(quarter, 0) + 1
        if len(quarters) > KEPT:
            for old in [one for one in quarters if one <= quarter - KEPT]:
                del quarters[old]

    def note(self, state: RunState, events: Sequence[RunEvent]) -> None:
        """What these events, which led to `state`, changed of what is on its way."""
        for event in events:
            if type(event) in _TOUCHING:
                self._look(state, event.task)  # type: ignore[union-attr]  # all of these have one
        if state.ended and state.head.run in self._tasks:
            for number in tuple(self._tasks[state.head.run]):
                self._drop(state.head.run, number)

    def begin(self, state: RunState) -> None:
        """A run was read: what of it is on its way."""
        for number, task in state.all_tasks():
            if task.act is not None and task.act.authority:
                self._look(state, number)

    def _look(self, state: RunState, number: int) -> None:
        run, task = state.head.run, state.task(number)
        act = task.act
        known = number in self._tasks.get(run, ())
        leaves = act is not None and bool(act.authority) and state.undoes(number) is None
        if leaves and task.phase not in DONE and task.phase is not Phase.APPROVAL:
            assert act is not None
            if not known:
                kind = (state.head.workflow, act.action.act)
                self._tasks.setdefault(run, {})[number] = kind
                self._out[kind] = self._out.get(kind, 0) + 1
                self._by_act[kind[1]] = self._by_act.get(kind[1], 0) + 1
        elif known:
            self._drop(run, number)

    def _drop(self, run: RunId, number: int) -> None:
        of_run = self._tasks[run]
        kind = of_run.pop(number)
        if not of_run:
            del self._tasks[run]
        self._out[kind] -= 1
        self._by_act[kind[1]] -= 1


_NONE: dict[int, int] = {}
