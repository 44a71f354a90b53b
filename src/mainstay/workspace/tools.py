"""What an agent may use for one brief: recall by a retrieval policy, with a log, and the model that pays by the brief.

Rules of this file:

- A task recalls by the policy that its workflow names, or by another one that it names itself; a policy that is not
  there finds nothing, since what a task may look at is never a guess.
- A memory is asked in a thread: opening one takes seconds, and embedding a question hundredths of one.
- Every recall is written down: by which policy, what was found and why, what was dropped and why. The question stands
  there as a keyed hash: it quotes somebody, and whether two were the same is all that the log must tell.
- Where a model may be asked, a record whose data is of another class than the task's is left out: the task's class is
  what is held against the provider, and a text that was recalled goes where the task's data goes.
- What was noted about a person is for tasks about that person: a draft to somebody else is not given it.
- The message that a task is about is no memory of it: it would be the best answer to every question about itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from mainstay.agents.base import Brief, Drawn, MessageView, ModelUse, Recalled
from mainstay.agents.tools import LIMIT_MAX, NoTools, recalled
from mainstay.kernel.values import Json
from mainstay.ledger.sealing import normalised
from mainstay.memory.records import ABOUT, DATA_CLASS, PUBLIC, Hash

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mainstay.memory.context import Context, DropReason, Hit
    from mainstay.memory.policy import RetrievalPolicy
    from mainstay.models.base import Completion, Prompt, Unanswered
    from mainstay.workspace.remembered import Remembered

log = logging.getLogger("mainstay")

DROPPED_MAX = 50  # of each recall that are written down
ITSELF = "it is the message that was asked about"
OF_ANOTHER = "it speaks of somebody whom this task is not about"
OF_ANOTHER_CLASS = "its data class is not the task's, and a model may be asked"
CUSTOMER = "customer"
TOO_MANY: DropReason = "too many hits"  # as the selection says it
ASKED_FOR = "fewer were asked for"


class Spending(Protocol):
    """What pays for one brief's calls of a model; see `models.spending`."""

    @property
    def model(self) -> str: ...

    @property
    def uses(self) -> tuple[ModelUse, ...]: ...

    async def complete(self, prompt: Prompt) -> Completion | Unanswered: ...


class TaskTools(NoTools):
    """`Tools` of one attempt."""

    def __init__(
        self,
        brief: Brief,
        remembered: Callable[[], Remembered],
        policies: Mapping[str, RetrievalPolicy],
        keyed_hash: Hash,
        spending: Spending | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._brief = brief
        self._remembered = remembered  # opened when something is recalled: most tasks recall nothing
        self._policies = policies
        self._keyed_hash = keyed_hash
        self._spending = spending
        self._threads = threads  # None: those of the loop
        self._log: list[Json] = []
        self._wanting = ""
        messages = [one for one in brief.inputs.values() if isinstance(one, MessageView)]
        self._own = frozenset(f"message:{keyed_hash('message', one.message_id).hex()}@1" for one in messages)
        self._people = frozenset(
            keyed_hash("subject", normalised(one.from_address)).hex() for one in messages
        )

    @property
    def model(self) -> str:  # type: ignore[override]  # of others it is a constant
        """See `Tools.model`."""
        return self._spending.model if self._spending is not None else ""

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """See `Tools.complete`."""
        if self._spending is None:
            return await super().complete(prompt)
        return await self._spending.complete(prompt)

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        """See `Tools.recall`."""
        named = self._policies.get(policy or self._brief.recall)
        limit = min(limit, LIMIT_MAX)
        if named is None or limit < 1 or not cue.strip():
            return ()
        # One more, since the best may be the message itself.
        wider = replace(named, hits_max=min(named.hits_max, limit) + len(self._own))
        try:
            context = await self._beside(
                lambda: self._remembered().recall(
                    wider, cue, now=self._brief.now, filters=fields, data_class=self._brief.data_class
                )
            )
        except Exception as error:  # work that memory only helps with must not fail for good with it
            log.warning("a recall by %s failed: %s", named.name, type(error).__name__, exc_info=error)
            self._log.append(self._failed(named, cue, fields, error))
            if named.otherwise == "ask":
                self._wanting = named.name
            return ()
        refused = {one.unit.id for one in context.hits if not self._may_have(one)}
        hits = [one for one in context.hits if not {one.unit.id, one.neighbour_of} & (self._own | refused)]
        first = [one for one in hits if not one.neighbour_of][: min(named.hits_max, limit)]
        ranks = {one.rank for one in first}
        given = [one for one in hits if one.rank in ranks]
        self._log.append(self._logged(context, named, cue, fields, given, limit))
        if not given and named.otherwise == "ask":
            self._wanting = named.name
        return tuple(recalled(one, by_meaning=context.by_meaning) for one in given)

    def set_aside(self, source: str, why: str) -> None:
        """Say of something recalled that it was not used after all, for the log."""
        for log in self._log:
            for hit in log["hits"]:
                if hit["id"] == source:
                    hit["set_aside"] = why

    def drawn(self) -> Drawn | None:
        """See `Tools.drawn`."""
        models = self._spending.uses if self._spending is not None else ()
        if not self._log:
            return Drawn(models=models) if models else None
        return Drawn(
            recall={"recalls": self._log},
            hits=sum(len(one["hits"]) for one in self._log),
            dropped=sum(one["dropped_in_all"] for one in self._log),
            tokens=sum(one["tokens"] for one in self._log),
            models=models,
            wanting=self._wanting,
        )

    async def _beside(self, look: Callable[[], Context]) -> Context:
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    def _may_have(self, hit: Hit) -> bool:
        return self._is_for_them(hit) and self._is_of_class(hit)

    def _is_for_them(self, hit: Hit) -> bool:
        about = hit.unit.fields.get(ABOUT, "")
        return not about or not self._people or about in self._people

    def _is_of_class(self, hit: Hit) -> bool:
        fields = hit.unit.fields
        of = fields.get(DATA_CLASS) or (CUSTOMER if fields.get(ABOUT) else PUBLIC)
        return not self.model or of in (PUBLIC, self._brief.data_class)

    def _why_not(self, hit: Hit, over: str) -> str:
        if hit.unit.id in self._own:
            return ITSELF
        if not self._is_for_them(hit):
            return OF_ANOTHER
        return over if self._is_of_class(hit) else OF_ANOTHER_CLASS

    def _logged(
        self,
        context: Context,
        policy: RetrievalPolicy,
        cue: str,
        fields: Json,
        given: Sequence[Hit],
        limit: int,
    ) -> Json:
        kept = {one.unit.id for one in given}
        over = ASKED_FOR if limit < policy.hits_max else TOO_MANY
        left = [
            {"id": one.unit.id, "score": round(one.score, 4), "why": self._why_not(one, over)}
            for one in context.hits
            if one.unit.id not in kept
        ]
        dropped = [
            {"id": one.unit.id, "score": round(one.score, 4), "why": one.reason} for one in context.dropped
        ]
        return {
            "query": self._keyed_hash("recall", cue).hex(),
            "policy": policy.name,
            "version": policy.version,
            "ranker": context.ranker,
            "by_meaning": context.by_meaning,
            "missing": context.missing,
            "filters": dict(fields),
            "hits": [_hit(one) for one in given],
            "dropped": [*left, *dropped][:DROPPED_MAX],
            "dropped_in_all": len(left) + len(dropped),
            "tokens": sum(one.tokens for one in given),
            "token_max": policy.token_max,
            "digest": context.digest,
        }

    def _failed(self, policy: RetrievalPolicy, cue: str, fields: Json, error: Exception) -> Json:
        return {
            "query": self._keyed_hash("recall", cue).hex(),
            "policy": policy.name,
            "version": policy.version,
            "ranker": "",
            "by_meaning": False,
            "missing": 0,
            "filters": dict(fields),
            "hits": [],
            "dropped": [{"id": "", "score": 0.0, "why": f"the recall failed ({type(error).__name__})"}],
            "dropped_in_all": 0,
            "tokens": 0,
            "token_max": policy.token_max,
            "digest": "",
        }


def _hit(one: Hit) -> Json:
    said: Json = {
        "id": one.unit.id,
        "rank": one.rank,
        "score": round(one.score, 4),
        "tokens": one.tokens,
        "source": one.unit.source,
        "features": {name: round(value, 4) for name, value in one.features.items()},
    }
    return said | {"neighbour_of": one.neighbour_of} if one.neighbour_of else said
