"""The composition root: the one place that wires a workspace together from its files.

Light parts come at once, heavy ones when they are first needed: a decision from the command line loads neither the
embedder nor the agents, so that it takes a fraction of a second.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from mainstay.config.files import RuleFiles, WorkspaceFiles, load_workspace_files
from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.plan import Plan, compile_plan
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.artifacts import Artifacts
from mainstay.workflows.canonical import restore
from mainstay.workspace.folder import Folder, open_vault

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from mainstay.adapters.base import Adapter
    from mainstay.agents.base import Agent, Brief, Tools
    from mainstay.models.base import Embedder, Unavailable
    from mainstay.runtime.routes import Route
    from mainstay.workflows.catalog import Catalog
    from mainstay.workflows.loader import WorkflowFile
    from mainstay.workspace.language_models import LanguageModels
    from mainstay.workspace.mail import MailAccount
    from mainstay.workspace.remembered import Remembered

log = logging.getLogger("mainstay")

RECALLING = 2  # recalls that are under way at once


class Assembly:
    """All parts of one workspace, as its files describe them."""

    def __init__(self, folder: Folder, store: SqliteStore | SqliteReader, *, writable: bool) -> None:
        self.folder = folder
        self.store = store
        self.blobs = BlobStore(folder.blobs, store.blob, writable=writable)
        self._plans: dict[Digest, Plan] = {}
        self._opening = Lock()

    @cached_property
    def files(self) -> WorkspaceFiles:
        """What the operator's files say, typed. Raises `ConfigError`."""
        return load_workspace_files(self.folder.root, self.catalog)

    @cached_property
    def untyped(self) -> WorkspaceFiles:
        """The same before workflows are held against the catalog, which is made from it."""
        return load_workspace_files(self.folder.root)

    @property
    def written(self) -> WorkspaceFiles:
        """What the files say, held against the catalog if anybody asked for that."""
        known: WorkspaceFiles | None = vars(self).get("files")
        return known if known is not None else self.untyped

    @cached_property
    def artifacts(self) -> Artifacts:
        """Sealed values."""
        vault = open_vault(self.folder, self.untyped.settings.workspace.key)
        return Artifacts(vault, self.blobs, known=self._sender_known)

    def _sender_known(self, subject: SubjectId) -> bool:
        return self.store.get("recipients", (subject,)) is not None

    @cached_property
    def seal_key(self) -> bytes:
        """What marks our own mail."""
        return self.artifacts.vault.keyed_hash("purpose", "mail marks")

    def adopt(self, rules: RuleFiles) -> None:
        """Go on with other rules and templates, from the next draft on."""
        from mainstay.agents.specialists.writer import ReplyWriter
        from mainstay.workspace.agents import house

        for name in ("untyped", "files"):
            if name in vars(self):
                known: WorkspaceFiles = getattr(self, name)
                vars(self)[name] = replace(
                    known, policy=rules.policy, policy_text=rules.text, templates=rules.templates
                )
        for agents in (vars(self).get("agents"), vars(self).get("light_agents")):
            for one in (agents or {}).values():
                if isinstance(one, ReplyWriter):
                    one.adopt(rules.templates, house(self.untyped))

    def adopt_workflows(self, workflows: Mapping[str, WorkflowFile]) -> None:
        """Go on with other workflows: their plans are known before their events are durable."""
        for name in ("untyped", "files"):
            if name in vars(self):
                known: WorkspaceFiles = getattr(self, name)
                vars(self)[name] = replace(known, workflows=workflows)
        self._plans |= {one.plan.digest: one.plan for one in workflows.values()}

    # --- adapters --------------------------------------------------------------------------------------------------

    @cached_property
    def accounts(self) -> Mapping[str, MailAccount]:
        """The configured e-mail accounts by instance."""
        from mainstay.net.secrets import SecretStore
        from mainstay.workspace.mail import mail_account

        settings = self.untyped.settings
        secrets = SecretStore()
        labels = self.folder.state / "labels.jsonl"
        return {
            name: mail_account(
                one,
                operator_name=settings.operator.name,
                secrets=secrets,
                seal_key=self.seal_key,
                labels=labels,
                oldest=self._oldest_run,
            )
            for name, one in settings.adapters.items()
            if one.use == "email"
        }

    @property
    def _oldest_run(self) -> Instant | None:
        rows = self.store.select("runs", order="started_at", limit=1)
        started = rows[0]["started_at"] if rows else None
        return Instant(started) if isinstance(started, int) else None

    @cached_property
    def adapters(self) -> Mapping[str, Adapter]:
        """Everything that can act, by instance."""
        return {name: account.adapter for name, account in self.accounts.items()}

    @property
    def reply_limits(self) -> Mapping[str, int]:
        """How many replies to one correspondent may leave by themselves in an hour, by instance."""
        settings = self.untyped.settings.adapters
        return {name: one.replies_per_hour_max for name, one in settings.items()}

    def route(self, act: str, inputs: Json) -> Route | None:
        """The adapter for an act: of those that can do it, the one whose mailbox the message came from."""
        from mainstay.runtime.routes import Route

        use, _, name = act.partition(".")
        settings = self.untyped.settings.adapters
        fitting = [one for one in self.adapters if settings[one].use == use]
        mailbox = _mailbox(inputs)
        chosen = next((one for one in fitting if settings[one].mailbox == mailbox), None)
        if chosen is None and len(fitting) == 1:
            chosen = fitting[0]
        if chosen is None:
            return None
        adapter = self.adapters[chosen]
        operation = adapter.contract.operation(name)
        return Route(chosen, adapter, operation) if operation else None

    # --- agents ----------------------------------------------------------------------------------------------------

    @cached_property
    def embedder(self) -> Embedder | Unavailable:
        """The on-device embedder with its cache, or why there is none."""
        from mainstay.models.base import Unavailable
        from mainstay.models.embedder import find_embedder
        from mainstay.models.embedding_cache import CachedEmbedder, SqliteEmbeddingCache

        self.folder.cache.mkdir(mode=0o700, exist_ok=True)
        found = find_embedder(self.folder.cache)
        if isinstance(found, Unavailable):
            log.warning("keyword search only: %s", found.reason)
            return found
        secret = self.artifacts.vault.keyed_hash("purpose", "embedding cache")
        return CachedEmbedder(
            found, SqliteEmbeddingCache(self.folder.cache / "vectors.sqlite3"), secret=secret
        )

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        """Everybody who can be asked, by name."""
        from mainstay.models.base import Unavailable
        from mainstay.workspace.agents import make_agents

        embedder = self.embedder
        return make_agents(
            self.untyped,
            None if isinstance(embedder, Unavailable) else embedder,
            root=self.folder.root,
            known=self._vouched,
        )

    @cached_property
    def light_agents(self) -> Mapping[str, Agent]:
        """The same agents without the embedder: enough to know what they take and give."""
        from mainstay.workspace.agents import make_agents

        return make_agents(self.untyped, None, root=self.folder.root, known=self._vouched)

    def trusted_program(self, name: str) -> str:
        """The digest of what is trusted of a program of the operator's; empty for nothing."""
        row = self._vouched(name)
        return str(row["digest"]) if row is not None else ""

    def _vouched(self, name: str) -> Json | None:
        return self.store.get("executables", (name,))

    # --- memory ----------------------------------------------------------------------------------------------------

    @cached_property
    def remembered(self) -> Remembered:
        """All that can be recalled; read from the ledger when it is first asked.

        With connections of its own, since it is kept up in a thread beside the director.
        """
        from mainstay.models.base import Unavailable
        from mainstay.workspace.agents import file_units
        from mainstay.workspace.remembered import Remembered

        files, embedder = self.untyped, self.memory_embedder
        reader, artifacts = self.reading()
        return Remembered(
            reader,
            artifacts,
            None if isinstance(embedder, Unavailable) else embedder,
            files=file_units(files),
            signature=files.settings.operator.signature or files.settings.operator.name,
        )

    def reading(self) -> tuple[SqliteReader, Artifacts]:
        """Connections for a thread beside the director, which whoever asks closes."""
        reader = SqliteReader(self.folder.ledger, tables=None)
        vault = open_vault(self.folder, self.untyped.settings.workspace.key)
        return reader, Artifacts(vault, BlobStore(self.folder.blobs, reader.blob, writable=False))

    def opened_memory(self) -> Remembered:
        """The same, for threads: whoever comes first opens it, and the others wait."""
        with self._opening:
            return self.remembered

    @property
    def memory_is_open(self) -> bool:
        """Whether somebody in this process has asked for it."""
        return "remembered" in vars(self)

    @cached_property
    def recalling(self) -> ThreadPoolExecutor:
        """Threads of their own for recalls: while a large memory is opened, all else that needs a thread has one."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(RECALLING, thread_name_prefix="recall")

    @cached_property
    def memory_embedder(self) -> Embedder | Unavailable:
        """What memory searches by: the embedder of this device, unless [memory] names a model."""
        from mainstay.models.base import Unavailable

        name = self.untyped.settings.memory.embedder
        if not name:
            return self.embedder
        found = self.language_models.embedder(name, day_micros=self.limits.day_micros)
        if isinstance(found, Unavailable):
            log.warning("memory is searched by words alone: %s %s", found.reason, found.remedy)
        return found

    @cached_property
    def language_models(self) -> LanguageModels:
        """The models of [models], as all briefs share them."""
        from mainstay.workspace.language_models import LanguageModels

        return LanguageModels(
            self.untyped.settings.models, cache=self.folder.cache, vault=lambda: self.artifacts.vault
        )

    def close_memory(self) -> None:
        """Give up what `remembered` and the models opened, if they did."""
        if "recalling" in vars(self):
            self.recalling.shutdown(cancel_futures=True)  # what is being asked reads by what is closed next
        if "remembered" in vars(self):
            self.remembered.close()
        if "language_models" in vars(self):
            self.language_models.close()

    def tools(self, brief: Brief) -> Tools:
        """What an agent may use for this brief."""
        from mainstay.workspace.tools import TaskTools

        policies = self.untyped.recalls.policies
        spending = self.language_models.spending(brief) if self.untyped.settings.models else None
        return TaskTools(
            brief, self.opened_memory, policies, self.artifacts.vault.keyed_hash, spending, self.recalling
        )

    # --- workflows -------------------------------------------------------------------------------------------------

    @cached_property
    def catalog(self) -> Catalog:
        """What workflows may name."""
        from mainstay.workspace.known import catalog_of

        configured = {
            f"{self.untyped.settings.adapters[name].use}.{operation.name}": operation
            for name, adapter in self.adapters.items()
            for operation in adapter.contract.operations
        }
        return catalog_of(self.untyped, configured, self.light_agents)

    def plan(self, digest: Digest) -> Plan:
        """The plan a run is pinned to: of this folder, or of an older version that the ledger kept."""
        if not self._plans:
            self._plans = {one.plan.digest: one.plan for one in self.written.workflows.values()}
        found = self._plans.get(digest)
        if found is None:
            try:
                raw = self.blobs.read(digest)
            except NotFound:
                raise KeyError(digest) from None
            found = self._plans[digest] = compile_plan(restore(raw), digest)
        return found

    def stored_plan(self, digest: Digest) -> Plan:
        """The plan as the ledger kept it, for readers that do not look at today's files."""
        found = self._plans.get(digest)
        if found is None:
            found = self._plans[digest] = compile_plan(restore(self.blobs.read(digest)), digest)
        return found

    @property
    def limits(self) -> Limits:
        """The budgets in force."""
        budgets = self.untyped.settings.budgets
        return Limits(budgets.day_micros, budgets.month_micros, budgets.run_micros, budgets.workflow_micros)


def _mailbox(inputs: Json) -> str:
    message = inputs.get("message")
    if isinstance(message, dict):
        return str(message.get("mailbox", ""))
    return str(getattr(message, "mailbox", ""))  # a message as agents read it
