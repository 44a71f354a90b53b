"""The measured processes: started, followed line by line, and killed where that is asked for."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Told = Callable[[int, int], None]  # done, of how many


class PeerFailed(RuntimeError):
    """A flow program ended without a result; the last words it wrote are the message."""


def followed(command: Sequence[str], environment: Mapping[str, str], told: Told) -> dict[str, Any]:
    """Run a flow program to its end and return its result."""
    with tempfile.TemporaryFile() as words, _started(command, environment, words) as child:
        result = _result(child, told)
        child.wait()
        if result is None or child.returncode != 0:
            raise PeerFailed(_last(words))
    return result


def killed(command: Sequence[str], environment: Mapping[str, str], told: Told, *, at: int) -> int:
    """Run a flow program and `kill -9` it once it has told a progress of `at`; returns what it told last."""
    reached = 0

    def watched(done: int, of: int) -> None:
        nonlocal reached
        reached = max(reached, done)
        told(done, of)
        if done >= at:
            child.kill()

    with tempfile.TemporaryFile() as words, _started(command, environment, words) as child:
        result = _result(child, watched)
        child.wait()
        if result is not None:
            raise PeerFailed("it had done everything before it could be killed: give it more workflows")
        if reached < at:
            raise PeerFailed(_last(words))
    return reached


def _started(command: Sequence[str], environment: Mapping[str, str], words: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words
    )


def _result(child: subprocess.Popen[bytes], told: Told) -> dict[str, Any] | None:
    assert child.stdout is not None
    for line in child.stdout:
        try:
            heard = json.loads(line)
        except ValueError:
            continue  # cut short by the kill, or said by a library
        match heard:
            case {"result": dict(result)}:
                return result
            case {"done": int(done), "of": int(of)}:
                told(done, of)
            case _:
                continue  # JSON that is not ours
    return None


def _last(words: Any) -> str:
    words.seek(0)
    said = words.read().decode("utf-8", "replace").strip().splitlines()
    return said[-1] if said else "it said nothing"
