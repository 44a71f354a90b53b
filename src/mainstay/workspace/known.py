"""What workflows may name, known from the files alone, and what is wrong with a workspace's workflows by it.

The director and the commands that only look hold workflows against the same catalog, so that what is found well here is
what the director starts with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mainstay.adapters.email.contract import contract
from mainstay.agents.base import INSPECTION, Agent, schema_of
from mainstay.config.files import WorkspaceFiles, load_settings, load_workflows, load_workspace_files
from mainstay.config.settings import Settings
from mainstay.kernel.contract import Operation, Repeatability, Schema
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.plan import Role
from mainstay.workflows.catalog import MESSAGE_RECEIVED, AgentSignature, Catalog
from mainstay.workflows.loader import WorkflowFile
from mainstay.workspace.agents import make_agents

FOLDERS = ("workflows", "templates", "policies")
REMEMBERED_MAX = 200
Found = TypeVar("Found")
Stamp = tuple[tuple[str, int, int, int], ...]


def catalog_of(
    files: WorkspaceFiles,
    configured: Mapping[str, Operation] | None = None,
    agents: Mapping[str, Agent] | None = None,
) -> Catalog:
    """What workflows may name: agents, acts, events and retrieval policies. `configured`: the acts of its accounts."""
    # What is shipped may be named before an account is configured; without one the act fails, and says so.
    acts = {f"email.{one.name}": one for one in contract(Repeatability.FINDABLE).operations}
    found = make_agents(files, None) if agents is None else agents
    return Catalog(
        agents={name: _signature(agent) for name, agent in found.items()},
        acts=acts | dict(configured or {}),
        events={"message.received/1": MESSAGE_RECEIVED},
        recalls=frozenset(files.recalls.policies),
    )


class KnownNow:
    """What the files of a folder say now, read anew when one of them was written: for whoever looks all day."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stamp: Stamp = ()
        self._catalog: Catalog | None = None
        self._last: Catalog | None = None  # of files that were right
        self._whole: WorkspaceFiles | None = None
        self._found: dict[str, Any] = {}
        self._workflows: tuple[dict[str, WorkflowFile], tuple[ConfigError, ...]] | None = None

    def catalog(self) -> Catalog:
        """What workflows may name: by all files, or where one is wrong, as it was before, or by the settings alone.

        Raises `ConfigError` where nobody can say.
        """
        self._look()
        if self._catalog is None:
            try:
                self._catalog = self._last = catalog_of(load_workspace_files(self._root, workflows=False))
            except ConfigError:
                self._catalog = self._last or catalog_of(WorkspaceFiles(load_settings(self._root)))
        return self._catalog

    def settings(self) -> Settings:
        """The settings alone. Raises `ConfigError`."""
        return self.remembered("settings", lambda: load_settings(self._root))

    def whole(self) -> WorkspaceFiles:
        """Everything, held against everything else. Raises `ConfigError`."""
        self._look()
        if self._whole is None:
            self._whole = load_workspace_files(self._root, self.catalog())
        return self._whole

    def remembered(self, key: str, make: Callable[[], Found]) -> Found:
        """What `make` gives, once for the files as they are."""
        self._look()
        if key not in self._found:
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            self._found[key] = make()
        found: Found = self._found[key]
        return found

    def workflows(self) -> tuple[dict[str, WorkflowFile], tuple[ConfigError, ...]]:
        """The workflows that can be read, and what is wrong with them."""
        self._look()
        if self._workflows is None:
            self._workflows = load_workflows(self._root, self.catalog())
        return self._workflows

    def _look(self) -> None:
        stamp = stamp_of(self._root)
        if stamp != self._stamp:
            self._stamp, self._catalog, self._whole, self._workflows = stamp, None, None, None
            self._found.clear()


def stamp_of(root: Path) -> Stamp:
    """What changes when a file of the workspace is written: its name, time, size and number."""
    found: list[tuple[str, int, int, int]] = []
    for folder in (root, *(root / name for name in FOLDERS)):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    told = entry.stat()
                    found.append((entry.path, told.st_mtime_ns, told.st_size, told.st_ino))
    return tuple(sorted(found))


def workflow_mistakes(root: Path) -> tuple[ConfigError, ...]:
    """What keeps workflows of the folder from being loaded; where other files do, what is wrong with those as well."""
    try:
        files = load_workspace_files(root, workflows=False)
    except ConfigError as error:
        return (*load_workflows(root)[1], error, *error.also)
    return load_workflows(root, catalog_of(files))[1]


def _signature(agent: Agent) -> AgentSignature:
    output = schema_of(agent.output) if agent.output else Schema()
    if agent.role is Role.INSPECTOR:
        output = INSPECTION
    return AgentSignature(agent.role, schema_of(agent.input), output, agent.cost_max_micros)
