"""What is searched: one version of one memory, with all that a filter or a feature may look at.

Plain data. A unit says what a record of the ledger says and nothing that was computed from it; whoever keeps the
records makes units of them, and an index keeps the units.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.kernel.values import Instant, Json


@dataclass(frozen=True, slots=True)
class Unit:
    """One version of a memory, as the index sees it.

    Attributes:
        id: "memory@version"; how a hit is cited.
        text: What it says and is found by.
        before: The text of the unit before it in its thread, where that one is not in the index itself.
        actor: Who said it.
        thread: The conversation it is part of. Units of a thread are neighbours in the order of `recorded`.
        at: When it was said; 0 where nobody knows.
        fields: What it says in typed form; filters compare these for equality.
        valid_from: From when what it says holds; 0: always has.
        valid_to: Until when; 0: until something says otherwise.
        expires_at: When its time to live ends; 0: never.
        recorded: The position at which it was remembered.
        superseded: The position of the version that took its place; 0: none did.
        retracted: The position from which it was no longer believed; 0: it is.
    """

    id: str
    text: str
    before: str = ""
    actor: str = ""
    thread: str = ""
    at: Instant = Instant(0)
    space: str = ""
    kind: str = ""
    source: str = ""
    fields: Json = field(default_factory=dict)
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)
    expires_at: Instant = Instant(0)
    recorded: int = 0
    superseded: int = 0
    retracted: int = 0


def believed(unit: Unit, *, as_of: int | None) -> bool:
    """Whether it was remembered and not yet replaced or taken back at this position; None: today."""
    if as_of is None:
        return not unit.superseded and not unit.retracted
    return unit.recorded <= as_of and not 0 < unit.superseded <= as_of and not 0 < unit.retracted <= as_of


def in_force(unit: Unit, now: Instant) -> bool:
    """Whether what it says holds now, and its time to live has not ended."""
    return unit.valid_from <= now and not 0 < unit.valid_to <= now and not 0 < unit.expires_at <= now
