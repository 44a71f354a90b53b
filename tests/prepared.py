"""What takes seconds to make and is the same for whoever uses it: made once in a run of the suite, then copied.

`prepared("name", make)` is a folder that the first to ask fills, in whichever worker; the others wait for it. It lies
in the system's temporary folder, so that a socket's path in it is short enough, and goes with the run. Nobody changes
what lies there: a test takes `copied(...)`, whose large files that are never written to are links.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "MAINSTAY_TEST_PREPARED"
GRAPH = ".onnx"  # ninety megabytes, replaced as a whole if at all


def begin() -> Path | None:
    """Make the folder of this run, unless the process that started this one did. Whoever made it calls `end`."""
    if os.environ.get(VARIABLE):
        return None
    place = Path(tempfile.mkdtemp(prefix="ms-run-", dir="/tmp"))
    os.environ[VARIABLE] = str(place)
    return place


def end(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    os.environ.pop(VARIABLE, None)


def prepared(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, filled by `make`, which gets it empty. A failure is everybody's who asks."""
    if (begun := begin()) is not None:  # no suite is at work: the folder goes with this process
        atexit.register(end, begun)
    run = Path(os.environ[VARIABLE])
    place, made = run / name, run / f"{name}.made"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(place, ignore_errors=True)  # what an attempt left that failed
            place.mkdir()
            make(place)
            made.touch()
    return place


def copied(source: Path, target: Path) -> Path:
    """A copy of its own, but for the embedder's graph."""
    shutil.copytree(source, target, copy_function=_copy, dirs_exist_ok=True)
    return target


def _copy(source: str, target: str) -> None:
    if source.endswith(GRAPH):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def embedder_cache() -> Path:
    """The embedder's graph and its record, as the first start of a workspace builds them. Empty without the weights."""

    def build(place: Path) -> None:
        from mainstay.models.embedder import find_embedder

        find_embedder(place)

    return prepared("embedder", build)


def lend_graph(cache: Path) -> None:
    """Give a workspace the graph that its first start would spend seconds on."""
    copied(embedder_cache(), cache)
