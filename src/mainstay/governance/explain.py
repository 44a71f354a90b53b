"""`explain`: the story of a run, told from its events alone.

Who did what, when, why, from which evidence, under which rules, by which cause and for how much. Lines about the run
as a whole come first and last, those about a task are grouped under it. Nothing is told that the ledger does not say,
and every line names the position it was read at, so that each can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from mainstay.governance.in_force import InForce, say_under
from mainstay.governance.narration import say
from mainstay.governance.words import NameOf, Open, by_number, moment, short_run
from mainstay.kernel.events import (
    NUMBER_OF,
    ActionProposed,
    ApprovalGranted,
    ApprovalRejected,
    Event,
    ModelUsed,
    RevisionRequested,
    RunEvent,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId, run_of
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RUN, RunState
from mainstay.kernel.values import Instant, Json, money
from mainstay.ledger.codec import event_name
from mainstay.ledger.store import RecordedEvent


@dataclass(frozen=True, slots=True)
class Line:
    """One event, told."""

    position: int
    at: Instant
    event: str  # "task.succeeded/1"
    actor: str
    cause: int  # the position of the event that led here; 0: none
    text: str
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    cost_micros: int = 0
    under: Mapping[str, str] = field(default_factory=dict)  # the policy, or the template, that was in force


@dataclass(frozen=True, slots=True)
class Chapter:
    """What became of one task."""

    task: int
    name: str
    role: str
    agent: str
    act: str
    phase: str
    lines: tuple[Line, ...]
    revises: int = 0  # how often it was sent back

    @property
    def cost_micros(self) -> int:
        """What the task cost."""
        return sum(line.cost_micros for line in self.lines)


@dataclass(frozen=True, slots=True)
class Story:
    """A run, told. Without a run (a message that started none) there are only lines."""

    run: RunId | None
    workflow: str
    status: str
    started_at: Instant
    ended_at: Instant | None
    cost_micros: int
    operator_us: int
    lines: tuple[Line, ...]
    chapters: tuple[Chapter, ...] = field(default=())
    parent: RunId | None = None  # the run that this one goes on from
    point: int = 0  # as of which version of that run's stream

    def as_dict(self) -> Json:
        """The story as plain data."""
        return {
            "run": self.run,
            "workflow": self.workflow,
            **({"parent": self.parent, "point": self.point} if self.parent is not None else {}),
            "status": self.status,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "cost_micros": self.cost_micros,
            "operator_us": self.operator_us,
            "lines": [_line_dict(line) for line in self.lines],
            "tasks": [
                {
                    "task": one.task,
                    "name": one.name,
                    "role": one.role,
                    "agent": one.agent,
                    "act": one.act,
                    "phase": one.phase,
                    "revised": one.revises,
                    "cost_micros": one.cost_micros,
                    "lines": [_line_dict(line) for line in one.lines],
                }
                for one in self.chapters
            ],
        }

    def as_text(self) -> str:
        """The story to be read in a terminal."""
        parts = [_heading(self), *(_line_text(line) for line in self.lines)]
        for chapter in self.chapters:
            parts += ["", _chapter_heading(chapter), *(_line_text(line) for line in chapter.lines)]
        return "\n".join(parts) + "\n"


def explain(
    events: Sequence[tuple[RecordedEvent, Event]],
    open_: Open,
    adopted: Iterable[tuple[RecordedEvent, Event]] = (),
) -> Story:
    """Tell the events of one run, with those of the message that led to it, and what its acts proved, if they are given
    too. `adopted` are the events by which policies and templates came into force.
    """
    in_force = InForce(adopted)
    state: RunState | None = None
    about: list[Line] = []
    tasks: dict[int, list[Line]] = {}
    operator_us = 0
    ended_at: Instant | None = None
    for recorded, event in events:
        if isinstance(event, ApprovalGranted | ApprovalRejected):
            operator_us += event.open_us
        if recorded.stream.startswith("run:"):
            before = state if state is not None else nothing(run_of(recorded.stream))
            state = evolve(before, cast(RunEvent, event))
            if state.ended and not before.ended:
                ended_at = recorded.at
        line = _line(recorded, event, open_, _names(state), in_force)
        task = _task_of(event)
        (about if task is None else tasks.setdefault(task, [])).append(line)
    forked = state.unusual.forked if state is not None else None
    return Story(
        run=state.head.run if state is not None else None,
        workflow=state.head.workflow if state is not None else "",
        status=state.status.name.lower() if state is not None else "",
        started_at=events[0][0].at if events else Instant(0),
        ended_at=ended_at,
        cost_micros=state.spent if state is not None else 0,
        operator_us=operator_us,
        lines=tuple(about),
        chapters=tuple(_chapter(state, task, tasks[task]) for task in sorted(tasks)) if state else (),
        parent=forked.parent if forked is not None else None,
        point=forked.version if forked is not None else 0,
    )


def tell(events: Iterable[tuple[RecordedEvent, Event]], state: RunState, open_: Open) -> list[Line]:
    """Some events of a run, told with names from its `state` now: a page of a long story, without the rest of it."""
    in_force = InForce(())
    return [_line(recorded, event, open_, _names(state), in_force) for recorded, event in events]


def _names(state: RunState | None) -> NameOf:
    return lambda number: state.name(number) if state and state.exists(number) else by_number(number)


def _line(recorded: RecordedEvent, event: Event, open_: Open, name_of: NameOf, in_force: InForce) -> Line:
    rationale = ""
    evidence: tuple[str, ...] = ()
    if isinstance(event, TaskSucceeded | ActionProposed):
        rationale, evidence = event.rationale, event.evidence
    elif isinstance(event, RevisionRequested):
        rationale = event.rationale
    return Line(
        position=recorded.position,
        at=recorded.at,
        event=event_name(NUMBER_OF[type(event)], recorded.schema),
        actor=recorded.actor,
        cause=recorded.causation,
        text=say(event, open_, name_of),
        rationale=rationale,
        evidence=evidence,
        # What a model cost is part of what its attempt settles at, and would be counted twice.
        cost_micros=0 if isinstance(event, ModelUsed) else getattr(event, "cost", 0),
        under=in_force.under(event, recorded.position),
    )


def _task_of(event: Event) -> int | None:
    number = getattr(event, "task", None)
    return number if isinstance(number, int) and number != RUN else None


def _chapter(state: RunState, number: int, lines: list[Line]) -> Chapter:
    spec = state.spec(number)
    revision = state.revision(number)
    return Chapter(
        task=number,
        name=state.name(number),
        role=str(spec.role),
        agent=spec.agent,
        act=spec.act,
        phase=state.task(number).phase.name.lower(),
        lines=tuple(lines),
        revises=revision.round if revision is not None else 0,
    )


def _heading(story: Story) -> str:
    if story.run is None:
        return "No run came of this."
    ended = f" to {moment(story.ended_at)}" if story.ended_at is not None else ", not ended"
    minutes = f", {story.operator_us / 1_000_000:.0f} s of yours" if story.operator_us else ""
    heading = (
        f"Run {short_run(story.run)} of {story.workflow}: {story.status}, {moment(story.started_at)}{ended} UTC, "
        f"{money(story.cost_micros)}{minutes}"
    )
    if story.parent is None:
        return heading
    return f"{heading}\nIt goes on from run {short_run(story.parent)}, as of its event {story.point}."


def _chapter_heading(chapter: Chapter) -> str:
    who = f"{chapter.role} {chapter.agent}" + (f" for {chapter.act}" if chapter.act else "")
    cost = f", {money(chapter.cost_micros)}" if chapter.cost_micros else ""
    return f"{chapter.name} ({who}): {chapter.phase}{cost}"


def _line_text(line: Line) -> str:
    cause = f", from #{line.cause}" if line.cause and line.cause != line.position - 1 else ""
    cost = f" {money(line.cost_micros)}." if line.cost_micros else ""
    relied = f" Evidence: {', '.join(line.evidence)}." if line.evidence else ""
    text = line.text if line.text.endswith((".", "?", "!")) else line.text + "."
    return f"  {moment(line.at)}  {text}{say_under(line.under)}{cost}{relied} [#{line.position}{cause}, {line.actor}]"


def _line_dict(line: Line) -> Json:
    return {
        "position": line.position,
        "at": line.at,
        "event": line.event,
        "actor": line.actor,
        "cause": line.cause or None,
        "text": line.text,
        "rationale": line.rationale,
        "evidence": list(line.evidence),
        "cost_micros": line.cost_micros,
        "under": dict(line.under),
    }
