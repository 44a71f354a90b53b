"""The kind of an act, and the recipe by which it was made, read from the run that it belongs to.

A kind is workflow, operation and the class that the workflow declares for the task. The class is a declared field or a
word: a text from outside can fill a field that an agent types, and can therefore choose among the classes that the
workflow distinguishes, but never name an operation, another workflow, or a second kind beside its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.kernel.policy import Action
from mainstay.kernel.predicates import Literal, resolve
from mainstay.kernel.recipe import Recipes, written
from mainstay.kernel.state import RunState, Sources
from mainstay.kernel.values import Digest

CLASS_MAX = 64  # characters of a class: it is a name, not a text
OTHER = "other"  # the class of what has none: a task that was skipped, a list, a text of somebody


def kind_of(state: RunState, number: int, action: Action) -> str:
    """`workflow/act/class`; the class is empty where the workflow declares none."""
    return f"{state.head.workflow}/{action.act}/{_class_of(state, number)}"


def recipe_of(
    state: RunState,
    number: int,
    action: Action,
    recipes: Recipes,
    templates: Mapping[str, Digest],
    *,
    anew: bool = False,
) -> str:
    """By what this act was made; with `anew`, by what it would be made now, where its template has other words."""
    plan = state.plan
    assert plan is not None
    way = recipes.way(plan, action.act, action.contract.partition(".")[0])
    template = action.features.get("template")
    if not isinstance(template, str) or not template:
        return way
    made_from, in_force = action.features.get("template_digest"), templates.get(template)
    words = (in_force or made_from) if anew else (made_from or in_force)
    return written(way, template, str(words or ""))


def _class_of(state: RunState, number: int) -> str:
    binding = state.spec(number).kind_class
    if binding is None:
        return ""
    value = binding.value if isinstance(binding, Literal) else resolve(binding, Sources(state, number))
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        return OTHER
    text = str(value).lower()
    # A name, not a text: what is more than that came from somewhere else than a workflow distinguishes.
    named = 0 < len(text) <= CLASS_MAX and all(one.isalnum() or one in "-_." for one in text)
    return text if named else OTHER
