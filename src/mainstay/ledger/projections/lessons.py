"""How much of each drafted reply a person changed, and for each lesson: with it, and where it was withheld.

No word of a text stands here, only counts of words: they stay when somebody is forgotten, and the effect of a lesson
can still be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import DraftJudged, Event
from mainstay.kernel.ids import RunId, StreamId
from mainstay.kernel.remembering import Known, mark_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, EventStore, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class JudgedDrafts:
    """One row for each draft that a person sent, and one for each lesson that it was, or might have been, made with."""

    name = "judged_drafts"
    version = 1
    tables = (
        Table(
            "judged_drafts",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("words", _INTEGER),
                ("changed", _INTEGER),
                ("recipe", _TEXT),
                ("position", _INTEGER),
                ("at", _INTEGER),
            ),
            key=("run", "task"),
            indexes=(("position",),),
        ),
        Table(
            "lesson_trials",
            (
                ("lesson", _TEXT),
                ("run", _TEXT),
                ("task", _INTEGER),
                ("given", _INTEGER),  # 1: the draft was made with it, 0: it was withheld
                ("words", _INTEGER),
                ("changed", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("lesson", "run", "task"),
            indexes=(("lesson", "position"),),
        ),
    )
    events = frozenset[type[Event]]({DraftJudged})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What a person made of one draft."""
        assert isinstance(event, DraftJudged)
        judged = {"words": event.words, "changed": event.changed, "position": position}
        rows: list[RowChange] = [
            Put("judged_drafts", (event.run, event.task), {**judged, "recipe": event.recipe, "at": at})
        ]
        for given, lessons in ((1, event.given), (0, event.withheld)):
            rows += (
                Put("lesson_trials", (lesson, event.run, event.task), {**judged, "given": given})
                for lesson in lessons
            )
        return rows


def last_judgement(store: EventStore, run: str, task: int) -> Known | None:
    """What a person made of this draft last."""
    row = store.get("judged_drafts", (run, task))
    if row is None:
        return None
    event = DraftJudged(RunId(run), task, int(str(row["words"])), int(str(row["changed"])), "")
    return mark_of(event)
