"""Lessons through the SDK: what edits of drafts taught, what it does to later drafts, and to take one back.

with Workspace.open("my-desk") as workspace:
    for one in workspace.lessons.all():
        print(one.lesson, one.before, one.after, one.figures.effect.reduction)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.governance.lessons import SPACE, LessonFigures, LessonReport, lessons_report
from mainstay.kernel.errors import NotFound
from mainstay.ledger.store import EventReader
from mainstay.runtime.artifacts import FORGOTTEN
from mainstay.runtime.keeping import find_memory

if TYPE_CHECKING:
    from mainstay.runtime.keeping import Kept
    from mainstay.workspace.memory import Memory


@dataclass(frozen=True, slots=True)
class TaughtLesson:
    """A lesson in words and figures. Where its key was destroyed the words are `[forgotten]`."""

    lesson: str
    version: int
    intent: str
    template: str
    before: tuple[str, ...]  # sentences that went
    after: tuple[str, ...]  # and those that came
    anchor: str  # the sentence after which something was added
    situation: str
    runs: tuple[str, ...]  # whose edits agree on it
    recorded_at: int
    retracted: bool
    figures: LessonFigures

    @property
    def applicable(self) -> bool:
        """Whether it can be applied on this device; one with a gap only guides a model."""
        from mainstay.agents.lessons import Change

        return Change(self.before, self.after, self.anchor).applicable


class Lessons:
    """What edits of drafts taught in one workspace."""

    def __init__(self, store: Callable[[], EventReader], memory: Callable[[], Memory]) -> None:
        self._store = store
        self._memory = memory

    def report(self) -> LessonReport:
        """What lessons do to later drafts, in numbers alone: each, and all of them together."""
        return lessons_report(self._store())

    def all(self, *, retracted: bool = False) -> list[TaughtLesson]:
        """The lessons in force, the newest first; with those that were retired where that is asked."""
        return [self._told(one) for one in self.report().lessons if retracted or not one.retracted]

    def show(self, lesson: str) -> TaughtLesson:
        """One lesson. Raises `NotFound` or `AmbiguousId`."""
        try:
            found = find_memory(self._store(), lesson)
        except NotFound:
            raise NotFound(
                f"There is no lesson {lesson[:80]!r}.",
                why="No lesson of this workspace has a name that begins so.",
                remedy="`mainstay lessons --all` lists them, retired ones too.",
            ) from None
        for one in self.report().lessons:
            if one.lesson == found:
                return self._told(one)
        raise NotFound(
            f"{found} is no lesson.",
            why=f"It lies in another space of memory than {SPACE!r}.",
            remedy="`mainstay lessons` lists all; `mainstay memory show` shows other memories.",
        )

    def retire(self, lesson: str, *, reason: str = "", actor: str = "operator") -> Kept:
        """Apply a lesson no more; taught again, it begins anew. Raises `NotFound` or `AmbiguousId`."""
        (kept,) = self._memory().retract(self.show(lesson).lesson, reason=reason, actor=actor)
        return kept

    def __iter__(self) -> Iterator[TaughtLesson]:
        return iter(self.all())

    def _told(self, figures: LessonFigures) -> TaughtLesson:
        row = self._memory().show(figures.lesson)
        fields = row.fields
        gone = row.text == FORGOTTEN
        return TaughtLesson(
            figures.lesson,
            figures.version,
            str(fields.get("intent", "")),
            str(fields.get("template", "")),
            (FORGOTTEN,) if gone else tuple(map(str, fields.get("before", ()))),
            tuple(map(str, fields.get("after", ()))),
            str(fields.get("anchor", "")),
            row.text,
            tuple(map(str, fields.get("agreeing", ()))),
            figures.recorded_at,
            figures.retracted,
            figures,
        )
