"""The operator's desk: what may be asked through any door, as one method each.

The control socket of a running director and a command that holds the lock itself both come through here, so a decision
means the same by either way. Each method finds what is meant (short ids are allowed), refuses with a clear error what
makes no sense now, and sends one command. Repeating a call is safe: the second time it decides to nothing and says so.
What is said of cards lies in `runtime.answering` and `runtime.deciding_together`.
"""

from __future__ import annotations

import msgspec

from mainstay.governance.cards_waiting import cards_waiting
from mainstay.kernel.commands import CancelRun, ResolveDoubt, StartRun, ThrowKillSwitch
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.ids import RunId, run_id
from mainstay.kernel.persons import is_machine
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_id
from mainstay.runtime.deciding_together import DecidingTogether
from mainstay.runtime.sending import Decided
from mainstay.runtime.tick import Request

ANSWERS = ("happened", "did_not", "unknown")


class Desk(DecidingTogether):
    """Takes decisions for one director."""

    async def resolve(self, run: str, task: int, answer: str, *, actor: str, attempt: int = 0) -> Decided:
        """The answer to "did this go out?".

        `attempt`: of which one it was asked. Of an answer that comes after a further attempt nothing is decided: "it
        did not go out" was said of another call than the one that is in doubt now.
        """
        if answer not in ANSWERS:
            raise CommandRefused(
                f"{answer!r} is no answer.", remedy="Answer with one of: " + ", ".join(ANSWERS)
            )
        found = self.find_run(run)
        row = self._store.get("in_doubt", (found, task))
        if row is None:
            raise NotFound(
                f"Task {task} of run {found} is not in doubt.",
                why="It was settled, or it never was.",
                remedy="`mainstay approvals` lists what is in doubt.",
            )
        return await self._send(ResolveDoubt(RunId(found), task, answer, actor, attempt), row, actor)

    async def cancel(self, run: str, *, reason: str = "", actor: str) -> Decided:
        """End a run."""
        found = self.find_run(run)
        sealed = self._artifacts.seal_text(reason, self._subject(found))
        return await self._send(CancelRun(RunId(found), actor, sealed), {"run": found, "task": 0}, actor)

    async def start(self, workflow: str, *, trigger: Json, request: str, key: str, actor: str) -> Decided:
        """Start a run by hand. `request` is the caller's own id: the same one never starts a second run."""
        registered = self._director.workflows.get(workflow)
        if registered is None:
            raise NotFound(
                f"There is no workflow {workflow!r}.",
                why="Known are: " + (", ".join(sorted(self._director.workflows)) or "none") + ".",
                remedy="Put its file into workflows/ and start the director again.",
            )
        run = run_id(0, "request", workflow, request)
        by = actor if is_machine(actor) else ""
        command = StartRun(run, workflow, registered.definition, trigger, key, by=by)
        return await self._send(command, {"run": run, "task": 0}, actor)

    async def throw_kill_switch(self, *, on: bool, reason: str = "", actor: str) -> Decided:
        """Stop every new effect, or allow them again."""
        from mainstay.runtime.keeping import sealed_remark  # whoever decides about one card loads no memory

        sealed = sealed_remark(self._artifacts, reason)
        answer = await self._ask(Request(ThrowKillSwitch(actor, on, sealed), actor))
        return Decided("", 0, answer.events, "on" if on else "off")

    def status(self) -> Json:
        """Who is at work here, and what waits."""
        store = self._store
        waiting, put_off = cards_waiting(store, self._director.clock.now())
        return {
            "epoch": self._director.epoch,
            "position": store.head,
            "open_runs": len(self._director.runs),
            "waiting": waiting,
            "put_off": put_off,
            "in_doubt": store.count("in_doubt"),
            "kill_switch": self._director.killed,
            "deferred": self._director.waiting,
        }

    def find_run(self, short: str) -> str:
        """The run that a whole or short id means."""
        return find_id(self._store, "runs", "run", short)


def encode(decided: Decided) -> Json:
    """A decision as plain data."""
    result: Json = msgspec.to_builtins(decided)
    return result
