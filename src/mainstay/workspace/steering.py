"""`Workspace.steering`: the operator's hand on the work, as calls of the SDK.

    workspace.steering.pause("adapter", "support", reason="the provider moves house")
    workspace.steering.restart(run, first="send")

Pause, resume and cancel at every level, fork and restart, dead letters. Deciding goes through the same doors as every
other decision (`mainstay.workspace.sdk.deciding`); reading takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import DONE, UNDER_WAY, Phase, RunState, may_have_left
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.clock import Clock
from mainstay.workspace.decided import Decided, decided
from mainstay.workspace.doors import Door
from mainstay.workspace.timetable import Scheduled, timetable

OPERATOR = "operator"
SCOPES = ("workspace", "workflow", "adapter")
LETTERS = ("waiting", "replayed", "purged")
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Concerned:
    """What a cancel of a scope would end: whole runs, or single acts that wait for an adapter."""

    runs: int
    acts: int


class Steering:
    """Steers one workspace. `actor` is who decides; what is so already changes nothing."""

    def __init__(
        self,
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], SqliteReader],
        state_of: Callable[[RunId], RunState],
        plan_of: Callable[[Digest], Plan],
        read_reason: Callable[[Json], Json],
        clock: Clock,
    ) -> None:
        self._door = door
        self._reader = store
        self._state_of = state_of
        self._plan_of = plan_of
        self._read_reason = read_reason
        self._clock = clock

    # --- pause, resume, cancel ---------------------------------------------------------------------------------------

    def pause(
        self, scope: str = "workspace", name: str = "", *, reason: str = "", actor: str = OPERATOR
    ) -> Decided:
        """Start nothing new in the workspace, a workflow or an adapter; what is under way is heard."""
        return self._decide("pause_scope", scope=scope, name=name, reason=reason, actor=actor)

    def resume(self, scope: str = "workspace", name: str = "", *, actor: str = OPERATOR) -> Decided:
        """Go on there."""
        return self._decide("resume_scope", scope=scope, name=name, actor=actor)

    def cancel_scope(
        self, scope: str, name: str = "", *, reason: str = "", actor: str = OPERATOR
    ) -> tuple[Decided, ...]:
        """End every open run of the workspace or of a workflow; of an adapter, give up the acts that wait for it."""
        arguments = {"scope": scope, "name": name, "reason": reason, "actor": actor}
        with self._door() as door:
            answer = door.ask("cancel_scope", arguments)
            return tuple(decided(one, live=door.live) for one in answer["cancelled"])

    def concerned(self, scope: str, name: str = "") -> Concerned:
        """What `cancel_scope` would end as things stand. Folds every open run where an adapter is meant."""
        if scope not in SCOPES:
            raise CommandRefused(f"{scope!r} is no scope.", remedy="Name one of: " + ", ".join(SCOPES) + ".")
        rows = self._store.select("open_runs", limit=_ALL)
        if scope != "adapter":
            runs = sum(
                row["status"] != "ending" and (scope == "workspace" or row["workflow"] == name)
                for row in rows
            )
            return Concerned(runs, 0)
        acts = [sum(1 for _ in _waiting_acts(self._state_of(RunId(str(row["run"]))), name)) for row in rows]
        return Concerned(sum(map(bool, acts)), sum(acts))

    def pause_run(self, run: str, task: str = "", *, reason: str = "", actor: str = OPERATOR) -> Decided:
        """Start nothing new of a run, or do not start one of its tasks."""
        return self._decide("pause_run", run=run, task=task, reason=reason, actor=actor)

    def resume_run(self, run: str, task: str = "", *, actor: str = OPERATOR) -> Decided:
        """Go on with a run, or with one of its tasks."""
        return self._decide("resume_run", run=run, task=task, actor=actor)

    def allow(self, run: str, amount_micros: int, *, scope: str = "", actor: str = OPERATOR) -> Decided:
        """Let a run spend: for each attempt of unknown price (`scope` "price"), or in all ("run").

        Without a scope it is what the run waits for. What a budget stopped goes on as far as it now may.
        """
        return self._decide("allow", run=run, amount=amount_micros, scope=scope, actor=actor)

    def cancel_task(self, run: str, task: str, *, reason: str = "", actor: str = OPERATOR) -> Decided:
        """Give one task up; what needs it is skipped. Refused while its effect may already have left.

        Asked twice it is done once: the second time no event is written.
        """
        return self._decide("cancel_task", run=run, task=task, reason=reason, actor=actor)

    # --- fork and restart --------------------------------------------------------------------------------------------

    def restart(
        self, run: str, *, first: str = "", reason: str = "", request: str = "", actor: str = OPERATOR
    ) -> Decided:
        """Do a task of an ended run, and what follows from it, anew in a new run. Without `first`: what was given up.

        The same restart asked for twice is one; another `request` is another restart.
        """
        return self._decide("restart", run=run, first=first, reason=reason, request=request, actor=actor)

    def fork(
        self,
        run: str,
        *,
        version: int = 0,
        changes: Mapping[str, Any] | None = None,
        reason: str = "",
        request: str = "",
        actor: str = OPERATOR,
    ) -> Decided:
        """Go on from an event of a run (0: its last) in a new run. `changes` gives new values to fields.

        A field is named as in the workflow file: `trigger.message.mailbox`, `annotate.intent`, `draft.reply`.
        """
        arguments = {"version": version, "changes": dict(changes or {}), "reason": reason}
        return self._decide("fork", run=run, request=request, actor=actor, **arguments)

    # --- dead letters ------------------------------------------------------------------------------------------------

    def dead_letters(self, *, status: str = "waiting", limit: int = 1_000) -> list[Json]:
        """Messages that could not be read and runs that failed, oldest first; with status "" all there ever were."""
        if status not in ("", *LETTERS):
            raise CommandRefused(
                f"{status!r} is no status of a dead letter.", remedy=f"Use one of {', '.join(LETTERS)}."
            )
        where = {"status": status} if status else {}
        rows = self._store.select("dead_letters", where=where, order="at", limit=limit)
        return [self._read_reason(row) for row in rows]

    def dead_letter(self, letter: str) -> Json:
        """One of them, by a whole or short id. Raises `NotFound` or `AmbiguousId`."""
        row = self._store.get("dead_letters", (find_id(self._store, "dead_letters", "letter", letter),))
        assert row is not None
        return self._read_reason(row)

    def replay(self, letter: str, *, actor: str = OPERATOR) -> Decided:
        """Try a dead letter again: a message is read once more, a run is restarted where it was given up."""
        return self._decide("replay", letter=letter, actor=actor)

    def purge(self, letter: str, *, reason: str = "", actor: str = OPERATOR) -> Decided:
        """Put a dead letter away for good; that it was there, and who put it away, stays in the ledger."""
        return self._decide("purge", letter=letter, reason=reason, actor=actor)

    # --- what holds work back ----------------------------------------------------------------------------------------

    def pauses(self) -> list[Json]:
        """What is paused: the workspace, workflows, adapters, since when, by whom and why."""
        return [self._read_reason(row) for row in self._store.select("pauses", limit=_ALL)]

    def breakers(self) -> list[Json]:
        """Operations of adapters that are left alone, and when one call tries again (`until`)."""
        return self._store.select("breakers", limit=_ALL)

    def schedules(self) -> list[Scheduled]:
        """Every workflow in force that starts by the calendar: when it is due next, and what came of it so far."""
        return timetable(self._store, self._plan_of, now=self._clock.now())

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        row = self._store.get("house", ("kill_switch",))
        return row is not None and row["value"] == "on"

    # --- within ------------------------------------------------------------------------------------------------------

    @property
    def _store(self) -> SqliteReader:
        return self._reader()

    def _decide(self, operation: str, **arguments: Any) -> Decided:
        with self._door() as door:
            return decided(door.ask(operation, arguments), live=door.live)


def _waiting_acts(state: RunState, adapter: str) -> Iterator[int]:
    """The tasks whose act waits for an adapter and has not left."""
    for number, task in state.all_tasks():
        if task.act is None or task.act.action.adapter != adapter:
            continue
        settled = task.phase in DONE or task.phase in UNDER_WAY or task.phase is Phase.EXPANDED
        if not settled and not may_have_left(task):
            yield number
