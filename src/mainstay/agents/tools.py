"""What agents may use: recall over what the workspace remembers, and nothing that changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.agents.base import Drawn, Recalled
from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.kernel.values import Usage
from mainstay.memory.recall import Recollection, Record
from mainstay.models.base import Completion, Prompt, Unanswered

LIMIT_MAX = 50


class NoTools:
    """`Tools` of somebody who may use none: nothing is remembered, and there is no model."""

    model = ""

    def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        """Nothing."""
        return ()

    def set_aside(self, source: str, why: str) -> None:
        """There is no log that would say so."""

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """Refused."""
        return Unanswered("refused", "no language model is configured", Usage())

    def drawn(self) -> Drawn | None:
        """Nothing that a ledger must know of."""
        return None


@dataclass(frozen=True)
class RecallTools(NoTools):
    """`Tools` over one recollection: the one that the brief's retrieval policy names. None: nothing is remembered."""

    recollection: Recollection | None = None

    def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        """The nearest records whose fields are as given, best first."""
        if self.recollection is None:
            return ()
        return tuple(
            Recalled(hit.record.source, hit.record.text, hit.score, hit.record.fields)
            for hit in self.recollection.find(cue, limit=min(limit, LIMIT_MAX), **fields)
        )


def reply_records(replies: Iterable[ApprovedReply]) -> tuple[Record, ...]:
    """Past replies as records: found by subject and question, saying the answer."""
    return tuple(
        Record(
            source=f"reply:{reply.id}",
            text=f"{reply.subject}. {reply.question}" if reply.subject else reply.question,
            fields={"intent": reply.intent, "language": reply.language, "answer": reply.answer},
        )
        for reply in replies
    )


def example_records(intents: Iterable[Intent]) -> tuple[Record, ...]:
    """The operator's labelled examples as records."""
    return tuple(
        Record(source=f"intent:{intent.id}#{place}", text=text, fields={"intent": intent.id})
        for intent in intents
        for place, text in enumerate(intent.examples, 1)
    )
