"""The last look: what is asked of the books directly before an effect leaves the house."""

from __future__ import annotations

from mainstay.kernel.door import foresee
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Supersede
from mainstay.kernel.policy import Action, Decision
from mainstay.kernel.state import Phase, Status
from mainstay.runtime.books import Books
from mainstay.runtime.inbox import NEWER


class LastLook:
    """The gate of a performer (`performer.Gate`), over the books of its director."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def epoch_holds(self) -> bool:
        """Whether the store still knows us as its writer; read, not remembered."""
        return self._books.store.epoch() == self._books.epoch

    def still_wanted(self, run: RunId, task: int, attempt: int) -> bool:
        """Whether this effect may leave now: besides epoch and rules, whether run and kill switch allow it."""
        one = self._books.runs.get(run)
        if one is None or self._books.killed or one.state.ended or not one.state.exists(task):
            return False
        if one.state.status is Status.COMPENSATING and one.state.undoes(task) is None:
            return False  # what has not left yet need not be taken back
        state = one.state.task(task)
        return state.phase is Phase.ACTING and state.attempt == attempt

    def leaves_unasked(self, run: RunId, task: int, action: Action) -> bool:
        """Whether policy, as things stand, would let this effect go without asking a person."""
        one = self._books.runs.get(run)
        if one is None or not one.state.exists(task):
            return False
        verdict = foresee(one.state, self._books.facts(self._books.clock.now()), task, action)
        return verdict.decision is Decision.ALLOW

    def overtaken(self, run: RunId) -> str:
        """What newer thing made an effect of this run needless while it was about to leave; empty: nothing."""
        one = self._books.runs.get(run)
        if one is None or one.state.plan is None or one.state.status is Status.COMPENSATING:
            return ""  # what was done is taken back all the same
        head, lines = one.state.head, self._books.lines
        if one.state.plan.workflow.supersede is Supersede.WAITING and head.key:
            line = lines.of_key(head.workflow, head.key)
            # A fork of it stands behind it as well, and brings nothing new.
            if line and line[0] == run and any(self._came_by_itself(one) for one in line[1:]):
                return NEWER
        return lines.answered(run)

    def _came_by_itself(self, run: RunId) -> bool:
        one = self._books.runs.get(run)
        return one is not None and one.state.unusual.forked is None
