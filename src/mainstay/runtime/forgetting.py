"""Forgetting somebody: the steps, each of which may be done twice, so that a crash between any two is gone on from.

1. `ForgettingBegun` is in the ledger.
2. Nothing is taken in meanwhile; runs that are about them are ended, and their cards with them.
3. Their key is destroyed, with every joint key they are a member of, and the keys of the fitted models.
4. Memories that speak of them are retracted; lessons that they taught are fitted anew from what others taught.
5. Indexes, caches and fitted models are dropped and made anew, without them.
6. `SubjectForgotten` is in the ledger, with what was forgotten.

Rules of this file:

- Before step 3 nothing is lost, after it nothing can be read. What comes later only clears away what is unreadable, or
  could be made again from what was.
- An act that may have left stays in doubt: its card names nobody any more, and can be answered all the same.
- Nobody is asked here; who is to be forgotten is known by the subject alone, never by an address.
- What goes wrong is raised. The forgetting stands in the view `forgotten` as not done, and `go_on` takes it up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from mainstay.agents.lessons import lesson_of
from mainstay.governance.forget import Whom, lessons_of, memories_of, models_of, rows_of, runs_of
from mainstay.kernel.commands import (
    BeginForgetting,
    CancelRun,
    Command,
    FinishForgetting,
    RetractMemory,
    SupersedeRun,
)
from mainstay.kernel.errors import MainstayError, NotFound
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.state import Head
from mainstay.kernel.values import Digest
from mainstay.ledger.store import Value
from mainstay.memory.records import CONTENT, Content, Note, decoded
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.director import Director
from mainstay.runtime.keeping import Keeping, house_subject
from mainstay.runtime.tick import Answer, Request

ACTOR = "forgetting"
WHY = "whoever it is about was forgotten"
UNFINISHED_MAX = 10_000
AGAIN_AFTER_S = 60.0

Ask = Callable[[Request], Awaitable[Answer]]
Row = dict[str, Value]


class Besides(Protocol):
    """What is to be cleared away beside the ledger and the keys."""

    def still(self) -> AbstractAsyncContextManager[None]:
        """While this is entered, nothing new is taken in from outside."""
        ...

    async def drop(self, runs: list[str]) -> None:
        """Drop what indexes, caches and fitted models have of anybody whose key is gone; may be done twice."""
        ...


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was forgotten."""

    subject: SubjectId
    runs: int
    messages: int
    memories: int
    lessons: int
    models: tuple[str, ...]


class Forgetting:
    """Forgets for one director. `reached` hears of each step that is done; tests end the process there."""

    def __init__(
        self,
        director: Director,
        artifacts: Artifacts,
        ask: Ask,
        besides: Besides,
        *,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
        reached: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._director = director
        self._store = director.store
        self._artifacts = artifacts
        self._ask = ask
        self._besides = besides
        self._keeping = Keeping(director.store, artifacts, ask)
        self._noticed = noticed
        self._reached = reached
        self._turn = asyncio.Lock()

    async def forget(self, subject: str, *, actor: str) -> Forgot:
        """Forget somebody for good. Raises `NotFound` where nothing of them can be forgotten."""
        whom = SubjectId(subject)
        async with self._turn:
            if whom not in self.unfinished():
                self._refuse_unknown(whom)
                await self._ask(Request(BeginForgetting(whom, actor), actor))
            self._reached("begun")
            return await self._carry(whom)

    async def go_on(self) -> list[Forgot]:
        """Carry what was begun and not finished to its end."""
        async with self._turn:
            return [await self._carry(subject) for subject in self.unfinished()]

    async def begin(self) -> None:
        """Carry what an earlier director left unfinished to its end, before anything is taken in.

        What goes wrong is told, and tried again by `run`.
        """
        try:
            await self.go_on()
        except Exception as error:  # a director that cannot finish this does all else
            self._noticed("forgetting", error)

    async def run(self) -> None:
        """Try again what could not be finished, until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_AFTER_S)
            await self.begin()

    def unfinished(self) -> list[SubjectId]:
        """Whose forgetting was begun and is not finished."""
        rows = self._store.select("forgotten", where={"done_at": None}, limit=UNFINISHED_MAX)
        return [SubjectId(str(row["subject"])) for row in rows]

    # --- the steps -------------------------------------------------------------------------------------------------

    async def _carry(self, subject: SubjectId) -> Forgot:
        vault = self._artifacts.vault
        async with self._besides.still():
            whom = Whom(subject, frozenset(vault.joints(subject)))
            runs = runs_of(self._store, whom)
            await self._end_runs(whom)
            self._reached("runs ended")
            models = models_of(self._store)
            vault.forget(subject)
            for model in models:
                vault.forget(house_subject(vault, model))
            self._reached("keys destroyed")
            memories = await self._retract(whom)
            self._reached("memories retracted")
            lessons = await self._refit(whom, frozenset(runs))
            self._reached("lessons fitted anew")
            await self._besides.drop(runs)
            self._reached("caches dropped")
            messages = sum(map(whom.concerns, rows_of(self._store, "messages", "position")))
            done = Forgot(subject, len(runs), messages, memories, lessons, models)
            await self._tell(FinishForgetting(subject, len(runs), messages, memories, lessons, models))
            self._reached("finished")
        vault.tidy()
        return done

    async def _end_runs(self, whom: Whom) -> None:
        """End what is open about them: without taking anything back where that is possible."""
        about = [run for run, one in self._director.runs.items() if _is_about(whom, one.state.head)]
        await asyncio.gather(*(self._tell(SupersedeRun(run, WHY)) for run in about))
        left = [run for run in about if self._is_open(run)]
        await asyncio.gather(*(self._tell(CancelRun(run, ACTOR, WHY)) for run in left))

    def _is_open(self, run: RunId) -> bool:
        one = self._director.runs.get(run)
        return one is not None and not one.state.ended

    async def _retract(self, whom: Whom) -> int:
        rows = memories_of(self._store, whom)
        believed = {str(row["memory"]) for row in rows if not row["retracted"] and not row["superseded"]}
        await asyncio.gather(*(self._tell(RetractMemory(name, ACTOR, WHY)) for name in sorted(believed)))
        return len({row["memory"] for row in rows})

    # --- lessons ---------------------------------------------------------------------------------------------------

    async def _refit(self, whom: Whom, runs: frozenset[str]) -> int:
        """Lessons without them: as the last version of what others taught has it; none where nobody else did."""
        theirs = set(lessons_of(self._store, whom))
        touched = 0
        for row in list(rows_of(self._store, "memories", "recorded")):
            if row["space"] != "lessons" or row["superseded"]:
                continue
            name = str(row["memory"])
            if row["retracted"]:
                touched += name in theirs
                continue
            versions = self._store.select(
                "memories", where={"memory": name}, order="version", descending=True, limit=1_000
            )
            if name not in theirs and not runs & set(_agreeing(self._content(versions[0]))):
                continue
            touched += 1
            await self._fit_anew(name, versions, runs)
        return touched

    async def _fit_anew(self, name: str, versions: list[Row], runs: frozenset[str]) -> None:
        for row in versions:
            content = self._content(row)
            left = [run for run in _agreeing(content) if run not in runs]
            if content is None or not left:
                continue
            if row is versions[0] and left == list(_agreeing(content)):
                return  # what is in force is of others alone
            note = Note(
                content.text,
                str(row["space"]),
                str(row["kind"]),
                name,
                {**content.fields, "agreeing": left},
                content.before,
                source=str(row["source"] or ""),
                actor=ACTOR,
            )
            command = self._keeping.command(note, SubjectId(str(row["subject"])))
            await self._ask(Request(command, ACTOR, blobs=self._artifacts.take_staged()))
            return
        await self._tell(RetractMemory(name, ACTOR, WHY))

    def _content(self, row: Row) -> Content | None:
        """What a version of a lesson says; None where its key is gone."""
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        try:
            return decoded(self._artifacts.get(Digest(str(row["content"])), subject, CONTENT))
        except (SubjectForgotten, MainstayError, ValueError):
            return None

    # --- within ----------------------------------------------------------------------------------------------------

    def _refuse_unknown(self, subject: SubjectId) -> None:
        vault = self._artifacts.vault
        if any(map(vault.knows, (subject, *vault.joints(subject)))):
            return
        row = self._store.get("forgotten", (subject,))
        raise NotFound(
            "They were forgotten before." if row is not None else "Nobody of this workspace is that.",
            why="There is no key under which anything of them is sealed.",
            remedy="Another address of theirs is somebody else here: name that one.",
            subject=subject,
        )

    async def _tell(self, command: Command) -> Answer:
        return await self._ask(Request(command, ACTOR))


def _is_about(whom: Whom, head: Head) -> bool:
    return head.subject == whom.subject or head.owner in whom.owners


def _agreeing(content: Content | None) -> tuple[str, ...]:
    """The runs whose edits agree on a lesson."""
    lesson = lesson_of(content.fields) if content is not None else None
    return lesson.agreeing if lesson is not None else ()
