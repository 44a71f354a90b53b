"""A child that ends with its parent, also where the parent was killed and could tell nobody.

The parent holds the other end of the child's standard input (`stdin=PIPE`) and never writes to it. However it ends,
the system closes that end, and the child reads the end of its file. That costs one thread, which sleeps.
"""

from __future__ import annotations

import os
import sys
import threading

ORPHANED = 129  # as a shell tells of a process whose terminal went away


def end_with_parent() -> None:
    """From here on this process ends at once when its standard input does. For one that keeps nothing on disk."""
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), name="parent", daemon=True).start()


def _watch(held: int) -> None:
    while os.read(held, 1_024):
        pass
    os._exit(ORPHANED)
