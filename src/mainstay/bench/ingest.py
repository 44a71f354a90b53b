"""`python -m mainstay.bench.ingest`: a large mailbox in flat memory, and how fast it is taken in and triaged.

Each figure comes from a process of its own (`bench.process`), so its peak is that of the work and of nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mainstay.bench.process import run_part

PEAK_MB_MAX = 600
Told = Callable[[str, int, int], None]  # part, done, of how many


def run_ingest(
    *,
    messages: int = 10_000,
    triaged: int = 1_000,
    told: Told = lambda part, done, of: None,
    folder: str = "",
) -> dict[str, Any]:
    """Measure, in a folder that is removed afterwards. Raises `PartFailed` when a measured part ends early."""
    before = os.environ.get("MAINSTAY_KEY_HOME")
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-", dir=folder or None) as name:
        os.environ["MAINSTAY_KEY_HOME"] = str(
            Path(name) / "keys"
        )  # nothing of the bench is left in the user's
        try:
            taken = run_part("mail_ingested", Path(name) / "in", partial(told, "ingest"), messages=messages)
            figures = {"ingest": taken}
            if triaged:
                part = partial(told, "triage")
                figures["triage"] = run_part("mail_triaged", Path(name) / "triage", part, messages=triaged)
        finally:
            if before is None:
                del os.environ["MAINSTAY_KEY_HOME"]
            else:
                os.environ["MAINSTAY_KEY_HOME"] = before
    figures["missed"] = [  # type: ignore[assignment]
        f"{part}.peak_mb" for part, one in figures.items() if one["peak_mb"] > PEAK_MB_MAX
    ]
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Measure and tell; 1 when the memory was not bounded as it should be."""
    parser = argparse.ArgumentParser(prog="python -m mainstay.bench.ingest", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="how many are taken in (default 10,000)")
    parser.add_argument("--triaged", type=int, default=1_000, help="how many are triaged as well; 0: none")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    given = parser.parse_args(arguments)
    figures = (
        _watched(given.messages, given.triaged)
        if sys.stderr.isatty()
        else run_ingest(messages=given.messages, triaged=given.triaged)
    )
    if given.json:
        print(json.dumps({**figures, "goal_peak_mb": PEAK_MB_MAX}, indent=2, default=str))
    else:
        _tell(figures)
    return 1 if figures["missed"] else 0


def _watched(messages: int, triaged: int) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {"ingest": bars.add_task("taking in", total=messages)}
        if triaged:
            tasks["triage"] = bars.add_task("triaging", total=triaged)

        def told(part: str, done: int, of: int) -> None:
            bars.update(tasks[part], completed=done, total=of)

        return run_ingest(messages=messages, triaged=triaged, told=told)


def _tell(figures: dict[str, Any]) -> None:
    for part, values in figures.items():
        if part == "missed":
            continue
        print(part)
        for name, value in values.items():
            print(f"  {name:26} {value:,.1f}" if isinstance(value, float) else f"  {name:26} {value:,}")
    print(f"goal: peak memory at most {PEAK_MB_MAX} MB: {'MISSED' if figures['missed'] else 'met'}")


if __name__ == "__main__":
    sys.exit(main())
