"""A program under way in the sandbox (`net.sandbox`): what it is told, what it says, and how it comes to its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final

MB: Final = 1024 * 1024
LINE_BYTES_MAX: Final = 1_000_000
ERRORS_KEPT: Final = 4_000  # bytes of what it says on stderr
_WATCH_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take."""

    wall_s: float = 30.0
    cpu_s: int = 30  # each process
    memory_max: int = 512 * MB  # all processes together, and each of them
    pids_max: int = 32
    files_max: int = 256  # open at once, each process
    scratch_max: int = 64 * MB  # the folder that it may write to
    output_max: int = 4 * MB  # what it says in all


@dataclass(frozen=True, slots=True)
class Ended:
    """How it came to its end: `exited`, `stopped` from here, or the limit it passed: `time`, `memory`, `output`."""

    how: str
    code: int
    errors: str  # the last of what it said on stderr


@dataclass
class Box:
    """A program under way, used from the thread that started it: it dies with that thread. `stop` may come from any."""

    process: subprocess.Popen[bytes]
    pidfd: int
    first: int  # the first process inside, as the host numbers it
    limits: Limits
    _how: str = ""
    _read: int = 0
    _lines: bytearray = field(default_factory=bytearray)
    _errors: bytearray = field(default_factory=bytearray)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ)
        self._watch = threading.Thread(target=self._watching, name="sandbox", daemon=True)
        self._watch.start()

    def __enter__(self) -> Box:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, line: bytes) -> bool:
        """Give it a line. False when it does not read any more."""
        pipe = self.process.stdin
        assert pipe is not None
        try:
            pipe.write(line + b"\n")
            pipe.flush()
        except (OSError, ValueError):
            return False
        return True

    def say_no_more(self) -> None:
        """Close what it reads from."""
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()

    def line(self) -> bytes | None:
        """What it says next, without the line break; None when it has nothing more to say."""
        while True:
            end = self._lines.find(b"\n")
            if end >= 0:
                line = bytes(self._lines[:end])
                del self._lines[: end + 1]
                return line
            if len(self._lines) > LINE_BYTES_MAX:
                self.stop("output")
                return None
            if not self._more():
                rest, self._lines = bytes(self._lines), bytearray()
                return rest or None

    @property
    def says_no_more(self) -> bool:
        """Whether it has closed all that it speaks through: it ends, or has ended."""
        return not self._selector.get_map()

    def rest(self) -> bytes:
        """All that it says until it ends."""
        while self._more():
            pass
        rest, self._lines = bytes(self._lines), bytearray()
        return rest

    def stop(self, how: str = "stopped") -> None:
        """End all its processes."""
        self._how = self._how or how
        with suppress(OSError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> Ended:
        """End it, if it has not ended, and give everything back."""
        if self.process.poll() is None:
            self.stop()
        code = self.process.wait()
        self._over.set()
        self._watch.join()
        if self.pidfd >= 0:
            self._selector.close()
            self.say_no_more()
            for pipe in (self.process.stdout, self.process.stderr):
                assert pipe is not None
                pipe.close()
            os.close(self.pidfd)
            self.pidfd = -1
        return self._told(code)

    def wait(self) -> Ended:
        """How it ends, once it has said everything."""
        self.process.wait()
        return self.close()

    def _told(self, code: int) -> Ended:
        return Ended(self._how or "exited", code, self._errors.decode("utf-8", "replace"))

    def _more(self) -> bool:
        """Read what is there; False when there is nothing more to come."""
        while self._selector.get_map():
            for key, _ in self._selector.select():
                part = os.read(key.fd, 65_536)
                if not part:
                    self._selector.unregister(key.fileobj)
                elif key.fileobj is self.process.stderr:
                    self._errors = (self._errors + part)[-ERRORS_KEPT:]
                    self._counted(part)
                else:
                    self._lines += part
                    if self._counted(part):
                        return True
        return False

    def _counted(self, part: bytes) -> bool:
        self._read += len(part)
        if self._read > self.limits.output_max:
            self.stop("output")
            self._lines.clear()
            return False
        return True

    def _watching(self) -> None:
        until = monotonic() + self.limits.wall_s
        while not self._over.wait(_WATCH_S):
            if monotonic() > until:
                self.stop("time")
            elif _memory(self.first) > self.limits.memory_max:
                self.stop("memory")


def _memory(first: int) -> int:
    """Bytes of memory that all processes below and including the first have for themselves."""
    total, todo, seen = 0, [first], set[int]()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
            for task in os.listdir(f"/proc/{one}/task"):
                children = Path(f"/proc/{one}/task/{task}/children").read_text()
                todo += map(int, children.split())
    return total
