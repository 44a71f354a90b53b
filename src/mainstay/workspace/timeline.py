"""The timeline of a run: what happened in groups, one for each task, newest first, a page at a time.

Sentences are those of `explain`, told with the run as it stands now: in a page of the newest events nothing from
before it is known but what the fold kept. A group is told by its last sentence; whoever wants the others asks for its
task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.governance.explain import Line, tell
from mainstay.kernel.state import Phase, RunState, Status, TaskState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import RecordedEvent
from mainstay.workspace.run_fold import RunFold, TaskTrack

GROUPS = 30
LINES_MAX = 200  # told of one group

# What a task's phase means to whoever looks at its run, and the words for it.
_STATES: dict[Phase, tuple[str, str]] = {
    Phase.WAITING: ("next", "Not started"),
    Phase.READY: ("next", "Not started"),
    Phase.DELAYED: ("next", "Starts later"),
    Phase.RUNNING: ("running", "At work"),
    Phase.RETRYING: ("running", "Tries again"),
    Phase.EXPANDED: ("running", "At work"),
    Phase.BLOCKED: ("waiting", "Over budget"),
    Phase.APPROVAL: ("waiting", "Waits for you"),
    Phase.HELD: ("waiting", "Leaves soon"),
    Phase.ACTING: ("running", "Leaves now"),
    Phase.SEEKING: ("running", "Did it leave?"),
    Phase.DOUBT: ("doubt", "In doubt"),
    Phase.SUCCEEDED: ("done", "Done"),
    Phase.FAILED: ("failed", "Failed"),
    Phase.SKIPPED: ("skipped", "Skipped"),
}
_NEVER = frozenset({Phase.WAITING, Phase.READY, Phase.DELAYED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands: one of the states that a plan is drawn with, and the words for it."""

    state: str
    said: str


@dataclass(frozen=True, slots=True)
class Group:
    """What became of one task, or some events about the run itself (`task` is None)."""

    task: int | None
    name: str
    who: str
    act: str
    state: str
    said: str
    at: Instant
    began_at: Instant
    cost_micros: int
    attempts: int
    events: int
    version: int  # of its last event: where the next page begins
    told: Line  # its last sentence
    lines: tuple[Line, ...] = ()  # all of them, oldest first, where one task was asked for
    troubles: tuple[Line, ...] = ()  # attempts that failed, and what is known of why
    card: str = ""  # that waits


@dataclass(frozen=True, slots=True)
class Timeline:
    """Groups, newest first; `older` is where the next page begins, 0 where there is none."""

    groups: tuple[Group, ...] = ()
    older: int = 0
    newer: bool = False
    task: int | None = None  # what was asked for


@dataclass(frozen=True, slots=True)
class Teller:
    """What the timeline needs of a workspace."""

    events: Callable[[Sequence[int]], Sequence[tuple[RecordedEvent, Any]]]
    opened: Callable[[Any], Any]
    open_text: Callable[[str], str]


_TROUBLES = (
    "attempt.failed/",
    "task.failed/",
    "failure.diagnosed/",
    "action.in_doubt/",
    "compensation.failed/",
)


_NOTICES = ("operator.notified/", "model.used/", "context.recalled/")


def timeline(
    fold: RunFold, teller: Teller, *, before: int = 0, task: int | None = None, limit: int = GROUPS
) -> Timeline:
    """A page of it: groups whose last event came `before` a version, or all that concerns one task."""
    tracks = _tracks(fold, task)
    part = [one for one in tracks if not before or one[1].last < before]
    shown = part[:limit]
    versions = [version for _, track in shown for version in track.versions[-LINES_MAX:]]
    lines: dict[int, Line] = {
        recorded.version: line for (recorded, _), line in _told(fold.state, teller, versions)
    }
    groups = tuple(_group(fold, number, track, lines, whole=task is not None) for number, track in shown)
    older = groups[-1].version if len(part) > limit else 0
    return Timeline(groups, older=older, newer=bool(before), task=task)


def standing(state: RunState, number: int) -> Standing:
    """Where a task stands, in a state and in words."""
    found, said = _STATES[state.task(number).phase]
    if number in state.unusual.paused_tasks:
        return Standing("waiting" if found in ("next", "running") else found, "Paused")
    if found == "done" and _taken_back(state, number):
        return Standing("undone", "Taken back")
    if state.ended and state.task(number).phase in _NEVER:
        return Standing("skipped", "Never started")
    if state.status is Status.QUEUED and found == "next":
        return Standing("next", "In line")
    return Standing(found, said)


def _taken_back(state: RunState, number: int) -> bool:
    first = state.unusual.undo_first
    return any(
        one == number and state.exists(first + at) and state.task(first + at).phase is Phase.SUCCEEDED
        for at, one in enumerate(state.unusual.undoing)
    )


def _tracks(fold: RunFold, task: int | None) -> list[tuple[int | None, TaskTrack]]:
    state = fold.state
    found: list[tuple[int | None, TaskTrack]] = []
    if task is None:
        found += [(None, one) for one in fold.whole]
        found += fold.tasks.items()
    else:
        items = {
            number
            for fan in state.expansions
            if fan.parent == task
            for number in range(fan.first, fan.first + fan.count)
        }
        found += [(number, one) for number, one in fold.tasks.items() if number == task or number in items]
    return sorted(found, key=lambda one: one[1].last, reverse=True)


def _told(
    state: RunState, teller: Teller, versions: Sequence[int]
) -> Sequence[tuple[tuple[RecordedEvent, Any], Line]]:
    events = [(recorded, teller.opened(event)) for recorded, event in teller.events(versions)]
    return list(zip(events, tell(events, state, teller.open_text), strict=True))


def _group(
    fold: RunFold, number: int | None, track: TaskTrack, lines: Mapping[int, Line], *, whole: bool
) -> Group:
    state = fold.state
    told = [lines[version] for version in track.versions if version in lines]
    troubles = tuple(one for one in told if one.event.startswith(_TROUBLES))
    common = {
        "at": track.last_at,
        "began_at": track.began_at or track.first_at,
        "cost_micros": track.cost_micros,
        "attempts": track.attempts,
        "events": len(track.versions),
        "version": track.last,
        "told": _telling(told),
        "lines": tuple(told) if whole else (),
        "troubles": troubles if not whole else (),
    }
    if number is None or not state.exists(number):
        return Group(task=None, name="Run", who=told[-1].actor, act="", state="run", said="", **common)  # type: ignore[arg-type]
    spec, where = state.spec(number), standing(state, number)
    who = f"{str(spec.role).capitalize()} {spec.agent}" if spec.agent else str(spec.role).capitalize()
    return Group(
        task=number,
        name=state.name(number),
        who=who,
        act=spec.act,
        state=where.state,
        said=_ended_as(where, common["told"]),
        card=_card(state.task(number)),
        **common,  # type: ignore[arg-type]
    )


def _ended_as(where: Standing, told: object) -> str:
    """A task that no event of its own ended was given up when its run ended."""
    assert isinstance(told, Line)
    if where.state == "skipped" and not told.event.startswith(("task.skipped/", "task.cancelled/")):
        return "Given up with the run"
    return where.said


def _telling(lines: Sequence[Line]) -> Line:
    """The sentence that says most: the last one that is no mere notice; of what is done, why it was done so."""
    last = next((one for one in reversed(lines) if not one.event.startswith(_NOTICES)), lines[-1])
    if last.event.startswith("task.succeeded/") and not last.rationale:
        return next((one for one in reversed(lines) if one.rationale), last)
    return last


def _card(task: TaskState) -> str:
    waits = task.phase is Phase.APPROVAL and task.act is not None and task.act.approval is not None
    return str(task.act.approval) if waits and task.act is not None else ""
