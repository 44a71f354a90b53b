"""What programs began and ask for until it is over, as the ledger knows it: so that no restart makes it unknown.

That one was begun is recorded before whoever asked is told of it, with the events of what is asked once
(`RequestTaken`); what came of it when it is over (`RequestAnswered`), sealed, since an error may quote somebody. So one
without an answer that nobody works at was cut off by the end of its director. They are forgotten as every request is
(`kernel.governing`). What is done, and by whom, is left to who begins it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from mainstay.kernel.commands import AnswerRequest, TakeRequest
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.store import EventStore
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.asked_once import Ask, Hash, require_same
from mainstay.runtime.keeping import sealed_remark
from mainstay.runtime.tick import Request

LONG = "long."  # before the kind, in the operation of its event
OUTCOME_MAX = 200_000  # characters: the ledger keeps it for ever
SAME_AS = "same_as"


@dataclass(frozen=True, slots=True)
class LongRequest:
    """One of them as it was recorded. `outcome` is None where none is known; `over` says whether there was one."""

    name: str
    kind: str
    began_at: Instant
    over: bool
    outcome: Json | None


class LongRequests:
    """Records what was begun and what came of it, for one director."""

    def __init__(self, store: EventStore, artifacts: Artifacts, hashed: Hash, ask: Ask) -> None:
        self._store = store
        self._artifacts = artifacts
        self._hashed = hashed
        self._ask = ask

    def name(self, request: str) -> str:
        """What is begun under this name of a request is called so; the same as in `asked_once`."""
        return self._hashed("request", request).hex()

    def known(self, name: str) -> LongRequest | None:
        """One of them; None where none of this name was begun, or its time is over."""
        row = self._store.get("requests", (name,))
        if row is None or not str(row["operation"]).startswith(LONG):
            return None
        outcome = self._opened(str(row["answer"])) if row["answer"] is not None else None
        if outcome is not None and SAME_AS in outcome:
            return self.known(str(outcome[SAME_AS]))
        began_at = row["at"]
        assert isinstance(began_at, int), "a time"
        kind = str(row["operation"]).removeprefix(LONG)
        return LongRequest(name, kind, Instant(began_at), row["answer"] is not None, outcome)

    def asked_before(self, request: str, body: str) -> LongRequest | None:
        """What was begun by this very request. Raises `KeyReused` where its name stands for another one."""
        name = self.name(request)
        row = self._store.get("requests", (name,))
        if row is None:
            return None
        is_long = str(row["operation"]).startswith(LONG)
        require_same(str(row["body"]) if is_long else "", self._about(body))
        return self.known(name)

    async def begin(self, request: str, body: str, kind: str, *, actor: str, same_as: str = "") -> str:
        """Record that it is begun, and return its name. `same_as`: what it asks for is under way by that name."""
        name = self.name(request)
        follow = (AnswerRequest(name, json.dumps({SAME_AS: same_as})),) if same_as else ()
        await self._ask(Request(TakeRequest(name, self._about(body), LONG + kind), actor, follow=follow))
        return name

    async def end(self, name: str, outcome: Json, *, actor: str) -> None:
        """Record what came of it. Of a `result` larger than the ledger should keep, only that there was one."""
        said = json.dumps(outcome)
        if len(said) > OUTCOME_MAX:
            said = json.dumps(outcome | {"result": None})
        await self._ask(Request(AnswerRequest(name, sealed_remark(self._artifacts, said)), actor))

    def _about(self, body: str) -> str:
        return self._hashed("request body", body).hex()

    def _opened(self, answer: str) -> Json | None:
        try:
            found: Json = json.loads(self._artifacts.open_text(answer))
        except ValueError:
            return None
        return found
