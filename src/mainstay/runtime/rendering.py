"""Rendering: what an agent proposed becomes an action, whole, once; what is approved is what is sent.

The bytes that would leave, and the card on which a person judges them, are stored sealed. The action refers to them,
and its digest identifies exactly them. An edit is rendered by the same way (`Rendering.action`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from mainstay.adapters.base import UNASKED, Rendered
from mainstay.agents import base as agents
from mainstay.kernel.commands import Failed, Outcome, Proposed
from mainstay.kernel.contract import Finality
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId, SubjectId, digest, effect_digest, idempotency_key
from mainstay.kernel.policy import Action
from mainstay.kernel.values import Json
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import Clock
from mainstay.runtime.features import features_of
from mainstay.runtime.gate import Gate
from mainstay.runtime.reasons import sealed
from mainstay.runtime.routes import Route, Routes

# (adapter instance, act, subject) -> what policy must know besides of one more such act
Habits = Callable[[str, str, SubjectId | None], Json]


class Rendering:
    """Renders the acts of one workspace."""

    def __init__(
        self, *, clock: Clock, artifacts: Artifacts, gate: Gate, routes: Routes, habits: Habits
    ) -> None:
        self._clock = clock
        self._artifacts = artifacts
        self._gate = gate
        self._routes = routes
        self._habits = habits

    def proposed(self, effect: InvokeAgent, proposed: agents.Proposed) -> Outcome:
        """Render the effect once, whole, and store it: what is approved is what is sent."""
        route = self._routes(effect.act, effect.inputs)
        if route is None:
            reason = f"no adapter of this workspace can do {effect.act!r}"
            return Failed(FailureClass.INVALID, reason, usage=proposed.usage)
        features = {**proposed.features, **self._habits(route.instance, effect.act, effect.subject)}
        try:
            action = self._action_of(effect, route, proposed.request, features)
            final = action.finality is not Finality.REVERSIBLE
            if final and self._gate.leaves_unasked(effect.run, effect.task, action):
                # What no person reads before it leaves says so of itself (RFC 3834), so it is rendered as that.
                action = self._action_of(effect, route, {**proposed.request, UNASKED: True}, features)
        except ValueError as error:
            reason = sealed(self._artifacts, f"it cannot be rendered: {error}", effect.owner)
            return Failed(FailureClass.INVALID, reason, usage=proposed.usage)
        rationale = sealed(self._artifacts, proposed.rationale, effect.owner)
        return Proposed(action, rationale, proposed.evidence, proposed.usage)

    def _action_of(self, effect: InvokeAgent, route: Route, request: Json, features: Json) -> Action:
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
