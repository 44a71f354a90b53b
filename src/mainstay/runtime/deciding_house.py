"""The director's decisions about everything that is no run: what comes in, the house, memory, autonomy, governance.

Each looks up what is known and asks the part that decides it; what that leads to is appended and folded, and what
follows from it is put into the queue of the tick.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mainstay.kernel.commands import (
    Admit,
    AdvanceCursor,
    AutonomyCommand,
    GovernanceCommand,
    MemoryCommand,
    ObserveSent,
    PurgeDeadLetter,
    ReceiveMessage,
    RecordReplay,
    RejectMessage,
    ReviewAnnotation,
    Wake,
)
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import (
    AutonomyRevoked,
    KillSwitchThrown,
    ObjectiveBreached,
    ObjectiveMet,
    PolicyAdopted,
    ScopeResumed,
    TemplateAdopted,
    TemplateRetired,
    WorkflowRegistered,
    WorkflowRetired,
    WorkspaceEvent,
)
from mainstay.kernel.house import HouseDecision
from mainstay.kernel.ids import WORKSPACE, RunId
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.runtime.asking_again import (
    held_of_kind,
    made_from_other_words,
    made_otherwise,
    revocations,
    to_judge_again,
)
from mainstay.runtime.books import Books
from mainstay.runtime.inbox import Arrival
from mainstay.runtime.remembering import MEMORY
from mainstay.runtime.tick import Owed, Request, Tick
from mainstay.runtime.timers import HOUSE
from mainstay.runtime.trusting import AUTONOMY
from mainstay.runtime.weighing import came_to_light, corrected


class DecidingHouse(Books):
    """Decides about the workspace as a whole."""

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _receive(self, tick: Tick, request: Request, arrival: Arrival, queue: deque[Request]) -> Json:
        decided = self._inbox.decide(arrival)
        if decided is None:
            return {"duplicate": True}
        stream, event = decided
        self.writing.add(tick, stream, (event,), request)
        match arrival:
            case ReceiveMessage(history=True):
                return {"history": True}
            case ReceiveMessage():
                todo, started = self._inbox.publish(arrival, self.house, tick.at, self.position)
                queue.extendleft(reversed(todo))  # decided before any later request
                return {"runs": started}
            case ObserveSent():
                queue.extend(self._inbox.answered(arrival))
            case RejectMessage() | AdvanceCursor():
                pass
        return {}

    # --- the house ---------------------------------------------------------------------------------------------------

    def _decide_house(
        self, tick: Tick, request: Request, command: HouseDecision, queue: deque[Request]
    ) -> None:
        if isinstance(command, PurgeDeadLetter) and not self._lies(command.letter):
            return
        if isinstance(command, RecordReplay) and self._replayed(command):
            return
        events = self.house.decide(command)
        self._append_house(tick, events, request)
        for event in events:
            match event:
                case KillSwitchThrown(on=True):
                    queue.extendleft(self._revoked("kill switch", "the kill switch was thrown", request))
                case PolicyAdopted(policy=policy):
                    self.policy = self.offered.pop(policy, self.policy)
                    self.offered.clear()
                    queue.extend(to_judge_again(self.runs, self.position))
                case ScopeResumed(scope=scope, name=name) if scope != "adapter":
                    queue.extend(Request(Admit(run)) for run in self._of_scope(name))
                case _:
                    pass

    def _lies(self, letter: str) -> bool:
        row = self.store.get("dead_letters", (letter,))
        return row is not None and row["status"] == "waiting"

    def _replayed(self, command: RecordReplay) -> bool:
        """Whether the same was told before."""
        row = self.store.get("dead_letters", (command.letter,))
        return row is not None and row["status"] == "replayed" and row["run"] == command.run

    def _of_scope(self, workflow: str) -> list[RunId]:
        return [run for run, one in self.runs.items() if workflow in ("", one.state.head.workflow)]

    def _append_house(self, tick: Tick, events: Sequence[WorkspaceEvent], request: Request) -> None:
        """Append to the stream of the workspace, and fold."""
        if not events:
            return
        self._tick_facts = None
        self.writing.add(tick, WORKSPACE, events, request)
        for event in events:
            self.house.note(event)
            self.admitting.note(event, self.house)
            if isinstance(event, WorkflowRegistered | WorkflowRetired):
                self._schedule_at = self._inbox.next_due(self.house, tick.at)

    # --- its timer ---------------------------------------------------------------------------------------------------

    def _wake(self, tick: Tick, queue: deque[Request]) -> None:
        """A timer of the house: schedules that are due start their runs; deferred starts are admitted after."""
        self._house_at = None
        if not self.performing:
            return
        for event, started in self._inbox.due(self.house, tick.at):
            self._append_house(tick, (event,), Request(Wake(HOUSE, 0)))
            for request in started:
                request.cause = self.position
            queue.extend(started)
        self._schedule_at = self._inbox.next_due(self.house, tick.at)

    def _house_timer(self, now: Instant) -> list[Owed]:
        """The timer for whoever waits for a time, where it is due before the one that is owed already."""
        times = [at for at in (self.admitting.next_at(now), self._schedule_at) if at is not None]
        if not times or (self._house_at is not None and min(times) >= self._house_at):
            return []
        self._house_at = min(times)
        return [Owed(WakeAt(HOUSE, 0, self._house_at), self.position)]

    # --- memory and governance ---------------------------------------------------------------------------------------

    def _decide_memory(
        self, tick: Tick, request: Request, command: MemoryCommand, queue: deque[Request]
    ) -> None:
        remembered = self._remembering.decide(command)
        if remembered is None:
            return
        self.writing.add(tick, MEMORY, (remembered,), request)
        if isinstance(command, ReviewAnnotation) and command.intent != command.said:
            queue.extendleft(self._corrected(tick, request, command))

    def _govern(
        self, tick: Tick, request: Request, command: GovernanceCommand, queue: deque[Request]
    ) -> None:
        event = self._governing.decide(command, tick.at)
        if event is None:
            return
        self.writing.add(tick, self._governing.stream(event), (event,), request)
        match event:
            case TemplateAdopted(name=name, template=template):
                self.templates[name] = template
                queue.extendleft(made_from_other_words(self.autonomy, name, template, self.position))
                queue.extend(to_judge_again(self.runs, self.position, name))
            case TemplateRetired(name=name):
                self.templates.pop(name, None)
                queue.extendleft(made_from_other_words(self.autonomy, name, Digest(""), self.position))
            case ObjectiveMet(workflow=workflow, objective=objective):
                self._trusting.breached.discard((workflow, objective))
            case ObjectiveBreached(workflow=workflow, objective=objective):
                self._trusting.breached.add((workflow, objective))
                reason = f"{workflow} misses its objective for {objective}"
                # Before the next act.
                queue.extendleft(self._revoked("slo", reason, request, workflow=workflow))
            case _:
                pass

    # --- autonomy ----------------------------------------------------------------------------------------------------

    def _decide_autonomy(
        self, tick: Tick, request: Request, command: AutonomyCommand, queue: deque[Request]
    ) -> None:
        """Evidence for or against a kind of act, a grant, or its end; each is in force for the next decision."""
        events = self._trusting.decide(command, killed=self.killed)
        if events:
            self.writing.add(tick, AUTONOMY, events, request)
        for event in events:
            self.autonomy.note(event)
            if isinstance(event, AutonomyRevoked):
                # What has not left yet asks as well.
                queue.extendleft(held_of_kind(self.runs, event.kind, self.position))

    def _revoked(self, why: str, reason: str, request: Request, *, workflow: str = "") -> list[Request]:
        """What goes by itself asks again, before the next decision."""
        how = {"workflow": workflow, "actor": request.actor}
        return revocations(self.autonomy, why, reason, **how, cause=self.position)

    def _corrected(self, tick: Tick, request: Request, review: ReviewAnnotation) -> list[Request]:
        """What a corrected annotation says of the acts that rest on it: they were wrong as well."""
        state, facts = self.folded(review.run), self.facts(tick.at)
        if state is None:
            return []
        return [
            Request(evidence, request.actor, self.position)
            for evidence in corrected(state, review.task, review.actor, facts)
        ]

    def complaint(self, run: RunId, task: int, actor: str, note_sealed: str = "") -> list[Request]:
        """That an act which left by itself was wrong, as evidence; nothing where no act of that number did."""
        state, facts = self.folded(run), self.facts(self.clock.now())
        if state is None:
            return []
        told = came_to_light(state, task, "report", actor, facts, note_sealed=note_sealed)
        return [Request(evidence, actor) for evidence in told]

    def outdated(self) -> list[Request]:
        """What goes by itself and would be made another way by now."""
        return made_otherwise(self.autonomy, self.recipes, self.workflows, self.plans.__getitem__)

    def withholds(self, kind: str, level: str) -> str:
        """Why nothing of this kind may go by itself now, whatever its evidence; empty where it may."""
        return self._trusting.withholds(kind, level, killed=self.killed)
