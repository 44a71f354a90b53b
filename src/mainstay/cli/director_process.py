"""A director as a process of its own: started, waited for, ended in order, or killed without warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mainstay.kernel.errors import DirectorUnavailable
from mainstay.workspace.doors import director_runs
from mainstay.workspace.folder import Folder

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 20.0
LOOK_EVERY_S = 0.02


class DirectorProcess:
    """`mainstay up` for one workspace. What it says goes into a log file."""

    def __init__(self, folder: Folder, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises `DirectorUnavailable` with the end of its log."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-P", "-m", "mainstay", "up", "--workspace", str(self._folder.root)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ.copy()
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not director_runs(self._folder):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DirectorUnavailable(
                    "The director did not start.", why=self._last_words(), remedy=f"Read {self._log}."
                )
            time.sleep(LOOK_EVERY_S)

    def kill(self) -> None:
        """SIGKILL: it cannot clean up, finish or say goodbye."""
        assert self._process is not None, "it was not started"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it in order; nothing happens if it has ended."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        return " ".join(lines[-3:]) or "It said nothing."
