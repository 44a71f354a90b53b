"""What the director decides about autonomy: evidence for or against a kind of act, what is granted, what ends.

Looks up what was said before, and asks `kernel.autonomy`. What a decision, a report or a correction says of an act is
weighed in `runtime.weighing`; what asks again, and why, is found in `runtime.asking_again`.
"""

from __future__ import annotations

from mainstay.kernel.autonomy import Autonomy, Level
from mainstay.kernel.commands import AutonomyCommand, WeighEvidence
from mainstay.kernel.events import AutonomyEvent, AutonomyGranted
from mainstay.kernel.ids import RunId, StreamId
from mainstay.ledger.store import EventStore, Value

AUTONOMY = StreamId("autonomy")
SOURCE_MAX = 8  # rows of evidence about one act: one for each way in which something is said of it


class Trusting:
    """The decisions about autonomy of one director."""

    def __init__(self, store: EventStore, autonomy: Autonomy) -> None:
        self.breached: set[tuple[str, str]] = set()  # objectives that are not met: workflow and which
        self._store = store
        self._autonomy = autonomy
        self._told_right: set[tuple[RunId, int]] = set()  # acts of which it was said in this tick
        self._told_wrong: set[tuple[RunId, int]] = set()

    def begin_tick(self) -> None:
        """What was said in the last tick is in the views by now."""
        self._told_right.clear()
        self._told_wrong.clear()

    def decide(self, command: AutonomyCommand, *, killed: bool) -> tuple[AutonomyEvent, ...]:
        """The events that the command leads to; none when it is so already, or may not be."""
        if isinstance(command, WeighEvidence):
            if self._is_weighed(command):
                return ()
            told = self._told_right if command.verdict == "clean" else self._told_wrong
            told.add((command.run, command.task))
        return tuple(
            event
            for event in self._autonomy.decide(command)
            if not (
                isinstance(event, AutonomyGranted) and self.withholds(event.kind, event.level, killed=killed)
            )
        )

    def withholds(self, kind: str, level: str, *, killed: bool) -> str:
        """Why nothing of this kind may go by itself now, whatever its evidence; empty where it may."""
        if level == Level.SHADOW:
            return ""
        if killed:
            return "the kill switch is on, and every kind of act asks"
        workflow = kind.partition("/")[0]
        missed = sorted(objective for name, objective in self.breached if name == workflow)
        return f"{workflow} misses its objective for {missed[0]}" if missed else ""

    def _is_weighed(self, command: WeighEvidence) -> bool:
        """Whether the same was said of this act before: that it was right, or by whichever way that it was wrong.

        Each counts once, however often a card asks about the act; of what was wrong nothing is right afterwards.
        """
        at = (command.run, command.task)
        of_it: dict[str, Value] = {"run": command.run, "task": command.task}
        rows = self._store.select("evidence", where=of_it, limit=SOURCE_MAX)
        wrong = at in self._told_wrong or any(row["verdict"] != "clean" for row in rows)
        return wrong or (command.verdict == "clean" and (bool(rows) or at in self._told_right))
