"""What Mainstay and a program of the operator's say to each other: one JSON object a line, version 1.

Pure. Mainstay speaks first, with the brief; the program answers with one of four last words, and may ask for memory
before. Every line from the program is typed, closed and bounded; what is none of these is `Broken`, a value.

    -> {"mainstay": 1, "kind": "brief", "task": ..., "inputs": {...}, ...}
    <- {"kind": "recall", "cue": "...", "limit": 5}
    -> {"kind": "recalled", "found": [{"source": ..., "text": ..., "score": ..., "fields": {...}}]}
    <- {"kind": "produced", "output": {...}, "rationale": "..."}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from pydantic import BaseModel

from mainstay.agents.base import Brief, Recalled
from mainstay.kernel.values import Json

VERSION: Final = 1
RECALLS_MAX: Final = 20
LIMIT_MAX: Final = 20

Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Source = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Evidence = Annotated[tuple[Source, ...], msgspec.Meta(max_length=50)]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A line of the program."""


class Recall(_Line, frozen=True, tag="recall"):
    """It asks what is remembered."""

    cue: Sentence
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 5


class Produced(_Line, frozen=True, tag="produced"):
    """Its output, by the types that the settings declare."""

    output: dict[str, Any]
    rationale: Sentence
    evidence: Evidence = ()


class Proposed(_Line, frozen=True, tag="proposed"):
    """What the act should be done with. Whom it goes to is not its to say."""

    values: dict[str, Any]
    rationale: Sentence
    evidence: Evidence = ()


class Failed(_Line, frozen=True, tag="failed"):
    """It comes to nothing; with `retry` another attempt may."""

    reason: Sentence
    retry: bool = False


class NeedsInput(_Line, frozen=True, tag="needs_input"):
    """It cannot go on without a person."""

    question: Sentence


LastWord = Produced | Proposed | Failed | NeedsInput
Line = Recall | LastWord


class Broken(msgspec.Struct, frozen=True):
    """A line that is none."""

    why: str


_DECODER: Final = msgspec.json.Decoder(Line)


def read(line: bytes | None) -> Line | Broken:
    """What the program said; `None` is that it ended without a last word."""
    if line is None:
        return Broken("it ended without a last word")
    try:
        said: Line = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        # The library tells what was expected and where; of the line itself it quotes nothing but a tag.
        return Broken(f"it said something that is no line of the protocol: {str(error)[:200]}")
    return said


def brief_line(brief: Brief, inputs: BaseModel) -> bytes:
    """The first line: all that the program is told."""
    told: Json = {
        "mainstay": VERSION,
        "kind": "brief",
        "task": brief.task,
        "role": brief.role.value,
        "act": brief.act,
        "attempt": brief.attempt,
        "revision": brief.revision,
        "findings": list(brief.findings),
        "now": brief.now,
        "inputs": inputs.model_dump(mode="json"),
    }
    return msgspec.json.encode(told)


def recalled_line(found: Sequence[Recalled]) -> bytes:
    """The answer to `Recall`."""
    told = [
        {"source": one.source, "text": one.text, "score": one.score, "fields": one.fields} for one in found
    ]
    return msgspec.json.encode({"kind": "recalled", "found": told}, enc_hook=str)
