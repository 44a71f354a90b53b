"""`--kill`: a process is killed in the middle of its work, another carries on. What was lost, what was repeated, and
how long until work went on, from the start of the second process.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from mainstay.bench.process import Progress, kill_part, run_part


def kill_and_recover(
    folder: Path, *, workflows: int, steps: int, seed: int, progress: Progress = lambda done, of: None
) -> dict[str, Any]:
    """Kill at a moment drawn from the seed, between 30 and 70 % of all steps; then restart and count."""
    share = random.Random(seed).uniform(0.3, 0.7)
    at = int(workflows * steps * share)
    told = kill_part("victim", folder, progress, at=at, workflows=workflows, steps=steps)
    figures = run_part("survivor", folder, progress, workflows=workflows, steps=steps)
    return {"killed_at_step": told, "kill_seed": seed, **figures}
