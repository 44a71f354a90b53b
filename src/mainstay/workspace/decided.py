"""What a decision led to, as the SDK gives it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.kernel.values import Digest, Json


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to. `events` is 0 when it had been decided already; `live`: it is being performed now."""

    run: str
    task: int
    events: int
    status: str  # of the task, or of the run
    live: bool
    card: str = (
        ""  # what became of the card: granted, edited, rejected, waiting, denied by a rule, expired, ...
    )
    asks: str = ""  # the card that asks anew, after an act was taken back


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one card of a batch."""

    approval: str
    digest: Digest
    outcome: str  # approved, rejected, left out, or what else became of it
    why: str = ""
    run: str = ""
    events: int = 0


@dataclass(frozen=True, slots=True)
class DecidedTogether:
    """What became of a batch, card by card."""

    guard: str
    outcomes: tuple[Outcome, ...]
    live: bool

    @property
    def left_out(self) -> Sequence[Outcome]:
        """Those that were not decided, each with its reason."""
        return [one for one in self.outcomes if one.outcome == "left out"]


def decided(answer: Json, *, live: bool) -> Decided:
    """The answer of a door, typed."""
    detail = answer.get("detail") or {}
    return Decided(
        *(str(answer["run"]), int(answer["task"]), int(answer["events"]), str(answer["status"]), live),
        *(str(answer.get("card", "")), str(detail.get("approval", ""))),
    )


def decided_together(answer: Json, *, live: bool) -> DecidedTogether:
    """The answer of a door to a batch, typed."""
    return DecidedTogether(str(answer["guard"]), tuple(Outcome(**one) for one in answer["outcomes"]), live)
