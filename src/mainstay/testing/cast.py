"""Who plays in a history: the outside systems, the agents, and what comes in from outside.

`StandardCast` plays with random plans and with the shipped triage: one provider for each way in which an operation may
be repeated. `testing.own_cast` makes a cast from an operator's own workspace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from mainstay.agents.base import MessageView
from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Json
from mainstay.testing.faults import Chaos
from mainstay.testing.thinkers import SimulatedAgent, simulated_agents
from mainstay.testing.world import Guard, Provider

MAILBOX = "support"


class Cast(Protocol):
    """Everybody outside of the director. The same for all histories: what differs is drawn from a history's chaos."""

    def providers(self, chaos: Chaos, guard: Guard, elapsed_s: Callable[[], float]) -> dict[str, Provider]:
        """The outside systems of one history, by configured instance."""
        ...

    def agents(self, chaos: Chaos, spent: Counter[RunId]) -> dict[str, SimulatedAgent]:
        """Everybody who can be asked. What they really spend is counted in `spent`."""
        ...

    def route(self, act: str, inputs: Json) -> tuple[str, str] | None:
        """The instance and the operation that do an act."""
        ...

    def message(self, random: Random, number: int, thread: str, sender: str) -> tuple[MessageView, Json]:
        """A message that comes in, and what its source tells of it besides."""
        ...

    def trigger(self, random: Random, plan: Plan, number: int) -> Json:
        """What a run that is started by hand is given."""
        ...

    def edited(self, random: Random, act: str) -> Json:
        """The request that the operator writes in place of a proposed one."""
        ...


# Each of these but the mailbox can be told to take back what it did, in its own way.
UNDO = "undo"
# adapter: operation, repeatability, finality, authoritative, price
_PROVIDERS: dict[str, tuple[str, Repeatability, Finality, bool, int | None]] = {
    "keyed": ("do", Repeatability.KEYED, Finality.WITHDRAWABLE, False, 300),
    "findable": ("do", Repeatability.FINDABLE, Finality.FINAL_LOW, True, 120),
    "vague": ("do", Repeatability.FINDABLE, Finality.FINAL_LOW, False, 0),
    "once": ("do", Repeatability.ONCE, Finality.FINAL_LOW, False, 250),
    "legal": ("do", Repeatability.ONCE, Finality.FINAL_HIGH, False, None),
    "label": ("label", Repeatability.KEYED, Finality.REVERSIBLE, False, 0),
    "reply": ("reply", Repeatability.FINDABLE, Finality.FINAL_LOW, True, 0),
}
_MAIL = {"email.label": "label", "email.reply": "reply"}


@dataclass(frozen=True, slots=True)
class StandardCast:
    """Plays with any plan of `testing.mix`."""

    def providers(self, chaos: Chaos, guard: Guard, elapsed_s: Callable[[], float]) -> dict[str, Provider]:
        """See `Cast.providers`."""
        found = {}
        for name, (verb, repeatability, finality, authoritative, price) in _PROVIDERS.items():
            verbs = (verb,) if name in _MAIL.values() else (verb, UNDO)
            operations = tuple(
                Operation(
                    one,
                    Schema((Field("text", FieldType.TEXT),)),
                    Schema((Field("key", FieldType.STRING),)),
                    repeatability,
                    finality,
                    attempt_max=3,
                )
                for one in verbs
            )
            contract = Contract(name, 1, 0, operations)
            prices = {verb: price, UNDO: 0}
            found[name] = Provider(name, contract, chaos, guard, elapsed_s, authoritative, prices)
        return found

    def agents(self, chaos: Chaos, spent: Counter[RunId]) -> dict[str, SimulatedAgent]:
        """See `Cast.agents`."""
        return simulated_agents(chaos, spent)

    def route(self, act: str, inputs: Json) -> tuple[str, str] | None:
        """See `Cast.route`."""
        use, _, operation = act.partition(".")
        instance = _MAIL.get(act, use)
        return (instance, operation) if instance in _PROVIDERS else None

    def message(self, random: Random, number: int, thread: str, sender: str) -> tuple[MessageView, Json]:
        """See `Cast.message`."""
        text = f"message {number} of {sender}"
        view = MessageView(
            message_id=f"message{number}", thread=thread, mailbox=MAILBOX, from_address=sender, text=text
        )
        return view, {}

    def trigger(self, random: Random, plan: Plan, number: int) -> Json:
        """See `Cast.trigger`."""
        return {"message": {"thread": "", "value": number}}

    def edited(self, random: Random, act: str) -> Json:
        """See `Cast.edited`."""
        return {"text": f"edited {random.randrange(1_000)}"}


STANDARD_CAST = StandardCast()
