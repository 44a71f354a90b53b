"""Memory through the SDK: add, search, show, retract, import, and why a task recalled what it did.

    with Workspace.open("my-desk") as workspace:
        kept = workspace.memory.add("The press kit lies in the shared folder.", tag="public")
        found = workspace.memory.search("where is the press kit")

A search asks the running director, which has its index open; where none runs, the index is opened from the ledger in
this process, without a lock. Keeping and retracting go through whichever door is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.memory.context import Context
from mainstay.memory.records import Note, checked
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import Clock
from mainstay.runtime.keeping import Kept, find_memory
from mainstay.workspace.doors import Door
from mainstay.workspace.memory_calls import keep, retract
from mainstay.workspace.memory_look import REBUILD, SEARCH, STATS, MemoryLook, MemoryStats, by_director
from mainstay.workspace.memory_records import MemoryVersion, Records
from mainstay.workspace.memory_uses import Use, Uses

if TYPE_CHECKING:
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import RecordedEvent
    from mainstay.memory.units import Unit
    from mainstay.workspace.assembly import Assembly
    from mainstay.workspace.importing import Form, Imported
    from mainstay.workspace.memory_shelf import FoundMemories, MemoryPage, Narrowed, Shelf
    from mainstay.workspace.recall_log import RecallLog
    from mainstay.workspace.remembered import Remembered


class Memory:
    """What is remembered in one workspace."""

    def __init__(
        self,
        door: Callable[..., AbstractContextManager[Door]],
        store: Callable[[], SqliteReader],
        artifacts: Callable[[], Artifacts],
        assembly: Callable[[], Assembly],
        state: Callable[[str], RunState],
        events: Callable[[str], Sequence[tuple[RecordedEvent, Any]]],
        clock: Clock,
    ) -> None:
        self._door = door
        self._store = store
        self._artifacts = artifacts
        self._assembly = assembly
        self._state = state
        self._events = events
        self._clock = clock
        self._look = MemoryLook(assembly, clock)
        self._records = Records(store, artifacts, self._files)
        self._uses = Uses(store, artifacts)

    def _files(self) -> tuple[Unit, ...]:
        from mainstay.workspace.agents import file_units

        return file_units(self._assembly().untyped)

    # --- keeping ---------------------------------------------------------------------------------------------------

    def add(
        self,
        text: str,
        *,
        space: str = "notes",
        kind: str = "note",
        memory: str = "",
        supersede: str = "",
        about: str = "",
        fields: Json | None = None,
        valid_from: int = 0,
        valid_to: int = 0,
        ttl_us: int = 0,
        tag: str = "",
        source: str = "operator",
        actor: str = "operator",
    ) -> Kept:
        """Remember a text: anew, as `memory`, or in place of the memory that `supersede` means.

        `about` is the address of the person it speaks of: it is sealed under their key and forgotten with them. The
        same twice is one memory. Raises `CommandRefused` for what cannot be remembered.
        """
        if memory and supersede:
            raise CommandRefused("It can have a new name or take the place of another, not both.")
        note = Note(
            text,
            space=space,
            kind=kind,
            memory=memory,
            fields=fields or {},
            about=about,
            source=source,
            valid_from=Instant(valid_from),
            valid_to=Instant(valid_to),
            expires_at=Instant(self._clock.now() + ttl_us) if ttl_us else Instant(0),
            tag=tag,
        )
        note = checked(note)  # before a door is opened: the text may be of any size, and no text at all
        if supersede:
            known = find_memory(self._store(), supersede)
            # Where it lies is no part of a correction.
            row = self._records.rows(known)[-1]
            note = replace(note, memory=known, space=str(row["space"]), kind=str(row["kind"]))
        return self.keep([note], actor=actor)[0]

    def keep(self, notes: Sequence[Note], *, actor: str = "operator") -> list[Kept]:
        """Remember many, in calls that the door takes; those of one call are kept together or not at all."""
        with self._door() as door:
            return keep(door, notes, actor=actor)

    def retract(self, *memories: str, reason: str = "", actor: str = "operator") -> list[Kept]:
        """Believe them no more; what they said stays in the ledger. Raises `NotFound` or `AmbiguousId`.

        `NAME@VERSION` says which version was shown: where it was corrected since, `CommandRefused` is raised.
        """
        with self._door() as door:
            return retract(door, memories, actor=actor, reason=reason)

    def import_paths(
        self,
        paths: Iterable[str | Path],
        *,
        space: str = "documents",
        tag: str = "",
        progress: Callable[[str, int, int], None] = lambda what, done, of: None,
    ) -> list[Imported]:
        """Take in documents, folders of them, and mbox files; what became of each file, refusals included.

        The same file again changes nothing; a changed one corrects its pieces and retracts those that are gone.
        """
        from mainstay.workspace.importing import Importer

        importer = Importer(self._door, self._store, self._artifacts, space=space, tag=tag)
        return importer.take([Path(path) for path in paths], progress)

    def import_text(
        self,
        name: str,
        text: str,
        *,
        form: Form = "markdown",
        title: str = "",
        source: str = "",
        space: str = "documents",
        tag: str = "",
        actor: str = "operator",
    ) -> Imported:
        """Take in a document that is handed over as text, and is known by its name; `source` says where it is from.

        The same again changes nothing, another text under the name corrects it. Raises `DocumentError`.
        """
        from mainstay.workspace.importing import Importer

        importer = Importer(self._door, self._store, self._artifacts, space=space, tag=tag, actor=actor)
        return importer.take_text(name, text, form=form, title=title, source=source)

    # --- finding ---------------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        space: str = "",
        kind: str = "",
        k: int = 10,
        as_of: int | None = None,
        policy: str = "",
    ) -> Context:
        """What is found for a query: in all that is remembered, or as a retrieval policy would.

        `as_of` asks what was believed at that position. Raises `CommandRefused` for a policy or a space that is not
        there.
        """
        look = {"space": space, "kind": kind, "k": k, "policy": policy}
        asked = look if as_of is None else look | {"as_of": as_of}
        told = self._by_director(SEARCH, {"query": query, **asked})
        return self._look.search(query, **asked) if told is None else msgspec.convert(told, Context)  # type: ignore[arg-type]

    def _by_director(self, operation: str, arguments: Json) -> Any:
        """Where a director has its index open, and this process has none; None elsewhere."""
        self._store()  # says that there is no ledger, if there is none
        assembly = self._assembly()
        return None if assembly.memory_is_open else by_director(assembly.folder, operation, arguments)

    @property
    def remembered(self) -> Remembered:
        """The index of this process, opened when it is first asked."""
        self._store()  # says that there is no ledger, if there is none
        return self._assembly().remembered

    def show(self, memory: str) -> MemoryVersion:
        """The last version of a memory. Raises `NotFound` or `AmbiguousId`."""
        return self._records.history(memory)[-1]

    def history(self, memory: str) -> list[MemoryVersion]:
        """Every version of a memory, oldest first; of something that is no record of its own, the one there is."""
        return self._records.history(memory)

    # --- leafing through -------------------------------------------------------------------------------------------

    def browse(self, wanted: Narrowed | None = None, *, before: int = 0, limit: int = 50) -> MemoryPage:
        """What is kept, newest first: records, and mail as memory has it; `before`: the position to go on from."""
        from mainstay.workspace.memory_shelf import Narrowed

        return self._shelf.page(wanted or Narrowed(), before=before, limit=limit)

    def find(self, query: str, wanted: Narrowed | None = None, *, k: int = 20) -> FoundMemories:
        """What a person finds who looks something up, with why each was found; narrowed by time and person, too."""
        from mainstay.workspace.memory_shelf import FOUND_FROM, Narrowed

        wanted = wanted or Narrowed()
        context = self.search(query, space=wanted.space, kind=wanted.kind, k=FOUND_FROM)
        return self._shelf.found(context, wanted, k=k)

    def about(self, memory: MemoryVersion) -> str:
        """The subject of whom a memory speaks; empty: nobody."""
        return self._shelf.about(memory)

    def uses(self, memory: str) -> tuple[int, list[Use]]:
        """How often a record was handed to a task, and where the last times; of the newest events, as far as known."""
        return self._uses.of(memory)

    @property
    def spaces(self) -> dict[str, str]:
        """Every space, and what lies there."""
        return dict(self._assembly().untyped.recalls.spaces)

    @property
    def _shelf(self) -> Shelf:
        from mainstay.workspace.memory_shelf import Shelf

        return Shelf(self._store, self._artifacts, self._records)

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, of: None) -> MemoryStats:
        """Make the index anew from the ledger, and compute every vector that is missing; how it stands then.

        A director at work makes its own anew, and computes the vectors by itself afterwards.
        """
        told = self._by_director(REBUILD, {})
        if told is not None:
            return msgspec.convert(told, MemoryStats)
        self.remembered.rebuild()
        self.fill(progress)
        return self.stats()

    def fill(self, progress: Callable[[int, int], None] = lambda done, of: None) -> int:
        """Compute the vectors that are missing, here and now; how many it were."""
        remembered, done = self.remembered, 0
        remembered.catch_up()
        of = remembered.missing
        while part := remembered.fill():
            done += part
            progress(done, max(of, done))
        return done

    def stats(self) -> MemoryStats:
        """Memory in numbers, and whether it searches by meaning."""
        told = self._by_director(STATS, {})
        return self._look.stats() if told is None else msgspec.convert(told, MemoryStats)

    # --- why -------------------------------------------------------------------------------------------------------

    def why(self, run: str, task: str, *, attempt: int = 0) -> list[RecallLog]:
        """What a task recalled, what was dropped and why: of one attempt, or of all of them.

        `task` is its name or its number. Raises `NotFound` where there is no such task, or it recalled nothing.
        """
        from mainstay.workspace.recall_log import recall_logs

        state = self._state(run)
        return recall_logs(
            state, self._events(state.head.run), task, attempt, self._artifacts(), self._records.said
        )

    def recalled(self, state: RunState, events: Sequence[tuple[RecordedEvent, Any]]) -> list[RecallLog]:
        """The logs of these recalls of a run, in order."""
        from mainstay.workspace.recall_log import opened_log

        return [
            opened_log(state, recorded, event, self._artifacts(), self._records.said)
            for recorded, event in events
        ]
