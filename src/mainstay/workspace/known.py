"""What workflows may name, known from the files alone, and what is wrong with a workspace's workflows by it.

The director and the commands that only look hold workflows against the same catalog, so that what is found well here is
what the director starts with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mainstay.adapters.email.contract import contract
from mainstay.agents.base import INSPECTION, Agent, schema_of
from mainstay.config.files import WorkspaceFiles, load_workflows, load_workspace_files
from mainstay.kernel.contract import Operation, Repeatability, Schema
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.plan import Role
from mainstay.workflows.catalog import MESSAGE_RECEIVED, AgentSignature, Catalog
from mainstay.workspace.agents import make_agents


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
