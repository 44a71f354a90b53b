"""To whom we wrote, how often and when: what `recipient_known` and the limit of replies to one person look at."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import Event, SubjectForgotten, TaskSucceeded
from mainstay.kernel.ids import StreamId, SubjectId
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
WRITING = frozenset({"email.reply", "email.send"})  # acts that write to the run's subject


class Recipients:
    """To whom we have written: what `recipient_known` looks at."""

    name = "recipients"
    version = 1
    tables = (
        Table(
            "recipients",
            (("subject", _TEXT), ("last_at", _INTEGER), ("count", _INTEGER)),
            key=("subject",),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded, SubjectForgotten})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail to the subject of the run. Who was forgotten is somebody new when they write again."""
        if isinstance(event, SubjectForgotten):
            return (Delete("recipients", (event.subject,)),)
        mail = _mail(event, run)
        if mail is None:
            return ()
        subject, _ = mail
        return (
            Put("recipients", (subject,), {"last_at": at}),
            Add("recipients", (subject,), {"count": 1}),
        )


class Written:
    """One row for each mail that went out."""

    name = "written"
    version = 1
    tables = (
        Table(
            "written",
            (("subject", _TEXT), ("position", _INTEGER), ("adapter", _TEXT), ("at", _INTEGER)),
            key=("subject", "position"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail to the subject of the run."""
        mail = _mail(event, run)
        if mail is None:
            return ()
        subject, action = mail
        return (Put("written", (subject, position), {"adapter": action.adapter, "at": at}),)


def _mail(event: Event, run: RunState | None) -> tuple[SubjectId, Action] | None:
    """To whom a task that succeeded wrote, and what sent it; None if it did anything else."""
    assert isinstance(event, TaskSucceeded)
    assert run is not None
    act = run.task(event.task).act
    subject = run.head.subject
    if act is None or subject is None or act.action.act not in WRITING:
        return None
    return subject, act.action
