"""Events of the stream `memory`: what is remembered, and what was learned."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class MemoryRecorded:
    """Something was remembered: version 1 of a memory, or a later one that takes the place of the version before."""

    memory: str
    version: int
    space: str  # "notes", "documents", "mail", "lessons": what a retrieval policy names
    kind: str  # "note", "chunk", "message", "reply", "lesson"
    content: Digest  # a blob: text and fields as JSON, sealed where they are somebody's
    mark: str  # a keyed hash of what it says: the same again is nothing new
    subject: SubjectId | None = None  # under whose key the content is sealed
    source: str = ""  # where it came from: "run:...", "document:<digest>#3", "operator"
    actor: str = ""
    thread: str = ""
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)  # 0: it holds until something says otherwise
    expires_at: Instant = Instant(0)  # its time to live; 0: none
    tag: str = ""  # the data class, which says to which providers it may go


@dataclass(frozen=True, slots=True)
class MemoryRetracted:
    """A memory is no longer believed: no version of it is recalled from here on."""

    memory: str
    version: int  # the last one
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelFitted:
    """What a specialist learned was fitted and put in force: from here on it judges by this artifact."""

    model: str  # "triage", or "ranking" of memory
    version: int
    recipe: str  # features, algorithm, embedder: evidence belongs to it, not to the fitted weights
    artifact: Digest  # a sealed blob
    examples: int
    through: int  # position up to which decisions were learned


@dataclass(frozen=True, slots=True)
class AnnotationReviewed:
    """A person said what a message is about: that the specialist was right, or what it is instead."""

    run: RunId
    task: int  # the specialist's
    said: str  # by the specialist
    intent: str  # by the person; `said` again where that was right
    actor: str
    open_us: int = 0
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class DraftJudged:
    """A person sent a drafted reply, edited or as it was: how many of its words were changed, and by which lessons."""

    run: RunId
    task: int  # the act's
    words: int  # of the longer of the two: what was drafted, what was sent
    changed: int  # of these
    actor: str
    given: tuple[str, ...] = ()  # lessons that the draft was made with
    withheld: tuple[
        str, ...
    ] = ()  # lessons that would have applied, and were left out to measure their effect
    recipe: str = ""  # what drafted it
