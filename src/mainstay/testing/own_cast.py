"""A cast made from an operator's own workspace: adapters from their contracts, agents from their types.

Nothing real is touched: no account, no secret, no model, no file outside of what the workspace's own settings,
workflows and policies say. An adapter that is not configured yet is played under the name of what it would use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mainstay.adapters.email.contract import contract as email_contract
from mainstay.agents import base as agents
from mainstay.agents.base import Agent, Brief, Data, Finding, MessageView
from mainstay.config.accounts import AdapterSettings, ImapSource, MaildirSend
from mainstay.config.policies import FIELDS
from mainstay.kernel.contract import Contract, Field, FieldType, Operation, Repeatability
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan, Role
from mainstay.kernel.policy import Policy
from mainstay.kernel.values import Json, Usage
from mainstay.testing.cast import MAILBOX
from mainstay.testing.drawn import Asked, Hints, asked_by, draw_field, draw_model, draw_trigger
from mainstay.testing.faults import Chaos
from mainstay.testing.thinkers import SimulatedAgent
from mainstay.testing.world import Guard, Provider

USE = "email"
# What stands in the facts of an act and is not the proposer's to say.
_NOT_DRAWN = frozenset({"adapter", "finality", "price", "mailbox", "done_by_this_workflow"})
_LIKELY = {"flagged": 0.1, "automatic": 0.05, "reply_to_differs": 0.05, "recipient_known": 0.7}


@dataclass(frozen=True, slots=True)
class Instance:
    """One configured adapter: what it is, where its mail comes from, what it promises."""

    name: str
    use: str
    mailbox: str
    contract: Contract


def instances(settings: Mapping[str, AdapterSettings]) -> tuple[Instance, ...]:
    """Every configured adapter, and a stand-in where none is."""
    found = [
        Instance(name, one.use, one.mailbox, email_contract(_repeatability(one)))
        for name, one in settings.items()
        if one.use == USE
    ]
    return tuple(found) or (Instance(USE, USE, MAILBOX, email_contract(Repeatability.FINDABLE)),)


def _repeatability(settings: AdapterSettings) -> Repeatability:
    """How replies of this account may be repeated: it follows from how they leave."""
    if isinstance(settings.send, MaildirSend):
        return Repeatability.KEYED
    return Repeatability.FINDABLE if isinstance(settings.source, ImapSource) else Repeatability.ONCE


@dataclass(slots=True)
class TypedAgent(SimulatedAgent):
    """An agent of the workspace, played: its answers have its types, and no sense."""

    hints: Hints = field(default_factory=Hints)
    pools: Asked = field(default_factory=dict)
    rules: Asked = field(default_factory=dict)  # what the policy compares

    def answer(self, brief: Brief, usage: Usage) -> agents.Outcome:
        """See `SimulatedAgent.answer`."""
        random = self.chaos.random("agent")
        task = brief.task.partition("[")[0]
        if brief.act:
            request = {name: plain(value) for name, value in brief.inputs.items()}
            return agents.Proposed(
                request, self._features(brief, random), "because it was drawn", usage=usage
            )
        if self.role is Role.INSPECTOR:
            severity = random.choice(("note", "note", "note", "look", "refuse"))
            finding = Finding(check="drawn", severity=severity, remark="drawn by the simulation")
            return agents.Inspected(
                (finding,), "because it was drawn", usage=usage, revise=severity == "look"
            )
        if self.output is None:
            return agents.Proposed({}, {}, "because it was drawn", usage=usage)
        keys = {name: self.hints.keys(task, name) for name in self.output.model_fields}
        output = draw_model(self.output, random, self.hints.of(task), self.pools, keys)
        return agents.Produced(output, "because it was drawn", usage=usage)

    def _features(self, brief: Brief, random: Random) -> Json:
        """What the policy is told of the act: what the workflow binds, the rest drawn."""
        features: Json = {}
        for name, kind in FIELDS.items():
            given = brief.inputs.get(name)
            if isinstance(given, str | int | float | bool) or (isinstance(given, list) and name == "flags"):
                features[name] = given
            elif name in _LIKELY and name not in self.rules:
                features[name] = random.random() < _LIKELY[name]
            elif name in self.rules and name not in _NOT_DRAWN:
                features[name] = draw_field(Field(name, kind), random, self.rules[name])
        message = brief.inputs.get("message")
        if isinstance(message, MessageView):
            features["mailbox"] = message.mailbox
        return features


def plain(value: Any) -> Any:
    """A value as a request may hold it."""
    if isinstance(value, Data):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class OwnCast:
    """Plays with one workflow of a workspace. See `Cast`."""

    instances: tuple[Instance, ...]
    own_agents: Mapping[str, Agent]
    hints: Hints
    policy: Policy
    pools: Asked = field(default_factory=dict)

    def providers(self, chaos: Chaos, guard: Guard, elapsed_s: Callable[[], float]) -> dict[str, Provider]:
        """See `Cast.providers`. Whether a look-up that finds nothing proves anything is drawn."""
        sure = chaos.random("authoritative").random() < 0.5
        return {
            one.name: Provider(one.name, one.contract, chaos, guard, elapsed_s, authoritative=sure)
            for one in self.instances
        }

    def agents(self, chaos: Chaos, spent: Counter[RunId]) -> dict[str, SimulatedAgent]:
        """See `Cast.agents`."""
        rules = asked_by(self.policy)
        return {
            name: TypedAgent(
                name,
                one.role,
                chaos,
                recipe=one.recipe,
                input=one.input,
                output=one.output,
                cost_max_micros=one.cost_max_micros,
                spent=spent,
                hints=self.hints,
                pools=self.pools,
                rules=rules,
            )
            for name, one in self.own_agents.items()
        }

    def route(self, act: str, inputs: Json) -> tuple[str, str] | None:
        """See `Cast.route`: of those that can do it, the one whose mailbox the message came from."""
        use, _, operation = act.partition(".")
        fitting = [one for one in self.instances if one.use == use and one.contract.operation(operation)]
        message = inputs.get("message")
        mailbox = message.get("mailbox") if isinstance(message, dict) else getattr(message, "mailbox", "")
        chosen = next((one for one in fitting if one.mailbox == mailbox), fitting[0] if fitting else None)
        return (chosen.name, operation) if chosen is not None else None

    def message(self, random: Random, number: int, thread: str, sender: str) -> tuple[MessageView, Json]:
        """See `Cast.message`: such that the workflow's `where` matches often, and not always."""
        asked = self.hints.of("trigger")
        mailboxes = (*asked.get("message.mailbox", ()), *(one.mailbox for one in self.instances))
        elsewhere = random.random() < 0.1
        automatic = bool(_drawn("automatic", FieldType.BOOL, asked, random)) and random.random() < 0.3
        count = _drawn("attachments", FieldType.INT, asked, random) if random.random() < 0.3 else 0
        view = MessageView(
            message_id=f"message{number}",
            thread=thread,
            mailbox="elsewhere" if elsewhere else str(random.choice(mailboxes)),
            from_address=sender,
            subject=f"Message {number}",
            text=f"message {number} of {sender}",
            automatic="drawn" if automatic else "",
            attachments=tuple(f"file{one}" for one in range(max(0, int(count)))),
        )
        language = _drawn("language", FieldType.STRING, asked, random) if asked else "en"
        return view, {"reply": bool(_drawn("reply", FieldType.BOOL, asked, random)), "language": language}

    def trigger(self, random: Random, plan: Plan, number: int) -> Json:
        """See `Cast.trigger`."""
        return draw_trigger(random, self.hints)

    def edited(self, random: Random, act: str) -> Json:
        """See `Cast.edited`."""
        return {one.name: draw_field(one, random) for one in self._operation(act).request.fields} | {
            "edited": random.randrange(1_000)
        }

    def _operation(self, act: str) -> Operation:
        found = self.route(act, {})
        assert found is not None, f"{act} was proposed, so somebody does it"
        name, operation = found
        chosen = next(one for one in self.instances if one.name == name).contract.operation(operation)
        assert chosen is not None
        return chosen


def _drawn(name: str, kind: FieldType, asked: Asked, random: Random) -> Any:
    return draw_field(Field(name, kind), random, asked.get(f"message.{name}", ()))
