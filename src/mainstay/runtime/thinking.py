"""Thinking: an agent is asked, and what it says becomes an outcome that may stand in the ledger.

Rules of this file:

- An agent is somebody else's code. Whatever it raises is an outcome.
- Nothing personal passes unsealed: what it made, why, and what it drew upon lie under the key of whom it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import msgspec
from pydantic import ValidationError

from mainstay.agents import base as agents
from mainstay.agents.base import Agent, Brief, Drawn, Tools
from mainstay.kernel.commands import Failed, Inspected, Outcome, Produced, Proposed
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.errors import MainstayError, NotFound, StorageFull
from mainstay.kernel.events import ContextRecalled, FailureClass, ModelUsed
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import NO_USAGE, Json
from mainstay.ledger.codec import storable
from mainstay.models import traces
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.clock import Clock
from mainstay.runtime.reasons import forgotten, place_of, sealed
from mainstay.runtime.rendering import Rendering

ToolsFor = Callable[[Brief], Tools]
Notes = tuple[ContextRecalled | ModelUsed, ...]
_NO_SPAN = nullcontext[None](None)


class Thinking:
    """Asks the agents of one workspace."""

    def __init__(
        self,
        *,
        clock: Clock,
        agents: Mapping[str, Agent],
        artifacts: Artifacts,
        tools: ToolsFor,
        rendering: Rendering,
        noticed: Callable[[str, Exception], None],
    ) -> None:
        self._clock = clock
        self._agents = agents
        self._artifacts = artifacts
        self._tools = tools
        self._rendering = rendering
        self._noticed = noticed

    async def attempt(self, effect: InvokeAgent) -> tuple[Outcome, Notes]:
        """Ask the agent, and report what it gave and what it drew upon. Never raises for what an agent does."""
        agent = self._agents.get(effect.agent)
        if agent is None:
            return Failed(FailureClass.INVALID, f"there is no agent {effect.agent!r} in this workspace"), ()
        inputs = self._inputs(effect) if effect.inputs else {}
        if isinstance(inputs, Failed):
            return inputs, ()
        # By place, in the order of `Brief`: spelled by name it would cost 0.7 µs more, at every step.
        brief = Brief(
            effect.run,
            effect.name,
            effect.attempt,
            effect.role,
            inputs,
            self._clock.now(),
            effect.act,
            effect.recall,
            effect.cost_max,
            effect.data_class,
            effect.revision,
            effect.findings and tuple(map(self._opened, effect.findings)),
        )
        tools = self._tools(brief)
        # One frame for each attempt under way: a second coroutine took half a kilobyte of every one of them.
        outcome: Outcome
        with self._span(effect, agent) as span:
            try:
                answer = await agent.work(brief, tools)
            except SubjectForgotten:
                outcome = forgotten(None)
            except Exception as error:  # somebody else's code: its fault is a value here
                outcome = self._fault(effect, error)
            else:
                outcome = self._heard(effect, answer)
            if span is not None:
                span.ended(outcome.failure.value if isinstance(outcome, Failed) else "")
        drawn = tools.drawn()
        if drawn is None:
            return outcome, ()
        if drawn.wanting and isinstance(outcome, Produced | Proposed | Inspected):
            outcome = self._left_to_a_person(effect, outcome, drawn.wanting)
        return outcome, self._noted(effect, drawn)

    def _inputs(self, effect: InvokeAgent) -> Json | Failed:
        try:
            inputs: Json = self._artifacts.open_value(effect.inputs, effect.subject)
        except SubjectForgotten:
            return Failed(FailureClass.REFUSED, "the personal values it needs were forgotten")
        except (NotFound, KeyError, ValueError) as error:
            # A trigger that was typed may refer to what never was. That ends its task, and no director.
            self._noticed(f"inputs of task {effect.name}", error)
            return Failed(FailureClass.INVALID, "an input of it refers to something that is not there")
        return inputs

    def _left_to_a_person(
        self, effect: InvokeAgent, made: Produced | Proposed | Inspected, policy: str
    ) -> Outcome:
        """What was made from nothing is not used: the retrieval policy of the task wants a person then."""
        needed = f"needs a person: nothing that is remembered passes the retrieval policy {policy!r}"
        return Failed(FailureClass.REFUSED, self._seal(needed, effect.owner), usage=made.usage)

    def _span(self, effect: InvokeAgent, agent: Agent) -> AbstractContextManager[traces.Silent | None]:
        """The attempt's span, inside of which those of its model calls lie; none where nobody listens."""
        if not traces.listening():
            return _NO_SPAN
        return traces.agent(
            agent.name, run=effect.run, task=effect.name, attempt=effect.attempt, role=effect.role.value
        )

    def _fault(self, effect: InvokeAgent, error: Exception) -> Outcome:
        """What an agent raised, as an outcome. What it had spent by then is unknown."""
        if isinstance(error, ValidationError):
            reason = f"agent {effect.agent!r} broke its types: {_first(error)}"
            return Failed(FailureClass.INVALID, reason, usage=None, exception=place_of(error))
        if isinstance(error, MainstayError):
            return Failed(FailureClass.REFUSED, self._seal(str(error), effect.owner), usage=None)
        self._noticed(f"agent {effect.agent}", error)
        reason = self._seal(f"agent {effect.agent!r} raised {type(error).__name__}: {error}", effect.owner)
        return Failed(FailureClass.BUG, reason, usage=None, exception=place_of(error))

    def _heard(self, effect: InvokeAgent, answer: agents.Outcome) -> Outcome:
        try:
            return self._closed(effect, answer)
        except SubjectForgotten:
            return forgotten(NO_USAGE if isinstance(answer, agents.NeedsInput) else answer.usage)
        except StorageFull as error:
            # What it made is too large for an event. The report waits for space, as all do, and then it tries again.
            self._noticed(f"result of agent {effect.agent}", error)
            usage = NO_USAGE if isinstance(answer, agents.NeedsInput) else answer.usage
            return Failed(FailureClass.TRANSIENT, "there was no space for its result", usage=usage)

    def _noted(self, effect: InvokeAgent, drawn: Drawn) -> Notes:
        """What the attempt drew upon, as it may stand in the ledger. The log of recalls quotes, so it is sealed."""
        task, attempt = effect.task, effect.attempt
        notes: list[ContextRecalled | ModelUsed] = []
        if drawn.recall is not None and (effect.owner is None or self._artifacts.vault.knows(effect.owner)):
            log = self._artifacts.put(msgspec.json.encode(drawn.recall), effect.owner, b"recall")
            notes.append(ContextRecalled(task, attempt, log, drawn.hits, drawn.dropped, drawn.tokens))
        guarding = effect.role is Role.INSPECTOR
        notes += (
            ModelUsed(
                task,
                attempt,
                use.model,
                use.calls,
                use.input_tokens,
                use.output_tokens,
                use.cost_micros,
                use.cached,
                use.saved_micros,
                guarding,
            )
            for use in drawn.models
        )
        return tuple(notes)

    def _closed(self, effect: InvokeAgent, answer: agents.Outcome) -> Outcome:
        """What the agent said, as it may stand in the ledger."""
        subject = effect.owner
        match answer:
            case agents.Produced():
                usage = answer.usage
                try:
                    closed = storable(self._artifacts.close_value(answer.output, subject))
                except ValueError as error:
                    return Failed(FailureClass.INVALID, f"agent {effect.agent!r}: {error}", usage=usage)
                return Produced(closed, self._seal(answer.rationale, subject), answer.evidence, usage)
            case agents.Proposed():
                return self._rendering.proposed(effect, answer)
            case agents.Inspected(findings, rationale, evidence, usage, revise, checks):
                plain = tuple(self._finding(finding, subject) for finding in findings)
                why = self._seal(rationale, subject)
                return Inspected(answer.verdict, plain, why, evidence, usage, revise, checks)
            case agents.NeedsInput(question):
                return Failed(FailureClass.REFUSED, self._seal(f"needs a person: {question}", subject))
            case agents.Failed(failure, reason, retry_after_s, usage_):
                after = None if retry_after_s is None else int(retry_after_s * 1_000_000)
                return Failed(failure, self._seal(reason, subject), after, usage_)
            case _:
                assert_never(answer)

    def _finding(self, finding: agents.Finding, subject: SubjectId | None) -> Json:
        return {
            "check": finding.check,
            "severity": finding.severity,
            "remark": self._seal(finding.remark, subject),
            "remedy": finding.remedy,
        }

    def _opened(self, finding: Json) -> Json:
        """A finding as the drafter reads it: its remark quotes the draft, so in the ledger it is sealed."""
        return {**finding, "remark": self._artifacts.open_text(str(finding.get("remark", "")))}

    def _seal(self, text: str, subject: SubjectId | None) -> str:
        return sealed(self._artifacts, text, subject)


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
