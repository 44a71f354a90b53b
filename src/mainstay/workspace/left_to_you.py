"""`Workspace.left`: messages that got no draft and are left to the operator, of the newest runs.

    for row in workspace.left.rows():
        print(workspace.message(row["run"])["subject"])

Rules of this file:

- It looks at the newest `LOOK_MAX` runs and no further, however many there are. Of a run that is over nothing changes
  any more but whether the operator has answered its thread: the rest is kept while the workspace is open.
- Nothing is opened: neither key nor text is needed. Why a message was left stands in its annotation.
- A proposal about a message that was forbidden before anybody was asked is left to the operator too: its run succeeds,
  and nobody else would hear what was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mainstay.kernel.values import Json

if TYPE_CHECKING:  # the command line reads the words of this file at every start
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import EventReader

LOOK_MAX = 200
SENDS = ".reply"  # the act that answers a message
NOTED = "annotate"  # the task that says what a message means
_KEPT_MAX = 4 * LOOK_MAX
_SAID_ANYWAY = frozenset({"language"})  # a flag that leaves no message to a person


def flags_of(noted: Mapping[str, Any]) -> tuple[str, ...]:
    """What was remarked about a message, by what its annotation says."""
    return tuple(str(one) for one in noted.get("flags", ()))


def is_left(noted: Mapping[str, Any], flags: tuple[str, ...]) -> bool:
    """Whether it got no draft for what was remarked: not where one was wanted, nor where nobody waits for any."""
    return not noted.get("reply_expected") and "machine" not in flags and bool(set(flags) - _SAID_ANYWAY)


@dataclass(slots=True)
class LeftToYou:
    """Finds them. Used by one thread at a time; reading takes no lock."""

    store: Callable[[], EventReader]
    state: Callable[[str], RunState]
    _known: dict[str, bool] = field(default_factory=dict)  # of runs that are over: whether they left theirs

    def rows(self) -> list[Json]:
        """Their runs, as rows of the view `runs`, newest first."""
        newest = self.store().select("runs", order="position", descending=True, limit=LOOK_MAX)
        return [dict(row) for row in newest if self.holds(row)]

    def count(self) -> int:
        """How many there are."""
        return len(self.rows())

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the message of this run is left to the operator, who has not answered it yet."""
        run = str(row["run"])
        if row["status"] != "succeeded" or not row["message"]:
            return False
        if run not in self._known:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            self._known[run] = self._left(run)
        return self._known[run] and not self._answered(row)

    def _left(self, run: str) -> bool:
        from mainstay.kernel.plan import PROPOSED
        from mainstay.kernel.state import Phase

        cards = self.store().select("approvals", where={"run": run}, order="requested_at", limit=LOOK_MAX)
        if cards and cards[-1]["status"] != "expired":
            return False
        state = self.state(run)
        tasks = [(state.name(number), task, state.spec(number).act) for number, task in state.all_tasks()]
        if any(task.phase is Phase.SUCCEEDED for _, task, act in tasks if act.endswith(SENDS)):
            return False
        if state.head.workflow == PROPOSED:
            return not cards and any(act and task.phase is Phase.SKIPPED for _, task, act in tasks)
        noted = next((task.output or {} for name, task, _ in tasks if name == NOTED), {})
        unanswered = bool(cards)  # a card that nobody answered in time sent nothing
        return unanswered or is_left(noted, flags_of(noted))

    def _answered(self, row: Mapping[str, Any]) -> bool:
        """Whether an answer of the operator's own was seen in the thread since."""
        received = self.store().get("messages", (row["message"],))
        if received is None or not received["thread"]:
            return False
        own = {"thread": received["thread"], "own": 1}
        return bool(
            self.store().select("messages", where=own, order="position", after=row["position"], limit=1)
        )
