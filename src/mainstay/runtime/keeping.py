"""What is to be remembered, on its way to the ledger: sealed, marked, and told from what is known already.

Rules of this file:

- Nothing is stored twice: what is known in the same words is not staged again, since a blob without an event would
  stay for ever.
- What speaks of a person is sealed under that person's key, so that it is forgotten with them; all else under a key of
  the house. A note that shows addresses lies under a joint key with theirs (`runtime.concern`); an imported document
  is the operator's own, and lies under its own. A correction lies under the key of what it corrects. Keys are durable
  before anything sealed under them.
- Of whom it speaks stands in the sealed content, so that it is kept from drafts to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mainstay.kernel.commands import Remember, RetractMemory
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.remembering import Known
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.projections.memory import last_version
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import EventReader
from mainstay.memory.records import ABOUT, CONTENT, Note, checked, decoded, encoded, mark_of, named
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.concern import Concern, concern, people_in
from mainstay.runtime.tick import Answer, Request

Ask = Callable[[Request], Awaitable[Answer]]
FITTING_MAX = 20
OPERATOR = "operator"  # the owner of notes that speak of nobody


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
        whom = [self._whom(note) for note in good]
        self._ensure(whom)
        kept: list[Kept] = []
        asked = []
        for note, concerned in zip(good, whom, strict=True):
            mark = mark_of(note, vault.keyed_hash)
            known = last_version(self._store, note.memory)
            if known is not None and known.mark == mark and not known.retracted:
                kept.append(Kept(note.memory, known.version, "known"))
                continue
            became = "new" if known is None else "corrected"
            kept.append(Kept(note.memory, 1 if known is None else known.version + 1, became))
            command = self.command(self._about(note), concerned.owner, mark)
            asked.append(self._ask(Request(command, actor, blobs=self._artifacts.take_staged())))
        await asyncio.gather(*asked)
        return kept

    def command(self, note: Note, subject: SubjectId, mark: str = "") -> Remember:
        """The command that keeps a note under a key that is there; its content is staged for the request.

        Raises `SubjectForgotten`. `mark` is the note's, where that is known.
        """
        hashed = self._artifacts.vault.keyed_hash
        note = named(note, hashed)
        mark = mark or mark_of(note, hashed)
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

    def _whom(self, note: Note) -> Concern:
        """Whom it concerns."""
        vault = self._artifacts.vault
        before = self._before(note)
        people = (
            list(vault.members(SubjectId(str(before["subject"])))) if before and before["subject"] else []
        )
        if note.about:
            people.insert(0, vault.subject(note.about))
        if not people:
            people.append(house_subject(vault, note.owner))
        if note.owner == OPERATOR:
            people += people_in(f"{note.before} {note.text}", vault.subject)
        return concern(vault, people[0], people)

    def _ensure(self, whom: Sequence[Concern]) -> None:
        joints = {one.joint: one.members for one in whom if one.joint is not None}
        self._artifacts.vault.ensure_subjects({one.owner for one in whom}, joints)

    def _about(self, note: Note) -> Note:
        """The note with whom it speaks of, where it speaks of somebody: as it says, or as what it corrects said."""
        if note.about:
            about: object = self._artifacts.vault.subject(note.about)
        else:
            before = self._before(note)
            about = self._said(before).get(ABOUT) if before is not None else None
        return replace(note, fields={**note.fields, ABOUT: about}) if about else note

    def _said(self, row: Mapping[str, object]) -> Json:
        try:
            content = self._artifacts.get(
                Digest(str(row["content"])),
                SubjectId(str(row["subject"])) if row["subject"] else None,
                CONTENT,
            )
            return decoded(content).fields
        except (SubjectForgotten, NotFound, ValueError):
            return {}

    def _before(self, note: Note) -> Mapping[str, object] | None:
        rows: Sequence[Mapping[str, object]] = self._store.select(
            "memories", where={"memory": note.memory}, order="version", descending=True, limit=1
        )
        return rows[0] if rows else None

    async def retract(self, memories: Sequence[str], *, actor: str, reason: str = "") -> list[Kept]:
        """Believe none of them any more; of `NAME@VERSION` only while that is what it says.

        Raises `NotFound`, `AmbiguousId` or `CommandRefused` before any is retracted.
        """
        found = [(find_memory(self._store, short), _version(short)) for short in memories]
        known = [self._as_shown(memory, version) for memory, version in found]
        subject = house_subject(self._artifacts.vault, OPERATOR)
        if reason:
            self._artifacts.vault.ensure_subjects([subject])
        sealed = self._artifacts.seal_text(reason, subject)
        commands = [RetractMemory(memory, actor, sealed, version) for memory, version in found]
        await asyncio.gather(*(self._ask(Request(one, actor)) for one in commands))
        for memory, version in found:
            self._as_shown(memory, version)  # corrected in the very moment: that one was not retracted
        return [
            Kept(memory, one.version if one else 0, "known" if one and one.retracted else "retracted")
            for (memory, _), one in zip(found, known, strict=True)
        ]

    def _as_shown(self, memory: str, version: int) -> Known | None:
        """The last version of it. Raises `CommandRefused` where another one was shown."""
        known = last_version(self._store, memory)
        if known is not None and version not in (0, known.version):
            raise CommandRefused(
                "Somebody corrected it meanwhile.",
                why=f"You had version {version} before you, and version {known.version} is what it says now.",
                remedy="That one was not taken back. Read what it says now, and take it back if it is still wrong.",
                memory=memory,
                version=known.version,
            )
        return known


def house_subject(vault: Vault, owner: str) -> SubjectId:
    """The subject under whose key lies what speaks of nobody: of the operator, or of one document."""
    return vault.subject(f"memory:{owner}")


def sealed_remark(artifacts: Artifacts, text: str) -> str:
    """What a person said of the house and of nobody's run, sealed: whoever is named in it is named in no ledger."""
    if not text.strip():
        return ""
    subject = house_subject(artifacts.vault, OPERATOR)
    artifacts.vault.ensure_subjects([subject])
    return artifacts.seal_text(text, subject)


def _version(short: str) -> int:
    """The version that is named; 0 where none is. Raises `CommandRefused` for one that binds nothing."""
    _, at, version = short.strip().partition("@")
    if not at:
        return 0
    if version.isascii() and version.isdigit() and len(version) < 10 and int(version):
        return int(version)
    raise CommandRefused(
        f"{version[:40]!r} is no version of a memory.",
        why="Behind the `@` stands the version that was shown. Nothing was taken back.",
        remedy="Write it as NAME@3; or the name alone for whatever it says now.",
    )


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
