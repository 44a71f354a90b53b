"""`Workspace.today`: what somebody wants to know who opens the workspace in the morning.

    for one in workspace.today.went_out(limit=10):
        print(one.at, one.act, one.recipients, one.authority)

What needs the operator, `approvals`, `in_doubt`, `steering.dead_letters` and `incidents` tell; here is what went out
and by whose word, what today took of money and minutes, and what the house has to say of itself. All of it is read by
bounded looks, however long the ledger is. Days of sums are UTC, as those of budgets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.governance.costs import costs, total
from mainstay.kernel.budget import day_of
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import DirectorStarted, KillSwitchThrown
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.kernel.values import DAY, Digest, Instant, Json
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import Position
from mainstay.runtime.clock import Clock

if TYPE_CHECKING:
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import RecordedEvent
    from mainstay.runtime.artifacts import Artifacts

LOOKED_AT = 60  # acts that were done last; beyond them nobody looks for one that is shown
EVENTS_MAX = 2_000  # a run of more is not folded for a line of a list
KNOWN_MAX = 1_024
KINDS_MAX = 1_000
FORGOTTEN = "[forgotten]"
BY_A_PERSON, BY_A_RULE, BY_ITSELF = "approval", "rule", "autonomy"


@dataclass(frozen=True, slots=True)
class Gone:
    """An act that left and cannot simply be put back: what, to whom, when, and by whose word."""

    run: RunId
    task: int
    workflow: str
    act: str
    title: str
    recipients: tuple[str, ...]
    at: Instant
    by: str  # approval: somebody said yes; rule: a rule lets it; autonomy: its kind earned that; empty: not known
    authority: str  # of these the card, the rule, or the kind of act


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of today (UTC), and what waits besides cards."""

    decided: int
    operator_us: int
    cost_micros: int
    runs: int
    sent: int  # mails that left
    to_review: int  # annotations that wait for a look
    letters: int  # dead letters that wait


@dataclass(frozen=True, slots=True)
class Changed:
    """A kind of act that goes further by itself than it did, or no longer does."""

    kind: str
    level: str
    at: Instant
    cause: str  # empty where it was granted
    reason: str
    proposed: bool  # it could be granted more, by proof


@dataclass(frozen=True, slots=True)
class Thrown:
    """The kill switch, while it is on."""

    at: Instant
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """The director's last start; `unclean`: how many before it ended untimely, in a row."""

    at: Instant
    version: str
    unclean: int


@dataclass(frozen=True, slots=True)
class _Left:
    """Of an act that was done: what never changes, and names nobody."""

    act: str
    final: bool
    card: Digest | None
    subject: SubjectId | None
    authority: str


class Today:
    """One workspace, this morning."""

    def __init__(
        self,
        store: Callable[[], SqliteReader],
        artifacts: Callable[[], Artifacts],
        state_of: Callable[[str], RunState],
        event_of: Callable[[RecordedEvent], Any],
        clock: Clock,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._state_of = state_of
        self._event_of = event_of
        self._clock = clock
        self._known: OrderedDict[tuple[str, int], _Left] = OrderedDict()

    def went_out(self, *, limit: int = 10, since: Instant | int = 0) -> list[Gone]:
        """What left last, newest first; of acts that can simply be undone nothing is said."""
        found: list[Gone] = []
        rows = self._store().select("samples", order="done_at", descending=True, limit=LOOKED_AT)
        for row in rows:
            at = row["done_at"]
            if not isinstance(at, int) or at < since or len(found) == limit:
                break
            left = self._left(str(row["run"]), _whole(row["task"]))
            if left.final:
                found.append(self._told(row, left, Instant(at)))
        return found

    def figures(self) -> Figures:
        """What today was so far."""
        store, day = self._store(), day_of(self._clock.now())
        spent = total(costs(store, since=day, until=day))
        sent = store.select("replies", order="day", after=day - 1, limit=KINDS_MAX)
        return Figures(
            decided=spent.decisions,
            operator_us=spent.operator_us,
            cost_micros=spent.cost_micros,
            runs=spent.runs,
            sent=sum(_whole(row["count"]) for row in sent if row["day"] == day),
            to_review=store.count("annotations", where={"waits": 1}),
            letters=store.count("dead_letters", where={"status": "waiting"}),
        )

    def autonomy(self, *, since: Instant | int | None = None) -> list[Changed]:
        """What was granted or taken back of late (a week, unless it is said), newest first; then what could be."""
        after = self._clock.now() - 7 * DAY if since is None else since
        rows = self._store().select("autonomy", limit=KINDS_MAX)
        changed = [
            Changed(
                kind=str(row["kind"]),
                level=str(row["level"]),
                at=Instant(_whole(row["changed_at"])),
                cause=str(row["cause"] or ""),
                reason=self._artifacts().open_text(str(row["reason"])) if row["reason"] else "",
                proposed=row["proposed"] is not None,
            )
            for row in rows
            if _whole(row["changed_at"]) > after or row["proposed"] is not None
        ]
        return sorted(changed, key=lambda one: (-one.at, one.kind))

    def thrown(self) -> Thrown | None:
        """Who stopped everything, when and why; None while work goes on."""
        row = self._store().get("house", ("kill_switch",))
        if row is None or row["value"] != "on":
            return None
        event = self._at(_whole(row["position"]))
        at = Instant(_whole(row["at"]))
        if not isinstance(event, KillSwitchThrown):
            return Thrown(at, "", "")
        return Thrown(at, event.actor, self._artifacts().open_text(event.reason))

    def started(self) -> Started | None:
        """When the director that is at work, or was last, began."""
        row = self._store().get("house", ("epoch",))
        event = self._at(_whole(row["position"])) if row is not None else None
        if row is None or not isinstance(event, DirectorStarted):
            return None
        return Started(Instant(_whole(row["at"])), event.version, event.unclean)

    # --- within ----------------------------------------------------------------------------------------------------

    def _at(self, position: int) -> Any:
        found = self._store().read_all(after=Position(position - 1), limit=1)
        return self._event_of(found[0]) if found else None

    def _left(self, run: str, task: int) -> _Left:
        """What an act was. Kept, since it never changes; a run that is very long is not folded for it."""
        known = self._known.get((run, task))
        if known is not None:
            return known
        if self._store().version(run_stream(RunId(run))) > EVENTS_MAX:
            found = _Left("", True, None, None, "")
        else:
            state = self._state_of(run)
            act = state.task(task).act
            if act is None or state.undoes(task) is not None:
                found = _Left("", False, None, None, "")
            else:
                final = act.action.finality is not Finality.REVERSIBLE
                found = _Left(act.action.act, final, act.action.card, state.head.subject, act.authority)
        self._known[run, task] = found
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return found

    def _told(self, row: Json, left: _Left, at: Instant) -> Gone:
        shown: Json = {}
        if left.card is not None:
            opened = self._artifacts().open_json(left.card, left.subject, b"card")
            shown = {"title": FORGOTTEN, "recipients": [FORGOTTEN]} if opened is None else opened
        by, _, authority = left.authority.partition(":")
        return Gone(
            run=RunId(str(row["run"])),
            task=_whole(row["task"]),
            workflow=str(row["workflow"]),
            act=left.act,
            title=str(shown.get("title", "")),
            recipients=tuple(str(one) for one in shown.get("recipients", ())),
            at=at,
            by=by,
            authority=authority,
        )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
