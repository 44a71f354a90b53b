"""What agents of the simulation draw upon: models that cost, answers from a cache, memories.

A `Meter` lies outside of every process and keeps what really was asked and what it cost, so that the notes in the
ledger can be held to it. An agent may keep silent about what its models cost; the ledger may not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from mainstay.agents.base import Brief, Drawn, ModelUse
from mainstay.agents.tools import NoTools
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Usage

Attempt = tuple[RunId, str, int]  # run, name of the task, attempt
_MODELS = ("drawn:small", "drawn:large")


@dataclass(slots=True)
class Meter:
    """What was really asked of models, by attempt; of an attempt that was made twice, both."""

    used: dict[Attempt, list[ModelUse]] = field(default_factory=dict)


@dataclass(slots=True)
class DrawnTools(NoTools):
    """`Tools` of one attempt."""

    meter: Meter
    _models: list[ModelUse] = field(default_factory=list)
    _recalled: Drawn | None = None

    def draw(self, random: Random, brief: Brief, usage: Usage) -> Usage:
        """Spend `usage` on models, often, and recall something, at times; what the agent says that it cost."""
        if random.random() < 0.2:
            hits = random.randrange(4)
            log = {"policy": "drawn", "hits": list(range(hits))}
            self._recalled = Drawn(log, hits, random.randrange(3), 10 * hits)
        if not brief.cost_max_micros or random.random() < 0.3:
            return usage
        rest = usage.cost_micros
        asked = random.sample(_MODELS, random.randint(1, 2))
        for model in asked:
            cached = random.choice((0, 0, 1, 2))
            cost = rest if model is asked[-1] else random.randint(0, rest)
            rest -= cost
            use = ModelUse(model, cached + (cost > 0), 10, 20, cost, cached, 30 * cached)
            self._models.append(use)
            self.meter.used.setdefault((brief.run, brief.task, brief.attempt), []).append(use)
        silent = random.random() < 0.15
        return replace(usage, cost_micros=0) if silent else usage

    def drawn(self) -> Drawn | None:
        """See `Tools.drawn`."""
        if self._recalled is None and not self._models:
            return None
        return replace(self._recalled or Drawn(), models=tuple(self._models))
