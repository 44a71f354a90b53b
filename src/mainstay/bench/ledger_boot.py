"""The measured part of `bench ledger` that boots: a fresh process takes the workspace, as `mainstay up` does."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mainstay.bench.rig import peak_mb
from mainstay.kernel.commands import StopDirector
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.tick import Request
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held


def ledger_booted(folder: Path, *, started_s: float, cold: bool, stop: bool = False) -> dict[str, Any]:
    """From the start of this process until everything owed is known and the cards are proved to be what the runs say.

    `cold` first lets the kernel forget the ledger's pages, where it can be asked to: as after a restart of the machine.
    With `stop` the director ends as it should; without, the next boot finds it killed.
    """
    forgot_s = _forget(Folder(folder).ledger) if cold else 0.0
    imported_s = time.monotonic()
    held = Held(Folder(folder), SystemClock(), performing=True)
    try:
        opened_s = time.monotonic()
        owed = held.director.boot()
        booted_s = time.monotonic()
        assert held.director.cards_agree(), "the views are those of the runs"
        held.register()
        ready_s = time.monotonic()
        runs = held.director.runs.values()
        figures = {
            "boot_s": ready_s - started_s - forgot_s,
            "import_s": imported_s - started_s - forgot_s,
            "open_s": opened_s - imported_s,
            "fold_s": booted_s - opened_s,
            "check_s": ready_s - booted_s,
            "peak_mb": peak_mb(),
            "runs": len(runs),
            "owed": len(owed),
            "unclean": held.director.house.unclean,
            "phases": dict(
                Counter(task.phase.name.lower() for one in runs for _, task in one.state.all_tasks())
            ),
        }
        if stop:
            held.director.handle([Request(StopDirector())])
        return figures
    finally:
        held.close()


def _forget(ledger: Path) -> float:
    """Ask the kernel to forget what it has of these files; how long that took."""
    started_s = time.monotonic()
    if hasattr(os, "posix_fadvise"):
        for path in ledger.parent.glob(ledger.name + "*"):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)
    return time.monotonic() - started_s
