"""`mainstay bench ledger`: whether a ledger of ten million events is as quick as an empty one.

A workspace's ledger is filled with runs that ended and some thousands that did not. On the way the time of an append is
sampled; then fresh processes boot from the ledger as it was early on, and from the whole of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from mainstay.bench.engine import Told, machine
from mainstay.bench.process import run_part
from mainstay.bench.report import Report
from mainstay.kernel.house import CRASH_LOOP

if TYPE_CHECKING:
    from rich.console import Console

# The first boot reads from the disk and its director ends as it should. The others are killed: the one after
# `CRASH_LOOP` of them takes all work under way for failed and writes that for thousands of runs; the last finds it.
BOOTS = 1 + CRASH_LOOP + 2


@dataclass(frozen=True, slots=True)
class Options:
    """What to fill. `boot_at`: after so many events a copy is laid aside, to compare the boot with."""

    events: int = 10_000_000
    unfinished: int = 5_000
    boot_at: int = 1_000_000
    samples: int = 500  # appends in each of eleven windows
    decided: bool = False  # every run by the director: the same bytes, four times slower
    folder: str = ""  # where the ledger is made; empty: the system's temporary folder


def run_ledger(options: Options = Options(), told: Told = lambda part, done, of: None) -> Report:
    """Measure, in a folder that is removed afterwards. Raises `PartFailed` when a measured part ends early."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-", dir=options.folder or None) as name:
        folder = Path(name)
        with _keys_in(folder / "keys"):
            given = {key: value for key, value in asdict(options).items() if key != "folder"}
            figures = run_part("ledger_filled", folder, partial(told, "filling"), **given)
            figures |= _growth(figures["windows"])
            if (folder / "first").exists():
                figures |= _booted(
                    folder / "first", "first_", partial(told, f"boot at {options.boot_at:,} events")
                )
            figures |= _booted(folder / "whole", "", partial(told, "boot"))
    if "first_boot_s" in figures:
        figures["boot_growth"] = figures["boot_s"] / figures["first_boot_s"]
        figures["cold_boot_growth"] = figures["cold_boot_s"] / figures["first_cold_boot_s"]
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench ledger")


def _booted(folder: Path, prefix: str, told: Any) -> dict[str, Any]:
    """One boot from the disk, some whose pages the kernel has, one in a crash loop and the one after it.

    Medians; of memory the largest.
    """
    boots: list[dict[str, Any]] = []
    for number in range(BOOTS):
        boots.append(run_part("ledger_booted", folder, cold=number == 0, stop=number == 0))
        told(number + 1, BOOTS)
    cold, *warm, looped, after = boots
    assert looped["unclean"] == CRASH_LOOP, "this many directors were killed in a row"
    parts = {
        name: [round(one[name], 3) for one in boots] for name in ("import_s", "open_s", "fold_s", "check_s")
    }
    return {
        f"{prefix}boot_s": median(one["boot_s"] for one in warm),
        f"{prefix}cold_boot_s": cold["boot_s"],
        f"{prefix}crash_loop_boot_s": looped["boot_s"],
        f"{prefix}boot_after_it_s": after["boot_s"],
        f"{prefix}boot_peak_mb": max(one["peak_mb"] for one in boots),
        f"{prefix}boots": {
            "s": [round(one["boot_s"], 3) for one in boots],
            **parts,
            "phases": cold["phases"],
        },
    }


def _growth(windows: list[dict[str, Any]]) -> dict[str, Any]:
    """How much slower an append has become, by itself and beside what bare SQLite did in the same seconds."""
    first, last = windows[0], windows[-1]
    beside = [one["append_p50_ms"] / one["raw_p50_ms"] for one in windows]
    return {
        "append_p50_ms_first": first["append_p50_ms"],
        "append_p50_ms_last": last["append_p50_ms"],
        "append_p99_ms_last": last["append_p99_ms"],
        "append_growth": last["append_p50_ms"] / first["append_p50_ms"],
        "append_growth_beside_raw": beside[-1] / beside[0],
        "append_growth_largest": max(beside) / beside[0],
        "fill_growth_mb": last["resident_mb"] - windows[1]["resident_mb"],
    }


@contextmanager
def _keys_in(folder: Path) -> Iterator[None]:
    """Nothing of the bench is left among the user's keys."""
    before = os.environ.get("MAINSTAY_KEY_HOME")
    os.environ["MAINSTAY_KEY_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MAINSTAY_KEY_HOME"]
        else:
            os.environ["MAINSTAY_KEY_HOME"] = before


def render(report: Report, console: Console) -> None:
    """The table of all figures, and one line for each window."""
    from rich.table import Table

    table = Table(title="an append of one step, on the way", title_justify="left")
    for column in ("events", "p50, ms", "p99, ms", "bare SQLite: p50, ms", "beside it", "memory, MB"):
        table.add_column(column, justify="right")
    for one in report.figures["windows"]:
        table.add_row(
            f"{one['events']:,}",
            f"{one['append_p50_ms']:.3f}",
            f"{one['append_p99_ms']:.2f}",
            f"{one['raw_p50_ms']:.3f}",
            f"{one['append_p50_ms'] / one['raw_p50_ms']:.2f}",
            f"{one['resident_mb']:.0f}",
        )
    console.print(table)
    report.render(console)
