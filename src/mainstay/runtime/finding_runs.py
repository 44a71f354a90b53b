"""What the operator means by a run, a task or an event of it, and what it came to when something was asked of it.

Whole and short ids are allowed. What there is not is refused with what there is.
"""

from __future__ import annotations

from typing import Any

from mainstay.kernel.commands import CancelTask, Command, PauseTask, ResumeTask
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RunState, Status
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.store import EventStore
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.sending import Ask, Decided
from mainstay.runtime.tick import Request

NAMES_SHOWN = 12


class FindingRuns:
    """Finds what is to be steered, and sends what steers it to one director."""

    def __init__(self, director: Director, artifacts: Artifacts, ask: Ask) -> None:
        self._director = director
        self._artifacts = artifacts
        self._ask = ask

    @property
    def _store(self) -> EventStore:
        return self._director.store

    def _find(self, short: str) -> RunId:
        return RunId(find_id(self._store, "runs", "run", short))

    def _open(self, short: str) -> tuple[RunId, RunState]:
        run = self._find(short)
        one = self._director.load(run)
        if one is None or one.state.ended:
            raise CommandRefused(
                f"Run {run} has ended.",
                why="Only a run that has not ended can be paused, resumed or given up in part.",
                remedy=f"`mainstay runs restart {short}` does a part of it anew.",
            )
        return run, one.state

    def _story(self, short: str, version: int = 0) -> tuple[RunId, RunState, int]:
        """A run as it stood after an event of its stream."""
        run = self._find(short)
        state, last = nothing(run), 0
        for recorded in self._store.read(run_stream(run)):
            if version and recorded.version > version:
                break
            event: Any = self._director.codec.event(recorded)
            state, last = evolve(state, event), recorded.version
        if version > last:
            raise NotFound(
                f"Run {run} has no event {version}.",
                why=f"Its last one is {last}.",
                remedy=f"`mainstay explain {short} --events` numbers them.",
            )
        return run, state, last

    def _require_plan(self, state: RunState, run: RunId) -> None:
        if state.plan is None:
            raise CommandRefused(
                f"Run {run} had not begun to follow its plan at that point.",
                why="It was waiting for its turn.",
                remedy="Choose a later event, or start the workflow anew.",
            )

    def _number(self, state: RunState, name: str) -> int:
        self._require_plan(state, state.head.run)
        for number, _ in state.all_tasks():
            if state.name(number) == name:
                return number
        raise self._no_task(state, name)

    def _no_task(self, state: RunState, name: str) -> NotFound:
        assert state.plan is not None
        names = ", ".join(spec.name for spec in state.plan.workflow.tasks[:NAMES_SHOWN])
        return NotFound(
            f"There is no task {name!r} in this run.",
            why=f"Its tasks are: {names}.",
            remedy="Name one of these; an item of a for_each as name[3].",
        )

    def _sealed(self, text: str, state: RunState) -> str:
        return self._artifacts.seal_text(text, state.head.owner)

    def _status(self, run: RunId) -> str:
        one = self._director.runs.get(run)
        return one.state.status.name.lower() if one is not None else "ended"

    async def _steer(self, command: Command, run: RunId, task: int, actor: str) -> Decided:
        answer = await self._ask(Request(command, actor))
        one = self._director.runs.get(run)
        if one is None:
            return Decided(run, task, answer.events, "ended")
        state = one.state
        if task or isinstance(command, PauseTask | ResumeTask | CancelTask):
            paused = task in state.unusual.paused_tasks
            status = "paused" if paused else state.task(task).phase.name.lower()
        else:
            paused = state.unusual.paused and state.status in (Status.RUNNING, Status.COMPENSATING)
            status = "paused" if paused else state.status.name.lower()
        return Decided(run, task, answer.events, status)

    async def _tell(self, command: Command, actor: str, status: str, run: str = "") -> Decided:
        answer = await self._ask(Request(command, actor))
        return Decided(run, 0, answer.events, status)
