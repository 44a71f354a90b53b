"""What a program asks by a name of its own is done once, however often it asks: also after a crash.

Each request that the operation sends takes `TakeRequest` with it, so that what was done and that it was done are one
transaction. The answer is kept after it. Where the end came between the two, the answer is told anew from what the
ledger holds; nothing is done a second time for it. What is refused leaves nothing, and may be asked again.

Who asks while the same is under way waits for its answer. A name stands for one request of one program: asked with
another body it is refused, and the name of somebody else's request is another name.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mainstay.governance.autonomy import find_kind
from mainstay.kernel.commands import AnswerRequest, TakeRequest
from mainstay.kernel.errors import AmbiguousId, AnswerLost, KeyReused, NotFound
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.tick import Answer, Request

Ask = Callable[[Request], Awaitable[Answer]]
Operate = Callable[[Ask, str, Json], Awaitable[Json]]
Hash = Callable[[str, str], bytes]

# Their request names what they make, or what they do is told in several steps each of which is done once: asked again
# they go on where they were, and end where they would have ended.
ASKED_AGAIN = frozenset(
    {"start", "propose", "fork", "restart", "ask_again", "replay", "review", "forget", "token_issue"}
    | {
        "autonomy_wrong",
        "cancel_scope",
        "dismiss",
        "remember",
        "retract_memory",
        "apply_rules",
        "apply_workflows",
    }
)
NOT_KEPT = frozenset({"token_issue"})  # a secret, which is made anew from the request's name
# Of these the request says what it was answered, since it was done.
_STATUS: Mapping[str, Callable[[Json], str]] = {
    "kill_switch": lambda said: "on" if said["on"] else "off",
    "pause_scope": lambda said: "paused",
    "resume_scope": lambda said: "running",
    "purge": lambda said: "purged",
}
_OF_KINDS = frozenset({"autonomy_grant", "autonomy_revoke"})
KINDS_MAX = 100_000
_OF_CARDS = {"granted": "approved"}


class AskedOnce:
    """Does what programs ask for, once."""

    def __init__(
        self, store: EventStore, artifacts: Artifacts, hashed: Hash, ask: Ask, operate: Operate
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._hashed = hashed
        self._ask = ask
        self._operate = operate
        self._under_way: dict[str, tuple[str, asyncio.Future[Json]]] = {}

    async def do(self, request: str, body: str, operation: str, arguments: Json) -> Json:
        """The answer to this request. Raises `KeyReused` where it names another one, and what refused it."""
        name, about = self._hashed("request", request).hex(), self._hashed("request body", body).hex()
        under_way = self._under_way.get(name)
        if under_way is not None:
            require_same(under_way[0], about)
            return await asyncio.shield(under_way[1])
        done: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_heard)
        self._under_way[name] = (about, done)
        try:
            answer = await self._once(name, about, operation, arguments)
        except BaseException as error:
            done.set_exception(error) if isinstance(error, Exception) else done.cancel()
            raise
        else:
            done.set_result(answer)
            return answer
        finally:
            del self._under_way[name]

    async def _once(self, name: str, body: str, operation: str, arguments: Json) -> Json:
        row = self._store.get("requests", (name,))
        if row is not None:
            require_same(str(row["body"]), body)
            kept = self._kept(row)
            if kept is not None:
                return kept
            if operation not in ASKED_AGAIN:
                answer = self._told_anew(row, operation, arguments)
                await self._keep(name, body, operation, arguments, answer)
                return answer
        taking = _Taking(name, body, operation, self._ask)
        answer = await self._operate(taking.ask, operation, arguments)
        if operation not in NOT_KEPT:
            await self._keep(name, body, operation, arguments, answer)
        return answer

    async def _keep(self, name: str, body: str, operation: str, arguments: Json, answer: Json) -> None:
        run = str(answer.get("run", "") or "")
        sealed = self._artifacts.seal_text(json.dumps(answer), self._subject(run))
        kept = AnswerRequest(name, sealed)
        actor = str(arguments.get("actor", "operator"))
        if self._store.get("requests", (name,)) is None:  # it decided to nothing: it had been so before
            await self._ask(Request(TakeRequest(name, body, operation, run), actor, follow=(kept,)))
        else:
            await self._ask(Request(kept, actor))

    def _kept(self, row: Mapping[str, Value]) -> Json | None:
        """The answer that was given; None where it is not known, or was forgotten with who it spoke of."""
        if row["answer"] is None:
            return None
        try:
            found: Json = json.loads(self._artifacts.open_text(str(row["answer"])))
        except ValueError:
            return None
        return found

    def _told_anew(self, row: Mapping[str, Value], operation: str, arguments: Json) -> Json:
        """What was answered, read from what became of it. Raises `AnswerLost` where that does not say it."""
        if operation == "decide_together":
            return {
                "guard": arguments["guard"],
                "outcomes": [self._outcome(one) for one in arguments["cards"]],
            }
        run, task = str(row["run"] or ""), row["task"]
        if operation in _STATUS:
            return _decided("", 0, _STATUS[operation](arguments))
        if operation == "token_revoke":
            return {"revoked": 1}  # or it would have left nothing
        if operation in _OF_KINDS:
            return self._of_kind(row, operation, arguments)
        if not run:
            raise _lost(operation)
        return _decided(run, task, self._status(run), self._card(str(arguments.get("approval", "") or "")))

    def _of_kind(self, row: Mapping[str, Value], operation: str, arguments: Json) -> Json:
        """What was answered about autonomy. Raises `AnswerLost` where nobody knows any more how far it was granted."""
        known = {str(one["kind"]): one for one in self._store.select("autonomy", limit=KINDS_MAX)}
        try:
            kind = find_kind(known, str(arguments["kind"]))
        except (NotFound, AmbiguousId):  # others are called so by now
            raise _lost(operation) from None
        level = "ask" if operation == "autonomy_revoke" else str(arguments.get("level", "") or "")
        if not level and known[kind]["changed_at"] == row["at"]:
            level = str(known[kind]["level"])
        if not level:
            raise _lost(operation)
        return {"kind": kind, "level": level, "events": 1}

    def _card(self, short: str) -> str:
        """The status of the card that was decided."""
        if not short:
            return ""
        row = self._store.get("approvals", (find_id(self._store, "approvals", "approval", short),))
        return str(row["status"]) if row is not None else ""

    def _outcome(self, one: list[str]) -> Json:
        row = self._store.get("approvals", (one[0],))
        status = str(row["status"]) if row is not None else "left out"
        return {
            "approval": one[0],
            "digest": one[1],
            "outcome": _OF_CARDS.get(status, status),
            "run": str(row["run"]) if row is not None else "",
        }

    def _status(self, run: str) -> str:
        row = self._store.get("runs", (run,))
        return str(row["status"]) if row is not None else ""

    def _subject(self, run: str) -> SubjectId | None:
        row = self._store.get("runs", (RunId(run),)) if run else None
        return SubjectId(str(row["subject"])) if row is not None and row.get("subject") else None


class _Taking:
    """A way to the director by which everything takes along that this request was done."""

    def __init__(self, name: str, body: str, operation: str, ask: Ask) -> None:
        self._name = name
        self._body = body
        self._operation = operation
        self._ask = ask

    async def ask(self, request: Request) -> Answer:
        """See `Loop.ask`."""
        command: Any = request.command
        run, task = getattr(command, "run", ""), getattr(command, "task", 0)
        taken = TakeRequest(
            *(self._name, self._body, self._operation),
            *(str(run or ""), task if isinstance(task, int) else 0),
        )
        request.follow = (*request.follow, taken)
        return await self._ask(request)


def _decided(run: str, task: object, status: str, card: str = "") -> Json:
    """As `runtime.desk.encode` writes a decision."""
    return {"run": run, "task": task, "events": 1, "status": status, "detail": {}, "card": card}


def _lost(operation: str) -> AnswerLost:
    return AnswerLost(
        "This was done, and what it was answered is not known any more.",
        why="The director ended between doing it and keeping its answer.",
        remedy="Look at what it was about; it is not done twice.",
        operation=operation,
    )


def require_same(known: str, asked: str) -> None:
    """Raises `KeyReused` where a name stands for another request."""
    if known != asked:
        raise KeyReused(
            "This idempotency key names another request.",
            why="It was sent before with another body, or to another operation; that one stands.",
            remedy="Make a new key for a new request. Nothing was done now.",
        )


def _heard(done: asyncio.Future[Json]) -> None:
    if not done.cancelled():
        done.exception()  # whoever asked has it; nobody else need have waited
