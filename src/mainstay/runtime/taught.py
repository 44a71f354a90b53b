"""What follows from one reply that was sent, and whether anything can: told without loading what learns from it.

A yes to a draft that no lesson was given to, or kept from, teaches nothing; most are like that, and are decided at
once. `runtime.teaching` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mainstay.kernel.commands import Command
from mainstay.kernel.predicates import Ref, resolve
from mainstay.kernel.state import RunState, Sources
from mainstay.kernel.values import Json


@dataclass(frozen=True, slots=True)
class Taught:
    """What follows from one reply that was sent: commands, and what of it a person is told."""

    commands: tuple[Command, ...] = ()
    detail: Json = field(default_factory=dict)


NOTHING = Taught()


def drafter(state: RunState, task: int, sources: Sources) -> int | None:
    """The task whose reply this act sends; None where no task of this run drafted it."""
    plan = state.plan
    assert plan is not None
    for _, binding in state.spec(task).inputs:
        if isinstance(binding, Ref) and binding.source in plan.numbers:
            value: Any = resolve(binding, sources)
            if isinstance(value, Mapping) and value.get("kind") == "reply" and "artifact" in value:
                return plan.numbers[binding.source]
    return None


def lessons_of(state: RunState, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lessons that this task's draft was given, and those that applied and were withheld from it."""
    output = state.task(number).output or {}
    return _names(output.get("lessons")), _names(output.get("withheld"))


def tells_of_lessons(state: RunState, task: int) -> bool:
    """Whether a yes to this act says anything of a lesson."""
    number = drafter(state, task, Sources(state, task))
    return number is not None and any(lessons_of(state, number))


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
