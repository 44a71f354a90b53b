"""Two processes for `--kill`: one that is killed in the middle, and one that carries on from the same ledger.

Outside the ledger lie two append-only files: `accepted` has every run whose start was acknowledged, `witness` every
execution of a step. What a step did before a `kill -9` stays in the kernel's cache, so both files are complete.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mainstay.agents.base import Brief
from mainstay.bench.rig import Rig, chain
from mainstay.kernel.effects import InvokeAgent, WakeAt
from mainstay.kernel.ids import RunId
from mainstay.ledger.verify import Verified, verify

Progress = Callable[[int, int], None]
WITNESS = "witness"
ACCEPTED = "accepted"


def _append_only(path: Path) -> Callable[[str], None]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return lambda line: _write(handle, line)


def _write(handle: int, line: str) -> None:
    os.write(handle, line.encode() + b"\n")


async def victim(folder: Path, progress: Progress, *, workflows: int, steps: int) -> dict[str, Any]:
    """Work until killed; writes down what it accepts and what it executes."""
    rig = Rig(folder, chain(steps))
    witness = _append_only(folder / WITNESS)
    total = workflows * steps

    def seen(brief: Brief) -> None:
        witness(f"{brief.run} {brief.task}")
        progress(rig.step.executions, total)

    rig.step.seen = seen
    async with rig.working():
        await rig.start(workflows, _append_only(folder / ACCEPTED))
        await rig.step.reached(total)
    return {}


async def survivor(
    folder: Path, progress: Progress, *, workflows: int, steps: int, started_s: float
) -> dict[str, Any]:
    """Boot from what is there, finish all work, and compare with what the other process had promised and done."""
    rig = Rig(folder, chain(steps))
    witness = _append_only(folder / WITNESS)
    executed_before = _lines(folder / WITNESS)
    went_on: list[float] = []
    total = workflows * steps

    def seen(brief: Brief) -> None:
        if not went_on:
            went_on.append(time.monotonic())
        witness(f"{brief.run} {brief.task}")
        progress(len(executed_before) + rig.step.executions, total)

    rig.step.seen = seen
    async with rig.working():
        booted_s = time.monotonic()
        open_runs = len(rig.director.runs)
        in_flight = {_name(owed.effect) for owed in rig.owed if isinstance(owed.effect, InvokeAgent | WakeAt)}
        while rig.director.runs:
            await asyncio.sleep(0.01)
        await rig.settled()
    accepted = _lines(folder / ACCEPTED)
    succeeded = [run for run in accepted if _succeeded(rig, run)]
    chain_holds = isinstance(verify(rig.store), Verified)
    rig.close()
    executions = Counter(_lines(folder / WITNESS))
    repeated = {line for line, count in executions.items() if count > 1}
    return {
        "accepted": len(accepted),
        "lost": len(accepted) - len(succeeded),
        "steps_missing": sum(
            f"{run} step{number}" not in executions for run in accepted for number in range(steps)
        ),
        "open_runs_at_kill": open_runs,
        "in_flight_at_kill": len(in_flight),
        "repeated_in_flight": len(repeated & in_flight),
        "repeated_though_done": len(repeated - in_flight),
        "boot_s": booted_s - started_s,
        "recover_s": (went_on[0] if went_on else booted_s) - started_s,
        "chain_holds": chain_holds,
    }


def _name(effect: InvokeAgent | WakeAt) -> str:
    return f"{effect.run} step{effect.task}"


def _lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1] if path.exists() else []


def _succeeded(rig: Rig, run: str) -> bool:
    row = rig.store.get("runs", (RunId(run),))
    return row is not None and row["status"] == "succeeded"
