"""From the operator's files to the agents that are shipped, and to what they may recall."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.agents.base import Agent
from mainstay.config.files import WorkspaceFiles
from mainstay.kernel.values import SECOND, Instant
from mainstay.memory.units import Unit
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


def file_units(files: WorkspaceFiles) -> tuple[Unit, ...]:
    """What the operator's files give memory: approved replies, found by their questions, and examples of intents."""
    replies = (
        Unit(
            id=f"reply:{one.id}",
            text=f"{one.subject}. {one.question}" if one.subject else one.question,
            actor="operator",
            at=_instant(one.approved_at),
            space="replies",
            kind="reply",
            source=f"reply:{one.id}",
            fields={"intent": one.intent, "language": one.language, "answer": one.answer},
        )
        for one in files.approved_replies
    )
    examples = (
        Unit(
            id=f"intent:{intent.id}#{place}",
            text=text,
            space="examples",
            kind="example",
            source=f"intent:{intent.id}",
            fields={"intent": intent.id},
        )
        for intent in files.intents
        for place, text in enumerate(intent.examples, 1)
    )
    return (*replies, *examples)


def _instant(written: str) -> Instant:
    """A time of the file of approved replies; 0 where none is written."""
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return Instant(0)
    return Instant(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND)
