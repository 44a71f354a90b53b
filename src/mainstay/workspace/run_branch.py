"""What a new run would take over from its parent and do anew: asked of `kernel.fork`, which decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.fork import fork, restart
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.state import RunState


@dataclass(frozen=True, slots=True)
class Branch:
    """What a new run would take over from its parent, and what it would do anew."""

    point: int
    inherited: tuple[str, ...]
    acts_inherited: tuple[str, ...]  # of these: they happened, and are not done twice
    anew: tuple[str, ...]
    asks: tuple[str, ...]  # acts among these: each asks, whatever the rules say


def fork_branch(state: RunState, version: int, changes: Mapping[str, Any]) -> Branch:
    """Of a fork as of this `version`, at which the parent was in that state. Raises `CommandRefused`."""
    if state.plan is None:
        raise no_plan()
    try:
        forked = fork(state, version=version, actor="", changes=changes)
    except KeyError as error:
        raise _no_field(error) from error
    return _branch(state, forked.version, {one.task for one in forked.inherited}, forked.inherited)


def restart_branch(state: RunState, version: int, first: str) -> Branch:
    """Of a restart from this task. Raises `CommandRefused`."""
    if state.plan is None:
        raise no_plan()
    try:
        forked = restart(state, version=version, actor="", first=first)
    except KeyError as error:
        raise _no_field(error) from error
    return _branch(state, forked.version, {one.task for one in forked.inherited}, forked.inherited)


def _branch(state: RunState, point: int, kept: set[int], inherited: Sequence[Any]) -> Branch:
    plan = state.plan
    assert plan is not None
    tasks = plan.workflow.tasks
    anew = [number for number in range(plan.size) if number not in kept]
    return Branch(
        point,
        tuple(tasks[number].name for number in sorted(kept) if number < plan.size),
        tuple(tasks[one.task].name for one in inherited if one.acted and one.task < plan.size),
        tuple(tasks[number].name for number in anew),
        tuple(tasks[number].name for number in anew if tasks[number].kind is TaskKind.ACT),
    )


def no_plan() -> CommandRefused:
    """There is nothing to go on from yet."""
    return CommandRefused(
        "This run follows no plan at that point.",
        why="It had only begun.",
        remedy="Choose a later event.",
    )


def _no_field(error: KeyError) -> CommandRefused:
    return CommandRefused(
        f"There is no {str(error.args[0])[:80]!r} in this run.",
        remedy="Name tasks and fields as the workflow's file does.",
    )
