"""Memory through the SDK: add, search, show, retract, import, and why a task recalled what it did.

    with Workspace.open("my-desk") as workspace:
        kept = workspace.memory.add("The press kit lies in the shared folder.", tag="public")
        found = workspace.memory.search("where is the press kit")

Reading opens the index from the ledger in this process and needs no lock; keeping and retracting go through whichever
door is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import EventReader
from mainstay.memory.records import CONTENT, TEXT_MAX, Content, Note, checked, decoded
from mainstay.runtime.artifacts import FORGOTTEN, Artifacts, SubjectForgotten
from mainstay.runtime.clock import Clock
from mainstay.runtime.keeping import Kept, find_memory
from mainstay.workspace.doors import Door

if TYPE_CHECKING:
    from mainstay.config.recall import Recalls
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import RecordedEvent
    from mainstay.memory.context import Context
    from mainstay.memory.policy import RetrievalPolicy
    from mainstay.workspace.assembly import Assembly
    from mainstay.workspace.importing import Imported
    from mainstay.workspace.recall_log import RecallLog
    from mainstay.workspace.remembered import Remembered, Standing

CALL_BYTES_MAX = 400_000  # of notes that are handed over at once: a line of the control socket is bounded
CALL_NOTES_MAX = 200
CALL_IDS_MAX = 2_000
WAITED_FOR_MAX = 64  # missing vectors that a search waits for: a second at worst
VERSIONS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """One version of a memory as the ledger has it. `text` is `[forgotten]` where its key was destroyed."""

    memory: str
    version: int
    space: str
    kind: str
    text: str
    fields: Json
    before: str
    source: str
    actor: str
    thread: str
    tag: str
    recorded: int  # position
    recorded_at: Instant
    superseded: int  # position; 0: no version took its place
    retracted: int  # position; 0: it is believed
    valid_from: Instant
    valid_to: Instant
    expires_at: Instant

    @property
    def believed(self) -> bool:
        """Whether it is what is believed today, whatever the time it holds for."""
        return not self.superseded and not self.retracted


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """Memory in numbers."""

    standing: Standing
    spaces: Mapping[str, int]  # what can be found now, by space
    superseded: int
    retracted: int
    digest: str
    embedder: str  # its name; empty where words alone are searched
    why_not: str  # why there is no embedder, and what to do


class Memory:
    """What is remembered in one workspace."""

    def __init__(
        self,
        door: Callable[..., AbstractContextManager[Door]],
        store: Callable[[], EventReader],
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
        checked(note)  # before a door is opened: the text may be of any size
        if supersede:
            known = find_memory(self._store(), supersede)
            # Where it lies is no part of a correction.
            row = self._rows(known)[-1]
            note = replace(note, memory=known, space=str(row["space"]), kind=str(row["kind"]))
        return self.keep([note], actor=actor)[0]

    def keep(self, notes: Sequence[Note], *, actor: str = "operator", door: Door | None = None) -> list[Kept]:
        """Remember many, in calls that the door takes; those of one call are kept together or not at all."""
        kept: list[Kept] = []
        with self._door() if door is None else nullcontext(door) as through:
            for part in _parts(notes):
                answer = through.ask("remember", {"notes": [asdict(note) for note in part], "actor": actor})
                kept += [Kept(**one) for one in answer["kept"]]
        return kept

    def retract(
        self, *memories: str, reason: str = "", actor: str = "operator", door: Door | None = None
    ) -> list[Kept]:
        """Believe them no more; what they said stays in the ledger. Raises `NotFound` or `AmbiguousId`."""
        kept: list[Kept] = []
        with self._door() if door is None else nullcontext(door) as through:
            for start in range(0, len(memories), CALL_IDS_MAX):
                some = list(memories[start : start + CALL_IDS_MAX])
                answer = through.ask("retract_memory", {"memories": some, "actor": actor, "reason": reason})
                kept += [Kept(**one) for one in answer["kept"]]
        return kept

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

        importer = Importer(
            self, self._door, self._store, self._artifacts, space=space, tag=tag, progress=progress
        )
        return importer.take([Path(path) for path in paths])

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
        from mainstay.config.recall import EVERYTHING

        recalls = self._assembly().untyped.recalls
        chosen = self._policy(recalls, policy or EVERYTHING)
        if space and space not in recalls.spaces:
            raise CommandRefused(
                f"There is no space {space!r}.", why="There are " + ", ".join(sorted(recalls.spaces)) + "."
            )
        narrowed = replace(
            chosen,
            spaces=(space,) if space else chosen.spaces,
            kinds=(kind,) if kind else chosen.kinds,
            hits_max=chosen.hits_max if policy else k,
        )
        remembered = self.remembered
        remembered.catch_up()
        if remembered.missing <= WAITED_FOR_MAX:
            remembered.fill(WAITED_FOR_MAX)
        return remembered.recall(narrowed, query, now=self._clock.now(), as_of=as_of)

    def _policy(self, recalls: Recalls, name: str) -> RetrievalPolicy:
        found = recalls.policies.get(name)
        if found is None:
            raise CommandRefused(
                f"There is no retrieval policy {name!r}.",
                why="There are " + ", ".join(sorted(recalls.policies)) + ".",
                remedy=f"Name one of these, or write [recall.{name}] in a file of policies/.",
            )
        return found

    @property
    def remembered(self) -> Remembered:
        """The index of this process, opened when it is first asked."""
        self._store()  # says that there is no ledger, if there is none
        return self._assembly().remembered

    def show(self, memory: str) -> MemoryVersion:
        """The last version of a memory. Raises `NotFound` or `AmbiguousId`."""
        return self.history(memory)[-1]

    def history(self, memory: str) -> list[MemoryVersion]:
        """Every version of a memory, oldest first; of something that is no record of its own, the one there is."""
        try:
            found = find_memory(self._store(), memory)
        except NotFound:
            derived = self._derived(memory)
            if derived is None:
                raise
            return [derived]
        return [self._version(row) for row in self._rows(found)]

    def rebuild(self) -> MemoryStats:
        """Make the index anew from the ledger and compute every missing vector."""
        self.remembered.rebuild()
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
        from mainstay.models.base import Unavailable

        remembered, store = self.remembered, self._store()
        standing = remembered.standing()
        embedder = self._assembly().memory_embedder
        gone = isinstance(embedder, Unavailable)
        counts = remembered.counts(self._clock.now())
        return MemoryStats(
            standing,
            counts,
            superseded=store.count("memories") - store.count("memories", where={"superseded": 0}),
            retracted=store.count("memories") - store.count("memories", where={"retracted": 0}),
            digest=remembered.digest(),
            embedder="" if isinstance(embedder, Unavailable) else embedder.model_id,
            why_not=f"{embedder.reason} {embedder.remedy}"
            if gone and isinstance(embedder, Unavailable)
            else "",
        )

    # --- why -------------------------------------------------------------------------------------------------------

    def why(self, run: str, task: str, *, attempt: int = 0) -> list[RecallLog]:
        """What a task recalled, what was dropped and why: of one attempt, or of all of them.

        `task` is its name or its number. Raises `NotFound` where there is no such task, or it recalled nothing.
        """
        from mainstay.workspace.recall_log import recall_logs

        state = self._state(run)
        return recall_logs(state, self._events(state.head.run), task, attempt, self._artifacts(), self.said)

    def said(self, unit_id: str) -> str:
        """What a unit of a log says today, in full; `[forgotten]` where that is gone, empty where it is unknown."""
        name, _, version = unit_id.rpartition("@")
        if not name:
            return self._said_by_files(unit_id)
        rows = [row for row in self._rows(name) if str(row["version"]) == version]
        if rows:
            return self._version(rows[0]).text
        derived = self._derived(name)
        return derived.text if derived is not None else ""

    def _said_by_files(self, unit_id: str) -> str:
        from mainstay.workspace.agents import file_units

        return next((one.text for one in file_units(self._assembly().untyped) if one.id == unit_id), "")

    # --- within ----------------------------------------------------------------------------------------------------

    def _rows(self, memory: str) -> list[dict[str, Any]]:
        return self._store().select("memories", where={"memory": memory}, order="version", limit=VERSIONS_MAX)

    def _version(self, row: Mapping[str, Any]) -> MemoryVersion:
        content = self._content(row)
        return MemoryVersion(
            memory=row["memory"],
            version=row["version"],
            space=row["space"],
            kind=row["kind"],
            text=content.text,
            fields=content.fields,
            before=content.before,
            source=row["source"] or "",
            actor=row["actor"] or "",
            thread=row["thread"] or "",
            tag=row["tag"] or "",
            recorded=row["recorded"],
            recorded_at=Instant(row["recorded_at"]),
            superseded=row["superseded"],
            retracted=row["retracted"],
            valid_from=Instant(row["valid_from"]),
            valid_to=Instant(row["valid_to"]),
            expires_at=Instant(row["expires_at"]),
        )

    def _content(self, row: Mapping[str, Any]) -> Content:
        subject = SubjectId(row["subject"]) if row["subject"] else None
        try:
            return decoded(self._artifacts().get(Digest(row["content"]), subject, CONTENT))
        except SubjectForgotten:
            return Content(FORGOTTEN)
        except (NotFound, msgspec.DecodeError):
            return Content("[its text is missing]")

    def _derived(self, name: str) -> MemoryVersion | None:
        """A message or a reply as the memory that it is."""
        plain = name.partition("@")[0].strip()
        row = self._store().get("correspondence", (plain,))
        if row is None:
            return None
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        from mainstay.workspace.opened_mail import opened

        try:
            unit = opened(row, lambda digest, context: self._artifacts().get(digest, subject, context), "")
        except SubjectForgotten:
            text, fields, actor = FORGOTTEN, {}, ""
        else:
            text, fields, actor = unit.text, unit.fields, unit.actor
        return MemoryVersion(
            memory=plain,
            version=1,
            space="mail",
            kind=str(row["kind"]),
            text=text,
            fields=fields,
            before="",
            source=f"run:{row['run']!s}" if row["run"] else "mailbox",
            actor=actor,
            thread=str(row["thread"] or ""),
            tag="customer",
            recorded=int(str(row["position"])),
            recorded_at=Instant(int(str(row["at"]))),
            superseded=0,
            retracted=0,
            valid_from=Instant(0),
            valid_to=Instant(0),
            expires_at=Instant(0),
        )


def _parts(notes: Sequence[Note]) -> Iterable[list[Note]]:
    part: list[Note] = []
    size = 0
    for note in notes:
        weight = 600 + len(msgspec.json.encode(note)) if len(note.text) <= TEXT_MAX else CALL_BYTES_MAX
        if part and (size + weight > CALL_BYTES_MAX or len(part) >= CALL_NOTES_MAX):
            yield part
            part, size = [], 0
        part.append(note)
        size += weight
    if part:
        yield part
