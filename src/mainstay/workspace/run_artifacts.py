"""What a run made, as text that a person reads: drafts, messages, cards of its effects. Opened, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import NotFound
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Json
from mainstay.runtime.artifacts import SEALED, Artifacts
from mainstay.workspace.run_fold import RunFold

ARTIFACTS_SHOWN = 12
TEXT_MAX = 2_000  # characters of one


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that the run made: its beginning as text, what it weighs, and where it lies."""

    task: str
    kind: str
    digest: Digest
    size_bytes: int
    text: str
    cut: bool
    forgotten: bool


def artifacts_of(fold: RunFold, artifacts: Artifacts) -> tuple[Artifact, ...]:
    """The last ones that its tasks gave and its acts proposed."""
    state = fold.state
    named = [(one.task, one.kind, one.digest) for one in fold.made]
    named += [
        (number, "card", task.act.action.card) for number, task in state.all_tasks() if task.act is not None
    ]
    return tuple(_artifact(state, artifacts, *one) for one in named[-ARTIFACTS_SHOWN:])


def _artifact(state: RunState, artifacts: Artifacts, task: int, kind: str, digest: Digest) -> Artifact:
    try:
        size = len(artifacts.blobs.read(digest))
    except NotFound:
        size = 0
    value = artifacts.open_json(digest, state.head.owner, kind.encode())
    text = text_of(value or {})
    return Artifact(
        state.name(task) if state.exists(task) else "",
        "effect" if kind == "card" else kind,
        digest,
        size,
        text[:TEXT_MAX],
        len(text) > TEXT_MAX,
        value is None,
    )


def all_opened(value: Any, open_text: Callable[[str], str]) -> Any:
    """The value with every sealed text in it as a person may read it."""
    match value:
        case str():
            return open_text(value) if value.startswith(SEALED) else value
        case dict():
            return {name: all_opened(one, open_text) for name, one in value.items()}
        case list():
            return [all_opened(one, open_text) for one in value]
        case _:
            return value


def text_of(value: Json) -> str:
    """What a person reads of an artifact: a reply, a message, or the card of an effect."""
    request = value.get("request")
    asked = request if isinstance(request, dict) else {}
    reply = asked.get("reply")
    text = value.get("text") or (reply.get("text") if isinstance(reply, dict) else reply) or asked.get("text")
    to = ", ".join(str(one) for one in value.get("recipients") or ())
    head = [str(value.get(one) or "") for one in ("title", "subject")]
    parts = [*filter(None, dict.fromkeys(head)), f"To {to}" if to else "", str(text or "")]
    return "\n\n".join(filter(None, parts))
