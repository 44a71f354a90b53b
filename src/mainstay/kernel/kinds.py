"""The kind of an act, and the recipe by which it was made: what evidence is kept for, and for which way of making it.

A kind is workflow, operation and the class that the workflow declares for the task. A recipe is everything that made
the act but the weights that a specialist refits: which agents, by which features, algorithms and models, which template
the draft came from, and the contract's major version. Another recipe is another way of making it, of which the evidence
so far says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.kernel.ids import derive
from mainstay.kernel.plan import Literal, resolve
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState, Sources
from mainstay.kernel.values import Digest

CLASS_MAX = 64  # characters of a class: it is a name, not a text


def kind_of(state: RunState, number: int, action: Action) -> str:
    """`workflow/act/class`; the class is empty where the workflow declares none."""
    return f"{state.head.workflow}/{action.act}/{_class_of(state, number)}"


def recipe_of(
    state: RunState,
    number: int,
    action: Action,
    recipes: Mapping[str, str],
    templates: Mapping[str, Digest],
) -> str:
    """By what this act was made, as 16 hex digits."""
    parts = sorted(f"{agent}={recipes.get(agent, '')}" for agent in _agents_before(state, number))
    template = action.features.get("template")
    if isinstance(template, str) and template:
        parts.append(f"template:{template}={templates.get(template, '')}")
    major = action.contract.partition(".")[0]
    return derive("recipe", action.adapter, action.operation, major, *parts, size=8).hex()


def _class_of(state: RunState, number: int) -> str:
    binding = state.spec(number).kind_class
    if binding is None:
        return ""
    value = binding.value if isinstance(binding, Literal) else resolve(binding, Sources(state, number))
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "other"
    return str(value).replace("/", "-")[:CLASS_MAX]


def _agents_before(state: RunState, number: int) -> set[str]:
    """Everybody whose work the act rests on, its own executor included."""
    plan = state.plan
    assert plan is not None
    undone = state.undoes(number)
    number = number if undone is None else undone
    first = state.expansion_of(number).parent if number >= plan.size else number
    seen, todo = {first}, [first]
    for current in todo:
        for need in plan.needs[current]:
            if need not in seen:
                seen.add(need)
                todo.append(need)
    return {plan.workflow.tasks[one].agent for one in seen}
