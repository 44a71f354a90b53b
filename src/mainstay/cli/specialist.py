"""`mainstay specialist triage --stdio`: the triage of a workspace as a program that speaks JSON lines.

Rules of this file: exactly one answer line for each request line, in order, flushed; what is wrong with a request is
an answer too (`{"error": {...}}`) and never an end; the program ends with its input. What it decides is decided by the
same code as in a workspace: flags first, then triage and its gate. Nothing is stored but vectors in the user's cache.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from mainstay.cli.options import new_typer
from mainstay.cli.render import plain
from mainstay.kernel.errors import CommandRefused, MainstayError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mainstay.agents.triage.triage import Triage
    from mainstay.bench.triage_stream import Reader
    from mainstay.models.base import Embedder

LINE_MAX = 64 * 1024 * 1024
_INTENTS_MAX = 10_000
_QUOTED_MAX = 80
_REST = 1 << 20

group = new_typer("Specialists as programs that other programs speak to.")


def add_to(app: typer.Typer) -> None:
    """Put this group into the command line."""
    group.command("triage")(triage)
    app.add_typer(group, name="specialist")


@group.callback()
def _group() -> None:
    """Specialists as programs that other programs speak to."""


def triage(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Read requests from standard input and answer on standard output.")
    ] = False,
) -> int:
    """Decide what messages are about and learn from what a person says, one JSON line for each request."""
    if not stdio:
        raise CommandRefused(
            "The triage specialist speaks JSON lines on standard input and output alone.",
            remedy="Add --stdio, and write one request a line; docs/triage.md has them.",
        )
    from mainstay.models.base import Unavailable
    from mainstay.models.user_cache import user_cache

    found = user_cache()
    if isinstance(found, Unavailable):
        sys.stderr.write(f"By words alone, which understand far less: {found.reason} {found.remedy}\n")
    serve(sys.stdin.buffer, sys.stdout.buffer, None if isinstance(found, Unavailable) else found)
    return 0


def serve(requests: BinaryIO, answers: BinaryIO, embedder: Embedder | None) -> None:
    """Answer until the requests end."""
    conversation = Conversation(embedder)
    while line := requests.readline(LINE_MAX + 1):
        if len(line) > LINE_MAX and not line.endswith(b"\n"):
            _skip(requests)
            answer = _fault(
                "TooLong", f"The line is longer than {LINE_MAX:,} bytes.", "Send a shorter message."
            )
        else:
            answer = conversation.answer(line)
        answers.write(json.dumps(plain(answer), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        answers.flush()


def _skip(requests: BinaryIO) -> None:
    while rest := requests.readline(_REST):
        if rest.endswith(b"\n"):
            return


class Conversation:
    """One program's requests, and the triage that answers them."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._reader: Reader | None = None
        self._triage: Triage | None = None
        self._operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "start": self._start,
            "seed": self._seed,
            "decide": self._decide,
            "learn": self._learn,
        }

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line. Total."""
        try:
            request = json.loads(line.decode("utf-8"))
            if not isinstance(request, dict):
                return _fault("Invalid", "A request is one JSON object.", 'Write {"op": "decide", …}.')
            named = request.get("op")
            operation = self._operations.get(named) if isinstance(named, str) else None
            if operation is None:
                known = ", ".join(self._operations)
                return _fault("UnknownOp", f"There is no operation {_quoted(named)}.", f"There are: {known}.")
            return operation(request)
        except UnicodeDecodeError as error:
            return _fault("Invalid", f"The line is not UTF-8: byte {error.start}.", "Send UTF-8.")
        except (json.JSONDecodeError, RecursionError) as error:
            return _fault("Invalid", f"The line is no JSON: {error}.", "Send one JSON object a line.")
        except _Refused as error:
            return _fault(error.kind, error.what, error.remedy)
        except MainstayError as error:
            return {"error": error.as_dict()}

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        from mainstay.agents.triage.triage import Triage
        from mainstay.bench.triage_stream import Reader

        intents = _intents(request.get("intents", {}))
        target, seed = request.get("target_error", 0.02), request.get("seed", 1)
        if isinstance(target, bool) or not isinstance(target, int | float) or not 0.0 < target < 1.0:
            raise _Refused("Invalid", "target_error lies between 0 and 1.", "Leave it out for 0.02.")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise _Refused("Invalid", "seed is a whole number.", "Leave it out for 1.")
        self._reader = Reader(self._embedder)
        self._triage = Triage(intents, self._reader.embedder, target_error=float(target), seed=seed)
        return {
            "ok": True,
            "intents": len(intents),
            "by": "words" if self._embedder is None else self._embedder.model_id,
            "recipe": self._triage.recipe,
        }

    def _seed(self, request: dict[str, Any]) -> dict[str, Any]:
        started = self._started()
        started.seed(self._read(request)[0], _intent(request))
        return {"ok": True}

    def _decide(self, request: dict[str, Any]) -> dict[str, Any]:
        started = self._started()
        id, (text, flags) = _id(request), self._read(request)
        made = started.decide(id, text, flags=flags)
        return {
            "id": id,
            "intent": made.intent,
            "confidence": made.confidence,
            "auto": made.auto,
            "flags": list(made.flags),
            "audit": made.audit,
            "unknown": made.unknown,
            "language": made.language,
            "runner_up": made.runner_up,
            "evidence": [
                {"id": one.id, "intent": one.intent, "similarity": one.similarity} for one in made.evidence
            ],
            "why": made.why,
        }

    def _learn(self, request: dict[str, Any]) -> dict[str, Any]:
        started = self._started()
        id, (text, flags), intent = _id(request), self._read(request), _intent(request)
        learned = started.learn(id, text, intent, flags=flags)
        return {
            "ok": True,
            "id": id,
            "intent": learned.intent,
            "predicted": learned.predicted,
            "right": learned.right,
            "decisions": learned.decisions,
        }

    def _read(self, request: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        """What of the message is judged, and its flags."""
        assert self._reader is not None, "after `_started`"
        text, subject, sender = _text(request)
        return self._reader.read(text, subject=subject, sender=sender)

    def _started(self) -> Triage:
        if self._triage is None:
            raise _Refused(
                "NotStarted", "Nothing was started.", 'Send {"op": "start", "intents": {…}} first.'
            )
        return self._triage


class _Refused(Exception):
    """A request that makes no sense."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        self.kind, self.what, self.remedy = kind, what, remedy
        super().__init__(what)


def _intents(told: Any) -> dict[str, str]:
    from mainstay.agents.triage.decision import UNKNOWN_WORDS

    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        raise _Refused("Invalid", "intents is an object of texts.", 'Write {"id": "what it is about", …}.')
    if len(told) > _INTENTS_MAX:
        raise _Refused("Invalid", f"There are more than {_INTENTS_MAX:,} intents.", "Name fewer.")
    taken = sorted(UNKNOWN_WORDS & set(told))
    if taken:
        what = f"{taken[0]!r} cannot be an intent: it stands for messages that belong to none."
        raise _Refused("Invalid", what, "Leave it out.")
    return told


def _id(request: dict[str, Any]) -> str:
    told = request.get("id")
    if isinstance(told, int) and not isinstance(told, bool):
        return str(told)
    if not isinstance(told, str) or not told:
        raise _Refused("Invalid", "id is a text that is not empty.", "Give each message an id of its own.")
    return told


def _intent(request: dict[str, Any]) -> str:
    told = request.get("intent")
    if not isinstance(told, str) or not told.strip():
        raise _Refused("Invalid", "intent is a text that is not empty.", "Name an intent, or `unknown`.")
    return told.strip()


def _text(request: dict[str, Any]) -> tuple[str, str, str]:
    """Text, subject and sender of a message, which may be a bare text."""
    told = request.get("message")
    if isinstance(told, str):
        return told, "", ""
    if isinstance(told, dict):
        parts = [told.get(name, "") for name in ("text", "subject", "from")]
        if all(isinstance(one, str) for one in parts):
            return parts[0], parts[1], parts[2]
    raise _Refused(
        "Invalid", "message is a text, or an object with text, subject and from.", 'Write {"message": "…"}.'
    )


def _quoted(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False)[:_QUOTED_MAX]


def _fault(kind: str, what: str, remedy: str) -> dict[str, Any]:
    return {"error": {"error": kind, "what": what, "why": "", "remedy": remedy}}
