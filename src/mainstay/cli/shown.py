"""When a card was first shown: the decision records how long its reader took.

A mark is an empty file in the workspace's cache, its time the moment of the first look. Losing one loses a
measurement and nothing else, so nothing here fails.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from mainstay.cli.render import now_us

if TYPE_CHECKING:
    from pathlib import Path

    from mainstay.workspace import Workspace

OPEN_US_MAX = 3_600_000_000  # a card that was left open overnight was not read all night


def mark_shown(workspace: Workspace, approval: str) -> None:
    """The card is on the screen now."""
    mark = _mark(workspace, approval)
    with contextlib.suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def open_for_us(workspace: Workspace, approval: str) -> int:
    """How long ago it was first shown; 0 if it never was."""
    try:
        shown_us = _mark(workspace, approval).stat().st_mtime_ns // 1_000
    except OSError:
        return 0
    return min(max(0, now_us() - shown_us), OPEN_US_MAX)


def _mark(workspace: Workspace, approval: str) -> Path:
    return workspace.folder.cache / "shown" / approval
