"""What an agent or an adapter answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mainstay.kernel.events import FailureClass
from mainstay.kernel.policy import Action
from mainstay.kernel.swift import swift
from mainstay.kernel.values import NO_USAGE, Json, Usage


@swift
@dataclass(frozen=True, slots=True)
class Produced:
    """The agent gave its typed output."""

    output: Json
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Proposed:
    """The executor proposes an effect."""

    action: Action
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Inspected:
    """The findings, worst first. `verdict` is passed, look or refuse; `revise` asks for a new draft."""

    verdict: str
    findings: tuple[Json, ...]
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE
    revise: bool = False
    checks: tuple[str, ...] = ()  # what was looked for, by name; empty: the inspector does not say


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt came to nothing."""

    failure: FailureClass
    reason: str
    retry_after_us: int | None = None
    usage: Usage | None = NO_USAGE  # None: unknown, so the ceiling counts as spent
    exception: str = ""  # type and place of what was raised, never its text


@dataclass(frozen=True, slots=True)
class Acted:
    """The other side has the effect."""

    response: Json = field(default_factory=dict)


class Sighting(StrEnum):
    """What a look-up saw."""

    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sought:
    """The answer of a look-up."""

    sighting: Sighting
    response: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withheld:
    """The effect was stopped directly before its call, because something newer made it needless."""

    reason: str


Outcome = Produced | Proposed | Inspected | Failed | Acted | Sought | Withheld
