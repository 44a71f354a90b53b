"""The composition root and the public SDK: the one place that wires things together."""

from mainstay.workspace.workspace import Card, Decided, Workspace

__all__ = ["Card", "Decided", "Workspace"]
