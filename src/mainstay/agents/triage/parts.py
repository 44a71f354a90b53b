"""What a triage consists of: what is frozen, and what a thawed one is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mainstay.agents.triage.decision import Decision
    from mainstay.agents.triage.discriminant import Discriminant
    from mainstay.agents.triage.examples import Examples
    from mainstay.agents.triage.gate import Gate
    from mainstay.agents.triage.regression import Regression


@dataclass(frozen=True, slots=True)
class Parts:
    """The whole state. Numbers stand for classes, by their place in `classes`."""

    seed: int
    classes: tuple[str, ...]
    seeds: Mapping[int, int]
    past: Mapping[int, tuple[int, int]]
    pending: tuple[Decision, ...]
    examples: Examples
    regression: Regression
    discriminant: Discriminant
    gate: Gate
