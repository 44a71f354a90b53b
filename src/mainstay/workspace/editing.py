"""Workflows, templates and rules, edited: read, check, preview, save, retire. What is saved is an event and a file.

Nothing here is written but by `save` and `remove`, which go through the door: the director writes the file, records
who did it, and puts what it says in force. Both are bound to what the person was shown (`FileText.shown`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.config.files import load_recalls
from mainstay.config.policies import read_policy
from mainstay.kernel.errors import CommandRefused, ConfigError, NotFound, StorageFull
from mainstay.kernel.policy import Rule
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workflows.canonical import restore
from mainstay.workflows.catalog import Catalog
from mainstay.workflows.difference import Change, difference
from mainstay.workspace.doors import Door
from mainstay.workspace.edit_history import EditHistory, Entry
from mainstay.workspace.edited_files import (
    KINDS,
    NOTHING,
    POLICY,
    Kind,
    Place,
    digest_of,
    listed,
    place_named,
    place_of,
    read,
    require_looked_at,
    require_new_name,
)
from mainstay.workspace.judged_edit import Judged, judge, unseen, workflow_of
from mainstay.workspace.known import KnownNow
from mainstay.workspace.template_list import TemplateList

if TYPE_CHECKING:
    from mainstay.workspace.policies import Policies
    from mainstay.workspace.policy_compared import Compared

BOM = b"\xef\xbb\xbf"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class FileText:
    """A file as a person is shown it. `shown` is what saving it is bound to: empty for one that is not there."""

    file: str
    kind: str
    name: str
    text: str
    shown: Digest
    cannot: str = ""  # why it is not edited here: an editor can


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say of a text. With any error it is not saved."""

    errors: tuple[ConfigError, ...] = ()
    elsewhere: tuple[ConfigError, ...] = ()  # in other files, and not because of it


@dataclass(frozen=True, slots=True)
class EditPreview:
    """What saving a text would change."""

    before: str  # what the file says
    after: str
    shown: Digest  # what `before` is known by
    verdict: Verdict
    workflow: str = ""  # that it is
    changes: tuple[Change, ...] = ()  # in the workflow, in words
    runs: int = 0  # in flight, which stay on their version
    rules: Compared | None = None  # and which waiting cards they judge otherwise
    judged: int = 0  # runs whose waiting acts are looked at again
    asks_again: tuple[str, ...] = ()  # kinds of act that go by themselves and would not any more
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of it."""

    file: str
    content: Digest
    changed: tuple[str, ...]  # what is in force now, or no more
    waits_for: tuple[str, ...]  # mistakes elsewhere that keep it from coming into force
    live: bool


@dataclass
class Editing:
    """The editable files of one workspace."""

    root: Path
    door: Callable[[], AbstractContextManager[Door]]
    opened: Callable[[], tuple[SqliteReader, BlobStore]]
    policies: Callable[[], Policies]
    live: Callable[[], bool]  # a director is at work
    known: KnownNow

    def listed(self, kind: str) -> list[Place]:
        """The files of a kind ("workflow", "template", "policy") by name."""
        return listed(self.root, _kind(kind))

    @property
    def templates(self) -> TemplateList:
        """The templates, in force or in files."""
        return TemplateList(self.root, self.opened()[0])

    def rules_of(self, place: Place, text: str) -> tuple[Rule, ...]:
        """The rules of one file of them; none where it cannot be read."""
        try:
            return read_policy([(place.file, text.encode("utf-8", "replace"))]).rules
        except ConfigError:
            return ()

    def rules_in(self, name: str) -> int | None:
        """How many rules a file has; None where it cannot be read."""
        place = place_of(POLICY, name)
        try:
            return len(read_policy([(place.file, read(self.root, place) or b"")]).rules)
        except (ConfigError, CommandRefused):
            return None

    def read(self, kind: str, name: str) -> FileText:
        """A file. Raises `NotFound` where there is none."""
        place = place_of(_kind(kind), name)
        raw = read(self.root, place)
        if raw is None:
            raise NotFound(
                f"There is no file {place.file}.",
                why="It may have been removed.",
                remedy=f"Look at the list of what lies in {place.kind.folder}/.",
            )
        return _shown(place, raw)

    def blank(self, kind: str, name: str) -> FileText:
        """A file that is not there yet. Raises `CommandRefused` for a name that is none, or is taken."""
        place = place_of(_kind(kind), name)
        require_new_name(place)
        if read(self.root, place) is not None:
            raise CommandRefused(f"{place.file} is there already.", remedy="Edit it, or take another name.")
        return FileText(place.file, kind, name, "", NOTHING)

    def check(self, file: str, text: str) -> Verdict:
        """What is wrong with a text, by the code that loads the file. Nothing is written."""
        place = place_named(file)
        content = _bytes(text, read(self.root, place))

        def verdict() -> Verdict:
            judged = self._judge(place, content)
            return Verdict(judged.errors, judged.elsewhere)

        return self.known.remembered(f"verdict {file} {digest_of(content)}", verdict)

    def preview(self, file: str, text: str) -> EditPreview:
        """What saving a text would change. Nothing is written; with errors nothing is foreseen."""
        place = place_named(file)
        raw = read(self.root, place)
        content = _bytes(text, raw)
        judged = self._judge(place, content)
        verdict = Verdict(judged.errors, judged.elsewhere)
        before = _shown(place, raw).text if raw is not None else ""
        after = _shown(place, content).text
        if judged.errors:
            return EditPreview(before, after, digest_of(raw), verdict)
        told = self._foreseen(place, content)
        workflow, changes, runs, notes = self._of_workflow(place, judged)
        rules = None
        if place.kind is POLICY and judged.rules is not None:
            rules = self.policies().foreseen(judged.rules.policy)
            if load_recalls(self.root) != load_recalls(self.root, instead={place.file: content}):
                notes += ("Retrieval policies ([recall]) come into force at the next start of the director.",)
        return EditPreview(
            *(before, after, digest_of(raw), verdict, workflow, changes, runs, rules),
            judged=int(told.get("judged", 0)),
            asks_again=tuple(told.get("asks_again", ())),
            notes=notes,
        )

    def save(self, file: str, text: str, *, shown: str, actor: str = OPERATOR, via: str = "") -> Saved:
        """Write it and put it in force, if the file still says what was `shown` (empty: it is a new one).

        Raises `ConfigError` for what is wrong with it, `FileChanged` where somebody wrote it meanwhile, `StorageFull`
        where it cannot be made durable, which says what stands where.
        """
        place = place_named(file)
        content = _bytes(text, read(self.root, place))
        arguments: Json = {"file": file, "content": content.decode(), "shown": shown}
        return self._asked("save_file", place, content, arguments | {"actor": actor, "via": via})

    def remove(self, file: str, *, shown: str, actor: str = OPERATOR, via: str = "") -> Saved:
        """Remove the file and take what it says out of force. Raises the same."""
        arguments: Json = {"file": file, "shown": shown, "actor": actor, "via": via}
        return self._asked("remove_file", place_named(file), None, arguments)

    def apply_workflows(self, *, lost: bool = False, looked_at: str = "", actor: str = OPERATOR) -> Json:
        """Put the workflows of the folder in force, also while a director is at work; one mistake refuses all.

        `lost`: also where the folder has none, and some are in force. `looked_at`: what the folder said when it was
        shown (`flows.overview().in_files`); where it says something else, `FileChanged` says what that is.
        """
        self._require_looked_at(looked_at)  # before a lock is taken, which puts the files in force by itself
        said: Json = {"actor": actor, "lost": lost, "looked_at": looked_at}
        with self.door() as door:
            return {**door.ask("apply_workflows", said), "live": door.live}

    def happened(self, kind: str, name: str) -> list[Entry]:
        """What became of a file and of what it says, newest first; also of one that is gone. Raises `NotFound`."""
        place = place_of(_kind(kind), name)
        raw = read(self.root, place)
        entries = self.history.of_file(place, workflow_of(raw, place))
        if raw is None and not entries:
            raise NotFound(f"There is no file {place.file}.", why="There never was one, as far as is known.")
        return entries

    @property
    def history(self) -> EditHistory:
        """What became of each."""
        return EditHistory(*self.opened())

    # --- within ----------------------------------------------------------------------------------------------------

    def _require_looked_at(self, looked_at: str) -> None:
        if not looked_at:
            return
        files, _ = self.known.workflows()
        store, _ = self.opened()
        in_force = {
            str(row["name"]): str(row["definition"]) for row in store.select("workflows", limit=1_000)
        }
        require_looked_at(looked_at, {name: one.plan.digest for name, one in files.items()}, in_force)

    def _judge(self, place: Place, content: bytes) -> Judged:
        return judge(self.root, place, content, self.catalog())

    def catalog(self) -> Catalog:
        """What workflows may name, by the files as they are."""
        return self.known.catalog()

    def _foreseen(self, place: Place, content: bytes) -> Json:
        if not self.live():
            return {}  # nothing goes by itself, and cards are judged at the next start
        with self.door() as door:
            return door.ask("foresee_file", {"file": place.file, "content": content.decode()})

    def _of_workflow(
        self, place: Place, judged: Judged
    ) -> tuple[str, tuple[Change, ...], int, tuple[str, ...]]:
        found = judged.workflow(place)
        if found is None:
            return "", (), 0, ()
        name = found.workflow.name
        store, blobs = self.opened()
        row = store.get("workflows", (name,))
        notes: tuple[str, ...] = ()
        changes: tuple[Change, ...] = ()
        if row is not None and str(row["definition"]) != found.plan.digest:
            old = restore(blobs.read(Digest(str(row["definition"]))))
            changes = difference(old, found.workflow)
            if old.version == found.workflow.version:
                notes = (
                    f"It is version {old.version} still: a higher number tells people which one they look at.",
                )
        was = workflow_of(read(self.root, place), place)
        if was and was != name:
            notes += (f"The workflow {was} starts no more runs: the file is {name} from then on.",)
        return name, changes, store.count("open_runs", where={"workflow": name}), notes

    def _asked(self, operation: str, place: Place, content: bytes | None, arguments: Json) -> Saved:
        try:
            with self.door() as door:
                told = door.ask(operation, arguments)
                live = door.live
        except StorageFull as error:
            raise self._where(place, content, error) from error
        return Saved(
            str(told["file"]),
            Digest(str(told["content"])),
            tuple(told["changed"]),
            tuple(told["waits_for"]),
            live,
        )

    def _where(self, place: Place, content: bytes | None, error: StorageFull) -> StorageFull:
        """What stands where, when the ledger could not take it."""
        if read(self.root, place) != content:
            return error
        done = "is removed" if content is None else "is written"
        return StorageFull(
            f"{place.file} {done}, and the ledger has no space for it yet.",
            why="The disk is full. What was in force before stays in force.",
            remedy="Free some space: it comes into force then, or at the next start of the director. Nothing of your "
            "text is lost.",
        )


def _kind(word: str) -> Kind:
    kind = KINDS.get(word)
    if kind is None:
        raise NotFound(
            f"There is no kind of file {word[:40]!r}.", remedy="There is " + ", ".join(KINDS) + "."
        )
    return kind


def _shown(place: Place, raw: bytes) -> FileText:
    shown = digest_of(raw)
    if len(raw) > place.kind.size_max:
        cannot = f"It has more than {place.kind.size_max:,} bytes."
        return FileText(place.file, place.kind.word, place.name, "", shown, cannot)
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        cannot = "It is not UTF-8 text."
        return FileText(place.file, place.kind.word, place.name, "", shown, cannot)
    hidden = unseen(place, raw)
    cannot = f"Line {hidden[0].line}: {hidden[0].what}." if hidden else ""
    return FileText(place.file, place.kind.word, place.name, text, shown, cannot)


def _bytes(text: str, before: bytes | None) -> bytes:
    """The text as the file is written: with its line ends, its mark at the beginning and an end of the last line."""
    plain = text.replace("\r\n", "\n").removeprefix("\ufeff")
    if plain and not plain.endswith("\n") and (before is None or before.endswith(b"\n")):
        plain += "\n"
    try:
        raw = plain.encode()
    except UnicodeEncodeError:
        raise CommandRefused(
            "This text holds half a character.", why="It cannot be written as UTF-8.", remedy="Take it out."
        ) from None
    if before is not None and before.count(b"\r\n") and before.count(b"\r\n") == before.count(b"\n"):
        raw = raw.replace(b"\n", b"\r\n")
    return BOM + raw if before is not None and before.startswith(BOM) else raw
