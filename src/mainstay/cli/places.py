"""Folders that are made when they are first needed: whether that would work. Nothing is made here."""

from __future__ import annotations

import os
from pathlib import Path


def obstacle(folder: Path, *, parents: bool) -> str:
    """Why it cannot be made or written; empty where it can. `parents`: those that are missing are made as well."""
    there = folder
    while parents and not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not parents and not os.path.lexists(folder):
        there = folder.parent
    if not there.exists():
        return f"{there} is not there."
    if not there.is_dir():
        return f"{there} is not a folder."
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written."
