"""By what each agent of a workspace makes its answers: the recipes for which evidence of autonomy is kept.

An agent's own `recipe` says more than belongs here: it names the runtime of the embedder, whose last bits change with
each release, and all templates at once, of which an act is made from one. What was fitted is in neither, so an online
refit keeps the evidence. A command beside the director must come to the same words as the director itself, so nothing
is loaded for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mainstay.config.autonomy import AutonomySettings, RulesByKind
from mainstay.kernel.autonomy import Autonomy
from mainstay.kernel.ids import derive
from mainstay.kernel.recipe import Recipes

if TYPE_CHECKING:
    from mainstay.agents.base import Agent
    from mainstay.kernel.plan import Plan
    from mainstay.workspace.assembly import Assembly

BY_WORDS = "words"  # what stands for the embedder where there is none


class RecipesWhenAsked(Recipes):
    """Recipes that are read when a decision first asks how an act is made: most decisions do not."""

    def __init__(self, read: Callable[[], Recipes]) -> None:
        super().__init__()
        del self.contracts  # which `__getattr__` reads with the rest
        self._read = read

    def __getattr__(self, name: str) -> dict[str, str]:
        if name != "contracts":
            raise AttributeError(name)
        found = self._read()
        self.update(found)
        self.contracts = found.contracts
        return self.contracts

    def way(self, plan: Plan, act: str, contract_major: str) -> str:
        """See `Recipes.way`."""
        _ = self.contracts
        return super().way(plan, act, contract_major)


def recipes_of(assembly: Assembly) -> Recipes:
    """The recipes of a workspace as its files, its models and this device have them now."""
    by = embedder_of(assembly)
    agents = {name: _recipe(one, by) for name, one in assembly.light_agents.items()}
    contracts = {act: major_of(assembly, act) for act in assembly.catalog.acts}
    return Recipes(agents, contracts={act: major for act, major in contracts.items() if major})


def autonomy_of(settings: AutonomySettings) -> Autonomy:
    """Autonomy as the settings have it, before anything was heard of any kind."""
    return Autonomy(settings.rules, RulesByKind(settings))


def embedder_of(assembly: Assembly) -> str:
    """The embedder of this device, by its name; as it was loaded, where it was."""
    from mainstay.models.base import Unavailable
    from mainstay.models.embedder import embedder_status

    loaded = vars(assembly).get("embedder")
    if loaded is None:
        loaded = embedder_status(assembly.folder.cache)
    return BY_WORDS if isinstance(loaded, Unavailable) else str(loaded.model_id)


def major_of(assembly: Assembly, act: str) -> str:
    """The major version of the contract that can do this act; empty where nobody here can."""
    use = act.partition(".")[0]
    settings = assembly.untyped.settings.adapters
    majors = {
        str(adapter.contract.major)
        for name, adapter in assembly.adapters.items()
        if name in settings and settings[name].use == use
    }
    return majors.pop() if len(majors) == 1 else ""


def _recipe(agent: Agent, embedder: str) -> str:
    way = getattr(agent, "way", "") or getattr(agent, "recipe", "") or agent.name
    return derive("agent", agent.name, way, embedder, size=8).hex()
