"""What is remembered, decided: a correction takes the place of the version before and never overwrites it.

Pure: what is known of a memory comes in as a fact. The same content again decides to nothing, and so does to retract
what is not believed any more. Which memories there are is a view over the ledger (`ledger.projections.memory`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from mainstay.kernel.commands import (
    AdoptFit,
    JudgeDraft,
    MemoryCommand,
    Remember,
    RetractMemory,
    ReviewAnnotation,
)
from mainstay.kernel.events import (
    AnnotationReviewed,
    DraftJudged,
    MemoryEvent,
    MemoryRecorded,
    MemoryRetracted,
    ModelFitted,
)


@dataclass(frozen=True, slots=True)
class Known:
    """The last version of something: of a memory, a fitted model, or a review. `mark` tells equal content."""

    version: int
    mark: str
    retracted: bool = False


def subject_of_decision(command: MemoryCommand) -> tuple[str, str]:
    """Of what the last version must be known to decide: the kind of thing, and its name."""
    match command:
        case Remember(memory=memory) | RetractMemory(memory=memory):
            return "memory", memory
        case AdoptFit(model=model):
            return "fit", model
        case ReviewAnnotation(run=run, task=task):
            return "review", f"{run}/{task}"
        case JudgeDraft(run=run, task=task):
            return "draft", f"{run}/{task}"
        case _:
            assert_never(command)


def decide_memory(command: MemoryCommand, known: Known | None) -> MemoryEvent | None:
    """The event that the command leads to; None when it is so already."""
    match command:
        case Remember():
            if known is not None and known.mark == command.mark and not known.retracted:
                return None
            return MemoryRecorded(
                command.memory,
                1 if known is None else known.version + 1,
                command.space,
                command.kind,
                command.content,
                command.mark,
                command.subject,
                command.source,
                command.actor,
                command.thread,
                command.valid_from,
                command.valid_to,
                command.expires_at,
                command.tag,
            )
        case RetractMemory():
            if known is None or known.retracted or command.version not in (0, known.version):
                return None
            return MemoryRetracted(command.memory, known.version, command.actor, command.reason)
        case AdoptFit():
            if known is not None and known.version >= command.version:
                return None
            return ModelFitted(
                command.model,
                command.version,
                command.recipe,
                command.artifact,
                command.examples,
                command.through,
            )
        case ReviewAnnotation():
            if known is not None and known.mark == command.intent:
                return None
            return AnnotationReviewed(
                command.run,
                command.task,
                command.said,
                command.intent,
                command.actor,
                command.open_us,
                command.note_sealed,
            )
        case JudgeDraft():
            # An edit of an edit is judged again, by what was drafted: of several, the last counts.
            if known is not None and known.mark == _judged(command.words, command.changed):
                return None
            return DraftJudged(
                command.run,
                command.task,
                command.words,
                command.changed,
                command.actor,
                command.given,
                command.withheld,
                command.recipe,
            )
        case _:
            assert_never(command)


def mark_of(event: MemoryEvent) -> Known:
    """What is known after the event."""
    match event:
        case MemoryRecorded(version=version, mark=mark):
            return Known(version, mark)
        case MemoryRetracted(version=version):
            return Known(version, "", retracted=True)
        case ModelFitted(version=version):
            return Known(version, "")
        case AnnotationReviewed(intent=intent):
            return Known(1, intent)
        case DraftJudged(words=words, changed=changed):
            return Known(1, _judged(words, changed))
        case _:
            assert_never(event)


def _judged(words: int, changed: int) -> str:
    return f"{changed}/{words}"
