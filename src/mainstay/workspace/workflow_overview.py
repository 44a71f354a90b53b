"""Workflows as a person looks at them: what starts each, who follows which version, how they did of late; and a run
started by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.kernel.errors import ConfigError, NotFound
from mainstay.kernel.plan import Plan, Workflow, compile_plan
from mainstay.kernel.predicates import resolve
from mainstay.kernel.values import DAY, Digest, Json
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.clock import Clock
from mainstay.workflows.by_hand import ByHand, fields_by_hand, trigger_of
from mainstay.workflows.canonical import restore
from mainstay.workflows.difference import Change, difference, predicate_text
from mainstay.workflows.loader import WorkflowFile
from mainstay.workspace.decided import Decided, decided
from mainstay.workspace.doors import Door
from mainstay.workspace.edit_history import EditHistory, Entry
from mainstay.workspace.edited_files import WORKFLOW, Place, folder_digest, place_named
from mainstay.workspace.known import KnownNow
from mainstay.workspace.starting import require_startable, startable

DAYS = 7  # what "of late" is
OPEN_MAX = 1_000  # open runs whose versions are looked up: the oldest, which are those on older versions
NAMES_MAX = 1_000
NOTHING_ASKED = ByHand(())


@dataclass(frozen=True, slots=True)
class WorkflowLine:
    """A workflow in a list."""

    name: str
    file: str = ""  # empty: it has none
    version: int = 0
    definition: Digest = Digest("")  # in force; empty: it starts no runs
    starts: str = ""  # what starts it, in words
    in_file: Digest = Digest("")  # what its file says
    paused: bool = False
    open_runs: int = 0
    ended: int = 0  # of late, well or badly
    succeeded: int = 0
    broken: bool = False  # its file cannot come into force

    @property
    def differs(self) -> bool:
        """Whether its file says something else than what is in force."""
        return bool(self.file) and not self.broken and self.in_file != self.definition

    @property
    def retired(self) -> bool:
        """Whether it starts no more runs."""
        return not self.definition and not self.file


@dataclass(frozen=True, slots=True)
class WorkflowWhole:
    """One workflow and all there is to say of it."""

    line: WorkflowLine
    plan: Plan | None  # in force; else what the file says
    entries: Sequence[Entry] = ()  # its history, newest first
    pinned: Mapping[str, int] = field(default_factory=dict)  # open runs by definition
    by_hand: ByHand = NOTHING_ASKED
    errors: Sequence[ConfigError] = ()  # of its file
    spent_micros: int = 0  # of late

    @property
    def workflow(self) -> Workflow | None:
        """As it is declared."""
        return self.plan.workflow if self.plan is not None else None

    @property
    def on_older(self) -> int:
        """How many open runs follow an older version."""
        return sum(count for digest, count in self.pinned.items() if digest != self.line.definition)


@dataclass(frozen=True, slots=True)
class Overview:
    """All of them."""

    lines: Sequence[WorkflowLine]
    errors: Sequence[ConfigError] = ()  # in files, which cannot come into force
    paused: bool = False  # the whole workspace

    @property
    def differ(self) -> bool:
        """Whether applying the folder would change what is in force."""
        return bool(self.comes or self.goes)

    @property
    def comes(self) -> Sequence[str]:
        """What applying the folder would put in force."""
        return [one.name for one in self.lines if one.differs]

    @property
    def goes(self) -> Sequence[str]:
        """What it would retire: no file has it any more."""
        return [one.name for one in self.lines if one.definition and not one.file]

    @property
    def in_files(self) -> Digest:
        """What the folder would put in force: whoever applies it says by this what they were shown."""
        return folder_digest({one.name: one.in_file for one in self.lines if one.in_file})


@dataclass
class Workflows:
    """The workflows of one workspace."""

    root: Path
    door: Callable[[], AbstractContextManager[Door]]
    opened: Callable[[], tuple[SqliteReader, BlobStore]]
    clock: Clock
    known: KnownNow

    def in_files(self) -> Digest:
        """What the folder would put in force now, as `Overview.in_files`; also where there is no ledger yet."""
        files, _ = self.known.workflows()
        return folder_digest({name: one.plan.digest for name, one in files.items()})

    def overview(self) -> Overview:
        """Every workflow that is in force, has a file, or was in force once."""
        store, _ = self.opened()
        files, errors = self.known.workflows()
        names = {*files, *(str(row["name"]) for row in self._registered(store).values()), *self._past(store)}
        paused = {(str(row["scope"]), str(row["name"])) for row in store.select("pauses", limit=NAMES_MAX)}
        wrong = frozenset(one.file for one in errors)
        lines = [self._line(store, name, files.get(name), paused, wrong) for name in sorted(names)]
        lines.sort(key=lambda one: one.retired)
        return Overview(lines, errors, ("workspace", "") in paused)

    def whole(self, name: str) -> WorkflowWhole:
        """One of them. Raises `NotFound` for one that never was."""
        store, blobs = self.opened()
        catalog = self.known.catalog()
        files, errors = self.known.workflows()
        file = files.get(name)
        paused = {(str(row["scope"]), str(row["name"])) for row in store.select("pauses", limit=NAMES_MAX)}
        line = self._line(store, name, file, paused, frozenset(one.file for one in errors))
        place = place_named(line.file) if line.file else Place(WORKFLOW, name)
        entries = EditHistory(store, blobs).of_workflow(name, place)
        if not line.definition and file is None and not entries:
            raise NotFound(
                f"There is no workflow {name[:80]!r}.",
                remedy="Look at the list of workflows.",
            )
        plan = self._plan(blobs, line.definition) if line.definition else file.plan if file else None
        return WorkflowWhole(
            line,
            plan,
            entries,
            self._pinned(store, line),
            fields_by_hand(plan.workflow, catalog) if plan is not None and line.definition else NOTHING_ASKED,
            tuple(one for one in errors if one.file == place.file),
            sum(int(str(row["cost_micros"] or 0)) for row in self._of_late(store, name)),
        )

    def changes(self, old: str, new: str) -> tuple[Change, ...]:
        """What differs between two definitions, in the words of the file. Raises `NotFound`."""
        _, blobs = self.opened()
        before, after = (restore(blobs.read(Digest(one))) for one in (old, new))
        return difference(before, after)

    def start(self, name: str, given: Mapping[str, str], *, request: str, actor: str = "operator") -> Decided:
        """Start a run by hand from the fields of its trigger. The same `request` never starts a second one.

        Raises `CommandRefused` for a field that does not fit, and for a workflow that nobody can start by hand.
        """
        store, blobs = self.opened()
        row = store.get("workflows", (name,))
        if row is None:
            raise NotFound(
                f"The workflow {name[:80]!r} is not in force.",
                why="It has no file, or was never applied.",
                remedy="`mainstay workflows apply` puts those of the folder in force.",
            )
        plan = self._plan(blobs, Digest(str(row["definition"])))
        workflow = plan.workflow
        form = fields_by_hand(workflow, self.known.catalog())
        if form.cannot:
            raise NotFound(f"{name} is not started by hand.", why=form.cannot)
        trigger = trigger_of(form.fields, given)
        require_startable(startable([plan]), name, trigger)  # nothing that is typed refers to what is sealed
        key = str(resolve(workflow.key, {"trigger": trigger}) or "") if workflow.key is not None else ""
        arguments: Json = {"workflow": name, "trigger": trigger, "request": request, "key": key}
        with self.door() as door:
            return decided(door.ask("start", arguments | {"actor": actor}), live=door.live)

    # --- within ----------------------------------------------------------------------------------------------------

    def _line(
        self,
        store: SqliteReader,
        name: str,
        file: WorkflowFile | None,
        paused: set[tuple[str, str]],
        wrong: frozenset[str],
    ) -> WorkflowLine:
        row = store.get("workflows", (name,))
        definition = Digest(str(row["definition"])) if row is not None else Digest("")
        late = self._of_late(store, name)
        succeeded = sum(int(str(one["succeeded"] or 0)) for one in late)
        failed = sum(int(str(one["failed"] or 0)) for one in late)
        workflow = self._plan(self.opened()[1], definition).workflow if definition else None
        # One that cannot even be read says no name: it is taken for the file of that name.
        place = file.document.file if file is not None else Place(WORKFLOW, name).file
        said = workflow or (file.workflow if file is not None else None)
        return WorkflowLine(
            name,
            place if file is not None or place in wrong else "",
            said.version if said is not None else 0,
            definition,
            starts(said) if said is not None else "",
            file.plan.digest if file is not None else Digest(""),
            ("workflow", name) in paused,
            store.count("open_runs", where={"workflow": name}),
            succeeded + failed,
            succeeded,
            place in wrong,
        )

    def _of_late(self, store: SqliteReader, name: str) -> list[Json]:
        since = self.clock.now() // DAY - DAYS
        rows = store.select("spent", where={"workflow": name}, order="day", descending=True, limit=DAYS + 1)
        return [row for row in rows if int(str(row["day"])) > since]

    def _registered(self, store: SqliteReader) -> dict[str, Json]:
        return {str(row["name"]): row for row in store.select("workflows", order="name", limit=NAMES_MAX)}

    def _past(self, store: SqliteReader) -> set[str]:
        rows = store.select("adoptions", where={"kind": "workflow"}, order="position", limit=NAMES_MAX)
        return {str(row["name"]) for row in rows}

    def _pinned(self, store: SqliteReader, line: WorkflowLine) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for row in store.select("open_runs", where={"workflow": line.name}, order="position", limit=OPEN_MAX):
            run = store.get("runs", (row["run"],))
            if run is not None:
                found[str(run["definition"])] += 1
        older = sum(count for digest, count in found.items() if digest != line.definition)
        if line.definition and line.open_runs > older:
            found[line.definition] = line.open_runs - older
        return found

    def _plan(self, blobs: BlobStore, definition: Digest) -> Plan:
        return compile_plan(restore(blobs.read(definition)), definition)


def starts(workflow: Workflow) -> str:
    """What starts a run of it, in words."""
    on = workflow.on
    if on is None:
        return "by hand"
    if on.schedule is not None:
        return f"by the clock: {on.schedule.cron} ({on.schedule.zone})"
    what = "by mail" if on.event.startswith("message.received/") else f"by {on.event}"
    where = f" where {predicate_text(on.where).removeprefix('trigger.')}" if on.where is not None else ""
    return what + where
