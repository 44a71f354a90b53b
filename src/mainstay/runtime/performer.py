"""The performer: turns one effect into I/O, and the I/O into one command. Only it talks to agents and adapters.

Rules of this file:

- `perform` reads as named steps and never raises for what the world does: that is an outcome.
- Nothing here decides. It asks, and reports.
- It awaits only what agents and adapters await, so that the simulator can drive it by hand.

Agents are asked in `runtime.thinking`, what they propose is rendered in `runtime.rendering`, and what leaves the house
leaves by `runtime.acting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, assert_never

from mainstay.adapters.base import Adapter
from mainstay.agents.base import Agent
from mainstay.kernel.commands import Failed, Outcome, RecordNotified, RecordOutcome, Sighting, Sought
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.events import FailureClass
from mainstay.kernel.values import Usage
from mainstay.runtime.acting import Acting, Refresh
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import Clock
from mainstay.runtime.gate import Gate
from mainstay.runtime.rendering import Habits, Rendering
from mainstay.runtime.routes import Routes
from mainstay.runtime.thinking import Notes, Thinking, ToolsFor
from mainstay.runtime.tick import Owed, Request

PERFORMER = "performer"


class Notifier(Protocol):
    """Tells the operator."""

    async def notify(self, effect: Notify) -> bool | None:
        """Say that something waits; False: not yet, and whoever says it later records that. May be called again."""
        ...


class SilentNotifier:
    """Tells nobody: the card waits in the list."""

    async def notify(self, effect: Notify) -> None:
        return None


async def _no_refresh(instance: str) -> None:
    return None


class Performer:
    """Performs effects for one director."""

    def __init__(
        self,
        *,
        clock: Clock,
        agents: Mapping[str, Agent],
        artifacts: Artifacts,
        gate: Gate,
        routes: Routes,
        adapters: Mapping[str, Adapter],
        tools: ToolsFor,
        notifier: Notifier | None = None,
        refresh: Refresh = _no_refresh,
        habits: Habits = lambda instance, act, subject: {},
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
    ) -> None:
        """`noticed` is told what agents and adapters raise."""
        self._artifacts = artifacts
        self._notifier = notifier or SilentNotifier()
        self._noticed = noticed
        self.rendering = Rendering(clock=clock, artifacts=artifacts, gate=gate, routes=routes, habits=habits)
        self.thinking = Thinking(
            clock=clock,
            agents=agents,
            artifacts=artifacts,
            tools=tools,
            rendering=self.rendering,
            noticed=noticed,
        )
        self.acting = Acting(
            adapters=adapters, artifacts=artifacts, gate=gate, refresh=refresh, noticed=noticed
        )

    async def perform(self, owed: Owed) -> Request | None:
        """Do what is owed and report it; None when there is nothing to report."""
        effect = owed.effect
        notes: Notes = ()
        match effect:
            case InvokeAgent():
                outcome, notes = await self.thinking.attempt(effect)
            case InvokeAdapter(mode=Mode.CALL):
                outcome = await self.acting.call(effect)
            case InvokeAdapter():
                outcome = await self.acting.look_up(effect)
            case Notify():
                try:
                    if await self._notifier.notify(effect) is False:
                        return None
                except Exception as error:
                    # The card waits in the list all the same; the next boot tells again.
                    self._noticed("notifier", error)
                    return None
                return Request(RecordNotified(effect.run, effect.task), PERFORMER, owed.cause)
            case WakeAt():
                return None  # the loop keeps timers
            case _:
                assert_never(effect)
        staged = self._artifacts.take_staged() if self._artifacts.staged else {}
        command = RecordOutcome(effect.run, effect.task, effect.attempt, outcome, notes)
        return Request(command, PERFORMER, owed.cause, staged)

    def timed_out(self, owed: Owed) -> Request | None:
        """The report for an effect whose deadline passed: nobody knows what became of it."""
        effect = owed.effect
        if isinstance(effect, InvokeAgent | InvokeAdapter):
            usage = None if isinstance(effect, InvokeAgent) and effect.cost_max else Usage()
            outcome: Outcome = Failed(FailureClass.TIMEOUT, "no answer within its time", usage=usage)
            if isinstance(effect, InvokeAdapter) and effect.mode is Mode.FIND:
                outcome = Sought(Sighting.UNKNOWN)  # a look-up answers with `Sought`, also when it failed
            return Request(
                RecordOutcome(effect.run, effect.task, effect.attempt, outcome), PERFORMER, owed.cause
            )
        return None

    def deadline_s(self, effect: Effect) -> float:
        """How long an effect may take."""
        match effect:
            case InvokeAgent():
                return effect.timeout_s
            case InvokeAdapter():
                return effect.action.timeout_us / 1_000_000
            case _:
                return 30.0
