"""Mainstay: the workspace a one-person company runs on.

A run is a fold over its events, and the work left to do is a function of that fold. Everything here follows from
that. A module imports from its own layer or from below; names on one line do not import each other:

    cli | console | mcp_server       parse, call the SDK, render
    testing | bench                  fakes, conformance suites, simulator
    workspace                        composition root and public SDK: wires things together
    config | plugins                 typed settings; entry points
    runtime                          director, performer, ingest, socket, clock: the only concurrency
    workflows | agents | adapters    what people add; each file independent of its neighbours
    governance                       approvals, autonomy views, costs, objectives, audit, forgetting
    memory                           records, index, ranking, retrieval policy, recall
    models                           model client, embedder, wrappers
    net                              egress guard, secrets, sandbox
    ledger                           streams, snapshots, projections, blobs, sealing
    kernel                           vocabulary and decisions; pure
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainstay.workspace import Card, Decided, Workspace

__version__ = "0.1.0"

__all__ = ["Card", "Decided", "Workspace", "__version__"]


def __getattr__(name: str) -> Any:
    """The SDK, imported when it is first asked for: `import mainstay` alone costs nothing."""
    if name in ("Card", "Decided", "Workspace"):
        from mainstay import workspace

        return getattr(workspace, name)
    raise AttributeError(f"module 'mainstay' has no attribute {name!r}")
