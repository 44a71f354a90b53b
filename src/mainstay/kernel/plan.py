"""Workflows and plans as data: a directed acyclic graph of tasks.

A plan is compiled once (`compile_plan`) and shared by all runs that follow it: names become numbers, and who
waits for whom is spelled out both ways, so that folding an event never searches. A plan that a planner
proposes passes through the same `compile_plan`, which refuses cycles, unknown names and more tasks than
`TASK_MAX`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from mainstay.kernel.predicates import Binding, Predicate, Ref, predicate_refs
from mainstay.kernel.values import Digest, Instant

TASK_MAX = 20_000  # a larger plan is a mistake or an attack; 10,000 is the largest that is measured
ITEM_MAX = 10_000  # `for_each` may not fan out wider
PROPOSED = (
    "proposed"  # the name that runs of one act have which somebody outside proposed; no file may take it
)


class Role(StrEnum):
    """Who does a task."""

    PLANNER = "planner"
    EXECUTOR = "executor"
    SPECIALIST = "specialist"
    INSPECTOR = "inspector"


class TaskKind(StrEnum):
    """What a task is: asking an agent, or acting on the world through an adapter."""

    THINK = "think"
    ACT = "act"


class Silence(StrEnum):
    """What becomes of a card that nobody answers. Never is it approved."""

    EXPIRE = "expire"  # after its time it is given up, and what needs it is skipped
    HOLD = "hold"  # it waits until it is answered


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task as a workflow declares it."""

    name: str
    kind: TaskKind
    role: Role
    agent: str  # who is asked; for an act, the executor that proposes the effect
    act: str = ""  # "email.reply"
    inputs: tuple[tuple[str, Binding], ...] = ()
    needs: tuple[str, ...] = ()  # besides the tasks that `inputs`, `when` and `for_each` name
    when: Predicate | None = None
    for_each: Ref | None = None
    item_max: int = 100
    optional: bool = False  # when skipped or failed, what needs it goes on without it
    recall: str = ""  # a retrieval policy
    cost_max_micros: int = 0  # reserved before each attempt
    revisions_max: int = 0  # an inspector may send the draft back this often
    compensate: TaskSpec | None = None  # the act that takes this one back; its name is `undo NAME`
    deadline_us: int | None = None  # from its first start; a card that was not answered by then expires
    delay_us: int = 0  # between being ready and its first start
    not_before: Instant = Instant(0)  # its first start comes no earlier
    timeout_s: float = 60.0
    attempt_max: int = 5
    data_class: str = "customer"
    kind_class: Binding | None = None  # of an act: the class under which its evidence is kept
    silence: Silence = Silence.EXPIRE  # of an act: what becomes of its card when nobody answers


class Missed(StrEnum):
    """What becomes of the firings of a schedule that came while no director was at work."""

    SKIP = "skip"
    ONCE = "once"  # one run for all of them, due at the last
    ALL = "all"  # one run each, oldest first


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times by the calendar of a place: five cron fields, and the name of a time zone."""

    cron: str
    zone: str = "UTC"  # an IANA name
    missed: Missed = Missed.ONCE


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a run: an event of this type whose fields satisfy `where`, or a schedule."""

    event: str  # "message.received/1"; "schedule.due/1" for a schedule
    where: Predicate | None = None
    schedule: Schedule | None = None


class Supersede(StrEnum):
    """What a newer run with the same key does to an older one."""

    NEVER = "never"  # the newer waits
    WAITING = "waiting"  # the newer replaces an older that only waits for a person


class Priority(IntEnum):
    """Whose turn it is when several wait: the lower number goes first."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


@dataclass(frozen=True, slots=True)
class Workflow:
    """A named, versioned declaration, pinned by the digest of its canonical form."""

    name: str
    version: int
    tasks: tuple[TaskSpec, ...]
    on: Trigger | None = None
    key: Ref | None = None
    supersede: Supersede = Supersede.NEVER
    cost_max_micros: int | None = None  # budget of one run
    optional_inputs: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    runs_max: int | None = None  # at work at once; more wait in line
    key_max: int = 1  # at work at once with the same key
    deadline_us: int | None = None  # of a run, from its start
    delay_us: int = 0  # between the trigger and the first task


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled workflow: the same for every run that is pinned to `digest`."""

    digest: Digest
    workflow: Workflow
    numbers: Mapping[str, int]
    needs: tuple[tuple[int, ...], ...]  # by task number
    dependents: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    inspected: tuple[int | None, ...]  # for an inspector: the task that it may send back

    @property
    def size(self) -> int:
        """How many tasks the plan declares (items of a `for_each` come on top)."""
        return len(self.needs)

    def spec(self, number: int) -> TaskSpec:
        """The declaration of a task."""
        return self.workflow.tasks[number]


class PlanRefused(ValueError):
    """A plan that cannot be followed. `task` names where."""

    def __init__(self, reason: str, *, task: str = "") -> None:
        super().__init__(reason)
        self.task = task


def compile_plan(workflow: Workflow, digest: Digest) -> Plan:
    """Names to numbers, edges both ways. Raises `PlanRefused`: cycle, unknown name, twin, too many."""
    tasks = workflow.tasks
    if not tasks:
        raise PlanRefused("a plan needs at least one task")
    if len(tasks) > TASK_MAX:
        raise PlanRefused(f"a plan may have at most {TASK_MAX} tasks, this one has {len(tasks)}")
    numbers: dict[str, int] = {}
    for number, task in enumerate(tasks):
        if task.name in numbers or task.name in ("trigger", "item"):
            raise PlanRefused(f"the name {task.name!r} is taken", task=task.name)
        numbers[task.name] = number
    needs = tuple(_needed(task, numbers) for task in tasks)
    dependents: list[list[int]] = [[] for _ in tasks]
    for number, needed in enumerate(needs):
        for other in needed:
            dependents[other].append(number)
    _refuse_cycle(tasks, needs, dependents)
    return Plan(
        digest=digest,
        workflow=workflow,
        numbers=numbers,
        needs=needs,
        dependents=tuple(tuple(row) for row in dependents),
        roots=tuple(number for number, needed in enumerate(needs) if not needed),
        inspected=tuple(_inspected(task, tasks, numbers) for task in tasks),
    )


def references(task: TaskSpec) -> tuple[Ref, ...]:
    """Every reference in a task, in the order of its text."""
    found = [binding for _, binding in task.inputs if isinstance(binding, Ref)]
    if task.when is not None:
        found += predicate_refs(task.when)
    if task.for_each is not None:
        found.append(task.for_each)
    if isinstance(task.kind_class, Ref):
        found.append(task.kind_class)
    return tuple(found)


def _needed(task: TaskSpec, numbers: Mapping[str, int]) -> tuple[int, ...]:
    names = list(task.needs) + [ref.source for ref in references(task)]
    found: list[int] = []
    for name in names:
        if name in ("trigger", "item"):
            continue
        if name not in numbers:
            raise PlanRefused(f"{task.name!r} needs {name!r}, and there is no such task", task=task.name)
        if numbers[name] not in found:
            found.append(numbers[name])
    return tuple(found)


def _inspected(task: TaskSpec, tasks: tuple[TaskSpec, ...], numbers: Mapping[str, int]) -> int | None:
    # What an inspector sends back is the draft in its first input that comes from another task. Never an act:
    # what has left the house is not made again.
    if task.role is not Role.INSPECTOR:
        return None
    for _, binding in task.inputs:
        if isinstance(binding, Ref) and binding.source in numbers:
            target = numbers[binding.source]
            return target if tasks[target].kind is TaskKind.THINK else None
    return None


def _refuse_cycle(
    tasks: tuple[TaskSpec, ...], needs: tuple[tuple[int, ...], ...], dependents: list[list[int]]
) -> None:
    waiting = [len(needed) for needed in needs]
    ready = [number for number, count in enumerate(waiting) if count == 0]
    done = 0
    while ready:
        number = ready.pop()
        done += 1
        for other in dependents[number]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    if done < len(tasks):
        names = [tasks[number].name for number, count in enumerate(waiting) if count > 0][:6]
        raise PlanRefused("these tasks wait for each other: " + ", ".join(names), task=names[0])
