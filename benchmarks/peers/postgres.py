"""A PostgreSQL server of our own for the time of a run: a fresh cluster in a temporary folder, all durability settings
at their defaults, which are the safe ones. It listens on a Unix socket only and is ended by its own process id.

It refuses to run as root; then it runs as the user `postgres`, or `nobody` where there is none.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BIN = "/usr/lib/postgresql"
_READY_S = 60.0
_STATUS_LINE = 7  # of postmaster.pid: "ready" when connections are taken


class NoPostgres(Exception):
    """There is no PostgreSQL here that we could start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `pid` is the process that all others of it belong to."""

    pid: int
    version: str
    _sockets: Path

    def url(self, database: str) -> str:
        """For a database of this server; it need not exist yet."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._sockets}"


@contextmanager
def running() -> Iterator[Server]:
    """A server until the end of the block. Raises `NoPostgres`."""
    initdb, postgres = _program("initdb"), _program("postgres")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="peers-postgres-"))
    data, sockets = folder / "data", folder / "sockets"
    sockets.mkdir()
    if user is not None:
        for path in (folder, sockets):
            os.chown(path, user.pw_uid, user.pw_gid)
    # One look at who we become, for both programs.
    become: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    try:
        _initialised(initdb, data, become)
        version = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [postgres, "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,  # a Ctrl-C is ours to pass on
                **become,
            )
        try:
            _until_ready(server, data, folder / "log")
            yield Server(server.pid, version.split()[2], sockets)
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown: ends its sessions, writes everything
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path(_BIN).glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        raise NoPostgres(f"there is no {name} on this machine")
    return found


def _user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("it does not run as root, and there is neither a user postgres nor nobody")


def _initialised(initdb: str, data: Path, become: dict[str, Any]) -> None:
    made = subprocess.run(
        [initdb, "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"],
        capture_output=True,
        text=True,
        cwd=data.parent,
        **become,
    )
    if made.returncode != 0:
        raise NoPostgres(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")


def _until_ready(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise NoPostgres(f"the server ended: {log.read_text(errors='replace').strip().splitlines()[-1:]}")
        with suppress(OSError, IndexError):
            if (data / "postmaster.pid").read_text().splitlines()[_STATUS_LINE].strip() == "ready":
                return
        time.sleep(0.05)
    raise NoPostgres(f"the server was not ready after {_READY_S:.0f} s")
