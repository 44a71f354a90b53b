"""How the reader can call us again: what is printed to be copied must work as it stands."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

NAME = "mainstay"


def called(*, anywhere: bool = False) -> str:
    """Our command by its name where the shell finds it, else the way this process was called; `anywhere`: in full."""
    path = Path(sys.argv[0]).absolute()
    if shutil.which(NAME) or path.name != NAME:
        return NAME
    near = Path.cwd()
    return shlex.quote(str(path.relative_to(near) if not anywhere and path.is_relative_to(near) else path))


def login_line(root: Path, *, anywhere: bool = False) -> str:
    """The whole line that prints a link to this workspace's console."""
    return f"{called(anywhere=anywhere)} login --workspace {shlex.quote(str(root.resolve()))}"
