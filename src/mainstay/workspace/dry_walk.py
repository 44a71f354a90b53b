"""The walk of a dry run: what the kernel decides, with agents really asked and everything beyond them taken as done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.governance.narration import say
from mainstay.kernel.authority import BY_A_RULE
from mainstay.kernel.commands import (
    Acted,
    GrantApproval,
    Produced,
    RecordOutcome,
    RunCommand,
    StartRun,
    Wake,
)
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, WakeAt
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.events import (
    ActionDenied,
    ActionHeld,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ApprovalRequested,
    RunEvent,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.fork import changed
from mainstay.kernel.ids import RunId
from mainstay.kernel.owed import new_effects
from mainstay.kernel.plan import Plan
from mainstay.kernel.run import advance, nothing
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import Json
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Owed
from mainstay.workspace.run_artifacts import text_of
from mainstay.workspace.run_fold import task_of

if TYPE_CHECKING:
    from mainstay.kernel.facts import Facts

COMMANDS_MAX = 2_000
TIME_MAX_S = 10.0  # then it ends where it is: a list of thousands holds nobody up who looks at something else
STEPS_MAX = 200  # told; a fan-out may have more
OUTPUT_MAX = 4_000


@dataclass(frozen=True, slots=True)
class DryStep:
    """What would become of one task."""

    task: str
    who: str
    act: str
    state: str  # done, asks, goes, held, denied, watched, skipped, failed, unasked, next
    rule: str  # that decides about its act
    reason: str
    told: tuple[str, ...]  # sentences, in order
    output: str  # what it would give, as JSON
    title: str  # of the card of its act
    recipients: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Walk:
    """One run, told as it goes."""

    plan: Plan
    facts: Facts
    artifacts: Artifacts
    answers: Mapping[str, Mapping[tuple[str, ...], Any]]
    free: frozenset[str]
    state: RunState = field(default_factory=lambda: nothing(RunId("")))
    told: dict[int, list[RunEvent]] = field(default_factory=dict)
    unasked: set[str] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)  # tasks whose agent was not asked
    performer: Performer | None = None

    async def go(self, start: StartRun) -> None:
        """Until nothing is owed any more."""
        self.state = nothing(start.run)
        todo: list[Effect] = self._take(start)
        until_s = monotonic() + TIME_MAX_S
        for _ in range(COMMANDS_MAX):
            if not todo or monotonic() > until_s:
                return
            todo.sort(key=lambda one: isinstance(one, WakeAt))  # time passes when nothing else is left to do
            effect = todo.pop(0)
            for command in await self._heard(effect):
                todo += self._take(command)

    def _take(self, command: RunCommand) -> list[Effect]:
        before = self.state
        self.state, events = advance(before, command, self.facts)
        for event in events:
            number = task_of(event)
            if number is not None:
                self.told.setdefault(number, []).append(event)
        effects = new_effects(self.state, events)
        for event in events:
            if isinstance(event, ApprovalRequested):
                yes = GrantApproval(
                    self.state.head.run, event.approval, event.digest, "operator", confirmed=True
                )
                effects += self._take(yes)
        return effects

    async def _heard(self, effect: Effect) -> list[RunCommand]:
        match effect:
            case InvokeAgent():
                return await self._asked(effect)
            case InvokeAdapter():
                done = RecordOutcome(effect.run, effect.task, effect.attempt, Acted({}))
                return [done]
            case WakeAt(at=at):
                self.facts = replace(self.facts, now=max(self.facts.now, at))
                return [Wake(effect.run, effect.task)]
            case _:
                return []

    async def _asked(self, effect: InvokeAgent) -> list[RunCommand]:
        given = self.answers.get(effect.name.partition("[")[0], {})
        if effect.agent not in self.free:
            if not given or effect.act:
                self.unasked.add(effect.agent)
                self.waiting.add(effect.task)
                return []
            output = _with({path[0]: None for path in given}, given)
            answer = Produced(output, "you said so")
            return [RecordOutcome(effect.run, effect.task, effect.attempt, answer)]
        assert self.performer is not None, "it is there before the walk begins"
        request = await self.performer.perform(Owed(effect, 0))
        assert request is not None, "an agent that is asked answers"
        self.artifacts.staged.update(request.blobs)  # what it made must be found by whoever comes next
        command = request.command
        assert isinstance(command, RecordOutcome)
        if given and isinstance(command.outcome, Produced):
            produced = replace(command.outcome, output=_with(command.outcome.output, given))
            command = replace(command, outcome=produced)
        return [command]

    # --- what is told ------------------------------------------------------------------------------------------------

    def steps(self) -> tuple[DryStep, ...]:
        """Every task in the order of the plan, items of a fan-out after it."""
        if self.state.plan is None:
            return ()
        numbers = [number for number, _ in self.state.all_tasks()]
        return tuple(self._step(number) for number in numbers[:STEPS_MAX])

    def _step(self, number: int) -> DryStep:
        spec, task = self.state.spec(number), self.state.task(number)
        events = self.told.get(number, [])
        state, rule, reason = self._judged(number, events)
        shown: Json = {}
        if task.act is not None:
            shown = self.artifacts.open_json(task.act.action.card, self.state.head.owner, b"card") or {}
        gave = next((one.output for one in reversed(events) if isinstance(one, TaskSucceeded)), None)
        output = msgspec.json.format(msgspec.json.encode(gave)).decode() if gave and not spec.act else ""
        return DryStep(
            task=self.state.name(number),
            who=f"{spec.role} {spec.agent}".strip(),
            act=spec.act,
            state=state,
            rule=rule,
            reason=reason,
            told=tuple(
                self._said(one)
                for one in events
                if isinstance(one, _TOLD) and not (spec.act and isinstance(one, TaskSucceeded))
            ),
            output=output[:OUTPUT_MAX],
            title=str(shown.get("title", "")),
            recipients=tuple(str(one) for one in shown.get("recipients", ())),
            text=text_of(shown)[:OUTPUT_MAX],
        )

    def _judged(self, number: int, events: Iterable[RunEvent]) -> tuple[str, str, str]:
        """What the rules make of its act; of any other task, how it ends."""
        for event in events:
            match event:
                case ActionDenied(rule=rule, reason=reason):
                    return "denied", rule, reason
                case ApprovalRequested(rule=rule, reason=reason):
                    return "asks", rule, reason
                case ActionShadowed(rule=rule, reason=reason):
                    return "watched", rule, reason
                case ActionHeld(authority=authority):
                    return "held", authority, "it could be taken back for a while"
                case ActionStarted(authority=authority):
                    return "goes", authority.removeprefix(BY_A_RULE), ""
                case _:
                    continue
        phase = self.state.task(number).phase
        if number in self.waiting:
            return "unasked", "", "its agent costs something, or is a program: say what it would answer"
        return _ENDS.get(phase, "next"), "", ""

    def _said(self, event: RunEvent) -> str:
        def name_of(number: int) -> str:
            return self.state.name(number) if self.state.exists(number) else str(number)

        opened = {
            name: self.artifacts.open_text(value)
            for name in ("reason", "rationale")
            if isinstance(value := getattr(event, name, None), str)
        }
        told: Any = replace(event, **opened) if opened else event  # type: ignore[arg-type]  # only what it has
        return say(told, self.artifacts.open_text, name_of)


_ENDS = {Phase.SUCCEEDED: "done", Phase.SKIPPED: "skipped", Phase.FAILED: "failed", Phase.RETRYING: "failed"}
_TOLD = (
    TaskSucceeded,
    TaskSkipped,
    TaskFailed,
    ActionProposed,
    ActionDenied,
    ApprovalRequested,
    ActionShadowed,
    ActionHeld,
)


def _with(output: Json, given: Mapping[tuple[str, ...], Any]) -> Json:
    for path, value in given.items():
        try:
            output = changed(output, path, value)
        except (KeyError, TypeError) as error:
            known = ", ".join(sorted(output)) or "none"
            raise CommandRefused(
                f"There is no field {'.'.join(path)!r} in that answer.", why=f"It has {known}."
            ) from error
    return output
