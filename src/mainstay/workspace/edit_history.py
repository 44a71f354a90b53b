"""What became of a workflow, a template or the rules: each version that came into force, each file that was saved, by
whom and by which device. Read from the view `adoptions`; nothing of it is ever lost, whatever becomes of the files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from mainstay.kernel.errors import NotFound, WorkflowError
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workflows.loader import read_workflow
from mainstay.workspace.edited_files import NOTHING, POLICY, TEMPLATE, WORKFLOW, Place

ENTRIES_MAX = 200
DIGEST_MIN = 4
FROM_FILES = "the files"  # found changed at a start, or applied


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to it."""

    position: int
    at: Instant
    what: str  # "in force", "retired", "saved", "removed"
    digest: Digest  # by which it is known: of the definition, the template, the rules or the file
    text: Digest = NOTHING  # of the file, where the ledger has it
    version: int = 0  # of a workflow
    actor: str = FROM_FILES
    device: str = ""
    in_force: bool = False  # now


class EditHistory:
    """The history of one workspace's files."""

    def __init__(self, store: SqliteReader, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def of_workflow(self, name: str, place: Place | None = None) -> list[Entry]:
        """Newest first."""
        row = self._store.get("workflows", (name,))
        current = str(row["definition"]) if row is not None else ""
        place = place or Place(WORKFLOW, name)
        entries = self._merged(WORKFLOW.word, name, place, current)
        return [one if one.text or not one.version else self._with_text(one, place) for one in entries]

    def of_file(self, place: Place, workflow: str = "") -> list[Entry]:
        """Of one file and of what it says, newest first; `workflow` is the name that a file of one says."""
        if place.kind is WORKFLOW:
            return self.of_workflow(workflow or place.name, place)
        return self.of_template(place.name) if place.kind is TEMPLATE else self.of_policy(place)

    def of_template(self, name: str) -> list[Entry]:
        """Newest first."""
        row = self._store.get("templates", (name,))
        current = str(row["template"]) if row is not None else ""
        entries = self._merged(TEMPLATE.word, name, Place(TEMPLATE, name), current)
        return [
            one if one.text or one.what != "in force" else replace(one, text=one.digest) for one in entries
        ]

    def of_policy(self, place: Place) -> list[Entry]:
        """Of one file of rules: the times at which what it says came into force otherwise than before; newest first."""
        row = self._store.get("house", ("policy",))
        current = str(row["value"]) if row is not None else ""
        entries = self._merged(POLICY.word, "", place, current)
        told: list[Entry] = []
        before: str | None = None
        for one in reversed(entries):
            said = self.text_in_policy(one.digest, place) if one.what == "in force" else None
            if one.what == "in force" and said == before:
                continue  # another file of the rules changed
            if one.what == "in force":
                before = said
            told.append(one)
        return list(reversed(told))

    def of_rules(self) -> list[Entry]:
        """Of all rules together, newest first."""
        row = self._store.get("house", ("policy",))
        rows = self._rows(POLICY.word, "")
        current = str(row["value"]) if row is not None else ""
        return _once([self._entry(one, current) for one in rows])

    def text(self, digest: str) -> str | None:
        """What a file said; None where the ledger does not have it."""
        try:
            return self._blobs.read(Digest(digest)).decode("utf-8-sig").replace("\r\n", "\n")
        except (NotFound, UnicodeDecodeError, ValueError):
            return None

    def text_in_policy(self, digest: str, place: Place) -> str | None:
        """What one file of the rules said when these were adopted; None where there was no such file."""
        kept = self.text(digest)
        try:
            files = dict(json.loads(kept)["files"]) if kept is not None else {}
        except (ValueError, KeyError, TypeError):
            return None
        said = files.get(place.file)
        return said.replace("\r\n", "\n") if isinstance(said, str) else None

    # --- within ----------------------------------------------------------------------------------------------------

    def _rows(self, kind: str, name: str) -> list[Json]:
        where = {"kind": kind, "name": name}
        return self._store.select(
            "adoptions", where=where, order="position", descending=True, limit=ENTRIES_MAX
        )

    def _merged(self, kind: str, name: str, place: Place, current: str) -> list[Entry]:
        saved = {int(row["at"]): row for row in self._rows("file", place.file)}
        entries = []
        for row in self._rows(kind, name):
            entry = self._entry(row, current)
            by = saved.pop(int(row["at"]), None)  # of one tick: the file was saved, and so came into force
            entries.append(entry if by is None else self._saved_by(entry, by))
        entries += [self._of_file(row) for row in saved.values()]
        entries.sort(key=lambda one: one.position, reverse=True)
        return _once(entries[:ENTRIES_MAX])

    def _entry(self, row: Json, current: str) -> Entry:
        digest = Digest(str(row["digest"]))
        what = "in force" if digest else "retired"
        entry = Entry(
            int(row["position"]),
            Instant(int(row["at"])),
            what,
            digest,
            text=Digest(str(row["raw"])),
            version=int(row["version"]),
        )
        return replace(entry, in_force=bool(digest) and digest == current)

    def _saved_by(self, entry: Entry, row: Json) -> Entry:
        text = Digest(str(row["digest"])) or entry.text
        return replace(entry, text=text, actor=str(row["actor"]), device=self._device(str(row["via"])))

    def _of_file(self, row: Json) -> Entry:
        digest = Digest(str(row["digest"]))
        return Entry(
            int(row["position"]),
            Instant(int(row["at"])),
            "saved" if digest else "removed",
            digest,
            text=digest,
            actor=str(row["actor"]),
            device=self._device(str(row["via"])),
        )

    def _with_text(self, entry: Entry, place: Place) -> Entry:
        """A version of before texts were kept: the one that took its place kept it, if that is what it replaced."""
        for row in reversed(self._rows("file", place.file)):
            if int(row["position"]) > entry.position:
                before = Digest(str(row["replaced"]))
                if before and self._means(before, place) == entry.digest:
                    return replace(entry, text=before)
                return entry
        return entry

    def _means(self, text: Digest, place: Place) -> str:
        """The definition that a text of a workflow is; empty where it is none."""
        try:
            return read_workflow(self._blobs.read(text), place.file).plan.digest
        except (NotFound, WorkflowError):
            return ""

    def _device(self, device: str) -> str:
        row = self._store.get("devices", (device,)) if device else None
        return str(row["name"]) if row is not None else device[:8]


def _once(entries: list[Entry]) -> list[Entry]:
    """The same, with what is in force now marked once: a version may have come into force more than once."""
    newest = next((one.position for one in entries if one.in_force), 0)
    return [replace(one, in_force=one.position == newest) for one in entries]
