"""What asks again, and why: kinds of act that went by themselves, and what waits or can still be taken back.

Pure over what the director has in memory: each function gives requests, of which the director decides one after the
other. `cause` is the position of the event that led here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mainstay.kernel.authority import BY_ITSELF
from mainstay.kernel.autonomy import OTHERWISE_MADE, Autonomy, beyond, goes_by_itself
from mainstay.kernel.commands import JudgeAgain, RevokeAutonomy
from mainstay.kernel.house import Registered
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.recipe import Recipes, covers, names_other_words
from mainstay.kernel.state import Phase, TaskState
from mainstay.kernel.values import Digest
from mainstay.runtime.boot import Open
from mainstay.runtime.tick import DIRECTOR, Request


def to_judge_again(runs: Mapping[RunId, Open], cause: int = 0, template: str = "") -> list[Request]:
    """Everything that waits for a person, or can still be taken back, is held against what changed.

    With a template: what was made from it. Dozens may change at once, while thousands of cards wait.
    """
    return [
        Request(JudgeAgain(run), cause=cause)
        for run, one in runs.items()
        if any(_may_stop(task, template) for _, task in one.state.all_tasks())
    ]


def _may_stop(task: TaskState, template: str) -> bool:
    if task.phase not in (Phase.APPROVAL, Phase.HELD) or task.act is None:
        return False
    return not template or task.act.action.features.get("template") == template


def held_of_kind(runs: Mapping[RunId, Open], kind: str, cause: int) -> list[Request]:
    """The runs in which an act of this kind waits in its window."""
    workflow, authority = kind.partition("/")[0], f"{BY_ITSELF}{kind}"
    return [
        Request(JudgeAgain(run), cause=cause)
        for run, one in runs.items()
        if one.state.head.workflow == workflow
        and any(
            task.phase is Phase.HELD and task.act is not None and task.act.authority == authority
            for _, task in one.state.all_tasks()
        )
    ]


def revocations(
    autonomy: Autonomy, why: str, reason: str, *, workflow: str = "", actor: str = DIRECTOR, cause: int = 0
) -> list[Request]:
    """What goes by itself (in a workflow, or anywhere) asks again."""
    return [
        Request(RevokeAutonomy(kind, why, reason, actor), actor, cause)
        for kind, standing in autonomy.kinds.items()
        if goes_by_itself(standing) and workflow in ("", kind.partition("/")[0])
    ]


def made_from_other_words(autonomy: Autonomy, name: str, template: Digest, cause: int) -> list[Request]:
    """What goes by itself on evidence for other words of this template asks again."""
    reason = f"template {name} says something else than when it was granted"
    return [
        Request(RevokeAutonomy(kind, "recipe", reason, DIRECTOR), cause=cause)
        for kind, standing in autonomy.kinds.items()
        if goes_by_itself(standing) and names_other_words(standing.recipe, name, template)
    ]


def made_otherwise(
    autonomy: Autonomy,
    recipes: Recipes,
    workflows: Mapping[str, Registered],
    plan_of: Callable[[Digest], Plan],
) -> list[Request]:
    """What goes by itself and would be made another way by now, or goes further than the settings let it by now: it
    asks again from here on, not with its next act.

    A workflow that is in force no more starts nothing, so of how its acts are made nothing is said.
    """
    found = []
    for kind, standing in autonomy.kinds.items():
        workflow, act, _ = kind.split("/", 2)
        too_far = beyond(standing, autonomy.rules_of(kind))
        if too_far:
            found.append(Request(RevokeAutonomy(kind, "operator", too_far, DIRECTOR)))
            continue
        registered, major = workflows.get(workflow), recipes.contracts.get(act)
        if not goes_by_itself(standing) or registered is None or major is None:
            continue
        if not covers(standing.recipe, recipes.way(plan_of(registered.definition), act, major)):
            found.append(Request(RevokeAutonomy(kind, "recipe", OTHERWISE_MADE, DIRECTOR)))
    return found
