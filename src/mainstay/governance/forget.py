"""What is held about somebody, from the views: what a forgetting makes unreadable, and what it leaves.

Pure reading: nothing is opened here and nothing is changed. A subject is found where it wrote (`subject`), and where it
is one of several whom something concerns (`sealed_under` a joint subject that it is a member of).

What stays are keyed hashes: that a message came, to which thread it belongs, that a run was about somebody. They make
the same mail, delivered twice, nothing the second time. Without the key of the person nobody reads anything of them,
but whoever has the workspace's master key could test a guess at an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mainstay.kernel.ids import SubjectId
from mainstay.ledger.store import EventReader, Value

PAGE = 20_000
LESSONS = "lessons"
OUT_OF_REACH = (
    "the mails themselves: they lie in your mailbox and at the mail server",
    "copies of keys.sqlite3 that you keep elsewhere (`backup --keys-to`): with one, an old backup is readable",
    "files of yours: documents you imported, exports, templates, a folder that replies are delivered to",
    "what was sent to others: mail that left, and what a hosted model was asked",
)

Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Card:
    """A card that waits, and is withdrawn."""

    approval: str
    run: str
    act: str


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What a forgetting of one subject does.

    Attributes:
        known: Whether there is anything that can be forgotten.
        begun_at, done_at: When it was begun or done before; 0: never.
        messages: Mails that they wrote.
        named_in: Mails of others that name or quote them, which become unreadable as well.
        runs_open, runs_ended: Runs about any of these mails; the open ones are ended.
        cards: What waits for an answer in these runs.
        doubts: Acts of these runs of which only you can say whether they happened; they can still be answered.
        replies: Approved replies that were sent in these runs.
        memories: Notes that speak of them, by name.
        lessons: Lessons that their runs taught: fitted anew from what others taught, or retired.
        models: Fitted models, which are dropped and fitted anew.
        written: How many mails were written to them.
    """

    subject: SubjectId
    known: bool
    begun_at: int = 0
    done_at: int = 0
    messages: int = 0
    named_in: int = 0
    runs_open: tuple[str, ...] = ()
    runs_ended: int = 0
    cards: tuple[Card, ...] = ()
    doubts: int = 0
    replies: int = 0
    memories: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    written: int = 0
    out_of_reach: tuple[str, ...] = OUT_OF_REACH


@dataclass(frozen=True, slots=True)
class Whom:
    """A subject with the joint subjects that it is a member of: all keys that a forgetting destroys."""

    subject: SubjectId
    joints: frozenset[SubjectId]

    @property
    def owners(self) -> frozenset[SubjectId]:
        """All of them."""
        return self.joints | {self.subject}

    def concerns(self, row: Row) -> bool:
        """Whether a row that says whose it is and under which key it lies is about them."""
        return row["subject"] == self.subject or (row.get("sealed_under") or row["subject"]) in self.joints


def plan_of(store: EventReader, whom: Whom, *, known: bool) -> ForgetPlan:
    """What a forgetting does. `known`: whether any of its keys is there."""
    before = store.get("forgotten", (whom.subject,)) or {}
    messages = [row for row in rows_of(store, "messages", "position") if whom.concerns(row)]
    runs = [row for row in rows_of(store, "runs", "run") if whom.concerns(row)]
    names = [str(row["run"]) for row in runs]
    open_runs = tuple(name for name in names if store.get("open_runs", (name,)) is not None)
    replies = store.count("correspondence", where={"kind": "reply"})
    written = store.get("recipients", (whom.subject,))
    return ForgetPlan(
        whom.subject,
        known,
        begun_at=_int(before.get("begun_at")),
        done_at=_int(before.get("done_at")),
        messages=sum(row["subject"] == whom.subject for row in messages),
        named_in=sum(row["subject"] != whom.subject for row in messages),
        runs_open=open_runs,
        runs_ended=len(runs) - len(open_runs),
        cards=tuple(cards_of(store, open_runs)),
        doubts=sum(store.count("in_doubt", where={"run": name}) for name in names),
        replies=_replies(store, frozenset(names)) if replies else 0,
        memories=tuple(sorted({str(row["memory"]) for row in memories_of(store, whom)})),
        lessons=tuple(lessons_of(store, whom)),
        models=models_of(store),
        written=_int(written["count"]) if written is not None else 0,
    )


def rows_of(store: EventReader, table: str, order: str) -> Iterator[Row]:
    """Every row of a view, a page at a time."""
    after: Value = None
    while rows := store.select(table, order=order, after=after, limit=PAGE):
        yield from rows
        after = rows[-1][order]


def runs_of(store: EventReader, whom: Whom) -> list[str]:
    """Every run about them, ended ones too."""
    return [str(row["run"]) for row in rows_of(store, "runs", "run") if whom.concerns(row)]


def memories_of(store: EventReader, whom: Whom) -> list[Row]:
    """Every version of a memory that lies under a key of theirs, lessons apart."""
    return [row for row in _remembered(store) if row["subject"] in whom.owners and row["space"] != LESSONS]


def lessons_of(store: EventReader, whom: Whom) -> list[str]:
    """The lessons of which a version lies under a key of theirs, by name."""
    found = {row["memory"] for row in _remembered(store) if row["subject"] in whom.owners}
    return sorted(str(row["memory"]) for row in _latest(store, LESSONS) if row["memory"] in found)


def models_of(store: EventReader) -> tuple[str, ...]:
    """The models that were fitted: whatever was learned from may be in them."""
    return tuple(sorted({str(row["model"]) for row in store.select("fits", limit=PAGE)}))


def cards_of(store: EventReader, runs: Iterable[str]) -> Iterator[Card]:
    """The cards that wait in these runs."""
    for run in runs:
        waiting: Sequence[Row] = store.select(
            "approvals", where={"run": run, "status": "waiting"}, limit=1_000
        )
        for row in waiting:
            yield Card(str(row["approval"]), run, str(row["act"]))


def _remembered(store: EventReader) -> Iterator[Row]:
    return rows_of(store, "memories", "recorded")


def _latest(store: EventReader, space: str) -> Iterator[Row]:
    return (row for row in _remembered(store) if row["space"] == space and not row["superseded"])


def _replies(store: EventReader, runs: frozenset[str]) -> int:
    rows = rows_of(store, "correspondence", "position")
    return sum(row["kind"] == "reply" and row["run"] in runs for row in rows)


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
