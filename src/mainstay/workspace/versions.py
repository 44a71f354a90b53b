"""The versions of a workflow: which the ledger has kept, which is in force, which runs follow, what the folder says.

A definition is a blob under the digest of its bytes, written in the transaction that registers it, and nothing in
Mainstay deletes a blob. So each version that ever was in force can be shown and compared, whatever became of its file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.config.files import load_workflows
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.events import NUMBER_OF, WorkflowRegistered
from mainstay.kernel.ids import WORKSPACE
from mainstay.kernel.plan import Workflow
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.codec import Codec
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workflows.canonical import definition_digest, restore
from mainstay.workflows.difference import Change, difference
from mainstay.workflows.document import suggestion

if TYPE_CHECKING:
    pass

FILE = "file"
DIGEST_MIN = 4
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """One definition of a workflow."""

    workflow: str
    version: int
    definition: Digest
    at: Instant = Instant(0)  # when it was put in force last; 0: never
    in_force: bool = False  # for new runs
    in_file: bool = False  # the folder says the same
    runs: int = 0  # in flight, pinned to it


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """A workflow: its versions, newest first, and how the folder stands to what is in force."""

    name: str
    file: str  # the file that has it now; empty: none
    file_differs: bool  # from what is in force, or there is no file, or nothing is in force yet
    versions: tuple[WorkflowVersion, ...]


@dataclass(frozen=True, slots=True)
class WorkflowDifference:
    """Two versions, and what differs between them."""

    old: WorkflowVersion
    new: WorkflowVersion
    changes: tuple[Change, ...]


class Versions:
    """All definitions that the ledger knows, beside those of the folder. `ledger` is None where none was written."""

    def __init__(self, root: Path, ledger: tuple[SqliteReader, BlobStore, Codec] | None) -> None:
        self._ledger = ledger
        self._files, self.broken = load_workflows(root)
        known: dict[str, dict[Digest, WorkflowVersion]] = {}
        if ledger is not None:
            _registered(ledger[0], ledger[2], known)
        for name, file in self._files.items():
            digest = definition_digest(file.workflow)
            one = known.setdefault(name, {}).get(digest)
            new = one or WorkflowVersion(name, file.workflow.version, digest)
            known[name][digest] = replace(new, in_file=True)
        self._known = known

    def states(self) -> list[WorkflowState]:
        """Every workflow by name."""
        return [self._state(name) for name in sorted(self._known)]

    def difference(self, name: str, old: str = "", new: str = "") -> WorkflowDifference:
        """Two versions, each by number, by the beginning of its digest, or `file`.

        Left out: what is in force against the file, or where these are the same, the two newest. With one of them
        given, the other is what is in force. Raises `NotFound`, `AmbiguousId` or the mistake in the file.
        """
        versions = self._state(name).versions if name in self._known else ()
        if not versions:
            if self.broken:
                raise self.broken[0]
            remedy = suggestion(name, tuple(self._known))
            raise NotFound(f"There is no workflow {name[:80]!r}.", remedy=f"{remedy[:1].upper()}{remedy[1:]}")
        if old:
            one = self._find(name, versions, old)
            other = self._find(name, versions, new) if new else self._usual(name, versions, one)
        else:
            in_force = next((one for one in versions if one.in_force), None)
            in_file = next((one for one in versions if one.in_file), None)
            if in_force is not None and in_file is not None and in_force != in_file:
                one, other = in_force, in_file
            elif len(versions) > 1:
                one, other = versions[1], versions[0]
            else:
                raise NotFound(
                    f"There is one version of {name!r}, and nothing to compare it with.",
                    remedy=f"Edit {self._files[name].document.file} and ask again." if in_file else "",
                )
        changes = difference(self._workflow(one), self._workflow(other))
        return WorkflowDifference(one, other, changes)

    def _usual(
        self, name: str, versions: tuple[WorkflowVersion, ...], than: WorkflowVersion
    ) -> WorkflowVersion:
        choices = (one for one in versions if one.in_force or one.in_file)
        found = next((one for one in choices if one.definition != than.definition), None)
        if found is None:
            raise NotFound(
                f"Version {than.version} of {name!r} is in force.",
                remedy="Name the version to compare it with.",
            )
        return found

    def _state(self, name: str) -> WorkflowState:
        found = sorted(
            self._known[name].values(), key=lambda one: (one.at == 0, one.at, one.version), reverse=True
        )
        file = self._files.get(name)
        in_force = next((one for one in found if one.in_force), None)
        same = in_force is not None and in_force.in_file
        return WorkflowState(name, file.document.file if file else "", not same, tuple(found))

    def _find(self, name: str, versions: tuple[WorkflowVersion, ...], asked: str) -> WorkflowVersion:
        if asked == FILE:
            found = [one for one in versions if one.in_file]
            if not found and self.broken:
                raise self.broken[0]
        else:
            # Where a number was used twice, the newest is meant.
            found = [one for one in versions if str(one.version) == asked.removeprefix("v")][:1]
            if not found and len(asked) >= DIGEST_MIN:
                found = [one for one in versions if one.definition.startswith(asked.lower())]
        if len(found) > 1:
            raise AmbiguousId(f"{asked!r} begins {len(found)} digests.", remedy="Give more digits.")
        if not found:
            there = ", ".join(f"{one.version} ({one.definition[:8]})" for one in versions[:9])
            what = "file" if asked == FILE else f"version {asked[:80]!r}"
            raise NotFound(f"There is no {what} of {name!r}.", why=f"There is {there}.")
        return found[0]

    def _workflow(self, one: WorkflowVersion) -> Workflow:
        if one.in_file:
            return self._files[one.workflow].workflow
        assert self._ledger is not None
        return restore(self._ledger[1].read(one.definition))


def _registered(store: SqliteReader, codec: Codec, known: dict[str, dict[Digest, WorkflowVersion]]) -> None:
    number = NUMBER_OF[WorkflowRegistered]
    for recorded in store.read(WORKSPACE):
        if recorded.type == number:
            event = codec.event(recorded)
            assert isinstance(event, WorkflowRegistered)
            one = WorkflowVersion(event.name, event.version, event.definition, recorded.at)
            known.setdefault(event.name, {})[event.definition] = one
    for row in store.select("workflows", order="name", limit=_ALL):
        name, digest = str(row["name"]), Digest(str(row["definition"]))
        known[name][digest] = replace(known[name][digest], in_force=True)
    for (name, digest), count in _in_flight(store).items():
        # A run that was started from a definition which was never registered (a plan of its own) is shown as well.
        one = known.setdefault(name, {}).get(digest) or WorkflowVersion(name, 0, digest)
        known[name][digest] = replace(one, runs=count)


def _in_flight(store: SqliteReader) -> Mapping[tuple[str, Digest], int]:
    found: Counter[tuple[str, Digest]] = Counter()
    for row in store.select("open_runs", order="position", limit=_ALL):
        run = store.get("runs", (row["run"],))
        if run is not None:
            found[str(run["workflow"]), Digest(str(run["definition"]))] += 1
    return found
