"""What is to be remembered, on its way to the ledger: sealed, marked, and told from what is known already.

Rules of this file:

- Nothing is stored twice: what is known in the same words is not staged again, since a blob without an event would
  stay for ever.
- What speaks of a person is sealed under that person's key, so that it is forgotten with them; all else under a key of
  the house. A correction lies under the key of what it corrects. Keys are durable before anything sealed under them.
- Of whom it speaks stands in the sealed content, so that it is kept from drafts to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mainstay.kernel.commands import Remember, RetractMemory
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.projections.memory import last_version
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import EventReader
from mainstay.memory.records import ABOUT, CONTENT, Note, checked, encoded, mark_of, named
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.tick import Answer, Request

Ask = Callable[[Request], Awaitable[Answer]]
FITTING_MAX = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a note: new, corrected, known (nothing was written) or retracted."""

    memory: str
    version: int
    became: str


class Keeping:
    """Keeps and retracts for one director."""

    def __init__(self, store: EventReader, artifacts: Artifacts, ask: Ask) -> None:
        self._store = store
        self._artifacts = artifacts
        self._ask = ask

    async def remember(
        self, notes: Sequence[Note], *, actor: str, spaces: frozenset[str] | None = None
    ) -> list[Kept]:
        """Keep all of them, those of one call in one tick. Raises `CommandRefused` before any is kept."""
        vault = self._artifacts.vault
        good = [named(checked(note, spaces), vault.keyed_hash) for note in notes]
        vault.ensure_subjects({self._subject(note) for note in good})
        kept: list[Kept] = []
        asked = []
        for note in good:
            mark = mark_of(note, vault.keyed_hash)
            known = last_version(self._store, note.memory)
            if known is not None and known.mark == mark and not known.retracted:
                kept.append(Kept(note.memory, known.version, "known"))
                continue
            became = "new" if known is None else "corrected"
            kept.append(Kept(note.memory, 1 if known is None else known.version + 1, became))
            command = self.command(note, mark)
            asked.append(self._ask(Request(command, actor, blobs=self._artifacts.take_staged())))
        await asyncio.gather(*asked)
        return kept

    def command(self, note: Note, mark: str = "") -> Remember:
        """The command that keeps a note; its content is staged for the request. Its subject must have a key."""
        vault = self._artifacts.vault
        note = named(note, vault.keyed_hash)
        subject = self._subject(note)
        mark = mark or mark_of(note, vault.keyed_hash)
        if subject != house_subject(vault, note.owner):
            note = replace(note, fields={**note.fields, ABOUT: subject})
        return Remember(
            memory=note.memory,
            space=note.space,
            kind=note.kind,
            content=self._artifacts.put(encoded(note), subject, CONTENT),
            mark=mark,
            subject=subject,
            source=note.source,
            actor=note.actor,
            thread=note.thread,
            valid_from=note.valid_from,
            valid_to=note.valid_to,
            expires_at=note.expires_at,
            tag=note.tag,
        )

    def _subject(self, note: Note) -> SubjectId:
        """Whose key it lies under."""
        vault = self._artifacts.vault
        if note.about:
            return vault.subject(note.about)
        rows = self._store.select(
            "memories", where={"memory": note.memory}, order="version", descending=True, limit=1
        )
        before = str(rows[0]["subject"] or "") if rows else ""
        return SubjectId(before) if before else house_subject(vault, note.owner)

    async def retract(self, memories: Sequence[str], *, actor: str, reason: str = "") -> list[Kept]:
        """Believe none of them any more. Raises `NotFound` or `AmbiguousId` before any is retracted."""
        found = [find_memory(self._store, short) for short in memories]
        known = [last_version(self._store, memory) for memory in found]
        subject = house_subject(self._artifacts.vault, "operator")
        if reason:
            self._artifacts.vault.ensure_subjects([subject])
        sealed = self._artifacts.seal_text(reason, subject)
        await asyncio.gather(
            *(self._ask(Request(RetractMemory(memory, actor, sealed), actor)) for memory in found)
        )
        return [
            Kept(memory, one.version if one else 0, "known" if one and one.retracted else "retracted")
            for memory, one in zip(found, known, strict=True)
        ]


def house_subject(vault: Vault, owner: str) -> SubjectId:
    """The subject under whose key lies what speaks of nobody: of the operator, or of one document."""
    return vault.subject(f"memory:{owner}")


def find_memory(store: EventReader, short: str) -> str:
    """The memory that a name, or its beginning, means. Raises `NotFound` or `AmbiguousId`."""
    wanted = short.strip().lower().partition("@")[0]
    fitting: dict[str, None] = {}
    if wanted:
        rows: Sequence[Mapping[str, object]] = store.select("memories", where={"memory": wanted}, limit=1)
        if rows:
            return wanted
        rows = store.select("memories", order="memory", after=wanted, limit=10 * FITTING_MAX)
        fitting = {str(row["memory"]): None for row in rows if str(row["memory"]).startswith(wanted)}
    if not fitting:
        raise NotFound(
            f"There is no memory {short[:80]!r}.",
            why="No memory of this workspace has a name that begins so.",
            remedy="`mainstay memory search` shows the names of what it finds.",
        )
    if len(fitting) > 1:
        raise AmbiguousId(
            f"{short[:80]!r} fits {len(fitting)} memories.",
            why="For example " + ", ".join([*fitting][:3]) + ".",
            remedy="Write more of the name.",
            candidates=[*fitting][:FITTING_MAX],
        )
    return next(iter(fitting))
