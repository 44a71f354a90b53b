"""One virtual environment for each peer, under `.peers/`, from requirements that are pinned by hash. Made once, and
again when the pins change.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_PLACE = ROOT / ".peers"


class NoEnvironment(Exception):
    """A peer could not be installed here; the message is what the installer said."""


def python_of(name: str) -> str:
    """The interpreter that has this peer; "" stands for ours. Installs what is missing."""
    if not name:
        return sys.executable
    pins = HERE / f"requirements-{name}.txt"
    folder = _PLACE / name
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"Installing {name} in an environment of its own (by hash, once)", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "install", "--quiet", "--require-hashes", "-r", str(pins)])
        stamp.write_text(wanted)
    return str(python)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")]
        raise NoEnvironment((said or ["it could not be installed"])[-1].removeprefix("ERROR: "))
