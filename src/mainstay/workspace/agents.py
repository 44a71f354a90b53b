"""From the operator's files to the agents that are shipped, and to what they may recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.agents.base import Agent
from mainstay.agents.tools import example_units, reply_units
from mainstay.config.files import WorkspaceFiles
from mainstay.kernel.values import Json
from mainstay.memory.units import Unit
from mainstay.models.base import Embedder

if TYPE_CHECKING:
    from mainstay.agents.checks.subject import HouseRules
    from mainstay.agents.filling import Operator
    from mainstay.agents.impersonal import House

HERE = Path()
Known = Callable[[str], Json | None]
ENGLISH = ("en",)  # what the embedder of this device was made for


def house_rules(files: WorkspaceFiles) -> HouseRules:
    """What the operator has settled about every reply."""
    from mainstay.agents.checks.subject import HouseRules

    accounts = files.settings.adapters.values()
    own = tuple(address for one in accounts for address in (one.address, *one.aliases))
    return HouseRules(
        own_domains=tuple(dict.fromkeys(address.rpartition("@")[2] for address in own)),
        own_addresses=own,
        forbidden_words=files.forbidden_words,
        languages=files.settings.workspace.language,
    )


def nobody(name: str) -> None:
    """Nothing is trusted."""


def make_agents(
    files: WorkspaceFiles, embedder: Embedder | None, *, root: Path = HERE, known: Known = nobody
) -> Mapping[str, Agent]:
    """Everybody who can be asked, by name. Without an embedder they go by words, and say so.

    Programs of the operator's lie in `root`, and run when `known` says that they are trusted.
    """
    from mainstay.agents.executor import Proposer
    from mainstay.agents.inspector import ReplyInspector
    from mainstay.agents.model_draft import CONTEXT_BYTES_MAX, OUTPUT_TOKEN_MAX
    from mainstay.agents.specialists.intent import IntentSpecialist
    from mainstay.agents.specialists.writer import ReplyWriter
    from mainstay.models.bounds import framed
    from mainstay.models.embedder import MODEL_ID
    from mainstay.models.prices import ceiling_micros, price_of
    from mainstay.models.settings import AGENTS_MODEL

    settings = files.settings
    rules = house_rules(files)
    own, languages = rules.own_addresses, rules.languages
    operator = operator_of(files)
    model = settings.models.get(AGENTS_MODEL)
    # An answer that is no draft is asked for once more, so a draft is two calls at worst. Each is reckoned by its
    # bytes, as the meter does: a hold by tokens would be too small for a full context, and no call be made.
    most = (
        ceiling_micros(price_of(model), framed(CONTEXT_BYTES_MAX), OUTPUT_TOKEN_MAX, calls=2)
        if model is not None
        else 0
    )
    agents: list[Agent] = [
        IntentSpecialist(
            files.intents,
            embedder=embedder,
            languages=languages,
            target_error=settings.triage.target_error,
            audit_share=settings.triage.audit_share,
            meant_for=ENGLISH if embedder is not None and embedder.model_id == MODEL_ID else None,
        ),
        ReplyWriter(
            files.intents,
            files.templates,
            operator,
            languages=languages,
            house=house(files),
            rules=settings.lessons,
            model=model.use if model is not None else "",
            cost_max_micros=most,
        ),
        ReplyInspector(rules),
        Proposer(own_addresses=own, languages=languages),
    ]
    if settings.agents:
        from mainstay.workspace.executables import executable_agents

        agents.extend(executable_agents(root, settings, known))
    return {agent.name: agent for agent in agents}


def operator_of(files: WorkspaceFiles) -> Operator:
    """In whose name replies are written."""
    from mainstay.agents.filling import Operator

    # A new workspace has no signature yet: a name is one, and better than a gap that no draft gets past.
    told = files.settings.operator
    return Operator(told.name, told.signature or told.name)


def house(files: WorkspaceFiles) -> House:
    """What the operator's own files say: nobody's secret."""
    from mainstay.agents.filling import house_of

    own = (address for one in files.settings.adapters.values() for address in (one.address, *one.aliases))
    return house_of(
        files.templates, files.intents, files.approved_replies, operator=operator_of(files), own=tuple(own)
    )


def file_units(files: WorkspaceFiles) -> tuple[Unit, ...]:
    """What the operator's files give memory: approved replies, found by their questions, and examples of intents."""
    return (*reply_units(files.approved_replies), *example_units(files.intents))
