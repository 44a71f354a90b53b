"""The composition root and the public SDK: the one place that wires things together.

`Workspace` and its values are loaded when they are first named, so that a command that only needs to find the folder
stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainstay.workspace.cards import Card, CardLine, Leaving, Preview
    from mainstay.workspace.decided import Decided, DecidedTogether
    from mainstay.workspace.workspace import Workspace

__all__ = ["Card", "CardLine", "Decided", "DecidedTogether", "Leaving", "Preview", "Workspace"]


def __getattr__(name: str) -> Any:
    match name:
        case "Workspace":
            from mainstay.workspace import workspace

            return workspace.Workspace
        case "Decided" | "DecidedTogether":
            from mainstay.workspace import decided

            return getattr(decided, name)
        case _ if name in __all__:
            from mainstay.workspace import cards

            return getattr(cards, name)
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
