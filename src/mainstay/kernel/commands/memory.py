"""Commands for what is remembered and learned: decided by `kernel.remembering`."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep something in memory: new, or, where the memory is known with another content, as its next version."""

    memory: str
    space: str
    kind: str
    content: Digest
    mark: str
    subject: SubjectId | None = None
    source: str = ""
    actor: str = ""
    thread: str = ""
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)
    expires_at: Instant = Instant(0)
    tag: str = ""


@dataclass(frozen=True, slots=True)
class RetractMemory:
    """Recall no version of a memory any more; with a version, only while that is what it says."""

    memory: str
    actor: str
    reason: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class AdoptFit:
    """Put a fitted model in force."""

    model: str
    version: int
    recipe: str
    artifact: Digest
    examples: int
    through: int


@dataclass(frozen=True, slots=True)
class ReviewAnnotation:
    """Say what a message is about."""

    run: RunId
    task: int
    said: str
    intent: str
    actor: str
    open_us: int = 0
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class JudgeDraft:
    """Keep how much of a drafted reply a person changed before it was sent."""

    run: RunId
    task: int
    words: int
    changed: int
    actor: str
    given: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    recipe: str = ""
