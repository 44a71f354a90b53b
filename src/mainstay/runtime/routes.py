"""Where an act goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mainstay.adapters.base import Adapter
from mainstay.kernel.contract import Operation
from mainstay.kernel.values import Json


@dataclass(frozen=True, slots=True)
class Route:
    """Where an act goes: the configured instance, and its operation."""

    instance: str
    adapter: Adapter
    operation: Operation


Routes = Callable[[str, Json], Route | None]  # (act, inputs) -> route
