"""`Workspace`: the public SDK. Every command of the CLI is a thin call of it.

    from mainstay import Workspace

    with Workspace.open("my-desk") as workspace:
        for card in workspace.approvals():
            print(card.title, card.recipients, card.digest)
        workspace.approve(card.approval, digest=card.digest)

Reading needs no lock and sees what is committed. Deciding goes through the running director where there is one, else
through the lock; `Decided.live` says which, and so whether it is performed now or at the next `mainstay up`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import (
    ConfigError,
    DirectorUnavailable,
    LedgerUnready,
    NotFound,
    WorkspaceLocked,
)
from mainstay.kernel.ids import WORKSPACE, RunId, SubjectId, run_stream
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.short_ids import find_card, find_id
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import Position, Version
from mainstay.runtime.clock import Clock, SystemClock
from mainstay.workspace.cards import PAGE, Card, CardLine, CardReader, Leaving, Preview
from mainstay.workspace.decided import Decided, DecidedTogether, decided, decided_together
from mainstay.workspace.doors import Door, LockDoor, SocketDoor, director_runs, locked_without_answer
from mainstay.workspace.folder import Folder, create, find_folder, open_vault
from mainstay.workspace.shown import forget_shown, mark_shown, open_for_us

if TYPE_CHECKING:
    from mainstay.config.settings import Settings
    from mainstay.governance.costs import Cost, Overview
    from mainstay.governance.explain import Story
    from mainstay.governance.incidents import OpenIncident
    from mainstay.governance.report import Report
    from mainstay.governance.stopped import Stopped
    from mainstay.kernel.errors import ConfigError
    from mainstay.kernel.plan import Plan
    from mainstay.kernel.state import RunState
    from mainstay.ledger.agreement import Difference
    from mainstay.ledger.backup import BackupReport
    from mainstay.ledger.backup import Progress as Copying
    from mainstay.ledger.blobs import BlobStore
    from mainstay.ledger.codec import Codec
    from mainstay.ledger.compaction import Compaction
    from mainstay.ledger.compaction import Progress as Sealing
    from mainstay.ledger.stats import LedgerStats
    from mainstay.ledger.store import RecordedEvent
    from mainstay.ledger.verify import Broken, Progress, Verified
    from mainstay.runtime.artifacts import Artifacts
    from mainstay.workflows.document import Section
    from mainstay.workspace.adapters_shown import AdaptersShown
    from mainstay.workspace.asking import Answer, Asking
    from mainstay.workspace.assembly import Assembly
    from mainstay.workspace.auditing import Auditing
    from mainstay.workspace.autonomy import AutonomyDesk
    from mainstay.workspace.card_queue import Alike, CardQueue, Queue
    from mainstay.workspace.console import Console
    from mainstay.workspace.dry_run import DryRuns
    from mainstay.workspace.editing import Editing
    from mainstay.workspace.event_types import EventTypes
    from mainstay.workspace.executables import Executables
    from mainstay.workspace.forgetting import ForgettingDesk
    from mainstay.workspace.health import Health
    from mainstay.workspace.known import KnownNow
    from mainstay.workspace.lessons import Lessons
    from mainstay.workspace.memory import Memory
    from mainstay.workspace.objectives import Slo
    from mainstay.workspace.policies import Policies
    from mainstay.workspace.proposing import Proposable
    from mainstay.workspace.run_look import RunDesk
    from mainstay.workspace.run_search import RunSearch
    from mainstay.workspace.secrets import Secrets
    from mainstay.workspace.settings_shown import SettingsShown
    from mainstay.workspace.starting import Startable
    from mainstay.workspace.steering import Steering
    from mainstay.workspace.today import Today
    from mainstay.workspace.tokens import TokenDesk
    from mainstay.workspace.triage import Triage
    from mainstay.workspace.versions import Versions, WorkflowDifference, WorkflowState
    from mainstay.workspace.workflow_overview import Workflows


class Workspace:
    """One workspace. Open it, read, decide, close; or use it in a `with` block."""

    def __init__(self, folder: Folder, *, clock: Clock | None = None, door: Door | None = None) -> None:
        """`door`: the one way to decide, where somebody has one already; else whichever is there."""
        self.folder = folder
        self._clock = clock or SystemClock()
        self._must_be_live = False
        self._given = door
        self._parsed: tuple[bytes, Section] | None = None

    @classmethod
    def create(cls, root: str | os.PathLike[str], name: str = "") -> tuple[Workspace, tuple[str, ...]]:
        """Make a workspace, or complete one; which files were written. Raises `WorkspaceUnsafe`."""
        path = Path(root)
        folder, written = create(path, name or _name_of(path))
        return cls(folder), written

    @classmethod
    def open(cls, root: str | os.PathLike[str] = ".") -> Workspace:
        """The workspace that the folder lies in. Decides by whichever door is there. Raises `WorkspaceNotFound`."""
        return cls(find_folder(Path(root)))

    @classmethod
    def connect(cls, root: str | os.PathLike[str] = ".") -> Workspace:
        """The same, but only while a director is at work. Raises `DirectorUnavailable` otherwise."""
        workspace = cls.open(root)
        if not director_runs(workspace.folder):
            raise DirectorUnavailable(
                "No director is at work in this workspace.",
                why=f"Nobody answers on {workspace.folder.socket}.",
                remedy="Start it with `mainstay up`.",
            )
        workspace._must_be_live = True
        return workspace

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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

    # --- reading ---------------------------------------------------------------------------------------------------

    def runs(self, *, status: str = "", limit: int = 50, before: str = "") -> list[Json]:
        """Rows of runs, newest first; `before` is the run id to go on from."""
        where = {"status": status} if status else {}
        after = (self._store.get("runs", (before,)) or {}).get("position") if before else None
        return self._store.select(
            "runs", where=where, order="position", descending=True, after=after, limit=limit
        )

    @cached_property
    def run_search(self) -> RunSearch:
        """Runs by status, workflow, time and origin, a page at a time; and by id, address or words."""
        from mainstay.workspace.run_search import HITS_MAX, RunSearch

        return RunSearch(
            lambda: self._store,
            lambda: self._artifacts,
            self._view,
            lambda recorded: self._codec.event(recorded),
            lambda text: self.memory.search(text, k=HITS_MAX),
        )

    @cached_property
    def run_desk(self) -> RunDesk:
        """One run as a page shows it, its events, and what a fork or a restart of it would take over."""
        from mainstay.workspace.run_fold import RunFolds
        from mainstay.workspace.run_look import RunDesk

        def decode(recorded: RecordedEvent) -> Any:
            return self._codec.event(recorded)

        return RunDesk(
            lambda: self._store,
            RunFolds(lambda: self._store, decode),
            lambda: self._artifacts,
            self._opened,
            decode,
            lambda rows: self.run_search.shown(rows),
            lambda state, events: self.memory.recalled(state, events),
            lambda: self._limits.run_micros,
        )

    @cached_property
    def dry_run(self) -> DryRuns:
        """What a workflow would do with an input, without any of it being done."""
        from mainstay.workspace.dry_run import DryRuns

        return DryRuns(
            lambda: self._store,
            lambda: self._artifacts,
            lambda: self._assembly,
            self._stored_plan,
            lambda: replace(self.policies.facts(), limits=self._limits),
            self._clock,
        )

    @cached_property
    def event_types(self) -> EventTypes:
        """The types of events, and an example of each from this ledger."""
        from mainstay.workspace.event_types import EventTypes

        return EventTypes(lambda: self._store)

    def run(self, short: str) -> tuple[Json, RunState]:
        """A run's row and its state, folded from the ledger. Raises `NotFound` or `AmbiguousId`."""
        from mainstay.kernel.run import evolve, nothing

        found = find_id(self._store, "runs", "run", short)
        row = self._store.get("runs", (found,))
        assert row is not None
        state = nothing(RunId(found))
        for _, event in self._events(found):
            state = evolve(state, event)
        return row, state

    def explain(self, short: str) -> Story:
        """Who did what, when, why, and from which evidence."""
        from mainstay.governance.explain import explain

        found = find_id(self._store, "runs", "run", short)
        events = sorted((*self._events(found), *self._evidence(found)), key=lambda pair: pair[0].position)
        opened = [(recorded, self._opened(event)) for recorded, event in events]
        return explain(opened, self._artifacts.open_text, self._adopted(events))

    def ask(
        self,
        question: str,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        workflow: str = "",
        run_max: int = 400,
        by_meaning: bool = True,
    ) -> Answer:
        """What was decided about something: sentences of the ledger with their positions, best first.

        A time that the question names ("last week") narrows `since` and `until`. Looks at the newest `run_max` runs.
        """
        return self._asking.ask(
            question,
            now=self._clock.now(),
            since=since,
            until=until,
            workflow=workflow,
            run_max=run_max,
            by_meaning=by_meaning,
        )

    def events(
        self, short: str, *, after: int = 0, limit: int | None = None
    ) -> list[tuple[RecordedEvent, Any]]:
        """The events of a run as they stand in the ledger: after this version of it, and so many at most."""
        found = find_id(self._store, "runs", "run", short)
        read = self._store.read(run_stream(RunId(found)), after=Version(after))
        return [(one, self._codec.event(one)) for one in islice(read, limit)]

    def approvals(self, *, limit: int = 100, status: str = "waiting", put_off: bool = False) -> list[Card]:
        """The cards that wait, oldest first, each read whole; `put_off`: also those that are snoozed."""
        reader = self._reader
        rows = reader.rows(now=self._clock.now(), limit=limit, status=status, put_off=put_off)
        return [reader.card(row) for row in rows]

    def cards(self, *, limit: int = PAGE, status: str = "waiting", put_off: bool = False) -> list[CardLine]:
        """The same as a list shows them: quick, however many wait."""
        reader = self._reader
        rows = reader.rows(now=self._clock.now(), limit=limit, status=status, put_off=put_off)
        return [reader.line(row) for row in rows]

    def overtaken(self, *, limit: int = PAGE) -> list[CardLine]:
        """Cards that rules, or what came later, withdrew before anybody answered; the newest first."""
        rows = [
            row
            for status in ("denied", "superseded", "withdrawn")
            for row in self._store.select(
                "approvals", where={"status": status}, order="requested_at", descending=True, limit=limit
            )
        ]
        newest = sorted(rows, key=lambda row: row["decided_at"] or 0, reverse=True)[:limit]
        return [self._reader.line(row) for row in newest]

    def approval(self, short: str) -> Card:
        """One card. Raises `NotFound` or `AmbiguousId`."""
        return self._reader.card(find_card(self._store, short))

    def queue(self, show: str = "waiting", *, start: str = "", chosen: str = "", limit: int = PAGE) -> Queue:
        """A page of the cards that are "waiting", "put-off" or "decided" (newest first), with the ways on from it.

        It begins with the card `start`; without that it is the first one, or the one on which `chosen` lies.
        """
        return self._queue.page(show, start=start, chosen=chosen, limit=limit)

    def next_to(self, approval: str, show: str = "waiting") -> str:
        """The card that is read after this one, which may have been decided; empty if there is none."""
        return self._queue.next_to(approval, show)

    def in_its_place(self, approval: str) -> str:
        """The card that waits now for the act of a card that was decided or withdrawn; empty if there is none."""
        return self._queue.in_its_place(approval)

    def undo_window_us(self) -> int:
        """For how long what was approved can be taken back before it leaves; 0: it leaves at once."""
        from mainstay.config.approvals import read_approvals

        return read_approvals(self._top().table("approvals")).undo_us

    def alike(self) -> list[Alike]:
        """What waits, by kind and finality: what can be decided together, and what only by itself."""
        return self._queue.alike()

    def put_off(self) -> int:
        """How many cards are snoozed, and will come back."""
        return self._reader.put_off(self._clock.now())

    def glance(self, short: str) -> CardLine:
        """One card as a list shows it. Raises `NotFound` or `AmbiguousId`."""
        return self._reader.line(find_card(self._store, short))

    def leaving(self) -> list[Leaving]:
        """What was approved, or goes by itself, and can still be taken back."""
        return self._reader.leaving()

    def preview(self, act: str, *, workflow: str = "", kind_class: str = "") -> Preview:
        """The waiting cards of an act that can be decided together. Raises `CommandRefused` where they differ."""
        return self._reader.preview(act, workflow=workflow, kind_class=kind_class, now=self._clock.now())

    def shown(self, approval: str, *, by: str = "") -> None:
        """The card is before somebody's eyes now; `by` is the device, where it is not this one."""
        mark_shown(self.folder.cache, approval, self._clock.now(), by=by)

    def open_for(self, approval: str, *, by: str = "") -> int:
        """For how long, in microseconds; 0 if it never was."""
        return open_for_us(self.folder.cache, approval, self._clock.now(), by=by)

    def waiting(self) -> int:
        """How many cards wait."""
        return self._store.count("approvals", where={"status": "waiting"})

    @property
    def begun(self) -> bool:
        """Whether there is a ledger yet: the first `ingest` or `up` writes it."""
        return self.folder.ledger.exists()

    @property
    def head(self) -> int:
        """The position of the ledger's last event."""
        return self._store.head

    def in_doubt(self, *, sealed: bool = False, limit: int = 1_000) -> list[Json]:
        """Acts of which only the operator can say whether they happened, and those that could not be taken back.

        Each with its title and recipients, as its card shows them; both are None where nothing was ever proposed.
        `sealed`: reasons are left as the ledger has them, titles and recipients out, and no key is needed.
        """
        rows = self._store.select("in_doubt", order="since", limit=limit)
        return rows if sealed else [self._doubt(row) for row in rows]

    def rejected_text(self, item: str, *, most: int = 20_000) -> str:
        """The beginning of something that came in and could not be read, as it came. Raises `NotFound`."""
        from mainstay.runtime.artifacts import FORGOTTEN, SubjectForgotten

        row = self._store.get("rejected", (item,))
        if row is None:
            raise NotFound("No such thing came in.", why="It is no message that was given up.", item=item)
        subject = self._artifacts.vault.subject("rejected:" + item)
        try:
            raw = self._artifacts.get(Digest(str(row["raw"])), subject, b"raw")
        except SubjectForgotten:
            return FORGOTTEN
        return raw[:most].decode("utf-8", "replace")

    def rejected(self) -> list[Json]:
        """What came in and could not be read."""
        return self._store.select("rejected", order="at", limit=1_000)

    def costs(self) -> list[Json]:
        """Spent by workflow and day."""
        return self._store.select("spent", order="day", descending=True, limit=1_000)

    def costs_overview(self, *, since: int, until: int, workflow: str = "") -> Overview:
        """What was spent from day to day (both included, days since 1970 UTC): by workflow, day, outcome and model."""
        from mainstay.governance.costs import overview

        return overview(self._store, since=since, until=until, workflow=workflow)

    def daily_costs(self, *, since: int, until: int) -> tuple[Cost, ...]:
        """The same for each workflow and day (both included, days since 1970 UTC), oldest first."""
        from mainstay.governance.costs import costs

        return costs(self._store, since=since, until=until)

    def stopped(self, *, most: int | None = None) -> tuple[Stopped, ...]:
        """What waits for money: which budget stopped it or whose price is unknown, and what can be done.

        `most`: of those that were stopped last, so many; each is folded for it.
        """
        from mainstay.governance.stopped import stopped

        return stopped(
            self._store, lambda run: self.run(run)[1], self._limits, now=self._clock.now(), most=most
        )

    def budgets(self) -> Json:
        """How much of the budgets of the day and the month is spent, held, and likely to be spent by their end."""
        from mainstay.governance.costs import budgets

        return budgets(self._store, self._limits, now=self._clock.now())

    def rows(self, table: str, **options: Any) -> list[Json]:
        """Rows of any view: what the pages and reports are made from."""
        return self._store.select(table, **options)

    def count(self, table: str, **where: Any) -> int:
        """How many rows of a view are as given."""
        return self._store.count(table, where=where)

    def message(self, run: str) -> Json:
        """The message that started a run, opened: from, subject, text."""
        _, state = self.run(run)
        return self._reader.message(state)

    def received(self, row: Json) -> Json:
        """A row of the view `messages`, opened: from, subject, text. Also of mail that started no run."""
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        if not row["content"]:
            return {}
        return self._view(Digest(str(row["content"])), subject)

    def report(self, workflow: str, *, since: int = 0, until: int | None = None) -> Report:
        """How the runs of a workflow did that began from `since` on and before `until` (microseconds, UTC).

        Raises `NotFound` for a workflow that never was.
        """
        from functools import cache

        from mainstay.governance.report import report
        from mainstay.ledger.codec import Codec

        if self._store.get("workflows", (workflow,)) is None:
            known = ", ".join(
                sorted(str(row["name"]) for row in self._store.select("workflows", limit=1_000))
            )
            raise NotFound(
                f"There is no workflow {workflow!r}.",
                why=f"The ledger knows {known}." if known else "No workflow was ever in force here.",
                remedy="Name one of these." if known else "`mainstay up` puts those of the folder in force.",
                workflow=workflow,
            )
        now, decode = int(self._clock.now()), Codec(cache(self._stored_plan)).event
        last = now + 1 if until is None else until
        return report(self._store, decode, workflow, since=since, until=last, now=now)

    def verify(self, progress: Progress | None = None) -> Verified | Broken:
        """Prove that the ledger is whole and what was signed, or name the first position that is not."""
        return self.auditing.verify(progress)

    @cached_property
    def auditing(self) -> Auditing:
        """The proof that the ledger is whole and is what was signed; its checkpoints and their key."""
        from mainstay.workspace.auditing import Auditing

        return Auditing(self.folder, self._clock)

    def differences(
        self, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> tuple[Difference, ...]:
        """The views and snapshots that are not what the events say, by a fold of the whole ledger; needs no key.

        Raises `LedgerCorrupt` for an event that was changed. Where a view differs, the next director that starts here
        folds all of them anew.
        """
        from mainstay.ledger.agreement import differences
        from mainstay.ledger.projections import STANDARD
        from mainstay.ledger.rows import SNAPSHOTS

        found = differences(
            self.folder.ledger, self._codec, STANDARD, scratch=self.folder.state, progress=progress
        )
        if any(one.table != SNAPSHOTS.name for one in found):
            self.folder.anew.touch()
        return found

    def export(
        self,
        *,
        form: str = "jsonl",
        since: int = 0,
        until: int | None = None,
        run: str = "",
        types: tuple[str, ...] = (),
        opened: bool = False,
    ) -> Iterator[bytes]:
        """The ledger as CloudEvents, one JSON object a line, or as CSV; sealed values stay sealed, unless `opened`."""
        from mainstay.ledger.export import Selection
        from mainstay.workspace.exporting import exported

        stream = run_stream(RunId(find_id(self._store, "runs", "run", run))) if run else ""
        return exported(
            self._store,
            f"urn:mainstay:{self.folder.id}",
            form=form,
            selection=Selection(since, until, stream, types),
            artifacts=(lambda: self._artifacts) if opened else None,
        )

    def export_to(
        self, target: str | os.PathLike[str], *, replacing: bool = False, form: str = "jsonl", **chosen: Any
    ) -> Json:
        """The same into a file, which is there whole or not at all; how many `events`, and the `file`.

        Raises `CommandRefused` where something is there already (unless `replacing`), or within Mainstay's own folders.
        """
        from mainstay.workspace.exporting import export_to

        pieces = self.export(form=form, **chosen)  # a ledger that is not there is told before a file is made
        return export_to(Path(target), pieces, self.folder, form=form, replacing=replacing)

    def workflows(self) -> tuple[list[WorkflowState], tuple[ConfigError, ...]]:
        """Every workflow with its versions and who follows them, and what is wrong with files that cannot be loaded."""
        from mainstay.workspace.known import workflow_mistakes

        return self._versions().states(), workflow_mistakes(self.folder.root)

    def workflow_difference(self, name: str, old: str = "", new: str = "") -> WorkflowDifference:
        """What differs between two versions, each by number, digest or `file`. Raises `NotFound` or `AmbiguousId`."""
        return self._versions().difference(name, old, new)

    @cached_property
    def steering(self) -> Steering:
        """Pause, resume and cancel at every level, fork and restart, dead letters, schedules."""
        from mainstay.workspace.steering import Steering

        return Steering(
            self._door,
            lambda: self._store,
            lambda run: self.run(run)[1],
            self._stored_plan,
            self._read_reason,
            self._clock,
        )

    @cached_property
    def autonomy(self) -> AutonomyDesk:
        """Which kinds of act go by themselves, on which evidence; to grant that, and to take it back."""
        from mainstay.workspace.autonomy import AutonomyDesk

        return AutonomyDesk(
            self._door,
            lambda: self._store,
            lambda: self._settings().autonomy,
            lambda: [self._stored_plan(one) for one in self._in_force()],
            lambda: self.policies.policy(),
            lambda text: self._artifacts.open_text(text),
            lambda run: self.run(run)[1],
            self._clock,
        )

    @cached_property
    def executables(self) -> Executables:
        """Programs of the operator's own: which there are, and which bytes of them are trusted."""
        from mainstay.workspace.executables import Executables

        def operate(operation: str, **arguments: Any) -> Json:
            with self._door() as door:
                return door.ask(operation, arguments)

        def known(name: str) -> Json | None:
            return self._store.get("executables", (name,)) if self.begun else None

        return Executables(self.folder.root, self._settings(), known, operate)

    @cached_property
    def secrets(self) -> Secrets:
        """The secrets that the settings name: how each stands, and putting a new one in place."""
        from mainstay.workspace.secrets import Secrets

        def operate(operation: str, **arguments: Any) -> Json:
            with self._door() as door:
                return door.ask(operation, arguments)

        def known(reference: str) -> Json | None:
            return self._store.get("secrets", (reference,)) if self.begun else None

        return Secrets(self.folder.root, known, operate, self._clock.now)

    @cached_property
    def settings(self) -> SettingsShown:
        """What is set and where that stands, where things lie, what is installed. Changes nothing."""
        from mainstay.workspace.settings_shown import SettingsShown

        return SettingsShown(self.folder, self._settings, self._key)

    @cached_property
    def adapters(self) -> AdaptersShown:
        """Each configured adapter: how it is, how far it was read, and what it can do. Calls nobody."""
        from mainstay.workspace.adapters_shown import AdaptersShown

        return AdaptersShown(
            lambda: self._store if self.begun else None, self._settings, self._read_reason, self._clock
        )

    @cached_property
    def today(self) -> Today:
        """What one wants to know in the morning: what went out by whose word, today's figures, what the house says."""
        from mainstay.workspace.today import Today

        return Today(
            lambda: self._store,
            lambda: self._artifacts,
            lambda run: self.run(run)[1],
            lambda recorded: self._codec.event(recorded),
            self._clock,
        )

    @cached_property
    def triage(self) -> Triage:
        """What the intent specialist said of messages, what waits for a look, and what people said of it."""
        from mainstay.workspace.triage import Triage

        return Triage(self._door, lambda: self._store, self._view, lambda: self._assembly.untyped.intents)

    @cached_property
    def memory(self) -> Memory:
        """What is remembered: add, search, show, retract, import, and why a task recalled what it did."""
        from mainstay.workspace.memory import Memory

        return Memory(
            self._door,
            lambda: self._store,
            lambda: self._artifacts,
            lambda: self._assembly,
            lambda run: self.run(run)[1],
            self._events,
            self._clock,
        )

    @cached_property
    def policies(self) -> Policies:
        """The rules: which are in force, why something is judged as it is, and what other files would change."""
        from mainstay.workspace.policies import Policies

        self.folder.id  # noqa: B018  says first of all that this is no workspace
        return Policies(
            self.folder,
            self._door,
            lambda: (self._store, self._blobs, self._codec) if self.begun else None,
            self.run,
            self._clock,
            lambda: self._assembly,
            self._known,
        )

    @cached_property
    def flows(self) -> Workflows:
        """Workflows as a person looks at them, and a run started by hand."""
        from mainstay.workspace.workflow_overview import Workflows

        self.folder.id  # noqa: B018  says first of all that this is no workspace
        return Workflows(
            self.folder.root, self._door, lambda: (self._store, self._blobs), self._clock, self._known
        )

    @cached_property
    def _known(self) -> KnownNow:
        from mainstay.workspace.known import KnownNow

        return KnownNow(self.folder.root)

    @cached_property
    def editing(self) -> Editing:
        """The files of workflows, templates and rules: read, check, preview, save and retire them; their history."""
        from mainstay.workspace.editing import Editing

        self.folder.id  # noqa: B018  says first of all that this is no workspace
        return Editing(
            self.folder.root,
            self._door,
            lambda: (self._store, self._blobs),
            lambda: self.policies,
            lambda: self._given is not None or director_runs(self.folder),
            self._known,
        )

    @cached_property
    def console(self) -> Console:
        """The web server: a link to log in, the password, the devices that are logged in."""
        from mainstay.workspace.console import Console

        return Console(
            self.folder, lambda: self._settings().console, self._door, lambda: self._store, self._clock
        )

    @cached_property
    def tokens(self) -> TokenDesk:
        """Which programs and agents may use the API: issue, list and revoke their tokens."""
        from mainstay.workspace.tokens import TokenDesk

        def hashed(kind: str, value: str) -> bytes:
            return self._artifacts.vault.keyed_hash(kind, value)

        return TokenDesk(self._door, lambda: self._store if self.begun else None, self._clock, hashed)

    @cached_property
    def forgetting(self) -> ForgettingDesk:
        """What is held about somebody, and to destroy it."""
        from mainstay.workspace.forgetting import ForgettingDesk

        return ForgettingDesk(self._door, lambda: self._store, lambda: self._artifacts)

    @cached_property
    def lessons(self) -> Lessons:
        """What edits of drafts taught, what that does to later drafts, and to take a lesson back."""
        from mainstay.workspace.lessons import Lessons

        return Lessons(lambda: self._store, lambda: self.memory)

    @cached_property
    def slo(self) -> Slo:
        """How the objectives of the workflows stand, and what these take of the operator's time."""
        from mainstay.workspace.objectives import Slo

        return Slo(lambda: self._store, lambda: self._settings().slo, self._clock)

    @cached_property
    def _asking(self) -> Asking:
        from mainstay.workspace.asking import Asking, Sources, passing_embedder

        return Asking(
            Sources(
                store=lambda: self._store,
                explain=self.explain,
                message=self.received,
                card=lambda approval: self.approval(approval).text,
                opened=lambda recorded: self._opened(self._codec.event(recorded)),
                artifacts=lambda: self._artifacts,
                embedder=lambda: passing_embedder(self.folder),
                models=lambda: self._assembly.language_models if self._settings().models else None,
            )
        )

    @cached_property
    def _assembly(self) -> Assembly:
        from mainstay.workspace.assembly import Assembly

        return Assembly(self.folder, self._store, writable=False)

    # --- care of the ledger ----------------------------------------------------------------------------------------

    def back_up(
        self,
        target: str | os.PathLike[str],
        *,
        keys_to: str | os.PathLike[str] | None = None,
        progress: Copying = lambda what, done, of: None,
    ) -> BackupReport:
        """Copy the ledger, also while a director works, and prove the copy.

        Keys are never in it; with `keys_to` they are copied to a file of their own, after it and so as fresh.
        """
        from mainstay import __version__
        from mainstay.ledger.backup import back_up, copy_keys
        from mainstay.workspace.auditing import places_of

        now = self._clock.now()
        report = back_up(
            self.folder.state,
            Path(target),
            at=now,
            version=__version__,
            checkpoints=places_of(self.folder).files[0],
            progress=progress,
        )
        if keys_to is not None:
            copy_keys(self.folder.state, Path(keys_to))
        return report

    def compact(self, *, before: int | None = None, progress: Sealing = lambda done, of: None) -> Compaction:
        """Seal what is over in compressed files; no event is dropped. A director at work does it, if there is one."""
        from mainstay.workspace.compacting import compact_beside
        from mainstay.workspace.ledger_care import compact_ledger

        self._store  # noqa: B018  says that there is no ledger, if there is none
        if director_runs(self.folder):
            return compact_beside(self.folder, before=before, progress=progress)
        return compact_ledger(self.folder, before=before, now=self._clock.now(), progress=progress)

    def stats(self) -> LedgerStats:
        """The ledger in numbers: what it is made of, how it grows, when the disk will be full."""
        from mainstay.ledger.stats import ledger_stats

        self._store  # noqa: B018  says that there is no ledger, if there is none
        return ledger_stats(self.folder.ledger, self.folder.blobs, now=self._clock.now())

    # --- deciding --------------------------------------------------------------------------------------------------

    def approve(
        self,
        approval: str,
        *,
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        confirm: str = "",
        via: str = "",
    ) -> Decided:
        """Yes to exactly what the card shows. With `digest`: only if that is still what waits.

        `confirm` is the second step that a final act of high stake wants (`Card.second_step`). How long the card was
        open is measured from `shown`, unless `open_us` says it.
        """
        return self._answer(
            "approve", approval, open_us, digest, via, approval=approval, actor=actor, confirm=confirm
        )

    def reject(
        self,
        approval: str,
        *,
        reason: str = "",
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        via: str = "",
    ) -> Decided:
        """No, and why."""
        return self._answer(
            "reject", approval, open_us, digest, via, approval=approval, reason=reason, actor=actor
        )

    def edit(
        self,
        approval: str,
        text: str,
        *,
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        confirm: str = "",
        anyway: bool = False,
        via: str = "",
    ) -> Decided:
        """Yes to this text instead: a new effect with a digest of its own.

        What the checks find in it is told, as `CommandRefused`; `anyway` sends it all the same.
        """
        said = {"approval": approval, "text": text, "actor": actor, "confirm": confirm, "anyway": anyway}
        return self._answer("edit", approval, open_us, digest, via, **said)

    def snooze(self, approval: str, *, until: Instant | int, actor: str = "operator") -> Decided:
        """Not now: the card leaves the list until then (microseconds since 1970), and is told anew."""
        return self._decide("snooze", approval=approval, until=int(until), actor=actor)

    def undo(self, run: str, *, task: str = "", actor: str = "operator") -> Decided:
        """Take back what may leave and has not left yet; a card asks anew (`Decided.asks`)."""
        return self._decide("undo", run=run, task=task, actor=actor)

    def decide_together(
        self,
        answer: str,
        cards: Sequence[tuple[str, str]],
        *,
        guard: str,
        reason: str = "",
        actor: str = "operator",
        open_us: int = 0,
        via: str = "",
    ) -> DecidedTogether:
        """One answer ("approve", "reject") to the cards of a `Preview`, each bound to the effect that it showed."""
        with self._door() as door:
            told = door.ask(
                "decide_together",
                {
                    "answer": answer,
                    "cards": [[name, digest] for name, digest in cards],
                    "guard": guard,
                    "reason": reason,
                    "actor": actor,
                    "open_us": open_us,
                    "via": via,
                },
            )
            return decided_together(told, live=door.live)

    def resolve(
        self, run: str, task: int, answer: str, *, actor: str = "operator", attempt: int = 0
    ) -> Decided:
        """The answer to "did this go out?": happened, did_not or unknown.

        `attempt`: of which one it was asked. Where the act was tried again since, the answer decides nothing.
        """
        bound = {"attempt": attempt} if attempt else {}
        return self._decide("resolve", run=run, task=task, answer=answer, actor=actor, **bound)

    def cancel(self, run: str, *, reason: str = "", actor: str = "operator") -> Decided:
        """End a run."""
        return self._decide("cancel", run=run, reason=reason, actor=actor)

    def start(
        self,
        workflow: str,
        trigger: Json,
        *,
        request: str,
        key: str = "",
        actor: str = "operator",
    ) -> Decided:
        """Start a run by hand. The same `request` id never starts a second one."""
        return self._decide(
            "start", workflow=workflow, trigger=trigger, request=request, key=key, actor=actor
        )

    def start_by_hand(
        self, workflow: str, given: Json, *, request: str, key: str = "", actor: str = "operator"
    ) -> Decided:
        """Start a run with plain values, as a program may that is no person. The same `request` starts it once.

        Raises `NotFound`, and `CommandRefused` for a workflow that messages begin, or a value that is none.
        """
        from mainstay.workspace.starting import require_startable

        require_startable(self.startable(), workflow, given)
        return self.start(workflow, given, request=request, key=key, actor=actor)

    def startable(self) -> tuple[Startable, ...]:
        """The workflows in force, what begins each, and what it reads of its input."""
        from mainstay.workspace.starting import startable

        return startable(self._stored_plan(one) for one in (self._in_force() if self.begun else ()))

    def propose(
        self, act: str, arguments: Json, *, why: str = "", request: str, actor: str = "operator"
    ) -> Decided:
        """Ask for one act, as somebody outside ("client:NAME") may: it becomes a run of its own, and asks.

        `arguments` are typed by the act's contract (`proposable`). The same `request` of the same actor proposes once.
        Raises `CommandRefused` or `NotFound` for what cannot be proposed.
        """
        return self._decide("propose", act=act, arguments=arguments, why=why, request=request, actor=actor)

    def proposable(self) -> tuple[Proposable, ...]:
        """The acts that can be proposed here, each with its arguments."""
        from mainstay.workspace.proposing import proposable, told

        return told(proposable(self._settings()))

    def kill_switch(self, *, on: bool, reason: str = "", actor: str = "operator") -> Decided:
        """Stop every new effect, or allow them again."""
        return self._decide("kill_switch", on=on, reason=reason, actor=actor)

    def ingest(self, adapter: str = "", *, progress: Callable[[int], None] = lambda count: None) -> Json:
        """Read the mailboxes once; what each brought."""
        with self._door(progress) as door:
            return door.ask("ingest", {"adapter": adapter})

    def status(self) -> Json:
        """Who is at work, what waits, what is wrong with the house, and when it was last backed up."""
        if director_runs(self.folder):
            return {"director": "at work", **SocketDoor(self.folder).ask("status", {}), **self._care()}
        if not self.begun:
            self.folder.id  # noqa: B018  says that this is no workspace, if it is none
            nothing = {"director": "not running", "position": 0, "open_runs": 0, "waiting": 0, "in_doubt": 0}
            return nothing | self._care()
        return self._care() | {
            "director": "not running",
            "position": self._store.head,
            "open_runs": self._store.count("open_runs"),
            "waiting": self.waiting(),
            "in_doubt": self._store.count("in_doubt"),
            "kill_switch": self.steering.killed,
        }

    def health(self) -> Health:
        """Whether all is well here: ok, degraded or down, with each reason and what to do. Needs no key."""
        from mainstay.workspace.health import health, read_told

        if not director_runs(self.folder):
            return health(self.folder, self._clock, answers=False)
        try:
            return read_told(SocketDoor(self.folder).ask("health", {}))
        except DirectorUnavailable:  # it ended between our look and our question
            return health(self.folder, self._clock, answers=False)

    def metrics(self) -> bytes:
        """The figures of the workspace in Prometheus's text format. Raises `Unavailable` without its library."""
        if director_runs(self.folder):
            return str(SocketDoor(self.folder).ask("metrics", {})["text"]).encode()
        from mainstay.workspace.observing import metrics_beside

        return metrics_beside(self.folder, self._clock, self._store, self._settings())

    def incidents(self) -> list[OpenIncident]:
        """What is wrong with the house itself and not over: a silent source, a short disk, a backup that failed."""
        from mainstay.governance.incidents import open_incidents

        return open_incidents(self._store) if self.begun else []

    def _care(self) -> Json:
        from mainstay.workspace.backing import last_good

        found = [
            {"kind": one.kind, "subject": one.subject, "what": one.what, "since": one.since}
            for one in self.incidents()
        ]
        try:
            last = last_good(self._settings().backup, self.folder)
        except ConfigError:
            last = None  # a slip in a file must not hide what waits
        missed: list[Json] = []
        with suppress(LedgerUnready):  # a ledger of an earlier version: its first director makes the view
            missed = self._store.select("objectives", where={"met_at": None}, limit=100) if self.begun else []
        return {"incidents": found, "missed": missed, "backed_up_at": last.at if last else None}

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

    def _answer(
        self,
        operation: str,
        card: str,
        open_us: int | None,
        digest: str | None,
        via: str,
        **arguments: Any,
    ) -> Decided:
        measured = self.open_for(card, by=via) if open_us is None else open_us
        bound = {} if digest is None else {"digest": digest}
        answered = self._decide(operation, open_us=measured, via=via, **bound, **arguments)
        forget_shown(self.folder.cache, card)
        return answered

    @contextmanager
    def once(self, request: str, body: str) -> Iterator[Workspace]:
        """What is asked within is done once under this name, however often it is asked; for who was given a door.

        `body` says what is asked: the same name for anything else raises `KeyReused`.
        """
        from mainstay.workspace.once import OnceDoor

        given = self._given
        assert given is not None, "only a director at work knows what was asked"
        self._given = OnceDoor(given, request, body)
        try:
            yield self
        finally:
            self._given = given

    # --- within ----------------------------------------------------------------------------------------------------

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

    def _standing_of(self, kind: str) -> str:
        """What is missing until a kind of act stops asking; nothing is said of one that nobody decided about."""
        if not kind or self._store.get("autonomy", (kind,)) is None:
            return ""
        from mainstay.config.autonomy import read_autonomy
        from mainstay.governance.autonomy import missing

        # Of the settings only this table is read: a card is looked at all day.
        rules = read_autonomy(self._top().table("autonomy")).of(kind)
        try:
            policy = self.policies.policy()
        except (ConfigError, NotFound):
            policy = None  # the rules say nothing of it that can be told
        return missing(self._store, kind, rules, now=self._clock.now(), policy=policy)

    def _top(self) -> Section:
        """mainstay.toml as it stands, for what needs one table of it; read anew when it was changed."""
        from mainstay.config.toml import parse_toml

        file = self.folder.root / "mainstay.toml"
        text = file.read_bytes() if file.exists() else b""
        if self._parsed is None or self._parsed[0] != text:
            self._parsed = (text, parse_toml(text, file.name).top)
        return self._parsed[1]

    @property
    def _queue(self) -> CardQueue:
        from mainstay.workspace.card_queue import CardQueue

        return CardQueue(self._store, self._reader.line, self._clock.now())

    @property
    def _reader(self) -> CardReader:
        return CardReader(self._store, lambda: self._artifacts, self._events, self._view, self._standing_of)

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

    def _in_force(self) -> list[Digest]:
        rows = self._store.select("workflows", limit=1_000)
        return [Digest(str(row["definition"])) for row in rows]

    def _stored_plan(self, digest: Digest) -> Plan:
        """The plan as the ledger kept it: readers do not look at today's files."""
        from mainstay.kernel.plan import compile_plan
        from mainstay.workflows.canonical import restore

        return compile_plan(restore(self._blobs.read(digest)), digest)

    def _versions(self) -> Versions:
        from mainstay.workspace.versions import Versions

        self.folder.id  # noqa: B018  says that this is no workspace, if it is none
        ledger = (self._store, self._blobs, self._codec) if self.begun else None
        return Versions(self.folder.root, ledger)

    def _read_reason(self, row: Json) -> Json:
        """A row with its reason as a person may read it: what an outside system said may name somebody."""
        from mainstay.runtime.artifacts import SEALED

        reason = str(row["reason"] or "")
        return row | {"reason": self._artifacts.open_text(reason)} if reason.startswith(SEALED) else row

    def _events(self, run: str) -> list[tuple[RecordedEvent, Any]]:
        return [(one, self._codec.event(one)) for one in self._store.read(run_stream(RunId(run)))]

    def _evidence(self, run: str) -> list[tuple[RecordedEvent, Any]]:
        """What the decisions about a run's acts proved of their kind."""
        try:
            rows = self._store.select("evidence", where={"run": run})
        except KeyError:
            return []  # a ledger of an earlier version: its next director makes the view
        found = [
            one
            for row in rows
            for one in self._store.read_all(after=Position(int(str(row["position"])) - 1), limit=1)
        ]
        return [(one, self._codec.event(one)) for one in found]

    def _adopted(self, events: list[tuple[RecordedEvent, Any]]) -> list[tuple[RecordedEvent, Any]]:
        """The policies and templates that came into force before the last of these."""
        from mainstay.governance.in_force import ADOPTIONS
        from mainstay.runtime.governing import GOVERNANCE

        last = events[-1][0].position if events else 0
        return [
            (one, self._codec.event(one))
            for stream in (WORKSPACE, GOVERNANCE)
            for one in self._store.read(stream)
            if one.type in ADOPTIONS and one.position < last
        ]

    def _opened(self, event: Any) -> Any:
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

    @contextmanager
    def _door(
        self, progress: Callable[[int], None] = lambda count: None, *, operation: str = ""
    ) -> Iterator[Door]:
        if self._given is not None:
            yield self._given
            return
        if director_runs(self.folder) or self._must_be_live:
            yield SocketDoor(self.folder)
            return
        try:
            with LockDoor(self.folder, self._clock, progress=progress, operation=operation) as door:
                yield door
        except WorkspaceLocked as error:
            # Between our look and our try a director may have come up.
            if not director_runs(self.folder):
                raise locked_without_answer(error) from error
            yield SocketDoor(self.folder)

    def _decide(self, operation: str, **arguments: Any) -> Decided:
        with self._door(operation=operation) as door:
            answer = door.ask(operation, arguments)
            return decided(answer, live=door.live)

    def _doubt(self, row: Json) -> Json:
        """A row of what is in doubt, with what the card says would go out and to whom."""
        from mainstay.runtime.artifacts import FORGOTTEN

        read = self._read_reason(row)
        if not row["card"]:
            return read | {"title": None, "recipients": None}
        found = self._store.get("runs", (row["run"],)) or {}
        subject = SubjectId(str(found["subject"])) if found.get("subject") else None
        shown = self._artifacts.open_json(Digest(row["card"]), subject, b"card")
        if shown is None:
            return read | {"title": FORGOTTEN, "recipients": [FORGOTTEN]}
        return read | {"title": str(shown.get("title", "")), "recipients": list(shown.get("recipients", ()))}

    def _view(self, content: Digest, subject: SubjectId | None) -> Json:
        view = self._artifacts.open_json(content, subject, b"message")
        return view or {"subject": "[forgotten]", "from_address": "[forgotten]", "text": ""}


def _name_of(path: Path) -> str:
    name = path.absolute().name.lower().replace("_", "-").replace(" ", "-")
    return "".join(one for one in name if one.isalnum() or one == "-").strip("-") or "workspace"
