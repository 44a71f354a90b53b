"""What agents may use: recall over what the workspace remembers, and nothing that changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from mainstay.agents.base import Drawn, Recalled
from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.kernel.values import SECOND, Instant, Usage
from mainstay.memory.context import Hit
from mainstay.memory.units import Unit
from mainstay.models.base import Completion, Prompt, Unanswered

LIMIT_MAX = 50


class NoTools:
    """`Tools` of somebody who may use none: nothing is remembered, and there is no model."""

    model = ""

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
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


def recalled(hit: Hit, *, by_meaning: bool) -> Recalled:
    """A hit as an agent sees it.

    Its score says how alike question and record are, not what ranking made of it: an agent that leans on an answer asks
    how near its question is. By words it is the share of what is rare in the question that the record has too.
    """
    near = hit.features.get("vector" if by_meaning else "covered", 0.0)
    return Recalled(hit.unit.id, hit.unit.text, near, hit.unit.fields)


def reply_units(replies: Iterable[ApprovedReply]) -> tuple[Unit, ...]:
    """Past replies as units of memory: found by subject and question, saying the answer."""
    return tuple(
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
        for one in replies
    )


def example_units(intents: Iterable[Intent]) -> tuple[Unit, ...]:
    """The operator's labelled examples as units, cited as the specialist cites them."""
    return tuple(
        Unit(
            id=f"intent:{intent.id}#{place}",
            text=text,
            space="examples",
            kind="example",
            source=f"intent:{intent.id}",
            fields={"intent": intent.id},
        )
        for intent in intents
        for place, text in enumerate(intent.examples, 1)
    )


def _instant(written: str) -> Instant:
    """A time of the file of approved replies; 0 where none is written."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return Instant(0)
    return Instant(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND)
