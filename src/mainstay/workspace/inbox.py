"""`Workspace.inbox`: every message and what became of it, newest first, a page at a time.

    page = workspace.inbox.page(limit=50, needs_you=True)
    for one in page.messages:
        print(one.sender, one.outcome, one.why)

Rules of this file:

- What came in is a run, something that could not be read, or a message that began nothing. The three are read in one
  order, that of the ledger, each only as far as the page needs it: no page costs more for all that lies behind it.
- What somebody proposes about a message is a run too, and no message: it is left out.
- A page that looks for what needs a person looks through so many messages and no further (`LOOK_MAX`): it may be short,
  and says where to go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Any, Protocol

from mainstay.kernel.plan import PROPOSED
from mainstay.kernel.values import Json
from mainstay.workspace.triaged import FOR_YOU, NOT_TAKEN_BACK, REFUSED, UNHEARD, Asked, Reading, Triaged

if TYPE_CHECKING:
    from mainstay.workspace.left_to_you import LeftToYou

MESSAGE_MAX = 10_000
LOOK_MAX = 200  # the newest messages that are looked through for what needs a person: a third of a second
AT_ONCE = 200  # rows that are read together
BEGUN_SOON_MAX = 1_000  # runs after a message among which the one is that it began
OF_ONE_MAX = 100  # runs about one message
_NEW: Mapping[str, int] = {"own": 0, "history": 0}  # of messages: what came in, and should begin something
# What is counted by a look at messages, or by a view, and stands in no card.
LEFT = ("not_taken_back", "left_to_you", "failed", "refused", "unreadable", "unheard")
_Row = tuple[int, str, Json]  # position, view, row


class Holding(Asked, Protocol):
    """What is asked of a workspace here; `Workspace` is one."""

    @property
    def begun(self) -> bool:
        """See `Workspace.begun`."""

    @property
    def left(self) -> LeftToYou:
        """See `Workspace.left`."""

    def count(self, table: str, **where: Any) -> int:
        """See `Workspace.count`."""


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Some messages, newest first. `older`: before which position the next page begins; 0: there is none."""

    messages: tuple[Triaged, ...]
    older: int = 0


class Inbox:
    """The messages of one workspace."""

    def __init__(self, workspace: Holding) -> None:
        self._workspace = workspace

    def page(self, *, before: int = 0, limit: int = 50, needs_you: bool = False) -> InboxPage:
        """Messages that came before this position (0: the newest); `needs_you`: only what waits for a person."""
        if not self._workspace.begun:
            return InboxPage(())
        reading, found = Reading(self._workspace, sealed=False), list[Triaged]()
        rows = _Peeking(self._rows(before, limit))
        for looked, row in enumerate(rows, start=1):
            one = self._told(reading, row)
            if one is not None and (not needs_you or one.outcome in FOR_YOU):
                found.append(one)
            if len(found) == limit or looked >= max(limit, LOOK_MAX):
                return InboxPage(tuple(found), row[0] if rows.more else 0)
        return InboxPage(tuple(found))

    def newest(self, limit: int = MESSAGE_MAX, *, sealed: bool = False) -> list[Triaged]:
        """The newest messages, oldest first. `sealed`: nothing is opened, and no key is needed."""
        if not self._workspace.begun:
            return []
        reading, found = Reading(self._workspace, sealed=sealed), list[Triaged]()
        for row in self._rows(0, limit):
            one = self._told(reading, row)
            if one is not None:
                found.append(one)
            if len(found) == limit:
                break
        return found[::-1]

    def left(self) -> dict[str, int]:
        """How many of the newest messages are left to the operator without a card, and the dead letters that wait.

        Of what was given up counts only what is neither tried again nor put away, however old.
        """
        workspace = self._workspace
        if not workspace.begun:
            return dict.fromkeys(LEFT, 0)
        of = Counter(one.outcome for one in self.newest(LOOK_MAX, sealed=True))
        return {
            "not_taken_back": of[NOT_TAKEN_BACK],
            "left_to_you": workspace.left.count(),
            "failed": workspace.count("dead_letters", status="waiting", kind="run"),
            "refused": of[REFUSED],
            "unreadable": workspace.count("dead_letters", status="waiting", kind="message"),
            "unheard": of[UNHEARD],
        }

    # --- within ----------------------------------------------------------------------------------------------------

    def _told(self, reading: Reading, row: _Row) -> Triaged | None:
        _, view, columns = row
        match view:
            case "runs":
                return reading.of_run(columns)
            case "rejected":
                return reading.unreadable(columns)
            case _:
                return reading.unheard(columns)

    def _rows(self, before: int, limit: int) -> Iterator[_Row]:
        """What came in before a position, newest first: runs, what could not be read, and what began none."""
        at_once = max(AT_ONCE, limit)
        views = (
            self._of("runs", {}, before, at_once),
            self._of("rejected", {}, before, at_once),
            self._of("messages", _NEW, before, at_once),
        )
        # A message is older than the run it began, so that run was met before it, or lies just above the page.
        begun = self._begun_after(before)
        for row in merge(*views, key=lambda one: -one[0]):
            _, view, columns = row
            if view == "runs":
                if _is_proposal(columns):
                    continue
                begun.add(str(columns["message"] or ""))
            elif view == "messages" and self._began(str(columns["message"]), begun, before):
                continue
            yield row

    def _of(self, view: str, where: Mapping[str, Any], before: int, at_once: int) -> Iterator[_Row]:
        after = before or None
        while True:
            rows = self._workspace.rows(
                view, where=where, order="position", descending=True, after=after, limit=at_once
            )
            for row in rows:
                yield int(row["position"]), view, row
            if len(rows) < at_once:
                return
            after = int(rows[-1]["position"])

    def _begun_after(self, before: int) -> set[str]:
        if not before:
            return set()
        rows = self._workspace.rows("runs", order="position", after=before - 1, limit=BEGUN_SOON_MAX)
        return {str(row["message"] or "") for row in rows if not _is_proposal(row)}

    def _began(self, message: str, begun: set[str], before: int) -> bool:
        if message in begun or not before:
            return message in begun
        # It may have begun one long after it came in: rare, and worth a look at them all.
        rows = self._workspace.rows("runs", where={"message": message}, limit=OF_ONE_MAX)
        return any(not _is_proposal(row) for row in rows)


def _is_proposal(row: Json) -> bool:
    return row.get("workflow") == PROPOSED


class _Peeking:
    """Rows one after the other, and whether there is one more."""

    def __init__(self, rows: Iterator[_Row]) -> None:
        self._rows = rows
        self._next: _Row | None = next(rows, None)

    @property
    def more(self) -> bool:
        return self._next is not None

    def __iter__(self) -> Iterator[_Row]:
        while self._next is not None:
            row, self._next = self._next, next(self._rows, None)
            yield row
