"""When something was first shown on the command line: `mainstay.workspace.shown`, by the operator's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.cli.render import now_us
from mainstay.workspace import shown

if TYPE_CHECKING:
    from mainstay.workspace import Workspace


def mark_shown(workspace: Workspace, name: str) -> None:
    """It is on the screen now."""
    shown.mark_shown(workspace.folder.cache, name, now_us())


def open_for_us(workspace: Workspace, name: str) -> int:
    """How long ago it was first shown; 0 if it never was."""
    return shown.open_for_us(workspace.folder.cache, name, now_us())
