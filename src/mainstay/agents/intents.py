"""What people write about, as the operator declares it."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "unknown"  # belongs to none; never the id of an intent


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that people write about: described, with examples in their words."""

    id: str
    name: str
    description: str
    reply_expected: bool
    labels: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # that this intent always raises
    template: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovedReply:
    """A question of the past and the answer that was approved, without greeting and signature."""

    id: str
    intent: str
    language: str
    subject: str
    question: str
    answer: str
    approved_at: str = ""  # UTC, ISO 8601
