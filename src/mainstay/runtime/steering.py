"""The operator's hand on the work: pause, resume and cancel at every level, money for a run, dead letters.

One method for each thing that may be asked, as at the desk (`runtime.desk`): it finds what is meant, refuses with a
clear error what makes no sense now, and sends one command. Repeating a call is safe. Forks lie in `runtime.forking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from mainstay.kernel.commands import (
    AllowSpending,
    CancelRun,
    CancelTask,
    PauseRun,
    PauseScope,
    PauseTask,
    PurgeDeadLetter,
    RecordReplay,
    ResumeRun,
    ResumeScope,
    ResumeTask,
)
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.events import TaskCancelled
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.state import Phase
from mainstay.ledger.short_ids import find_id
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.finding_runs import NAMES_SHOWN
from mainstay.runtime.forking import Forking
from mainstay.runtime.keeping import sealed_remark
from mainstay.runtime.sending import Ask, Decided
from mainstay.runtime.tick import Request

Scope = Literal["workspace", "workflow", "adapter"]
SCOPES: tuple[str, ...] = ("workspace", "workflow", "adapter")


class Steering(Forking):
    """Steers the runs of one director."""

    def __init__(
        self, director: Director, artifacts: Artifacts, ask: Ask, *, adapters: Iterable[str] = ()
    ) -> None:
        super().__init__(director, artifacts, ask)
        self._adapters = frozenset(adapters)

    # --- scopes ------------------------------------------------------------------------------------------------------

    async def pause(self, scope: str, name: str = "", *, reason: str = "", actor: str) -> Decided:
        """Start nothing new in the workspace, a workflow or an adapter; what is under way is heard."""
        self._require_scope(scope, name)
        sealed = sealed_remark(self._artifacts, reason)
        return await self._tell(PauseScope(scope, name, actor, sealed), actor, "paused")

    async def resume(self, scope: str, name: str = "", *, actor: str) -> Decided:
        """Go on there."""
        self._require_scope(scope, name, known=False)  # what is no longer configured may be resumed
        return await self._tell(ResumeScope(scope, name, actor), actor, "running")

    async def cancel_scope(
        self, scope: str, name: str = "", *, reason: str = "", actor: str
    ) -> list[Decided]:
        """End every open run of a workflow or of the workspace; of an adapter, give up the acts that wait for it."""
        self._require_scope(scope, name)
        self._director.load_all()  # under the lock only what was asked about is in memory
        found: list[Decided] = []
        for run, one in list(self._director.runs.items()):
            state = one.state
            if scope == "adapter":
                for number, task in state.all_tasks():
                    if task.act is not None and task.act.action.adapter == name:
                        sealed = self._sealed(reason, state)
                        command = CancelTask(run, number, actor, sealed)
                        answer = await self._ask(Request(command, actor))
                        if answer.events:
                            found.append(Decided(run, number, answer.events, "cancelled"))
            elif not state.ended and (scope == "workspace" or state.head.workflow == name):
                answer = await self._ask(Request(CancelRun(run, actor, self._sealed(reason, state)), actor))
                found.append(Decided(run, 0, answer.events, self._status(run)))
        return found

    def _require_scope(self, scope: str, name: str, *, known: bool = True) -> None:
        if scope not in SCOPES:
            raise CommandRefused(f"{scope!r} is no scope.", remedy="Name one of: " + ", ".join(SCOPES) + ".")
        if scope == "workspace":
            if name:
                raise CommandRefused("The workspace is paused as a whole.", remedy="Leave the name out.")
            return
        # A workflow that was retired may have runs in flight.
        open_ones = {one.state.head.workflow for one in self._director.runs.values()}
        workflows = {*self._director.workflows, *open_ones}
        names = sorted(self._adapters if scope == "adapter" else workflows)
        if known and name not in names:
            raise NotFound(
                f"There is no {scope} {name!r}.",
                why="Known are: " + (", ".join(names[:NAMES_SHOWN]) or "none") + ".",
                remedy=f"Name one of these; `mainstay {'workflows list' if scope == 'workflow' else 'doctor'}` "
                "shows them.",
            )

    # --- runs and tasks ----------------------------------------------------------------------------------------------

    async def pause_run(self, run: str, task: str = "", *, reason: str = "", actor: str) -> Decided:
        """Start nothing new of a run, or do not start one of its tasks."""
        found, state = self._open(run)
        sealed = self._sealed(reason, state)
        if not task:
            return await self._steer(PauseRun(found, actor, sealed), found, 0, actor)
        number = self._number(state, task)
        return await self._steer(PauseTask(found, number, actor, sealed), found, number, actor)

    async def resume_run(self, run: str, task: str = "", *, actor: str) -> Decided:
        """Go on with a run, or with one of its tasks."""
        found, state = self._open(run)
        if not task:
            return await self._steer(ResumeRun(found, actor), found, 0, actor)
        number = self._number(state, task)
        return await self._steer(ResumeTask(found, number, actor), found, number, actor)

    async def allow(self, run: str, amount: int, *, scope: str = "", actor: str) -> Decided:
        """Let a run spend: so much for each attempt of unknown price ("price"), or so much in all ("run").

        Without a scope it is what the run waits for: the price if nobody knows one, else its own budget.
        """
        found, state = self._open(run)
        blocked = [task for _, task in state.all_tasks() if task.phase is Phase.BLOCKED]
        chosen = scope or ("price" if any(not task.wake_at for task in blocked) else "run")
        if chosen not in ("price", "run"):
            raise CommandRefused(
                f"{chosen!r} is nothing that can be allowed.",
                why="The budgets of a workflow, a day and a month stand in mainstay.toml.",
                remedy='Allow for the "price" of an attempt, or for the "run"; or raise the budget in mainstay.toml.',
            )
        if amount < 0:
            raise CommandRefused("An amount is not below nothing.", remedy="Write what it may cost: 0.05.")
        return await self._steer(AllowSpending(found, chosen, amount, actor), found, 0, actor)

    async def cancel_task(self, run: str, task: str, *, reason: str = "", actor: str) -> Decided:
        """Give one task up; what needs it is skipped. Refused while its effect may already have left.

        Asked twice it is done once, also where the run has ended since: the second time nothing is written.
        """
        found, past, _ = self._story(run)
        if past.plan is not None:
            number = self._number(past, task)
            if past.task(number).phase is Phase.SKIPPED and self._was_given_up(found, number):
                return Decided(found, number, 0, Phase.SKIPPED.name.lower())
        found, state = self._open(run)
        number = self._number(state, task)
        command = CancelTask(found, number, actor, self._sealed(reason, state))
        decided = await self._steer(command, found, number, actor)
        if not decided.events:
            raise CommandRefused(
                f"{state.name(number)} cannot be given up now.",
                why=f"It is {decided.status}: it is done, or its effect may already have left.",
                remedy=f"`mainstay explain {run}` tells what becomes of it; `mainstay resolve` answers a doubt.",
            )
        return decided

    def _was_given_up(self, run: RunId, number: int) -> bool:
        """Whether the operator gave the task up. A task whose condition was false is skipped, too."""
        events = (self._director.codec.event(one) for one in self._store.read(run_stream(run)))
        return any(isinstance(one, TaskCancelled) and one.task == number for one in events)

    # --- dead letters ------------------------------------------------------------------------------------------------

    async def note_replay(
        self, letter: str, kind: str, outcome: str, *, actor: str, run: str = ""
    ) -> Decided:
        """Record that a dead letter was tried again, and what became of it."""
        command = RecordReplay(letter, kind, actor, RunId(run) if run else None, outcome)
        return await self._tell(command, actor, outcome, run=run)

    async def purge(self, letter: str, *, reason: str = "", actor: str) -> Decided:
        """Put a dead letter away for good; that it was there, and who put it away, stays in the ledger."""
        row = self.dead_letter(letter)
        sealed = sealed_remark(self._artifacts, reason)
        command = PurgeDeadLetter(str(row["letter"]), str(row["kind"]), actor, sealed)
        return await self._tell(command, actor, "purged")

    def waiting_letter(self, run: str) -> str:
        """The dead letter that a failed run waits as, by a whole or short id of the run; "" where it does not."""
        row = self._store.get("dead_letters", (self._find(run),))
        return str(row["letter"]) if row is not None and row["status"] == "waiting" else ""

    def dead_letter(self, short: str) -> Mapping[str, Any]:
        """The dead letter that a whole or short id means. Raises `NotFound`."""
        letter = find_id(self._store, "dead_letters", "letter", short)
        row = self._store.get("dead_letters", (letter,))
        assert row is not None
        return row
