"""The performer: turns one effect into I/O, and the I/O into one command. Only it talks to agents and adapters.

Rules of this file:

- `perform` reads as named steps and never raises for what the world does: that is an outcome.
- An effect leaves the house only past `_may_leave`: the digest of the very bytes is computed once more, then kill
  switch, epoch and whether it is still wanted are checked, directly before the call.
- Nothing here decides. It asks, and reports.
- It awaits only what agents and adapters await, so that the simulator can drive it by hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import msgspec
from pydantic import ValidationError

from mainstay.adapters.base import (
    UNASKED,
    Absent,
    Adapter,
    Done,
    Found,
    InDoubt,
    NotNow,
    Refused,
    Rendered,
    Unknown,
)
from mainstay.agents import base as agents
from mainstay.agents.base import Agent, Brief, Drawn, Tools
from mainstay.kernel.commands import (
    Acted,
    Failed,
    Inspected,
    Outcome,
    Produced,
    Proposed,
    RecordNotified,
    RecordOutcome,
    Sighting,
    Sought,
    Withheld,
)
from mainstay.kernel.contract import Finality, Operation
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.errors import MainstayError, NotFound, StaleEpoch, StorageFull
from mainstay.kernel.events import ContextRecalled, FailureClass, ModelUsed
from mainstay.kernel.ids import RunId, SubjectId, digest, effect_digest, idempotency_key
from mainstay.kernel.plan import Role
from mainstay.kernel.policy import Action
from mainstay.kernel.values import NO_USAGE, Json, Usage
from mainstay.ledger.codec import storable
from mainstay.models import traces
from mainstay.net.withheld import without_secrets
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.clock import Clock
from mainstay.runtime.features import features_of
from mainstay.runtime.tick import Owed, Request

PERFORMER = "performer"
_NO_SPAN = nullcontext[None](None)


class Gate(Protocol):
    """What is asked directly before a call."""

    def epoch_holds(self) -> bool:
        """Whether this process is still the writer of the workspace."""
        ...

    def still_wanted(self, run: RunId, task: int, attempt: int) -> bool:
        """Whether the run still owes exactly this."""
        ...

    def leaves_unasked(self, run: RunId, task: int, action: Action) -> bool:
        """Whether policy, as things stand, would let this effect go without asking a person."""
        ...

    def overtaken(self, run: RunId) -> str:
        """What newer thing made the effect needless; empty when nothing did."""
        ...


class Notifier(Protocol):
    """Tells the operator."""

    async def notify(self, effect: Notify) -> bool | None:
        """Say that something waits; False: not yet, and whoever says it later records that. May be called again."""
        ...


class SilentNotifier:
    """Tells nobody: the card waits in the list."""

    async def notify(self, effect: Notify) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an act goes: the configured instance, and its operation."""

    instance: str
    adapter: Adapter
    operation: Operation


Routes = Callable[[str, Json], Route | None]  # (act, inputs) -> route
ToolsFor = Callable[[Brief], Tools]
Notes = tuple[ContextRecalled | ModelUsed, ...]
Refresh = Callable[
    [str], Awaitable[None]
]  # (adapter instance): read its mailbox once more before a final act


Habits = Callable[[str, str, SubjectId | None], Json]
# (adapter instance, act, subject) -> what policy must know besides of one more such act


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
        self._clock = clock
        self._agents = agents
        self._artifacts = artifacts
        self._gate = gate
        self._routes = routes
        self._adapters = adapters
        self._tools = tools
        self._notifier = notifier or SilentNotifier()
        self._refresh = refresh
        self._habits = habits
        self._noticed = noticed  # telemetry: an agent or adapter raised

    async def perform(self, owed: Owed) -> Request | None:
        """Do what is owed and report it; None when there is nothing to report."""
        effect = owed.effect
        notes: Notes = ()
        match effect:
            case InvokeAgent():
                outcome, notes = await self._ask(effect)
            case InvokeAdapter(mode=Mode.CALL):
                outcome = await self._act(effect)
            case InvokeAdapter():
                outcome = await self._look_up(effect)
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

    # --- agents ----------------------------------------------------------------------------------------------------

    async def _ask(self, effect: InvokeAgent) -> tuple[Outcome, Notes]:
        agent = self._agents.get(effect.agent)
        if agent is None:
            return Failed(FailureClass.INVALID, f"there is no agent {effect.agent!r} in this workspace"), ()
        try:
            inputs = self._artifacts.open_value(effect.inputs, effect.subject) if effect.inputs else {}
        except SubjectForgotten:
            return Failed(FailureClass.REFUSED, "the personal values it needs were forgotten"), ()
        except (NotFound, KeyError, ValueError) as error:
            # A trigger that was typed may refer to what never was. That ends its task, and no director.
            self._noticed(f"inputs of task {effect.name}", error)
            return Failed(FailureClass.INVALID, "an input of it refers to something that is not there"), ()
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
        with self._span(effect, agent) as span:
            try:
                answer = await agent.work(brief, tools)
            except SubjectForgotten:
                outcome = _forgotten(None)
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

    def _act_span(self, effect: InvokeAdapter) -> AbstractContextManager[traces.Silent | None]:
        """The span of a call that leaves the house."""
        if not traces.listening():
            return _NO_SPAN
        action = effect.action
        return traces.act(
            action.act, adapter=action.adapter, run=effect.run, task=effect.task, attempt=effect.attempt
        )

    def _fault(self, effect: InvokeAgent, error: Exception) -> Outcome:
        """What an agent raised, as an outcome. What it had spent by then is unknown."""
        if isinstance(error, ValidationError):
            reason = f"agent {effect.agent!r} broke its types: {_first(error)}"
            return Failed(FailureClass.INVALID, reason, usage=None, exception=_place(error))
        if isinstance(error, MainstayError):
            return Failed(FailureClass.REFUSED, self._seal(str(error), effect.owner), usage=None)
        self._noticed(f"agent {effect.agent}", error)
        reason = self._seal(f"agent {effect.agent!r} raised {type(error).__name__}: {error}", effect.owner)
        return Failed(FailureClass.BUG, reason, usage=None, exception=_place(error))

    def _heard(self, effect: InvokeAgent, answer: agents.Outcome) -> Outcome:
        try:
            return self._closed(effect, answer)
        except SubjectForgotten:
            return _forgotten(NO_USAGE if isinstance(answer, agents.NeedsInput) else answer.usage)
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
                return self._rendered(effect, answer)
            case agents.Inspected(findings, rationale, evidence, usage, revise, checks):
                plain = tuple(self._finding(finding, subject) for finding in findings)
                sealed = self._seal(rationale, subject)
                return Inspected(answer.verdict, plain, sealed, evidence, usage, revise, checks)
            case agents.NeedsInput(question):
                return Failed(FailureClass.REFUSED, self._seal(f"needs a person: {question}", subject))
            case agents.Failed(failure, reason, retry_after_s, usage_):
                after = None if retry_after_s is None else int(retry_after_s * 1_000_000)
                return Failed(failure, self._seal(reason, subject), after, usage_)
            case _:
                assert_never(answer)

    def _seal(self, text: str, subject: SubjectId | None) -> str:
        text = without_secrets(text)
        return self._artifacts.seal_text(text, subject) if subject else _writable(text)

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

    # --- acts ------------------------------------------------------------------------------------------------------

    def _rendered(self, effect: InvokeAgent, proposed: agents.Proposed) -> Outcome:
        """Render the effect once, whole, and store it: what is approved is what is sent."""
        route = self._routes(effect.act, effect.inputs)
        if route is None:
            reason = f"no adapter of this workspace can do {effect.act!r}"
            return Failed(FailureClass.INVALID, reason, usage=proposed.usage)
        features = {**proposed.features, **self._habits(route.instance, effect.act, effect.subject)}
        try:
            action = self._proposed_action(effect, route, proposed.request, features)
            final = action.finality is not Finality.REVERSIBLE
            if final and self._gate.leaves_unasked(effect.run, effect.task, action):
                # What no person reads before it leaves says so of itself (RFC 3834), so it is rendered as that.
                action = self._proposed_action(effect, route, {**proposed.request, UNASKED: True}, features)
        except ValueError as error:
            reason = self._seal(f"it cannot be rendered: {error}", effect.owner)
            return Failed(FailureClass.INVALID, reason, usage=proposed.usage)
        rationale = self._seal(proposed.rationale, effect.owner)
        return Proposed(action, rationale, proposed.evidence, proposed.usage)

    def _proposed_action(self, effect: InvokeAgent, route: Route, request: Json, features: Json) -> Action:
        return self.action(route, effect.act, effect.run, effect.task, effect.owner, request, features)

    def action(
        self,
        route: Route,
        act: str,
        run: RunId,
        task: int,
        subject: SubjectId | None,
        request: Json,
        features: Json,
    ) -> Action:
        """The action for a request: rendered, stored and digested. Raises `ValueError` for what cannot be rendered."""
        operation, adapter = route.operation, route.adapter
        semantic = digest(msgspec.json.encode(request, order="sorted"))
        key = idempotency_key(run, task, semantic)
        rendered = adapter.render(operation.name, request, key=key, at=self._clock.now())
        features = features_of(rendered, request, features)  # also of an edit: as it says now
        payload = self._artifacts.put(rendered.payload, subject, b"payload")
        card = self._artifacts.put(_card(rendered, request), subject, b"card")
        finality = max(rendered.finality, operation.finality, key=lambda one: one.rank)
        if features.get("flagged") is True and finality is not Finality.REVERSIBLE:
            # Money, credentials, law, threats, orders to the machine: what answers such a message asks, whatever
            # the rules allow.
            finality = Finality.FINAL_HIGH
        return Action(
            act=act,
            adapter=route.instance,
            operation=operation.name,
            contract=adapter.contract.version,
            repeatability=operation.repeatability,
            finality=finality,
            key=key,
            payload=payload,
            card=card,
            digest=effect_digest(
                adapter=route.instance,
                operation=operation.name,
                contract=adapter.contract.version,
                price_micros=rendered.price_micros,
                key=key,
                payload=rendered.payload,
            ),
            price_micros=rendered.price_micros,
            timeout_us=int(operation.timeout_s * 1_000_000),
            grace_us=int(operation.grace_s * 1_000_000),
            attempt_max=operation.attempt_max,
            features=features,
        )

    async def _act(self, effect: InvokeAdapter) -> Outcome:
        action = effect.action
        adapter = self._adapters.get(action.adapter)
        if adapter is None:
            return Failed(
                FailureClass.TRANSIENT, f"adapter {action.adapter!r} is not configured in this workspace"
            )
        try:
            payload = self._artifacts.get(action.payload, effect.owner, b"payload")
        except SubjectForgotten:
            return Failed(FailureClass.REFUSED, "the recipient was forgotten before it left")
        try:
            if action.finality is not Finality.REVERSIBLE:
                await self._refresh(action.adapter)
        except Exception as error:  # a mailbox that cannot be read must not stop what was approved for ever
            self._noticed(f"refresh of {action.adapter}", error)
            reason = "the mailbox could not be read once more before sending"
            return Failed(FailureClass.TRANSIENT, reason, exception=_place(error))
        stopped = self._may_leave(effect, payload)
        if stopped is not None:
            return stopped
        try:
            with self._act_span(effect) as span:
                answer = await adapter.call(action.operation, payload, key=action.key)
                if span is not None:
                    span.ended("" if isinstance(answer, Done) else type(answer).__name__)
        except Exception as error:  # it may have been handed over before the adapter's code failed
            self._noticed(f"adapter {action.adapter}", error)
            reason = f"adapter {action.adapter!r} raised {type(error).__name__}"
            return Failed(FailureClass.BUG, reason, exception=_place(error))
        match answer:
            case Done(response):
                return Acted(_kept(response))
            case Refused(reason):
                return Failed(FailureClass.REFUSED, self._seal(reason, effect.owner))
            case NotNow(reason, retry_after_s):
                failure = FailureClass.THROTTLED if retry_after_s is not None else FailureClass.TRANSIENT
                after = None if retry_after_s is None else int(retry_after_s * 1_000_000)
                return Failed(failure, self._seal(reason, effect.owner), after)
            case InDoubt(reason):
                return Failed(FailureClass.IN_DOUBT, self._seal(reason, effect.owner))
            case _:
                assert_never(answer)

    def _may_leave(self, effect: InvokeAdapter, payload: bytes) -> Outcome | None:
        """The last look, directly before the call; None when it may leave."""
        action = effect.action
        again = effect_digest(
            adapter=action.adapter,
            operation=action.operation,
            contract=self._adapters[action.adapter].contract.version,
            price_micros=action.price_micros,
            key=action.key,
            payload=payload,
        )
        if again != action.digest:
            reason = "what would leave is not what was approved: its digest, contract or price has changed"
            return Failed(FailureClass.REFUSED, reason)
        if not self._gate.epoch_holds():
            raise StaleEpoch(
                why="Another process took this workspace over.",
                remedy="Nothing was sent. End this process; the newer one carries on.",
            )
        overtaken = self._gate.overtaken(effect.run)
        if overtaken:
            return Withheld(overtaken)
        if not self._gate.still_wanted(effect.run, effect.task, effect.attempt):
            return Failed(FailureClass.STOPPED, "it was stopped before it left")
        return None

    async def _look_up(self, effect: InvokeAdapter) -> Outcome:
        action = effect.action
        adapter = self._adapters.get(action.adapter)
        if adapter is None:
            return Sought(Sighting.UNKNOWN)
        try:
            payload = self._artifacts.get(action.payload, effect.owner, b"payload")
            answer = await adapter.find(action.operation, payload, key=action.key)
        except SubjectForgotten:
            return Sought(Sighting.UNKNOWN)
        except Exception as error:  # a look-up that fails proves nothing
            self._noticed(f"adapter {action.adapter}", error)
            return Sought(Sighting.UNKNOWN)
        match answer:
            case Found(response):
                return Sought(Sighting.FOUND, _kept(response))
            case Absent():
                return Sought(Sighting.ABSENT)
            case Unknown():
                return Sought(Sighting.UNKNOWN)
            case _:
                assert_never(answer)


def _forgotten(usage: Usage | None) -> Outcome:
    """Whoever this was about was forgotten while it was under way: what came of it is not kept."""
    reason = "whoever it is about was forgotten while it was under way"
    return Failed(FailureClass.REFUSED, reason, usage=usage)


def _place(error: BaseException) -> str:
    """Type and place of what was raised. Never its text, which may quote a person."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = place.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} in {file}:{place.tb_lineno}"


def _card(rendered: Rendered, request: Json) -> bytes:
    """What a person must see to judge the effect."""
    card: dict[str, Any] = {
        "title": rendered.title,
        "recipients": rendered.recipients,
        "attachments": rendered.attachments,
        "risky": [
            {
                "name": one.name,
                "value": one.value,
                "source": one.source,
                "seen_before": one.seen_before,
                "came_from": one.came_from,
            }
            for one in rendered.risky
        ],
        "request": request,
    }
    if rendered.amount_micros is not None:
        card["amount_micros"] = rendered.amount_micros  # what a second step has typed
    return msgspec.json.encode(card)


def _kept(response: Json) -> Json:
    """The other side's answer as it may stand in an event. That it was done matters more than what it said."""
    try:
        return storable(response)
    except ValueError:
        return {}


def _writable(text: str) -> str:
    """Text without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
