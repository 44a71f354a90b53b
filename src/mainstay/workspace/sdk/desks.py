"""`Desks`: what of a workspace has a class of its own, made when it is first asked for.

    workspace.memory.search("invoice")
    workspace.steering.pause("workflow", "triage", reason="holidays")

Each desk is given what it needs as calls, not as values: it stays right after `close`, and a desk that is only looked
at opens nothing. What a desk does stands in its own module, which is loaded with it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import Json
from mainstay.workspace.doors import director_runs
from mainstay.workspace.sdk.deciding import Deciding
from mainstay.workspace.sdk.runs import Runs

if TYPE_CHECKING:
    from mainstay.ledger.store import RecordedEvent
    from mainstay.workspace.adapters_shown import AdaptersShown
    from mainstay.workspace.autonomy import AutonomyDesk
    from mainstay.workspace.console import Console
    from mainstay.workspace.dry_run import DryRuns
    from mainstay.workspace.editing import Editing
    from mainstay.workspace.event_types import EventTypes
    from mainstay.workspace.executables import Executables
    from mainstay.workspace.forgetting import ForgettingDesk
    from mainstay.workspace.left_to_you import LeftToYou
    from mainstay.workspace.lessons import Lessons
    from mainstay.workspace.log_lines import LogLines
    from mainstay.workspace.memory import Memory
    from mainstay.workspace.models import Models
    from mainstay.workspace.objectives import Slo
    from mainstay.workspace.policies import Policies
    from mainstay.workspace.run_look import RunDesk
    from mainstay.workspace.run_search import RunSearch
    from mainstay.workspace.secrets import Secrets
    from mainstay.workspace.settings_shown import SettingsShown
    from mainstay.workspace.steering import Steering
    from mainstay.workspace.today import Today
    from mainstay.workspace.tokens import TokenDesk
    from mainstay.workspace.triage import Triage
    from mainstay.workspace.versions import Versions, WorkflowDifference, WorkflowState
    from mainstay.workspace.workflow_overview import Workflows


class Desks(Runs, Deciding):
    """The desks of a workspace: they read runs, and decide through its door."""

    @cached_property
    def run_search(self) -> RunSearch:
        """Runs by status, workflow, time and origin, a page at a time; and by id, address or words."""
        from mainstay.workspace.run_search import HITS_MAX, RunSearch
        from mainstay.workspace.run_titles import RunTitles

        return RunSearch(
            lambda: self._store,
            lambda: self._artifacts,
            RunTitles(
                lambda: self._store,
                lambda: self._artifacts,
                self._view,
                lambda recorded: self._codec.event(recorded),
            ),
            lambda text: self.memory.search(text, k=HITS_MAX),
            lambda: self.left.rows(),
        )

    @cached_property
    def left(self) -> LeftToYou:
        """Messages of late that got no draft and are left to the operator."""
        from mainstay.workspace.left_to_you import LeftToYou

        return LeftToYou(lambda: self._store, lambda run: self.run(run)[1])

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
            self._readable,
            decode,
            lambda rows: self.run_search.shown(rows),
            lambda state, events: self.memory.recalled(state, events),
            lambda: self._limits.run_micros,
            self._view,
            lambda row: self.left.holds(row),
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

    def workflows(self) -> tuple[list[WorkflowState], tuple[ConfigError, ...]]:
        """Every workflow with its versions and who follows them, and what is wrong with files that cannot be loaded."""
        from mainstay.workspace.known import workflow_mistakes

        return self._versions().states(), workflow_mistakes(self.folder.root)

    def workflow_difference(self, name: str, old: str = "", new: str = "") -> WorkflowDifference:
        """What differs between two versions, each by number, digest or `file`. Raises `NotFound` or `AmbiguousId`."""
        return self._versions().difference(name, old, new)

    def _versions(self) -> Versions:
        from mainstay.workspace.versions import Versions

        self.folder.id  # noqa: B018  says that this is no workspace, if it is none
        ledger = (self._store, self._blobs, self._codec) if self.begun else None
        return Versions(self.folder.root, ledger)

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
    def lessons(self) -> Lessons:
        """What edits of drafts taught, what that does to later drafts, and to take a lesson back."""
        from mainstay.workspace.lessons import Lessons

        return Lessons(lambda: self._store, lambda: self.memory)

    @cached_property
    def forgetting(self) -> ForgettingDesk:
        """What is held about somebody, and to destroy it."""
        from mainstay.workspace.forgetting import ForgettingDesk

        return ForgettingDesk(self._door, lambda: self._store, lambda: self._artifacts)

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
    def slo(self) -> Slo:
        """How the objectives of the workflows stand, and what these take of the operator's time."""
        from mainstay.workspace.objectives import Slo

        return Slo(lambda: self._store, lambda: self._settings().slo, self._clock)

    @cached_property
    def event_types(self) -> EventTypes:
        """The types of events, and an example of each from this ledger."""
        from mainstay.workspace.event_types import EventTypes

        return EventTypes(lambda: self._store)

    @cached_property
    def models(self) -> Models:
        """The configured language models: how each stands, and one small call to try one."""
        from mainstay.workspace.models import Models

        def used() -> list[Json]:
            return self._store.select("models_used", order="day", limit=100_000) if self.begun else []

        return Models(self._settings, used)

    @cached_property
    def logs(self) -> LogLines:
        """What the director said, a page at a time, newest first."""
        from mainstay.workspace.log_lines import LogLines

        return LogLines(self.folder.logs)

    @cached_property
    def executables(self) -> Executables:
        """Programs of the operator's own: which there are, and which bytes of them are trusted."""
        from mainstay.workspace.executables import Executables

        def operate(operation: str, **arguments: Any) -> Json:
            with self._door() as door:
                return door.ask(operation, arguments)

        def known(name: str) -> Json | None:
            return self._store.get("executables", (name,)) if self.begun else None

        return Executables(self.folder.root, self._settings, known, operate)

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
