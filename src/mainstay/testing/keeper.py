"""The operator's hand on money and memory: what a run may spend, what is remembered, and what no longer.

Its choices have a generator of their own, so that histories without unknown prices and memories stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import AllowSpending, Command, Remember, RetractMemory
from mainstay.kernel.ids import digest
from mainstay.kernel.state import Phase
from mainstay.runtime.tick import Answer, Request
from mainstay.testing.checkers import Audit
from mainstay.testing.process import Process, Surroundings

MEMORIES = 3  # so few that they are corrected, retracted and remembered again


@dataclass(slots=True)
class Keeper:
    """Answers what costs, and keeps notes."""

    outside: Surroundings
    audit: Audit
    random: Random
    noted: int = 0

    def act(self, process: Process, *, calm: bool) -> bool:
        """Do one thing, or nothing. True if something was asked of the director."""
        mix = self.outside.mix
        command: Command | None = None
        if mix.ceilings or mix.limits != Limits():
            command = self._allow(calm=calm)
        if command is None and self.noted < mix.notes and self.random.random() < 0.3:
            self.noted += 1
            return self._note(process)
        if command is None:
            return False
        self._send(process, command)
        return True

    def _allow(self, *, calm: bool) -> Command | None:
        """The answer to a run that waits for a price, and sometimes more for one whose own budget is spent."""
        random = self.random
        if not calm and random.random() < 0.6:
            return None
        for run, state in self.audit.states.items():
            if state.ended or state.plan is None:
                continue
            blocked = [task for _, task in state.all_tasks() if task.phase is Phase.BLOCKED]
            if any(not task.wake_at for task in blocked):
                return AllowSpending(run, "price", random.choice((0, 90, 400)), "operator")
            if blocked and not calm and random.random() < 0.2:
                return AllowSpending(run, "run", random.choice((500, 3_000)), "operator")
        return None

    def _note(self, process: Process) -> bool:
        """Something to remember, or to remember no longer; twice in a tick, at times."""
        random = self.random
        name = f"note{random.randrange(MEMORIES)}"
        if random.random() < 0.3:
            command: Command = RetractMemory(name, "operator", "no longer so")
        else:
            said = f"{name} says {random.randrange(2)}"
            command = Remember(name, "notes", "note", digest(said.encode()), said, actor="operator")
        for _ in range(random.choice((1, 1, 2))):
            self._send(process, command)
        return True

    def _send(self, process: Process, command: Command) -> None:
        def answered(answer: Answer) -> None:
            if answer.events:
                self.audit.acknowledged(process.store, answer.position)

        process.inbox.append(Request(command, "operator", answer=answered))
