"""What somebody outside wants done: one act, which becomes a run of its own and asks like any other.

Rules of this file:

- A proposal chooses an act and fills its request. It chooses no recipient, no rule and no adapter: whom a reply goes to
  is what the message says that it answers, and which account sends it is the one that the message came to.
- What a client says is text of others. It is sealed like a message, and told on the card with who said it.
- The same request of the same client is one proposal, however often it is asked for within `KNOWN_US`.
- A client that proposes more than a person can look at is refused until some of it is decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from mainstay.agents.base import Proposal, Reply
from mainstay.kernel.commands import StartRun
from mainstay.kernel.contract import Field, FieldType, Operation
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.events import MessageReceived
from mainstay.kernel.ids import RunId, SubjectId, run_id, run_stream
from mainstay.kernel.plan import PROPOSED, compile_plan
from mainstay.kernel.values import DAY, Json
from mainstay.ledger.store import Position
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.concern import Concern, concern, people_in
from mainstay.runtime.director import Director
from mainstay.runtime.sending import Ask, Decided
from mainstay.runtime.tick import Request
from mainstay.workflows.canonical import canonical, definition_digest
from mainstay.workflows.proposed import PROPOSAL, field_of, workflow_of

KNOWN_US = 30 * DAY  # for how long a request is recognised
WAITING_MAX = 20  # proposals of one client that are not over
WAITING_ALL_MAX = 200
WHY_CHAR_MAX = 2_000
REQUEST_CHAR_MAX = 200
ARGUMENT_BYTES_MAX = 300_000
SUBJECT_CHAR_MAX = 900
DEPTH_MAX = 8

_ACTOR = re.compile(r"operator|(?:client|agent):\S.{0,99}")
_HEX = re.compile(r"[0-9a-f]{8,64}")
_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.BOOL: (bool,),
    FieldType.INT: (int,),
    FieldType.NUMBER: (int, float),
    FieldType.STRING: (str,),
    FieldType.TEXT: (str,),
}
Acts = Callable[[], dict[str, Operation]]


class Proposing:
    """Takes proposals for one director. `acts` are the operations of what is configured here."""

    def __init__(
        self, director: Director, artifacts: Artifacts, ask: Ask, acts: Acts, *, own: tuple[str, ...] = ()
    ) -> None:
        self._director = director
        self._artifacts = artifacts
        self._ask = ask
        self._acts = acts
        self._own = frozenset(map(artifacts.vault.subject, own))
        self._under_way: dict[str, tuple[RunId, str]] = {}

    async def propose(self, act: str, *, arguments: Json, why: str = "", request: str, actor: str) -> Decided:
        """Ask for one act; the run that it became. Raises `CommandRefused` for what cannot be proposed."""
        operation = self._operation(act)
        _require_bounds(arguments, why, request, actor)
        hashed = self._artifacts.vault.keyed_hash
        key = hashed("proposal", f"{actor}\n{request}").hex()
        said = msgspec.json.encode([act, arguments, why], order="sorted").decode()
        mark = hashed("proposal said", said).hex()
        before = self._made_before(key, mark)
        if before is not None:
            return before
        run, _ = self._under_way.setdefault(key, (run_id(self._director.clock.now(), PROPOSED, key), mark))
        try:
            return await self._begin(run, act, operation, arguments, why, key=key, mark=mark, actor=actor)
        except SubjectForgotten:
            raise CommandRefused(
                "This message cannot be answered.",
                why="Whoever it is about was forgotten.",
                remedy="Choose another message.",
            ) from None
        finally:
            self._under_way.pop(key, None)
            self._artifacts.take_staged()

    async def _begin(
        self,
        run: RunId,
        act: str,
        operation: Operation,
        arguments: Json,
        why: str,
        *,
        key: str,
        mark: str,
        actor: str,
    ) -> Decided:
        typed = _typed(act, operation, arguments)
        self._require_room(actor)
        message_field, reply_field = (
            field_of(operation, FieldType.MESSAGE),
            field_of(operation, FieldType.REPLY),
        )
        received = self._message(str(typed.pop(message_field))) if message_field else None
        reply = typed.pop(reply_field, None)
        whom = self._whom(actor, received, f"{why}\n{msgspec.json.encode(arguments).decode()}")
        joints = {whom.joint: whom.members} if whom.joint is not None else {}
        self._artifacts.vault.ensure_subjects({whom.owner}, joints)
        close = self._artifacts.close_value
        trigger: Json = {
            "client": actor,
            "mark": mark,
            PROPOSAL: close(Proposal(client=actor, why=why, values=typed), whom.owner),
        }
        if received is not None:
            trigger[message_field] = _trigger(received)
        if reply is not None:
            trigger[reply_field] = close(reply, whom.owner)
        workflow = workflow_of(act, operation)
        definition = definition_digest(workflow)
        self._director.plans.setdefault(definition, compile_plan(workflow, definition))
        command = StartRun(*(run, PROPOSED, definition, trigger, key, whom.subject), sealed_under=whom.joint)
        blobs = {**self._artifacts.take_staged(), definition: canonical(workflow)}
        answer = await self._ask(Request(command, actor, blobs=blobs))
        one = self._director.runs.get(run)
        status = one.state.status.name.lower() if one is not None else "ended"
        return Decided(run, 0, answer.events, status)

    # --- what it is about --------------------------------------------------------------------------------------------

    def _operation(self, act: str) -> Operation:
        acts = self._acts()
        if act not in acts:
            raise NotFound(
                f"There is no act {act!r:.60} that could be proposed.",
                why="What is configured here can do: " + (", ".join(sorted(acts)) or "nothing") + ".",
                remedy="Name one of these; an account is added with `mainstay connect email`.",
            )
        return acts[act]

    def _made_before(self, key: str, mark: str) -> Decided | None:
        """The run that the same request became; refused where it asked for something else then."""
        if key in self._under_way:
            _require_same(self._under_way[key][1], mark)
            return None  # the same run is begun once more, which changes nothing
        since = run_id(max(0, self._director.clock.now() - KNOWN_US), PROPOSED)[:12]
        rows = self._director.store.select(
            "runs", where={"workflow": PROPOSED, "key": key}, order="run", after=since, limit=1
        )
        if not rows:
            return None
        run = RunId(str(rows[0]["run"]))
        first = next(iter(self._director.store.read(run_stream(run))))
        began: Any = self._director.codec.event(first)
        _require_same(str(began.trigger.get("mark", "")), mark)
        return Decided(run, 0, 0, str(rows[0]["status"]))

    def _require_room(self, actor: str) -> None:
        """A flood of proposals would bury what the operator's own workflows ask."""
        waiting = [
            one.state.head.trigger.get("client")
            for one in self._director.runs.values()
            if one.state.head.workflow == PROPOSED and not one.state.ended
        ]
        if waiting.count(actor) >= WAITING_MAX or len(waiting) >= WAITING_ALL_MAX:
            raise CommandRefused(
                "Too many proposals wait already.",
                why=f"{waiting.count(actor)} of this client and {len(waiting)} in all are not decided; "
                f"{WAITING_MAX} and {WAITING_ALL_MAX} are the most.",
                remedy="Wait until some of them are decided.",
                waiting=len(waiting),
            )

    def _message(self, named: str) -> tuple[str, MessageReceived]:
        """The message by its key, or the one that a run answers."""
        store = self._director.store
        run = store.get("runs", (named,)) if _HEX.fullmatch(named) else None
        key = str(run["message"] or "") if run is not None else named
        row = store.get("messages", (key,)) if key else None
        if row is None or row["own"] or not row["content"]:
            raise NotFound(
                "There is no such message.",
                why="It is named by the run that it started, or by its own id; what we wrote ourselves is none.",
                remedy="List runs, and name the one whose message is to be answered.",
            )
        position = int(str(row["position"]))
        (recorded,) = store.read_all(after=Position(position - 1), limit=1)
        event: Any = self._director.codec.event(recorded)
        assert isinstance(event, MessageReceived)
        return key, event

    def _whom(self, actor: str, received: tuple[str, MessageReceived] | None, text: str) -> Concern:
        """Under whose key it is sealed: of whom the message is, and of everybody whose address is named."""
        vault = self._artifacts.vault
        subject = vault.subject(f"proposal:{actor}")
        people: list[SubjectId] = []
        if received is not None and received[1].subject is not None:
            event = received[1]
            subject = event.subject
            people += vault.members(event.sealed_under) if event.sealed_under else ()
            if not vault.knows(event.sealed_under or subject):
                raise SubjectForgotten
        people += [one for one in people_in(text, vault.subject) if one not in self._own]
        return concern(vault, subject, people)


def _trigger(received: tuple[str, MessageReceived]) -> Json:
    """The message as a run refers to it."""
    key, event = received
    return {
        "key": key,
        "mailbox": event.mailbox,
        "thread": event.thread,
        "content": event.content,
        "automatic": bool(event.automatic),
        "attachments": len(event.attachments),
    }


def _require_same(before: str, now: str) -> None:
    if before != now:
        raise CommandRefused(
            "This request was made before, and asked for something else.",
            why="A request id names one proposal, so that asking twice proposes once.",
            remedy="Use a new request id for a new proposal.",
        )


def _require_bounds(arguments: Json, why: str, request: str, actor: str) -> None:
    if _ACTOR.fullmatch(actor) is None or not actor.isprintable():
        raise CommandRefused(
            f"{actor!r:.80} is no name of a client.",
            why="It is `operator`, or `client:` or `agent:` and a name of at most 100 characters.",
        )
    if not request.strip() or len(request) > REQUEST_CHAR_MAX:
        raise CommandRefused(
            "A proposal needs a request id of its own.",
            why=f"By it the same proposal is known again; at most {REQUEST_CHAR_MAX} characters.",
            remedy="Draw one, and repeat it when you ask again.",
        )
    if len(why) > WHY_CHAR_MAX:
        raise CommandRefused(f"The reason has more than {WHY_CHAR_MAX:,} characters.", remedy="Be brief.")
    if _depth(arguments) > DEPTH_MAX:
        raise CommandRefused("The arguments nest too deep.", why=f"{DEPTH_MAX} levels are the most.")
    try:
        size = len(msgspec.json.encode(arguments))
    except (ValueError, OverflowError, TypeError):
        raise CommandRefused(
            "The arguments hold bytes that are no text, or a number that is none.",
            remedy="Give plain texts and numbers.",
        ) from None
    if size > ARGUMENT_BYTES_MAX:
        raise CommandRefused(
            "The arguments are too large.", why=f"{ARGUMENT_BYTES_MAX:,} bytes are the most."
        )


def _depth(value: Any, level: int = 1) -> int:
    if level > DEPTH_MAX:
        return level
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(one, level + 1) for one in inner), default=level)


def _typed(act: str, operation: Operation, arguments: Json) -> Json:
    """The arguments as the act's contract types them. Raises `CommandRefused` with every field that is wrong."""
    fields = {one.name: one for one in operation.request.fields}
    wrong = [f"{name!r:.40} is no field of it" for name in arguments if name not in fields]
    found: Json = {}
    for name, one in fields.items():
        if name not in arguments:
            wrong += [f"{name!r} is missing"] if one.required else []
            continue
        try:
            found[name] = _value(one, arguments[name])
        except ValueError as error:
            wrong.append(f"{name!r} {error}")
    if wrong:
        raise CommandRefused(
            f"These are not the arguments of {act}.",
            why="; ".join(wrong[:8]) + ".",
            remedy="Its fields are: "
            + ", ".join(f"{one.name} ({one.type})" for one in fields.values())
            + ".",
            wrong=wrong[:8],
        )
    return found


def _value(one: Field, value: Any) -> Any:
    """Raises `ValueError` with what is wrong."""
    match one.type:
        case FieldType.MESSAGE:
            if not isinstance(value, str) or not value:
                raise ValueError("must be the id of a message, or of the run that it started")
            return value
        case FieldType.REPLY:
            return _reply(value)
        case FieldType.STRINGS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError("must be a list of texts")
            return value
        case FieldType.BOOL | FieldType.INT | FieldType.NUMBER | FieldType.STRING | FieldType.TEXT:
            wanted = _TYPES[one.type]
            if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
                raise ValueError(f"must be of type {one.type}")
            return value
        case FieldType.RECORD:
            if not isinstance(value, dict):
                raise ValueError("must be an object")
            return value
        case FieldType.RECORDS:
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                raise ValueError("must be a list of objects")
            return value
        case FieldType.ANY | FieldType.FINDINGS:
            raise ValueError("cannot be said from outside")


def _reply(value: Any) -> Reply:
    said = {"text": value} if isinstance(value, str) else value
    if not isinstance(said, dict) or set(said) - {"text", "subject"}:
        raise ValueError("must be a text, or an object with text and subject and nothing else")
    text, subject = said.get("text"), said.get("subject", "")
    if not isinstance(text, str) or not text.strip() or not isinstance(subject, str):
        raise ValueError("must have a text that is not empty")
    if len(subject) > SUBJECT_CHAR_MAX:
        raise ValueError(f"has a subject of more than {SUBJECT_CHAR_MAX} characters")
    return Reply(text=text, subject=subject)
