"""`mainstay bench engine`: the engine's figures, each beside what raw SQLite does on the same machine in the same
minute. Ratios are what counts; absolute figures depend on the machine and on what else it does.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from mainstay.bench.kill import kill_and_recover
from mainstay.bench.process import run_part
from mainstay.bench.report import Report

Told = Callable[[str, int, int], None]  # part, done, of how many
_SINGLE_WORKFLOWS = 40  # a round of one at a time


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure. `tasks` 0 and `tenfold` False leave these parts out; `kill` measures nothing else."""

    workflows: int = 2_000
    steps: int = 5
    rounds: int = 5
    tasks: int = 0
    tenfold: bool = False
    kill: bool = False
    seed: int = 1
    folder: str = ""  # where the ledgers are made; empty: the system's temporary folder


def run_engine(options: Options = Options(), told: Told = lambda part, done, of: None) -> Report:
    """Measure, in a folder that is removed afterwards. Raises `PartFailed` when a measured part ends early."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-", dir=options.folder or None) as name:
        folder = Path(name)
        figures = _killed(folder, options, told) if options.kill else _measured(folder, options, told)
    return Report(figures, asdict(options), machine(load_before))


def _killed(folder: Path, options: Options, told: Told) -> dict[str, Any]:
    return kill_and_recover(
        folder / "kill",
        workflows=options.workflows,
        steps=options.steps,
        seed=options.seed,
        progress=partial(told, "kill"),
    )


def _measured(folder: Path, options: Options, told: Told) -> dict[str, Any]:
    crowd = {"workflows": options.workflows, "steps": options.steps}
    engine: list[dict[str, Any]] = []
    raw: list[dict[str, Any]] = []
    for number in range(options.rounds):
        part = f"crowd, round {number + 1} of {options.rounds}"
        written = folder / f"crowd{number}"
        engine.append(run_part("crowd", written, partial(told, part), **crowd))
        raw.append(run_part("raw", folder / f"raw{number}", written=str(written)))
    figures = {**_medians(engine), **_medians(raw)}
    figures["steps_per_s_rounds"] = [round(one["steps_per_s"]) for one in engine]
    figures |= run_part(
        "one_at_a_time",
        folder / "one",
        partial(told, "one at a time"),
        workflows=min(_SINGLE_WORKFLOWS, options.workflows),
        steps=max(2, options.steps),
        rounds=options.rounds,
    )
    if options.tasks:
        part = f"one run of {options.tasks:,} tasks"
        figures |= run_part("one_run", folder / "run", partial(told, part), tasks=options.tasks)
    if options.tenfold:
        large = run_part(
            "crowd",
            folder / "tenfold",
            partial(told, "ten times the workflows"),
            **crowd | {"workflows": 10 * options.workflows},
        )
        figures["growth_at_tenfold"] = large["cpu_us_per_step"] / figures["cpu_us_per_step"]
        figures["peak_mb_at_tenfold"] = large["peak_mb"]
        figures["steps_per_s_at_tenfold"] = large["steps_per_s"]
    return figures


def _medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of every number over the rounds; of memory the largest."""
    return {
        name: value
        if not isinstance(value, int | float)
        else (max if name == "peak_mb" else median)(one[name] for one in rounds)
        for name, value in rounds[0].items()
    }


def machine(load_before: float) -> dict[str, Any]:
    """On what was measured, and how busy it was."""
    import sqlite3

    return {
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


@contextmanager
def progress_bar(shown: bool) -> Iterator[Told]:
    """Bars on a terminal, one for each part; nothing otherwise."""
    if not shown:
        yield lambda part, done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, Any] = {}

        def told(part: str, done: int, of: int) -> None:
            if part not in bars:
                bars[part] = progress.add_task(part, total=of)
            progress.update(bars[part], completed=done)

        yield told


def main(arguments: list[str] | None = None) -> int:
    """`python -m mainstay.bench.engine`. Returns 1 when a goal that was measured is missed."""
    import argparse
    import json

    parser = argparse.ArgumentParser(prog="mainstay bench engine", description=__doc__)
    parser.add_argument("--workflows", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=0, help="also one run of so many tasks")
    parser.add_argument("--tenfold", action="store_true", help="also ten times the workflows")
    parser.add_argument("--kill", action="store_true", help="kill -9 in the middle, and carry on")
    parser.add_argument("--seed", type=int, default=1, help="draws the moment of the kill")
    parser.add_argument("--folder", default="", help="where the ledgers are made")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args(arguments))
    as_json = given.pop("json")
    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_engine(Options(**given), told)
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        from rich.console import Console

        report.render(Console())
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
