"""What the flow programs have in common: their command line, their clocks, and the witness of a kill.

A flow program runs in its peer's environment, so this file needs nothing but the standard library. It is called as
`python X_flow.py FORM --folder F --workflows N ...` and writes lines of JSON: progress, then one line with its result.

| Form | Does |
|---|---|
| `measure` | all workflows at once; then some one after the other |
| `victim` | all workflows at once, until it is killed; notes what was accepted and every execution of a step |
| `settings` | the names that `--setting` takes |
| `survivor` | starts anew on what the victim left, as the peer's documentation says, and counts what came of it |

The notes are two append-only files beside the peer's data. What was written before a `kill -9` stays in the kernel's
cache, so both are complete; a kill says nothing about fsync.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from typing import Any, Protocol

STEPS = 5
_TEXT_CHARS = 160  # makes an output of about 200 bytes
_TOLD_IN_ALL = 50  # lines of progress while measuring: enough for a bar, too few to be felt
_WARM_UP = 5  # workflows before the clock starts: schemas, pools and caches are there
_IDLE_S = 15.0  # nothing happened for so long: what is unfinished is lost
_LOOK_S = 0.05


def output(name: str, number: int) -> dict[str, Any]:
    """What a step gives: about 200 bytes as JSON."""
    return {"text": "x" * _TEXT_CHARS, "step": f"step{number}", "number": number}


class Flow(Protocol):
    """A peer, set up for the five steps. Every step calls `seen` before it gives its output."""

    seen: Callable[[str, int], None]  # workflow, number of the step

    def recorded(self) -> set[tuple[str, int]]:
        """The steps that the peer's files hold as done. Called before `working`."""

    def working(self) -> AbstractAsyncContextManager[None]:
        """Start the peer as documented; unfinished work of an earlier process goes on, where the peer does that."""

    async def run(self, names: list[str], accepted: Callable[[str], None]) -> None:
        """Run these workflows at once. Returns when the last is finished and durable; `accepted` hears of each one
        that is durably begun.
        """

    async def recover(self, names: list[str]) -> None:
        """What the documentation asks of the caller after a restart. Returns at once, or when work is done."""

    def finished(self, names: list[str]) -> Collection[str]:
        """Which of these the peer holds as finished."""

    def stored_bytes(self) -> int:
        """Bytes on disk, logs folded, nothing vacuumed."""

    def setting(self) -> str:
        """How the peer is run, in words."""

    def durability(self) -> dict[str, Any]:
        """What the open database says of its settings."""


def main(
    made: Callable[[argparse.Namespace], Flow], packages: Iterable[str], settings: Collection[str] = ("",)
) -> None:
    """The whole of a flow program's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=("measure", "victim", "survivor", "settings"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workflows", type=int, default=200)
    parser.add_argument("--single", type=int, default=20, help="workflows one after the other")
    parser.add_argument(
        "--setting", choices=("", *settings), default="", help="empty: the fastest durable one"
    )
    parser.add_argument("--url", default="", help="of a database server, where the peer uses one")
    parser.add_argument("--server-pid", type=int, default=0, help="whose processor time is told separately")
    parser.add_argument("--started", type=float, default=0.0, help="when the process was started (monotonic)")
    given = parser.parse_args()
    if given.form == "settings":
        _write({"result": {"settings": list(settings)}})
        return
    flow = made(given)
    form = {"measure": measure, "victim": victim, "survivor": survivor}[given.form]
    result = asyncio.run(form(flow, given))
    versions = {package: _version(package) for package in packages}
    _write({"result": {**result, "versions": {"python": sys.version.split()[0], **versions}}})
    # Some peers keep threads that nobody can end; what they hold is on disk already.
    sys.stdout.flush()
    os._exit(0)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


async def measure(flow: Flow, given: argparse.Namespace) -> dict[str, Any]:
    """Steps a second, processor time, bytes; then the time of a step with nothing beside it."""
    told = _Teller((given.workflows + given.single) * STEPS)
    executed: list[float] = []
    total = given.workflows * STEPS
    names = [f"crowd{number}" for number in range(given.workflows)]
    flow.seen = lambda name, number: None
    async with flow.working():
        await flow.run([f"warm{number}" for number in range(_WARM_UP)], _ignored)
        stored = flow.stored_bytes()
        flow.seen = lambda name, number: told()
        wall_s, cpu_s, server_s = time.perf_counter(), own_cpu_s(), server_cpu_s(given.server_pid)
        await flow.run(names, _ignored)
        wall_s, cpu_s = time.perf_counter() - wall_s, own_cpu_s() - cpu_s
        server_s = server_cpu_s(given.server_pid) - server_s
        assert len(flow.finished(names)) == given.workflows, "every workflow has finished"
        stored = flow.stored_bytes() - stored

        def timed(name: str, number: int) -> None:
            executed.append(time.perf_counter())
            told()

        flow.seen = timed
        steps_s: list[float] = []
        for number in range(given.single):
            executed.clear()
            await flow.run([f"single{number}"], _ignored)
            steps_s += [after - before for before, after in pairwise(executed)]
        durability = flow.durability()
    return {
        "steps": total,
        "wall_s": wall_s,
        "steps_per_s": total / wall_s,
        "cpu_us_per_step": cpu_s / total * 1e6,
        "server_cpu_us_per_step": server_s / total * 1e6 if given.server_pid else None,
        "bytes_per_step": stored / total,
        "step_p50_ms": median(steps_s) * 1e3 if steps_s else None,
        "setting": flow.setting(),
        "durability": durability,
    }


async def victim(flow: Flow, given: argparse.Namespace) -> dict[str, Any]:
    """Work until killed."""
    told = _Teller(given.workflows * STEPS, every=True)
    witness = append_only(given.folder / "witness")

    def seen(name: str, number: int) -> None:
        witness(f"{name} {number}")
        told()

    flow.seen = seen
    async with flow.working():
        names = [f"crowd{number}" for number in range(given.workflows)]
        await flow.run(names, append_only(given.folder / "accepted"))
    return {}


async def survivor(flow: Flow, given: argparse.Namespace) -> dict[str, Any]:
    """Carry on from what is there, and compare with what the victim had promised and done."""
    accepted = sorted(set(lines(given.folder / "accepted")))
    before = lines(given.folder / "witness")
    recorded = flow.recorded()
    witness = append_only(given.folder / "witness")
    told = _Teller(given.workflows * STEPS)
    went_on: list[float] = []

    def seen(name: str, number: int) -> None:
        went_on.append(time.monotonic())
        witness(f"{name} {number}")
        told()

    flow.seen = seen
    async with flow.working():
        await flow.recover(accepted)
        finished = len(flow.finished(accepted))
        looked = time.monotonic()
        while finished < len(accepted) and time.monotonic() - max([looked, *went_on[-1:]]) < _IDLE_S:
            await asyncio.sleep(_LOOK_S)
            finished = len(flow.finished(accepted))
        ended = time.monotonic()
    return {
        **judged(accepted, finished, before, lines(given.folder / "witness"), recorded),
        "recover_s": (went_on[0] if went_on else ended) - given.started,
    }


def judged(
    accepted: Collection[str],
    finished: int,
    before: list[str],
    after: list[str],
    recorded: Collection[tuple[str, int]],
) -> dict[str, Any]:
    """What became of the accepted workflows: lost ones, steps that ran twice, and among these the ones that the peer
    held as done.
    """
    repeated = {line for line, executions in Counter(after).items() if executions > 1}
    done = {f"{name} {number}" for name, number in recorded}
    return {
        "killed_at_step": len(before),
        "accepted": len(accepted),
        "finished": finished,
        "lost": len(accepted) - finished,
        "repeated": len(repeated),
        "repeated_though_done": len(repeated & done),
    }


def append_only(path: Path) -> Callable[[str], None]:
    """Writes lines that a kill cannot take back."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(line: str) -> None:
        os.write(handle, line.encode() + b"\n")

    return write


def lines(path: Path) -> list[str]:
    """The lines that were noted; none if the file never came to be."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def sqlite_bytes(path: Path) -> int:
    """The size of a SQLite database's files after its log, if any, was folded into it."""
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def own_cpu_s() -> float:
    """Processor time of this process and of children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def server_cpu_s(pid: int) -> float:
    """Processor time of a server's processes, living and ended; 0 for no server, or where there is no /proc."""
    if not pid:
        return 0.0
    ticks = 0
    family = {pid}
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        found.append((int(stat.parent.name), int(fields[1]), fields[11:15]))
    for own, parent, times in sorted(found):
        if own == pid or parent in family:
            family.add(own)
            # What ended children used is in their parent's books.
            ticks += sum(map(int, times))
    return ticks / os.sysconf("SC_CLK_TCK")


class _Teller:
    """Writes progress to the parent, now and then or at every step. Called from any thread."""

    def __init__(self, of: int, *, every: bool = False) -> None:
        self._count = count(1)
        self._of = of
        self._each = 1 if every else max(1, of // _TOLD_IN_ALL)

    def __call__(self) -> None:
        done = next(self._count)
        if done % self._each == 0:
            _write({"done": done, "of": self._of})


def _write(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def _ignored(name: str) -> None:
    """Nobody wants to hear of it."""
