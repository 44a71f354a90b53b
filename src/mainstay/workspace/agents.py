"""From the operator's files to the agents that are shipped, and to what they may recall."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.agents.base import Agent
from mainstay.config.files import WorkspaceFiles
from mainstay.memory.recall import Record, Recollection
from mainstay.models.base import Embedder


def make_agents(files: WorkspaceFiles, embedder: Embedder | None) -> Mapping[str, Agent]:
    """Everybody who can be asked, by name. Without an embedder they go by words, and say so."""
    from mainstay.agents.executor import Proposer
    from mainstay.agents.inspector import ReplyInspector
    from mainstay.agents.specialists.intent import IntentSpecialist
    from mainstay.agents.specialists.writer import ReplyWriter

    settings = files.settings
    own = tuple(
        address for one in settings.adapters.values() for address in (one.address, *one.aliases)
    )
    languages = settings.workspace.language
    agents: list[Agent] = [
        IntentSpecialist(files.intents, embedder=embedder, languages=languages),
        ReplyWriter(files.templates, files.intents, operator=settings.operator),
        ReplyInspector(forbidden_words=files.forbidden_words, own_addresses=own),
        Proposer(own_addresses=own, languages=languages),
    ]
    return {agent.name: agent for agent in agents}


def memories(files: WorkspaceFiles, embedder: Embedder | None) -> Mapping[str, Recollection]:
    """What retrieval policies search, by name."""
    replies = [
        Record(
            f"reply:{one.id}",
            one.question,
            {"intent": one.intent, "answer": one.answer, "language": one.language},
        )
        for one in files.approved_replies
    ]
    return {
        "approved-replies": Recollection(replies, embedder),
        "past-threads": Recollection((), embedder),
    }
