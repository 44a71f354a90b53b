"""How far a kind of act may go by itself, and what the operator's settings say of it: values alone.

Apart from what decides (`kernel.autonomy`), so that whoever only reads settings need not know events and commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mainstay.kernel.values import MINUTE

PPM = 1_000_000


class Level(StrEnum):
    """How far a kind of act goes by itself."""

    SHADOW = "shadow"  # decided, and nothing is done
    ASK = "ask"
    HELD = "held"  # automatic, after a window in which it can be taken back
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class AutonomyRules:
    """What the operator wants of a kind of act: the settings of one, or of all."""

    target_ppm: int = 100_000  # errors that may pass, in millionths
    hold_us: int = 15 * MINUTE
    most: Level = Level.AUTOMATIC  # no evidence leads further
    by_itself: bool = False  # granted as soon as it is proved; otherwise proposed to the operator
