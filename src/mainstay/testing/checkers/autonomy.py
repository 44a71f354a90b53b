"""Checks of autonomy: what leaves by itself was granted, on evidence that people gave, and was not drawn for a look.

Levels, recipes, audits and counts are kept here anew from the events, in the order of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

from mainstay.kernel.contract import Finality
from mainstay.kernel.events import (
    ActionHeld,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalGranted,
    ApprovalRejected,
    AutonomyGranted,
    AutonomyRevoked,
    Event,
    EvidenceWeighed,
    RunEvent,
)
from mainstay.kernel.ids import RunId, fraction
from mainstay.kernel.state import RunState
from mainstay.kernel.values import SECOND, Instant
from mainstay.testing.checkers.books import Books, action_of
from mainstay.testing.checkers.promise import demand

_BY_ITSELF = "autonomy:"
_STEPS = 300  # of the integral that the proof is held against
_SLACK = 0.98


@dataclass(slots=True)
class _Kind:
    level: str = "ask"
    recipe: str = ""
    clean: int = 0
    errors: int = 0
    audits: str = ""


class Kinds:
    """Every kind of act, as the ledger tells it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.kinds: dict[str, _Kind] = {}
        self.decided: dict[
            tuple[RunId, int], str
        ] = {}  # what a person said of an act, when they looked at it
        self.stakes: dict[
            tuple[RunId, int], Finality
        ] = {}  # of what they said it; a task that fails lets it go

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        paths = self.books.paths
        match event:
            case EvidenceWeighed():
                self._weighed(event)
            case AutonomyGranted():
                self._granted(event)
                paths[f"autonomy: {event.level}"] += 1
            case AutonomyRevoked(kind=kind, cause=cause):
                one = self._of(kind)
                one.level, one.audits = "ask", ""
                if cause not in ("operator", "slo", "kill switch"):
                    one.clean = one.errors = 0
                paths[f"autonomy revoked: {cause}"] += 1
            case _:
                pass

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        match event:
            case ApprovalGranted(task=task) | ApprovalRejected(task=task) | ActionUndone(task=task):
                if (looked_at := action_of(before, task)) is not None:
                    self.stakes[run, task] = looked_at.finality
            case _:
                pass
        match event:
            case ApprovalGranted(task=task, batch=batch, open_us=open_us):
                if not batch and open_us >= SECOND:
                    self.decided[run, task] = "clean"
            case ApprovalRejected(task=task, batch=batch, open_us=open_us):
                if not batch and open_us >= SECOND:
                    self.decided[run, task] = "error"
            case ActionUndone(task=task, authority=authority):
                self.decided[run, task] = "error"
                self.books.paths["taken back from its window"] += authority.startswith(_BY_ITSELF)
            case ActionHeld(task=task, authority=authority) | ActionStarted(task=task, authority=authority):
                if authority.startswith(_BY_ITSELF):
                    self._by_itself(run, task, after, authority.removeprefix(_BY_ITSELF))
            case ActionShadowed():
                self.books.paths["shadowed"] += 1
            case _:
                pass

    def _of(self, kind: str) -> _Kind:
        return self.kinds.setdefault(kind, _Kind())

    def _weighed(self, event: EvidenceWeighed) -> None:
        said = self.decided.get((event.run, event.task))
        # An edit is a yes too, and may be an error.
        agrees = said == event.verdict or (said == "clean" and event.verdict == "error")
        if event.source in ("decision", "audit", "undo"):
            demand(
                agrees, "evidence is what a person said who looked", f"{event.kind} {event.verdict} {said}"
            )
        action = action_of(self.books.states[event.run], event.task)
        stake = action.finality if action is not None else self.stakes.get((event.run, event.task))
        demand(stake not in (None, Finality.FINAL_HIGH), "nothing is learned from high stake")
        one = self._of(event.kind)
        way = event.recipe.partition("+")[0]
        if one.recipe and one.recipe.partition("+")[0] != way:
            one.clean = one.errors = 0
            demand(one.level in ("ask", "shadow"), "another recipe does not go by itself", event.kind)
        one.recipe = event.recipe
        one.clean += event.verdict == "clean"
        one.errors += event.verdict == "error"
        told = (event.clean, event.errors)
        demand(told == (one.clean, one.errors), "evidence adds up", f"{event.kind} {told} {one}")
        if one.level in ("held", "automatic") and event.source != "decision":
            one.audits += "." if event.verdict == "clean" else "x"
        demand(
            event.audits == one.audits[-200:], "audits add up", f"{event.kind} {event.audits} {one.audits}"
        )

    def _granted(self, event: AutonomyGranted) -> None:
        one = self._of(event.kind)
        if event.level != "shadow":
            told = (event.clean, event.errors)
            demand(told == (one.clean, one.errors), "a grant rests on what was decided", f"{told} {one}")
            enough = _evidence(*told, event.target_ppm / 1e6) >= 20 * _SLACK
            demand(enough, "a grant rests on proof", f"{event.kind} {told}")
            demand(not self.books.killed, "nothing is granted under the kill switch")
        one.level, one.recipe, one.audits = event.level, event.recipe, event.audits

    def _by_itself(self, run: RunId, task: int, state: RunState, kind: str) -> None:
        one, act = self._of(kind), state.task(task).act
        assert act is not None
        self.books.paths["by itself"] += 1
        demand(
            one.level in ("held", "automatic"), "what goes by itself was granted", f"{kind} is {one.level}"
        )
        demand(act.action.finality is not Finality.FINAL_HIGH, "high stake never goes by itself", kind)
        demand(not self.books.killed, "nothing goes by itself under the kill switch", kind)
        known, made = one.recipe.split("+"), act.recipe.split("+")
        demand(
            known[0] == made[0] and set(made[1:]) <= set(known[1:]),
            "evidence holds for its recipe",
            f"{kind} {known} {made}",
        )
        clean = len(one.audits) - (one.audits.rfind("x") + 1)
        share = max(0.05, 1 / (2 + clean))
        demand(fraction("audit", run, task) >= share, "what is drawn is looked at", f"{kind} {share:.3f}")


def _evidence(clean: int, errors: int, rate: float) -> float:
    """The likelihood ratio, by the integral itself."""
    total = 0.0
    for step in range(_STEPS):
        p = rate * (step + 0.5) / _STEPS
        total += exp(errors * log(p / rate) + clean * (log1p(-p) - log1p(-rate)))
    return total / _STEPS
