"""Sentences about what is remembered and learned."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import because, short, short_run
from mainstay.kernel.events import (
    AnnotationReviewed,
    DraftJudged,
    MemoryEvent,
    MemoryRecorded,
    MemoryRetracted,
    ModelFitted,
)


def say_memory(event: MemoryEvent) -> str:
    """What was remembered or learned, in one sentence without its full stop."""
    match event:
        case MemoryRecorded(version=version):
            again = f", as its version {version}" if version > 1 else ""
            source = f", from {event.source}" if event.source else ""
            what = f"{event.kind} {short(event.memory)}"
            return f"{event.actor or 'Somebody'} put {what} into {event.space}{again}{source}"
        case MemoryRetracted():
            return f"{event.actor} took back memory {short(event.memory)}{because(event.reason)}"
        case ModelFitted():
            return (
                f"Model {event.model} version {event.version} came into force, fitted on {event.examples} "
                f"examples ({short(event.artifact)})"
            )
        case AnnotationReviewed(said=said, intent=intent) if said == intent:
            return f"{event.actor} said that run {short_run(event.run)} is about {intent}, as the specialist had it"
        case AnnotationReviewed():
            return f"{event.actor} said that run {short_run(event.run)} is about {event.intent}, not {event.said}"
        case DraftJudged():
            changed = f"{event.changed} of {event.words} words" if event.changed else "no word"
            lessons = f", drafted with {len(event.given)} lessons" if event.given else ""
            kept = f", {len(event.withheld)} withheld on purpose" if event.withheld else ""
            return (
                f"{event.actor} changed {changed} of the draft of run {short_run(event.run)}{lessons}{kept}"
            )
        case _:
            assert_never(event)
