"""The director's decisions about runs: `kernel.run` decides, and what it says is appended, folded and followed up.

Rules of this file:

- A run is decided by `advance` alone; here is only what surrounds it: whose turn it is, what it moves in the books,
  and which requests and effects come of it.
- A run that has ended leaves memory at once, and those that waited for it go on in the same tick.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from mainstay.kernel.commands import (
    Admit,
    Command,
    EditApproval,
    GrantApproval,
    RejectApproval,
    ReleaseRun,
    ResumeRun,
    ResumeTask,
    RunCommand,
    StartRun,
    UndoAct,
    Wake,
)
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import RunEvent, TaskSucceeded
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.plan import Priority
from mainstay.kernel.run import advance, new_effects, nothing
from mainstay.kernel.state import RUN, RunState, Status
from mainstay.kernel.values import Instant
from mainstay.ledger.run_snapshot import forget_run
from mainstay.runtime.boot import Open
from mainstay.runtime.deciding_house import DecidingHouse
from mainstay.runtime.lines import bounds_of
from mainstay.runtime.tick import Owed, Request, Tick
from mainstay.runtime.weighing import weighed

# What a person says of a card, or of what is on its way: evidence for or against its kind of act.
_SAYING = frozenset[type[Command]]({GrantApproval, EditApproval, RejectApproval, UndoAct})
# After these a start that was deferred may wait for something else than before.
_RESUMING = frozenset[type[Command]]({ResumeRun, ResumeTask, Admit})


class DecidingRuns(DecidingHouse):
    """Decides about runs."""

    def _decide_run(self, tick: Tick, request: Request, command: RunCommand, queue: deque[Request]) -> None:
        one = self.runs.get(command.run)
        if one is None:
            if not isinstance(command, StartRun) or command.run in self._gone:
                return
            if self.store.version(run_stream(command.run)):
                return  # it has ended, or never was
            one = Open(nothing(command.run), 0)
            command = self._in_line(command)
        before = one.state
        facts = self._tick_facts
        if facts is None:
            facts = self._tick_facts = self.facts(tick.at)
        state, events = advance(before, command, facts)
        if not events:
            if type(command) is Wake:
                self._owe_still(tick, state, command, request.cause)
            elif type(command) is Admit:
                self.admitting.put_back(state, command.task, facts)
            return
        one.state = state
        self.tally.note(state, events)
        if before.status is Status.NOT_STARTED:
            self._remember(command.run, one)
        if state.held != before.held or state.spent != before.spent:
            self.balances.move(state.head.workflow, state.held - before.held, state.spent - before.spent)
        self.writing.add_to_run(tick, run_stream(command.run), one, events, request)
        self._hear(tick, request, before, state, events)
        if type(command) in _SAYING:
            for evidence in weighed(before, events, facts):
                queue.appendleft(Request(evidence, request.actor, self.position))
        priority, position = priority_of(state), self.writing.position
        for effect in new_effects(state, events):
            tick.effects.append(Owed(effect, position, priority))
        if type(command) in _RESUMING:
            self.admitting.notice(state, facts)
        elif type(command) is ReleaseRun:
            self.lines.go(command.run, state.head)
        if state.held + state.spent > before.held + before.spent:
            for warned in self._warnings.due(self.balances, self.limits, state.head.workflow):
                self._append_house(tick, (warned,), request)
        if state.ended:
            if not before.ended:
                self._leave_line(command.run, state, queue)
            if not state.left:
                self._let_go(tick, command.run, one)

    def _in_line(self, command: StartRun) -> StartRun:
        """In line as things stand now: what the sender knew of may have ended since."""
        bounds = bounds_of(self.plans[command.definition].workflow)
        behind, line = self.lines.place(command.workflow, command.key, bounds) or (None, "key")
        return replace(command, behind=behind, line=line)

    def _owe_still(self, tick: Tick, state: RunState, command: Wake, cause: int) -> None:
        """A timer that came to nothing because the clock was set back, or the timer was moved, is owed still."""
        times = [state.deadline(command.task)]
        if command.task == RUN:
            times.append(state.unusual.not_before if state.plan is None else Instant(0))
        elif state.exists(command.task):
            times.append(state.task(command.task).wake_at)
        for at in times:
            if at > tick.at:
                tick.effects.append(Owed(WakeAt(command.run, command.task, at), cause))

    def _hear(
        self, tick: Tick, request: Request, before: RunState, state: RunState, events: tuple[RunEvent, ...]
    ) -> None:
        """What these events mean outside of their run: to counts, throttles and breakers."""
        heard = self.admitting.heard
        for event in events:
            if type(event) not in heard:
                continue
            if isinstance(event, TaskSucceeded) and not self._count(state, event, tick.at):
                continue
            changed = self.admitting.hear(before, state, event, tick.at)
            if changed is not None:
                self._append_house(tick, (changed,), replace(request, cause=self.position))

    def _count(self, state: RunState, event: TaskSucceeded, at: Instant) -> bool:
        """Count an act that happened; whether it was one."""
        act = state.task(event.task).act
        if act is None:
            return False
        if state.undoes(event.task) is None:  # taking something back is no evidence for doing it
            key = (state.head.workflow, act.action.act)
            self.counts[key] = self.counts.get(key, 0) + 1
            self.tally.count(act.action.act, at)
        return True

    def _leave_line(self, run: RunId, state: RunState, queue: deque[Request]) -> None:
        """The run has ended: those that waited for it go on."""
        self.admitting.forget(run)
        for following in reversed(self.lines.leave(run, state.head)):
            queue.appendleft(Request(ReleaseRun(following, run), cause=self.position))

    def _let_go(self, tick: Tick, run: RunId, one: Open) -> None:
        """Nothing of the run is owed any more: it leaves memory."""
        del self.runs[run]
        self._gone.add(run)
        if one.snapshot_at:
            tick.changes.append(forget_run(run))


def priority_of(state: RunState) -> Priority:
    """Whether the effects of a run go before, or after, those of others."""
    return state.plan.workflow.priority if state.plan is not None else Priority.NORMAL
