"""Once a day the whole ledger is proved again, by a child process of low priority.

What a director reads it proves, and what is new it proves when it signs; what is old and never read again nobody would
look at. Proving a large ledger takes a minute of processor time, which the director should not give.

`python -m mainstay.workspace.full_audit FOLDER` is the child: one JSON object on the standard output. With `--tell` it
says before that how far it is, a number a line, for a person who waits (`proved_beside`).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mainstay.kernel.errors import MainstayError
from mainstay.kernel.values import DAY, Json
from mainstay.workspace.audit_state import ASKED_MARK as ASKED_MARK
from mainstay.workspace.audit_state import MARK as MARK
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.runtime.clock import Clock
    from mainstay.runtime.incidents import Incidents

LOOK_EVERY_S = 600.0
NICE = 15
TIMEOUT_S = 6 * 3_600.0
TELL_EVERY_S = 0.2
_Said = dict[str, object]


class FullAudit:
    """Has the whole ledger proved once a day, until cancelled."""

    def __init__(self, folder: Folder, clock: Clock, incidents: Incidents) -> None:
        self._folder = folder
        self._clock = clock
        self._incidents = incidents
        self._began = int(clock.now())

    async def run(self) -> None:
        """See the class."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Prove it, if that was a day ago."""
        now = int(self._clock.now())
        if self._folder.ledger.exists() and not 0 <= now - self._last() < DAY:
            self.told(await self._proved())

    def told(self, said: _Said) -> None:
        """Keep what the child found out."""
        from mainstay.kernel.commands import ClearIncident
        from mainstay.kernel.events import IncidentKind
        from mainstay.runtime.incidents import ledger_unsound

        if said.get("whole") is True:
            self._incidents.tell(ClearIncident(IncidentKind.AUDIT_FAILED, ""))
        elif "reason" in said:
            self._incidents.tell(ledger_unsound(str(said["reason"])))
        else:
            return  # it could not be looked at; once more later
        with suppress(OSError):  # a full disk: it is done again
            (self._folder.state / MARK).write_bytes(
                msgspec.json.encode({"at": int(self._clock.now()), **said})
            )

    def _last(self) -> int:
        with suppress(OSError, msgspec.MsgspecError, KeyError, ValueError):
            said = msgspec.json.decode((self._folder.state / MARK).read_bytes(), type=dict[str, object])
            return int(str(said["at"]))
        return self._began

    async def _proved(self) -> _Said:
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "mainstay.workspace.full_audit", str(self._folder.root)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return {}  # no process or memory is left just now: that is no reason to end the director
        try:
            async with asyncio.timeout(TIMEOUT_S):
                said, _ = await child.communicate()
            return msgspec.json.decode(said, type=_Said)
        except (TimeoutError, msgspec.MsgspecError):
            return {}
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


async def proved_beside(
    folder: Folder, clock: Clock, heard: Callable[[int], None] = lambda position: None
) -> Json:
    """Have the whole ledger proved by a child, for a person who waits, and keep what came of it with its time.

    `heard` hears how far it is. What could not be looked at is told as `error`, and nothing is kept.
    """
    began_us = int(clock.now())
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mainstay.workspace.full_audit", str(folder.root), "--tell"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert child.stdout is not None
    said: Json = {"error": "It ended before it had looked at everything."}
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for line in child.stdout:
                if line.strip().isdigit():
                    heard(int(line))
                else:
                    said = msgspec.json.decode(line, type=dict)
            await child.wait()
    except (TimeoutError, msgspec.MsgspecError):
        pass
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    now_us = int(clock.now())
    told = {"at": now_us, "took_us": max(0, now_us - began_us), **said}
    if "whole" in told:
        with suppress(OSError):  # a full disk: it is told all the same
            (folder.state / ASKED_MARK).write_bytes(msgspec.json.encode(told))
    return told


def proved(folder: Folder, progress: Callable[[int], None] = lambda position: None) -> Json:
    """What the child says."""
    from mainstay.ledger.verify import Broken
    from mainstay.workspace.verifying import verify_workspace

    try:
        found = verify_workspace(folder, progress)
    except MainstayError as error:
        return {"error": error.what}
    if isinstance(found, Broken):
        where = f"From position {found.position} on: " if found.position else ""
        told = {"whole": False, "position": int(found.position), "reason": where + found.reason}
        return told | {"of_checkpoints": found.checkpoints}
    counts = {"events": found.positions, "checkpoints": found.checkpoints, "blobs": found.blobs}
    return {"whole": True, **counts, "through": found.through, "notes": list(found.notes)}


def _teller() -> Callable[[int], None]:
    told_s = 0.0

    def tell(position: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= TELL_EVERY_S:
            told_s = time.monotonic()
            sys.stdout.write(f"{int(position)}\n")
            sys.stdout.flush()

    return tell


if __name__ == "__main__":
    os.nice(NICE)
    told = proved(Folder(Path(sys.argv[1])), *([_teller()] if "--tell" in sys.argv else []))
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
