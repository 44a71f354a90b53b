"""Memories as the ledger has them: every version with what it says, and what is derived from mail beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mainstay.kernel.errors import NotFound
from mainstay.kernel.events import MemoryRetracted
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventReader, Position
from mainstay.memory.records import CONTENT, Content, decoded
from mainstay.memory.units import Unit
from mainstay.runtime.artifacts import FORGOTTEN, Artifacts, SubjectForgotten
from mainstay.runtime.keeping import find_memory
from mainstay.workspace.opened_mail import opened

VERSIONS_MAX = 10_000
_NO_PLANS: dict[Digest, Plan] = {}
_CODEC = Codec(_NO_PLANS.__getitem__)  # of what happens to memories, which names no plan


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
    reason: str = ""  # why it was retracted, where somebody said

    @property
    def believed(self) -> bool:
        """Whether it is what is believed today, whatever the time it holds for."""
        return not self.superseded and not self.retracted


class Records:
    """Reads them. `files` is what the operator's own files give memory."""

    def __init__(
        self,
        store: Callable[[], EventReader],
        artifacts: Callable[[], Artifacts],
        files: Callable[[], tuple[Unit, ...]],
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._files = files

    def history(self, memory: str) -> list[MemoryVersion]:
        """Every version of a memory, oldest first; of something that is no record of its own, the one there is."""
        try:
            found = find_memory(self._store(), memory)
        except NotFound:
            derived = self._derived(memory)
            if derived is None:
                raise
            return [derived]
        return [self.version(row) for row in self.rows(found)]

    def said(self, unit_id: str) -> str:
        """What a unit of a log says today, in full; `[forgotten]` where that is gone, empty where it is unknown."""
        name, _, version = unit_id.rpartition("@")
        if not name:
            return self._said_by_files(unit_id)
        rows = [row for row in self.rows(name) if str(row["version"]) == version]
        if rows:
            return self.version(rows[0]).text
        derived = self._derived(name)
        return derived.text if derived is not None else ""

    def _said_by_files(self, unit_id: str) -> str:
        return next((one.text for one in self._files() if one.id == unit_id), "")

    def rows(self, memory: str) -> list[dict[str, Any]]:
        """The rows of all versions of a memory, oldest first."""
        return self._store().select("memories", where={"memory": memory}, order="version", limit=VERSIONS_MAX)

    def version(self, row: Mapping[str, Any]) -> MemoryVersion:
        """One row of the view, opened."""
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
            reason=self._reason(row["retracted"]),
        )

    def _reason(self, retracted: int) -> str:
        """Why it was retracted at this position: in the event alone, sealed."""
        if not retracted:
            return ""
        found = self._store().read_all(after=Position(retracted - 1), limit=1)
        event = _CODEC.event(found[0]) if found else None
        return self._artifacts().open_text(event.reason) if isinstance(event, MemoryRetracted) else ""

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
