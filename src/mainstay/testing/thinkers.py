"""The agents of the simulation: whoever thinks here draws what they say, good, late, dear, wrong or nothing.

They wait only on `Pause` (`testing.world`). What they really spent is counted outside of every process, so that the
books of the ledger can be held to it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mainstay.agents import base as agents
from mainstay.agents.base import Brief, Data, Finding, IntentView, Reply, Tools
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Usage
from mainstay.testing.drawn_tools import DrawnTools
from mainstay.testing.faults import Chaos, Point
from mainstay.testing.world import FOREVER_S, Pause

POISON = "poison"  # ends every process that asks it


class Thought(Data):
    """What a thinker says."""

    value: int
    flag: bool
    items: tuple[dict[str, Any], ...]
    text: str
    auto: bool | None = None
    audit: bool = False


class Drafted(Data):
    """What the writer of replies says."""

    reply: Reply


_FAILURES = (
    FailureClass.TRANSIENT,
    FailureClass.TRANSIENT,
    FailureClass.THROTTLED,
    FailureClass.REFUSED,
    FailureClass.INVALID,
    FailureClass.LOST,
)


@dataclass(slots=True)
class SimulatedAgent:
    """An agent whose every answer is drawn: good, late, dear, wrong or none."""

    name: str
    role: Role
    chaos: Chaos
    recipe: str = "drawn"
    input: type[Data] = Data
    output: type[Data] | None = Thought
    cost_max_micros: int | None = 0
    spent: Counter[RunId] = field(default_factory=Counter)  # really, by run; shared by all
    said: dict[tuple[RunId, str], str] = field(default_factory=dict)  # the last request that it proposed

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        """See `Agent.work`."""
        chaos, random = self.chaos, self.chaos.random("agent")
        if self.name == POISON:
            raise chaos.kill(Point.AGENT_ASKED)
        silent = chaos.strikes("agent silent")
        await Pause(Point.AGENT_ASKED, FOREVER_S if silent else random.choice((0.0, 0.0, 1.0, 8.0)))
        cost = random.randint(0, brief.cost_max_micros)
        if brief.cost_max_micros and random.random() < 0.2:
            cost = brief.cost_max_micros
        self.spent[brief.run] += cost
        usage = Usage(cost, 10, 20, 1)
        if isinstance(tools, DrawnTools):
            usage = tools.draw(chaos.random("models"), brief, usage)
        if chaos.strikes("agent raised"):
            raise RuntimeError("the agent's own code failed")
        if chaos.strikes("agent failed"):
            failure = random.choice(_FAILURES)
            after_s = float(random.randint(1, 300)) if failure is FailureClass.THROTTLED else None
            return agents.Failed(failure, "to order", after_s, random.choice((usage, None)))
        confused = chaos.strikes("agent confused")
        answer = self._wrong(brief, usage) if confused else self.answer(brief, usage)
        await Pause(Point.AGENT_ANSWERED)
        return answer

    def answer(self, brief: Brief, usage: Usage) -> agents.Outcome:
        """What it says when it says what it should."""
        random = self.chaos.random("agent")
        if brief.act:
            text = self._text(brief, f"{brief.task} {brief.attempt} {random.randrange(1_000)}")
            features = {"risky": random.random() < 0.2, "recipient_known": random.random() < 0.7}
            return agents.Proposed({"text": text}, features, "because", usage=usage)
        match self.role, self.name:
            case (Role.INSPECTOR, _):
                severity = random.choice(("note", "note", "look", "refuse"))
                finding = Finding(check="drawn", severity=severity, remark="to order")
                revise = severity != "note" or random.random() < 0.2
                return agents.Inspected((finding,), "because", usage=usage, revise=revise)
            case (_, "intent"):
                said = IntentView(
                    intent="pricing",
                    confidence=0.9,
                    reply_expected=random.random() < 0.8,
                    labels=("pricing",),
                    **self._gated(),
                )
                return agents.Produced(said, "because", ("record:1",), usage)
            case (_, "reply-writer"):
                return agents.Produced(Drafted(reply=Reply(text="Hello")), "because", usage=usage)
            case _:
                items: tuple[dict[str, Any], ...] = tuple(
                    {"number": number} for number in range(random.choice((0, 1, 2, 3, 5)))
                )
                thought = Thought(
                    value=random.randrange(100),
                    flag=random.random() < 0.6,
                    items=items,
                    text="a thought",
                    **self._gated(),
                )
                return agents.Produced(thought, "because", ("record:1",), usage)

    def _gated(self) -> dict[str, Any]:
        """What it says of its own annotation; drawn apart, so that all else is as without it."""
        random = self.chaos.random("gate")
        if random.random() < 0.5:
            return {}  # as those do that know of no gate
        auto = random.random() < 0.7
        return {"auto": auto, "audit": auto and random.random() < 0.2}

    def _text(self, brief: Brief, drawn: str) -> str:
        """After a restore it often says again what it said in the time that is lost: the same key."""
        if self.chaos.restored and self.chaos.random("said again").random() < 0.6:
            return self.said.get((brief.run, brief.task), drawn)
        self.said[brief.run, brief.task] = drawn
        return drawn

    def _wrong(self, brief: Brief, usage: Usage) -> agents.Outcome:
        """An answer of another kind than the task's."""
        if brief.act:
            thought = Thought(value=1, flag=True, items=(), text="done, it says")
            return agents.Produced(thought, "because", usage=usage)
        return agents.Proposed({"text": "an act that nobody asked for"}, {}, "because", usage=usage)


def simulated_agents(chaos: Chaos, spent: Counter[RunId]) -> dict[str, SimulatedAgent]:
    """Everybody whom a workflow of the simulation may ask."""
    named = {
        "thinker": Role.SPECIALIST,
        "proposer": Role.EXECUTOR,
        POISON: Role.SPECIALIST,
        "inspector": Role.INSPECTOR,
        "intent": Role.SPECIALIST,
        "reply-writer": Role.EXECUTOR,
        "reply-checks": Role.INSPECTOR,
    }
    return {name: SimulatedAgent(name, role, chaos, spent=spent) for name, role in named.items()}
