"""What the engine is made to do, each in a process of its own: a crowd, one at a time, one large run.

Every part takes its options as JSON values, tells its progress and returns plain figures.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from mainstay.bench.raw import Recorder, Replay
from mainstay.bench.rig import Rig, chain, fan_and_chain, peak_mb
from mainstay.ledger.connection import SQLITE3, Driver

Progress = Callable[[int, int], None]  # done, of how many
_PRAGMAS = (
    "journal_mode",
    "synchronous",
    "fullfsync",
    "checkpoint_fullfsync",
    "wal_autocheckpoint",
    "page_size",
)
RECORDED_WORKFLOWS = 20
SMALL_RUN = 100
SMALL_RUNS = 10


def cpu_s() -> float:
    """Processor time of this process, all threads, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(slots=True)
class Stopwatch:
    """Wall and processor time since it was made."""

    wall: float
    cpu: float

    @classmethod
    def started(cls) -> Stopwatch:
        return cls(time.perf_counter(), cpu_s())

    def stop(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, cpu_s() - self.cpu


async def crowd(folder: Path, progress: Progress, *, workflows: int, steps: int) -> dict[str, Any]:
    """All workflows at once: throughput, processor time, memory, bytes."""
    connections: list[Any] = []
    rig = Rig(folder, chain(steps), driver=_remembering(connections))
    total = workflows * steps
    rig.step.seen = lambda brief: progress(rig.step.executions, total)
    async with rig.working():
        before = rig.store.head
        watch = Stopwatch.started()
        await rig.start(workflows)
        await rig.step.reached(total)
        await rig.settled()
        wall_s, used_s = watch.stop()
        assert not rig.director.runs, "every workflow has ended"
        events = rig.store.head - before
    durability = {name: connections[0].execute(f"PRAGMA {name}").fetchall()[0][0] for name in _PRAGMAS}
    peak = peak_mb()
    return {
        "steps_per_s": total / wall_s,
        "workflows_per_s": workflows / wall_s,
        "cpu_us_per_step": used_s / total * 1e6,
        "peak_mb": peak,
        "events_per_step": events / total,
        "ticks": rig.loop.ticks,
        "bytes_per_step": rig.close() / total,
        "durability": durability,
    }


def _remembering(connections: list[Any]) -> Driver:
    """The usual driver; the connections it opens can be asked afterwards what they are really set to."""

    def connect(path: str) -> Any:
        connections.append(SQLITE3.connect(path))
        return connections[-1]

    return Driver(connect, SQLITE3.errors, SQLITE3.shared_memory, SQLITE3.read_afresh)


async def one_at_a_time(
    folder: Path, progress: Progress, *, workflows: int, steps: int, rounds: int
) -> dict[str, Any]:
    """One workflow after the other, each followed by raw commits of the same rows.

    A step's time runs from its execution to the next one's, with one commit in between.
    """
    recorder = Recorder()
    recorded = Rig(_made(folder / "recorded"), chain(steps), driver=recorder.driver)
    async with recorded.working():
        for _ in range(RECORDED_WORKFLOWS):
            await _one(recorded, steps)
    recorded.close()
    rig = Rig(_made(folder / "engine"), chain(steps))
    replay = Replay(_made(folder / "raw"), recorder.usual())
    executed: list[float] = []
    rig.step.seen = lambda brief: executed.append(time.perf_counter())
    rows: list[tuple[float, float]] = []
    async with rig.working():
        for _ in range(
            workflows
        ):  # warm, and both logs grown to their size: a growing file syncs more slowly
            await _one(rig, steps)
            replay.commits(steps)
        for number in range(rounds):
            rig.store.checkpoint()
            replay.checkpoint()
            engine_s: list[float] = []
            raw_s: list[float] = []
            for done in range(workflows):
                executed.clear()
                await _one(rig, steps)
                engine_s += [after - before for before, after in pairwise(executed)]
                raw_s += replay.commits(steps)
                progress(number * workflows + done + 1, rounds * workflows)
            rows.append((median(engine_s) * 1e3, median(raw_s) * 1e3))
    replay.close()
    rig.close()
    return {
        "step_p50_ms_one_at_a_time": median(row[0] for row in rows),
        "raw_commit_p50_ms": median(row[1] for row in rows),
        "one_at_a_time_ratio": median(engine / raw for engine, raw in rows),
        "one_at_a_time_ratios": [round(engine / raw, 2) for engine, raw in rows],
        "rows_per_commit": replay.rows,
    }


async def one_run(folder: Path, progress: Progress, *, tasks: int) -> dict[str, Any]:
    """One large run against small ones, before and after it: the cost of a task must not grow with its run."""
    small = await _runs(_made(folder / "small_before"), SMALL_RUN, SMALL_RUNS, lambda done: None)
    large = await _runs(_made(folder / "large"), tasks, 1, lambda done: progress(done, tasks))
    again = await _runs(_made(folder / "small_after"), SMALL_RUN, SMALL_RUNS, lambda done: None)
    wall_us, used_us = ((one + other) / 2 for one, other in zip(small, again, strict=True))
    return {
        "tasks": tasks,
        "us_per_task": large[0],
        "cpu_us_per_task": large[1],
        f"us_per_task_of_{SMALL_RUN}": wall_us,
        f"cpu_us_per_task_of_{SMALL_RUN}": used_us,
        "task_ratio": large[0] / wall_us,
        "task_cpu_ratio": large[1] / used_us,
        "tasks_peak_mb": peak_mb(),
    }


async def _runs(folder: Path, tasks: int, count: int, progress: Callable[[int], None]) -> tuple[float, float]:
    """Runs of so many tasks, one after the other: wall and processor time a task, in microseconds."""
    rig = Rig(folder, fan_and_chain(tasks))
    rig.step.seen = lambda brief: progress(rig.step.executions)
    async with rig.working():
        watch = Stopwatch.started()
        for _ in range(count):
            await _one(rig, tasks)
        wall_s, used_s = watch.stop()
    rig.close()
    return wall_s / tasks / count * 1e6, used_s / tasks / count * 1e6


async def _one(rig: Rig, steps: int) -> None:
    wanted = rig.step.executions + steps
    await rig.start(1)
    await rig.step.reached(wanted)
    await rig.settled()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
