"""What a performer asks of its director: directly before a call, and when an effect is rendered."""

from __future__ import annotations

from typing import Protocol

from mainstay.kernel.ids import RunId
from mainstay.kernel.policy import Action


class Gate(Protocol):
    """The answers; `runtime.last_look` reads them from the books."""

    def epoch_holds(self) -> bool:
        """Whether this process is still the writer of the workspace."""
        ...

    def still_wanted(self, run: RunId, task: int, attempt: int) -> bool:
        """Whether the run still owes exactly this."""
        ...

    def leaves_unasked(self, run: RunId, task: int, action: Action) -> bool:
        """Whether policy, as things stand, would let this effect go without asking a person."""
        ...

    def overtaken(self, run: RunId) -> str:
        """What newer thing made the effect needless; empty when nothing did."""
        ...
