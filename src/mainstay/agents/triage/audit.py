"""Audits: automatic decisions that go to the operator nevertheless, and what they prove.

Which ones is a hash of the message's id and the seed, so a replay chooses the same. What they prove corrects the
predicted risk by a ratio, errors found to errors expected, drawn towards 1 by as many imagined errors: one audited
error is a nudge, a series of them is a brake.
"""

from __future__ import annotations

from collections import deque

from mainstay.kernel.ids import derive

SHARE = 0.033
WINDOW = 150  # audits that count
IMAGINED = 10.0  # errors, found as expected
_WHOLE = 1 << 32


def chosen(id: str, seed: int, share: float = SHARE) -> bool:
    """Whether this message is one of those."""
    return int.from_bytes(derive("triage audit", seed, id, size=4), "big") < share * _WHOLE


class Results:
    """The last of some decisions: what was feared of each, and what came of it."""

    def __init__(self, window: int = WINDOW, imagined: float = IMAGINED) -> None:
        self._imagined = imagined
        self.results: deque[tuple[float, bool]] = deque(maxlen=window)

    def add(self, risk: float, wrong: bool) -> None:
        """One more."""
        self.results.append((risk, wrong))

    @property
    def ratio(self) -> float:
        """Errors found to errors expected."""
        expected = sum(risk for risk, _ in self.results)
        found = sum(wrong for _, wrong in self.results)
        return (self._imagined + found) / (self._imagined + expected)
