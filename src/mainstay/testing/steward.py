"""The operator's hand on the house: pauses, cancelled tasks, forks and restarts, schedules that are put away.

Besides cards and doubts (`testing.people`), this is what an operator does to work that is under way. While faults
strike it is done at random; when they are over everything that was paused is resumed, and no schedule starts more.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from mainstay.kernel.commands import (
    CancelTask,
    ClearIncident,
    Command,
    DetectIncident,
    PauseRun,
    PauseScope,
    PauseTask,
    ResumeRun,
    ResumeScope,
    ResumeTask,
    RetireWorkflow,
    StartRun,
)
from mainstay.kernel.events import IncidentKind, RunEvent, RunForked
from mainstay.kernel.fork import changed, fork, restart
from mainstay.kernel.ids import RunId, run_id, run_stream
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import DONE, Phase, RunState
from mainstay.kernel.values import Json
from mainstay.runtime.tick import Request
from mainstay.testing.checkers import Audit
from mainstay.testing.process import Process, Surroundings

RESUME = 0.25  # how often, at each turn, what is paused goes on


@dataclass(slots=True)
class Steward:
    """Steers what is under way."""

    outside: Surroundings
    audit: Audit
    random: Random
    forked: int = 0

    def act(self, process: Process, *, calm: bool) -> bool:
        """Do one thing, or nothing. True if something was asked of the director."""
        command = self._resume(calm=calm)
        if command is None and calm:
            command = self._retire(process)
        if command is None and not calm:
            command = self._pause() or self._give_up() or self._notice() or self._fork(process)
        if command is None:
            return False
        process.inbox.append(Request(command, "operator"))
        return True

    # --- pauses -----------------------------------------------------------------------------------

    def _resume(self, *, calm: bool) -> Command | None:
        pauses = self.audit.pauses
        going = (run for run in pauses.runs if not self.audit.states[run].ended)
        found: list[Command] = [ResumeRun(run, "operator") for run in sorted(going)]
        found += [ResumeScope(scope, name, "operator") for scope, name in sorted(pauses.scopes)]
        for run, task in sorted(pauses.tasks):
            if not self.audit.states[run].ended:
                found.append(ResumeTask(run, task, "operator"))
        if not found or not (calm or self.random.random() < RESUME):
            return None
        return self.random.choice(found)

    def _pause(self) -> Command | None:
        if not self.outside.chaos.strikes("pause"):
            return None
        random, mix = self.random, self.outside.mix
        match random.choice(("workspace", "workflow", "adapter", "run", "run", "task", "task")):
            case "workspace":
                return self._scope("workspace", "")
            case "workflow":
                return self._scope("workflow", random.choice(mix.plans).workflow.name)
            case "adapter":
                return self._scope("adapter", random.choice(list(self.outside.providers)))
            case where:
                going = self._going()
                if not going:
                    return None
                run = random.choice(going)
                if where == "run":
                    return None if run in self.audit.pauses.runs else PauseRun(run, "operator", "wait")
                waiting = [
                    number for number, task in self.audit.states[run].all_tasks() if task.phase not in DONE
                ]
                return PauseTask(run, random.choice(waiting), "operator", "wait") if waiting else None

    def _scope(self, scope: str, name: str) -> Command | None:
        paused = (scope, name) in self.audit.pauses.scopes
        return None if paused else PauseScope(scope, name, "operator", "wait")

    def _give_up(self) -> Command | None:
        if not self.outside.chaos.strikes("cancel task"):
            return None
        going = self._going()
        if not going:
            return None
        run = self.random.choice(going)
        number = self.random.randrange(max(1, self.audit.states[run].size))
        return CancelTask(run, number, "operator", "not this one")

    def _notice(self) -> Command | None:
        if not self.outside.chaos.strikes("incident"):
            return None
        kind = self.random.choice((IncidentKind.SOURCE_SILENT, IncidentKind.DISK_GROWING))
        if self.random.random() < 0.5:
            return ClearIncident(kind, "")
        return DetectIncident(kind, "", "to order")

    def _retire(self, process: Process) -> Command | None:
        for plan in self.outside.mix.plans:
            on, name = plan.workflow.on, plan.workflow.name
            if on is not None and on.schedule is not None and name in process.director.workflows:
                return RetireWorkflow(name, "operator")
        return None

    def _going(self) -> list[RunId]:
        return [run for run, state in self.audit.states.items() if not state.ended]

    # --- forks ------------------------------------------------------------------------------------

    def _fork(self, process: Process) -> Command | None:
        if self.forked >= self.outside.mix.forks or not self.outside.chaos.strikes("fork"):
            return None
        parents = [run for run, state in self.audit.states.items() if state.plan is not None]
        if not parents:
            return None
        parent = self.random.choice(parents)
        state, version = self._at_some_point(process, parent)
        if state.plan is None:
            return None
        self.forked += 1
        trigger, forked = self._from_here(state, version)
        head = state.head
        run = run_id(self.outside.clock.now(), "fork", parent, version, self.forked)
        return StartRun(
            run,
            head.workflow,
            head.definition,
            trigger,
            head.key,
            head.subject,
            forked=forked,
            sealed_under=head.sealed_under,
        )

    def _from_here(self, state: RunState, version: int) -> tuple[Json, RunForked]:
        plan, random = state.plan, self.random
        assert plan is not None
        if state.ended and random.random() < 0.5:
            first = random.choice(plan.workflow.tasks).name
            return state.head.trigger, restart(state, version=version, actor="operator", first=first)
        changes: dict[str, Any] = {}
        trigger = state.head.trigger
        thoughts = [
            task.name
            for number, task in enumerate(plan.workflow.tasks)
            if task.kind is TaskKind.THINK
            and state.task(number).phase is Phase.SUCCEEDED
            and "value" in (state.task(number).output or {})
        ]
        if thoughts and random.random() < 0.5:
            changes[f"{random.choice(thoughts)}.value"] = random.randrange(100)
        if "value" in trigger.get("message", {}) and random.random() < 0.5:
            changes["trigger.message.value"] = 7
            trigger = changed(trigger, ("message", "value"), 7)
        return trigger, fork(state, version=version, actor="operator", changes=changes)

    def _at_some_point(self, process: Process, run: RunId) -> tuple[RunState, int]:
        """A run as it stood after one of its events: often the last."""
        events = list(process.store.read(run_stream(run)))
        last = len(events) if self.random.random() < 0.6 else self.random.randint(1, len(events))
        state = nothing(run)
        for recorded in events[:last]:
            event: RunEvent = process.director.codec.event(recorded)  # type: ignore[assignment]
            state = evolve(state, event)
        return state, last
