"""By what each agent of a workspace makes its answers: the recipes for which evidence of autonomy is kept.

An agent's own `recipe` says more than belongs here: it names the runtime of the embedder, whose last bits change with
each release, and all templates at once, of which an act is made from one. What was fitted is in neither, so an online
refit keeps the evidence. A command beside the director must come to the same words as the director itself, so nothing
is loaded for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mainstay.adapters.email.contract import contract
from mainstay.agents import ways
from mainstay.config.autonomy import AutonomySettings, RulesByKind
from mainstay.kernel.autonomy import Autonomy
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.ids import derive
from mainstay.kernel.recipe import Recipes
from mainstay.models.settings import AGENTS_MODEL

if TYPE_CHECKING:
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

    def __bool__(self) -> bool:
        return bool(self.contracts) or bool(
            len(self)
        )  # reads them: what was not asked for yet is not nothing

    def way(self, plan: Plan, act: str, contract_major: str) -> str:
        """See `Recipes.way`."""
        _ = self.contracts
        return super().way(plan, act, contract_major)


def recipes_of(assembly: Assembly) -> Recipes:
    """The recipes of a workspace as its files, its models and this device have them now."""
    by = embedder_of(assembly)
    agents = {name: derive("agent", name, way, by, size=8).hex() for name, way in ways_of(assembly).items()}
    return Recipes(agents, contracts=majors_of(assembly))


def ways_of(assembly: Assembly) -> dict[str, str]:
    """By what each agent of a workspace makes its answers, without the embedder and what was fitted."""
    files = assembly.untyped
    model = files.settings.models.get(AGENTS_MODEL)
    shipped = {
        "intent": ways.intent(ways.judge(files.intents)),
        "reply-writer": ways.writer(model.use if model is not None else ""),
        "reply-checks": ways.REPLY_CHECKS,
        "proposer": ways.PROPOSER,
    }
    own = {name: ways.program(assembly.trusted_program(name)) for name in files.settings.agents}
    return shipped | own


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


def majors_of(assembly: Assembly) -> dict[str, str]:
    """Of each act that an account here can do, the major version of its contract."""
    if not any(one.use == "email" for one in assembly.untyped.settings.adapters.values()):
        return {}
    shipped = contract(Repeatability.FINDABLE)
    return {f"email.{one.name}": str(shipped.major) for one in shipped.operations}
