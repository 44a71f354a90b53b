"""Measured parts run in processes of their own: memory and caches of one must not show in the figures of another.

A part is started as `python -m mainstay.bench.part NAME OPTIONS` and writes lines of JSON; the last is its result.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Progress = Callable[[int, int], None]
_STARTED = "started_s"  # on the clock that all processes of a machine share


class PartFailed(RuntimeError):
    """A measured part ended without a result. `stderr` says why."""

    def __init__(self, part: str, stderr: str) -> None:
        last = stderr.strip().rsplit("\n", 1)[-1]
        super().__init__(f"The measured part {part!r} ended without a result: {last or 'it said nothing'}")
        self.stderr = stderr


def run_part(
    part: str, folder: Path, progress: Progress = lambda done, of: None, **options: Any
) -> dict[str, Any]:
    """Run one part to its end and return what it measured."""
    with _popen(part, folder, options) as child:
        result = _follow(child, progress)
        stderr = _text(child.stderr)
    if result is None or child.returncode != 0:
        raise PartFailed(part, stderr)
    return result


def kill_part(
    part: str, folder: Path, progress: Progress = lambda done, of: None, *, at: int, **options: Any
) -> int:
    """Run a part and kill it, without warning, once it has told a progress of `at`. Returns what it told last."""
    told = 0

    def told_so_far(done: int, of: int) -> None:
        nonlocal told
        told = done
        progress(done, of)
        if done >= at:
            child.kill()

    with _popen(part, folder, options) as child:
        result = _follow(child, told_so_far)
        stderr = _text(child.stderr)
    if result is not None or told < at:
        raise PartFailed(part, stderr)
    return told


def _popen(part: str, folder: Path, options: dict[str, Any]) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    given = json.dumps({"folder": str(folder), _STARTED: time.monotonic(), **options})
    return subprocess.Popen(
        [sys.executable, "-m", "mainstay.bench.part", part, given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _follow(child: subprocess.Popen[bytes], progress: Progress) -> dict[str, Any] | None:
    assert child.stdout is not None
    for line in child.stdout:
        try:
            told = json.loads(line)
        except ValueError:
            continue  # a line that the kill cut short
        if "result" in told:
            result: dict[str, Any] = told["result"]
            return result
        progress(told["done"], told["of"])
    return None


def _text(stream: Any) -> str:
    return str(stream.read().decode("utf-8", "replace"))
