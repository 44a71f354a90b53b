"""From the operator's files to the agents that are shipped, and to what they may recall."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.agents.base import Agent
from mainstay.agents.tools import example_records, reply_records
from mainstay.config.files import WorkspaceFiles
from mainstay.memory.recall import Recollection
from mainstay.models.base import Embedder


def make_agents(files: WorkspaceFiles, embedder: Embedder | None) -> Mapping[str, Agent]:
    """Everybody who can be asked, by name. Without an embedder they go by words, and say so."""
    from mainstay.agents.checks.subject import HouseRules
    from mainstay.agents.executor import Proposer
    from mainstay.agents.inspector import ReplyInspector
    from mainstay.agents.specialists.intent import IntentSpecialist
    from mainstay.agents.specialists.writer import Operator, ReplyWriter

    settings = files.settings
    own = tuple(address for one in settings.adapters.values() for address in (one.address, *one.aliases))
    languages = settings.workspace.language
    rules = HouseRules(
        own_domains=tuple(dict.fromkeys(address.rpartition("@")[2] for address in own)),
        own_addresses=own,
        forbidden_words=files.forbidden_words,
        languages=languages,
    )
    # A new workspace has no signature yet: a name is one, and better than a gap that no draft gets past.
    operator = Operator(settings.operator.name, settings.operator.signature or settings.operator.name)
    agents: list[Agent] = [
        IntentSpecialist(files.intents, embedder=embedder, languages=languages),
        ReplyWriter(files.intents, files.templates, operator, languages=languages),
        ReplyInspector(rules),
        Proposer(own_addresses=own, languages=languages),
    ]
    return {agent.name: agent for agent in agents}


def memories(files: WorkspaceFiles, embedder: Embedder | None) -> Mapping[str, Recollection]:
    """What retrieval policies search, by name."""
    return {
        "approved-replies": Recollection(reply_records(files.approved_replies), embedder),
        "past-threads": Recollection(example_records(files.intents), embedder),
    }
