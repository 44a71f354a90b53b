"""Where the master key lies, read from mainstay.toml by itself: who only looks needs no other setting of it.

Takes what is plainly there and nothing else. Whatever is odd about the file is left to `config.settings`, which says
what is wrong with it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path


def key_of(raw: bytes, folder: Path) -> Path | None:
    """The path of the key; None for the usual place. Raises `ValueError` for a file that has to be read in full."""
    workspace = tomllib.loads(raw.decode("utf-8")).get("workspace", {})
    key = workspace.get("key") if isinstance(workspace, dict) else workspace
    if key is None:
        return None
    if not isinstance(key, str) or "\0" in key or key.startswith("~") or ".." in Path(key).parts:
        raise ValueError("not plainly a path")
    found = folder.absolute() / key
    if found.is_relative_to(folder.absolute()):
        raise ValueError("inside the workspace")
    return found
