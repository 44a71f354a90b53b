"""What a decision led to, as the SDK gives it back."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.values import Json


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to. `events` is 0 when it had been decided already; `live`: it is being performed now."""

    run: str
    task: int
    events: int
    status: str
    live: bool


def decided(answer: Json, *, live: bool) -> Decided:
    """The answer of a door, typed."""
    return Decided(
        str(answer["run"]), int(answer["task"]), int(answer["events"]), str(answer["status"]), live
    )
