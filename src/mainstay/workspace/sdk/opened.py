"""`Opened`: a workspace opened for reading. What the other nouns stand on.

Everything here is opened when it is first needed and kept until `close`: a list of cards needs no settings, a page of
costs no keys. Reading takes no lock and sees what is committed; readers go by what the ledger kept, and not by today's
files. What is read with it, and what it is called, is left to the nouns.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.clock import Clock, SystemClock
from mainstay.workspace.folder import Folder, open_vault

if TYPE_CHECKING:
    from mainstay.config.settings import Settings
    from mainstay.kernel.plan import Plan
    from mainstay.ledger.blobs import BlobStore
    from mainstay.ledger.codec import Codec
    from mainstay.ledger.store import RecordedEvent
    from mainstay.runtime.artifacts import Artifacts
    from mainstay.workflows.document import Section
    from mainstay.workspace.assembly import Assembly
    from mainstay.workspace.known import KnownNow


class Opened:
    """The folder of a workspace, and what lies in it, for reading."""

    def __init__(self, folder: Folder, *, clock: Clock | None = None) -> None:
        self.folder = folder
        self._clock = clock or SystemClock()
        self._parsed: tuple[bytes, Section] | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a ledger yet: the first `ingest` or `up` writes it."""
        return self.folder.ledger.exists()

    @property
    def head(self) -> int:
        """The position of the ledger's last event."""
        return self._store.head

    def close(self) -> None:
        """Give up what was opened for reading."""
        opened = vars(self)
        if "_assembly" in opened:
            self._assembly.close_memory()
            if "artifacts" in vars(self._assembly):
                self._assembly.artifacts.vault.close()
        if "_store" in opened:
            self._store.close()
        if "_artifacts" in opened:
            self._artifacts.vault.close()
        for name in ("_store", "_blobs", "_artifacts", "_codec", "_assembly"):
            opened.pop(name, None)

    def rows(self, table: str, **options: Any) -> list[Json]:
        """Rows of any view: what the pages and reports are made from."""
        return self._store.select(table, **options)

    def count(self, table: str, **where: Any) -> int:
        """How many rows of a view are as given."""
        return self._store.count(table, where=where)

    @cached_property
    def _store(self) -> SqliteReader:
        if not self.folder.ledger.exists():
            self.folder.id  # noqa: B018  says that this is no workspace, if it is none
            raise NotFound(
                "There is nothing in this workspace yet.",
                why="Its ledger has not been written.",
                remedy="Run `mainstay ingest` to read the mailbox once, or `mainstay up` to go to work.",
            )
        return SqliteReader(self.folder.ledger, tables=None)

    @cached_property
    def _blobs(self) -> BlobStore:
        from mainstay.ledger.blobs import BlobStore

        return BlobStore(self.folder.blobs, self._store.blob, writable=False)

    @cached_property
    def _artifacts(self) -> Artifacts:
        from mainstay.runtime.artifacts import Artifacts

        return Artifacts(open_vault(self.folder, self._key()), self._blobs)

    @cached_property
    def _codec(self) -> Codec:
        from mainstay.ledger.codec import Codec

        return Codec(self._stored_plan)

    @cached_property
    def _assembly(self) -> Assembly:
        from mainstay.workspace.assembly import Assembly

        return Assembly(self.folder, self._store, writable=False)

    @cached_property
    def _known(self) -> KnownNow:
        from mainstay.workspace.known import KnownNow

        return KnownNow(self.folder.root)

    def _key(self) -> Path | None:
        from mainstay.config.sealing_key import key_of

        file = self.folder.root / "mainstay.toml"
        try:
            return key_of(file.read_bytes() if file.exists() else b"", self.folder.root)
        except (OSError, ValueError):
            return self._settings().workspace.key  # which says what is wrong with the file

    def _settings(self) -> Settings:
        # Of the operator's files only the settings are read: a slip in another one must not hide what waits.
        from mainstay.config.settings import FILE, read_settings

        file = self.folder.root / FILE
        return read_settings(file.read_bytes() if file.exists() else b"", self.folder.root)

    @property
    def _limits(self) -> Limits:
        one = self._settings().budgets
        return Limits(one.day_micros, one.month_micros, one.run_micros, one.workflow_micros)

    def _top(self) -> Section:
        """mainstay.toml as it stands, for what needs one table of it; read anew when it was changed."""
        from mainstay.config.toml import parse_toml

        file = self.folder.root / "mainstay.toml"
        text = file.read_bytes() if file.exists() else b""
        if self._parsed is None or self._parsed[0] != text:
            self._parsed = (text, parse_toml(text, file.name).top)
        return self._parsed[1]

    def _in_force(self) -> list[Digest]:
        rows = self._store.select("workflows", limit=1_000)
        return [Digest(str(row["definition"])) for row in rows]

    def _stored_plan(self, digest: Digest) -> Plan:
        """The plan as the ledger kept it: readers do not look at today's files."""
        from mainstay.kernel.plan import compile_plan
        from mainstay.workflows.canonical import restore

        return compile_plan(restore(self._blobs.read(digest)), digest)

    def _events(self, run: str) -> list[tuple[RecordedEvent, Any]]:
        return [(one, self._codec.event(one)) for one in self._store.read(run_stream(RunId(run)))]

    def _readable(self, event: Any) -> Any:
        """The event with its sealed texts as a person may read them."""
        from mainstay.runtime.artifacts import SEALED

        open_text = self._artifacts.open_text
        texts = {
            one.name: open_text(value)
            for one in fields(event)
            if isinstance(value := getattr(event, one.name), str) and value.startswith(SEALED)
            if not one.name.endswith("_sealed")  # the story opens these itself
        }
        return replace(event, **texts) if texts else event

    def _read_reason(self, row: Json) -> Json:
        """A row with its reason as a person may read it: what an outside system said may name somebody."""
        from mainstay.runtime.artifacts import SEALED

        reason = str(row["reason"] or "")
        return row | {"reason": self._artifacts.open_text(reason)} if reason.startswith(SEALED) else row

    def _view(self, content: Digest, subject: SubjectId | None) -> Json:
        view = self._artifacts.open_json(content, subject, b"message")
        return view or {"subject": "[forgotten]", "from_address": "[forgotten]", "text": ""}
