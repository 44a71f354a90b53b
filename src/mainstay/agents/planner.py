"""The planner that needs no model: a workflow's own tasks are the plan, and a proposed plan passes the same checks.

Rules of this file: deterministic; a plan is data and is never run here. Whatever proposes tasks (a model, a
person, a file), they become a workflow through `proposed` and are refused for cycles, unknown names, twins and
excess by `compile_plan`, as every workflow is. That agents and operations exist is checked where they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field, ValidationError

from mainstay.agents.base import Brief, Data, Failed, Outcome, Produced, Tools
from mainstay.kernel.events import FailureClass
from mainstay.kernel.plan import Plan, PlanRefused, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.predicates import Binding, Literal, Ref
from mainstay.kernel.values import Digest

PROPOSED_TASK_MAX = 200  # a plan that a person should still be able to read
PROPOSER = "proposer"

DigestOf = Callable[[Workflow], Digest]


class ProposedTask(Data):
    """One task as a planner may propose it: names, inputs and order; no budgets, no predicates, no retries."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    role: Role = Role.EXECUTOR
    agent: str = Field(default="", pattern=r"^[a-z0-9_.-]{0,80}$")
    act: str = Field(default="", pattern=r"^(?:[a-z0-9_-]+\.[a-z0-9_.-]+)?$", max_length=120)
    inputs: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()


class PlannerInput(Data):
    """Which workflow to plan; `tasks` where a plan was proposed in place of its own."""

    workflow: str
    tasks: tuple[dict[str, Any], ...] = ()


class PlanView(Data):
    """An accepted plan: what it is pinned to, and its tasks in an order in which they can be done."""

    workflow: str
    definition: str
    tasks: tuple[str, ...]


class TemplatePlanner:
    """Plans by the workflow's own template."""

    name = "template-planner"
    role = Role.PLANNER
    recipe = "template-planner 1"
    input: type[Data] = PlannerInput
    output: type[Data] | None = PlanView
    cost_max_micros = 0

    def __init__(self, workflows: Mapping[str, Workflow], digest_of: DigestOf) -> None:
        self._workflows = dict(workflows)
        self._digest_of = digest_of

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """The plan, checked. A proposal that cannot be followed is refused with its reason."""
        given = PlannerInput.model_validate(brief.inputs)
        workflow = self._workflows.get(given.workflow)
        if workflow is None:
            return Failed(FailureClass.INVALID, f"there is no workflow {given.workflow!r}")
        try:
            plan = self.plan(proposed(workflow, given.tasks) if given.tasks else workflow)
        except PlanRefused as refused:
            place = f"task {refused.task!r}: " if refused.task else ""
            return Failed(FailureClass.INVALID, f"the plan is refused: {place}{refused}")
        order = tuple(plan.spec(number).name for number in ordered(plan))
        said = (
            "As the workflow declares it" if not given.tasks else "As proposed, and checked like a workflow"
        )
        return Produced(
            PlanView(workflow=workflow.name, definition=plan.digest, tasks=order),
            f"{said}: {', then '.join(order[:8])}{' …' if len(order) > 8 else ''}.",
            evidence=(f"workflow:{workflow.name}@{workflow.version}",),
        )

    def plan(self, workflow: Workflow) -> Plan:
        """The compiled plan, pinned to the workflow's digest. Raises `PlanRefused`."""
        return compile_plan(workflow, self._digest_of(workflow))


def proposed(workflow: Workflow, tasks: tuple[dict[str, Any], ...]) -> Workflow:
    """The workflow with these tasks in place of its own. Raises `PlanRefused` for what is no task."""
    if len(tasks) > PROPOSED_TASK_MAX:
        raise PlanRefused(
            f"a proposed plan may have at most {PROPOSED_TASK_MAX} tasks, this one has {len(tasks)}"
        )
    return replace(workflow, tasks=tuple(_spec(number, task) for number, task in enumerate(tasks, 1)))


def ordered(plan: Plan) -> tuple[int, ...]:
    """Task numbers such that each comes after what it needs; ties by number."""
    waiting = [len(needed) for needed in plan.needs]
    ready, order = sorted(plan.roots, reverse=True), []
    while ready:
        number = ready.pop()
        order.append(number)
        for other in plan.dependents[number]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
        ready.sort(reverse=True)
    return tuple(order)


def _spec(number: int, task: dict[str, Any]) -> TaskSpec:
    try:
        read = ProposedTask.model_validate(task)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlanRefused(f"task {number} is not a task: {place}: {first['msg']}") from None
    acts = bool(read.act)
    if not acts and not read.agent:
        raise PlanRefused("it names neither an agent nor an act", task=read.name)
    return TaskSpec(
        name=read.name,
        kind=TaskKind.ACT if acts else TaskKind.THINK,
        role=Role.EXECUTOR if acts else read.role,
        agent=read.agent or PROPOSER,
        act=read.act,
        inputs=tuple((name, _binding(value)) for name, value in read.inputs.items()),
        needs=read.needs,
    )


def _binding(value: Any) -> Binding:
    """`${source.field}` is a reference, everything else stands for itself."""
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        source, *path = value[2:-1].split(".")
        return Ref(source, tuple(path))
    return Literal(tuple(value) if isinstance(value, list) else value)
