"""What a director at work does for itself besides its work: signs of life, room on the disk, sources, backups.

Rules of this file:

- Nothing here may stop the work: what goes wrong in it is told, and looked at again later.
- What takes long happens in a thread (the disk) or in a child process (the backup).
- What is wrong is told as an incident; the director records it once while it lasts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from mainstay.config.living import BackupSettings
from mainstay.kernel.commands import ClearIncident
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.events import IncidentKind
from mainstay.runtime.clock import Clock
from mainstay.runtime.disk import look_at_disk
from mainstay.runtime.heartbeat import BEAT_EVERY_S, Heartbeat, beat
from mainstay.runtime.incidents import Incidents, backup_failed, disk_growing, source_silent
from mainstay.runtime.systemd import notify, watchdog_every_s
from mainstay.workspace.backing import last_good
from mainstay.workspace.folder import Folder

log = logging.getLogger("mainstay")

DISK_EVERY_S = 600.0
SOURCES_EVERY_S = 30.0
JUMP_SHOWN_S = 600.0  # a jump of the clock is over at once; it is shown so long
SILENT_LEAST_S, SILENT_POLLS = 900.0, 10  # a source is silent after so many of its own turns, and no sooner
BACKUP_AGAIN_S = 3_600.0  # after one that failed
BACKUP_NICE = 10
BACKUP_TIMEOUT_S = 6 * 3_600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the ledger stands."""

    position: int
    epoch: int


@dataclass(slots=True)
class Watch:
    """Looks after one director, from `begin` to `end`."""

    folder: Folder
    clock: Clock
    incidents: Incidents
    standing: Callable[[], Standing]
    backup: BackupSettings
    rhythms: Mapping[str, float] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _heard_s: dict[str, float] = field(default_factory=dict)
    _looked_s: dict[str, float] = field(default_factory=dict)
    _jumped_s: float | None = None
    _backing: asyncio.Task[None] | None = None

    # --- from outside ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The director comes up: from now on it is missed when it is not."""
        self._beat(stopped=False)

    def ready(self, rhythms: Mapping[str, float]) -> None:
        """It is at work, and looks into these mailboxes every so many seconds."""
        self.rhythms = rhythms
        now_s = self.clock.monotonic_s()
        self._heard_s = dict.fromkeys(self.rhythms, now_s)
        self.incidents.begin()
        notify("READY=1", self.environ)

    def end(self, *, on_purpose: bool) -> None:
        """It has ended. Only one that was stopped on purpose is not missed."""
        notify("STOPPING=1", self.environ)
        if on_purpose:
            self._beat(stopped=True)

    def heard(self, instance: str) -> None:
        """A mailbox has answered."""
        self._heard_s[instance] = self.clock.monotonic_s()
        if self.incidents.is_open(IncidentKind.SOURCE_SILENT, instance):
            self.incidents.tell(ClearIncident(IncidentKind.SOURCE_SILENT, instance))

    def lag_s(self) -> dict[str, float]:
        """For how long nothing has been heard of each mailbox."""
        now_s = self.clock.monotonic_s()
        return {name: max(0.0, now_s - at_s) for name, at_s in self._heard_s.items()}

    async def run(self) -> None:
        """Look after it until cancelled."""
        every_s = min(BEAT_EVERY_S, watchdog_every_s(self.environ) or BEAT_EVERY_S)
        try:
            while True:
                await self.look()
                await asyncio.sleep(every_s)
        finally:
            if self._backing is not None:
                self._backing.cancel()
                await asyncio.gather(self._backing, return_exceptions=True)

    async def look(self) -> None:
        """One round; each part as often as it needs."""
        notify("WATCHDOG=1", self.environ)
        for name, every_s, look in (
            ("beat", BEAT_EVERY_S, self._beat_now),
            ("sources", SOURCES_EVERY_S, self._look_at_sources),
            ("clock", SOURCES_EVERY_S, self._look_at_clock),
            ("disk", DISK_EVERY_S, self._look_at_disk),
            ("backup", SOURCES_EVERY_S, self._look_at_backup),
        ):
            now_s = self.clock.monotonic_s()
            if (
                now_s - self._looked_s.get(name, -every_s) < every_s * 0.9
            ):  # a turn that comes a little early counts
                continue
            self._looked_s[name] = now_s
            try:
                await look()
            except (MainstayError, OSError) as error:
                log.warning("%s could not be looked at: %s: %s", name, type(error).__name__, error)

    # --- the parts -------------------------------------------------------------------------------------------------

    async def _beat_now(self) -> None:
        self._beat(stopped=False)

    def _beat(self, *, stopped: bool) -> None:
        standing = self.standing()
        sign = Heartbeat(int(self.clock.now()), standing.position, standing.epoch, os.getpid(), stopped)
        with suppress(OSError):  # a full disk: the next one may find room
            beat(self.folder.heartbeat, sign)

    async def _look_at_sources(self) -> None:
        now_s = self.clock.monotonic_s()
        for instance, poll_s in self.rhythms.items():
            silent_s, most_s = now_s - self._heard_s.get(instance, now_s), silent_after_s(poll_s)
            if silent_s > most_s:
                self.incidents.tell(source_silent(instance, silent_s=silent_s, rhythm_s=most_s))

    async def _look_at_clock(self) -> None:
        now_s = self.clock.monotonic_s()
        if not self.incidents.is_open(IncidentKind.CLOCK_JUMPED):
            self._jumped_s = None
        elif self._jumped_s is None:
            self._jumped_s = now_s
        elif now_s - self._jumped_s >= JUMP_SHOWN_S:
            self.incidents.tell(ClearIncident(IncidentKind.CLOCK_JUMPED, ""))

    async def _look_at_disk(self) -> None:
        found = await asyncio.to_thread(look_at_disk, self.folder.state, self.folder.cache, self.clock.now())
        if not found.short:
            return self.incidents.tell(ClearIncident(IncidentKind.DISK_GROWING, ""))
        return self.incidents.tell(
            disk_growing(
                free_bytes=found.free_bytes,
                needed_bytes=found.needed_bytes,
                growth_bytes_a_day=found.growth_bytes_a_day,
            )
        )

    # --- backups ---------------------------------------------------------------------------------------------------

    async def _look_at_backup(self) -> None:
        if self.backup.folder is None or (self._backing is not None and not self._backing.done()):
            return
        now_s = self.clock.monotonic_s()
        if now_s - self._looked_s.get("backup failed", -BACKUP_AGAIN_S) < BACKUP_AGAIN_S:
            return
        if not self.folder.ledger.exists():
            return
        last = last_good(self.backup, self.folder)
        if last is None or not 0 <= self.clock.now() - last.at < self.backup.every_us:
            self._backing = asyncio.create_task(self._back_up())

    async def _back_up(self) -> None:
        error = await self._made()
        if not error:
            self.incidents.tell(ClearIncident(IncidentKind.BACKUP_FAILED, ""))
            log.info("a backup was made and proved")
            return
        self._looked_s["backup failed"] = self.clock.monotonic_s()
        last = last_good(self.backup, self.folder)
        now = self.clock.now()
        self.incidents.tell(backup_failed(error=error, last_good=last.at if last else None, now=now))

    async def _made(self) -> str:
        """Have it made by a child; what went wrong, or nothing."""
        now = str(int(self.clock.now()))
        command = (sys.executable, "-P", "-m", "mainstay.workspace.backing", str(self.folder.root), now)
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, BACKUP_NICE)
        try:
            async with asyncio.timeout(BACKUP_TIMEOUT_S):
                said, _ = await child.communicate()
        except TimeoutError:
            return "it took too long"
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == 0:
            return ""
        try:
            return str(msgspec.json.decode(said, type=dict[str, object])["what"])
        except (msgspec.MsgspecError, KeyError):
            return f"it ended with code {child.returncode}"


def silent_after_s(poll_s: float) -> float:
    """How long a source that is looked at so often may be silent."""
    return max(SILENT_LEAST_S, SILENT_POLLS * poll_s)
