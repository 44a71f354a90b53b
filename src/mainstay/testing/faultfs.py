"""A disk that fails on purpose, for the real SQLite store: a VFS in memory, tests only.

Each file has two sides: what processes see, and what the platter holds. A write goes to the first and
waits; an fsync carries it to the second. A power cut keeps of what waits nothing, everything, or any choice
of sectors, so that writes are lost, torn and reordered. A failed fsync does what kernels do: what was
waiting is never written, and a later fsync succeeds without it.

Everything is drawn from the generator that is passed in: the same seed breaks the same way. SQLite has no
shared memory here, so a file has one connection (`Driver.shared_memory` is false); log, recovery and
checkpoints are the real ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any

import apsw

from mainstay.ledger.connection import Connection, Driver

SECTOR_BYTES = 512
_POWERSAFE_OVERWRITE = 0x1000  # as SQLite assumes of every disk by default: a write harms no byte beside it


class Fault(StrEnum):
    """What an I/O operation can do instead of its work."""

    POWER_CUT = "power cut"
    FULL = "disk full"
    WRITE_ERROR = "write error"
    READ_ERROR = "read error"
    FSYNC_ERROR = "fsync error"


class Survival(StrEnum):
    """What a power cut leaves of what was written and not synced."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    SOME = "some"


# Which operations a fault can strike.
_STRIKES: dict[Fault, frozenset[str]] = {
    Fault.POWER_CUT: frozenset({"write", "truncate", "sync", "delete", "create"}),
    Fault.FULL: frozenset({"write"}),
    Fault.WRITE_ERROR: frozenset({"write", "truncate"}),
    Fault.READ_ERROR: frozenset({"read"}),
    Fault.FSYNC_ERROR: frozenset({"sync"}),
}


@dataclass(slots=True)
class _Waiting:
    """A write, or (data None) a truncation, that is not on the platter yet."""

    offset: int
    data: bytes | None


@dataclass(slots=True)
class _File:
    seen: bytearray = field(default_factory=bytearray)
    platter: bytearray = field(default_factory=bytearray)
    waiting: list[_Waiting] = field(default_factory=list)
    entry_durable: bool = False  # is the file's name on the platter


class Disk:
    """Files, the operations on them counted, and at most one fault that waits for its moment."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.files: dict[str, _File] = {}
        self.operations: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.dead = False
        self._life = 0  # handles from before a power cut reach nothing
        self._fault: Fault | None = None
        self._countdown = 0

    def plan(self, fault: Fault | None, after: int = 0) -> None:
        """Strike the operation that comes after `after` others that this fault could strike."""
        self._fault, self._countdown = fault, after

    @property
    def planned(self) -> Fault | None:
        """The fault that has not struck yet."""
        return self._fault

    def operation(self, kind: str, life: int) -> Fault | None:
        """Count an operation; the fault that strikes it, if any. Raises once the power is cut."""
        if self.dead or life != self._life:
            raise _io_error(apsw.SQLITE_IOERR)
        self.operations[kind] += 1
        fault = self._fault
        if fault is None or kind not in _STRIKES[fault]:
            return None
        if self._countdown > 0:
            self._countdown -= 1
            return None
        self._fault = None
        self.struck[fault] += 1
        if fault is Fault.POWER_CUT:
            self.dead = True
        return fault

    def cut_power(self, survival: Survival) -> None:
        """All that is not on the platter is gone, except what `survival` leaves of it; the disk works
        again.
        """
        for name in list(self.files):
            file = self.files[name]
            if not file.entry_durable and not self._survives(survival):
                del self.files[name]
                continue
            for waiting in file.waiting:
                self._settle(file, waiting, survival)
            self.files[name] = _File(bytearray(file.platter), file.platter, [], entry_durable=True)
        self._revive()

    def end_process(self) -> None:
        """The process is gone, the kernel lives: it writes what waits, and shows what it wrote in vain."""
        for file in self.files.values():
            for waiting in file.waiting:
                self._settle(file, waiting, Survival.EVERYTHING)
            file.waiting.clear()
        self._revive()

    def read_afresh(self, path: str) -> None:
        """What the kernel shows of the log is what the platter holds (nothing waits when a process starts)."""
        if (log := self.files.get(path + "-wal")) is not None:
            log.seen = bytearray(log.platter)

    def flip(self, name: str, offset: int, mask: int = 0x01) -> None:
        """Change stored bits behind everybody's back."""
        file = self.files[name]
        file.platter[offset] ^= mask
        file.seen[offset] ^= mask

    def _revive(self) -> None:
        self.dead = False
        self._life += 1
        self._fault = None

    @property
    def life(self) -> int:
        """Rises with each end of the processes that use the disk."""
        return self._life

    def _survives(self, survival: Survival) -> bool:
        return survival is Survival.EVERYTHING or (survival is Survival.SOME and self.random.random() < 0.5)

    def _settle(self, file: _File, waiting: _Waiting, survival: Survival) -> None:
        if waiting.data is None:
            if self._survives(survival):
                _resize(file.platter, waiting.offset)
            return
        for offset, piece in _sectors(waiting.offset, waiting.data):
            if self._survives(survival):
                _overwrite(file.platter, offset, piece)


class _Handle:
    """An open file, as SQLite sees it."""

    def __init__(self, disk: Disk, file: _File) -> None:
        self._disk, self._file, self._life = disk, file, disk.life

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self._disk.operation("read", self._life):
            raise _io_error(apsw.SQLITE_IOERR_READ)
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        fault = self._disk.operation("write", self._life)
        piece = bytes(data)
        if fault in (Fault.FULL, Fault.WRITE_ERROR):
            piece = piece[: self._disk.random.randrange(len(piece) + 1)]
        if piece:
            _overwrite(self._file.seen, offset, piece)
            self._file.waiting.append(_Waiting(offset, piece))
        match fault:
            case None:
                return
            case Fault.FULL:
                raise _error(apsw.FullError("disk full"), apsw.SQLITE_FULL)
            case _:
                raise _io_error(apsw.SQLITE_IOERR_WRITE)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        if self._disk.operation("truncate", self._life):
            raise _io_error(apsw.SQLITE_IOERR_TRUNCATE)
        _resize(self._file.seen, newsize)
        self._file.waiting.append(_Waiting(newsize, None))

    def xSync(self, _flags: int) -> None:  # noqa: N802
        fault = self._disk.operation("sync", self._life)
        if fault is Fault.FSYNC_ERROR:
            # Some of it may have reached the platter; nobody will ever try to write the rest again.
            for waiting in self._file.waiting:
                self._disk._settle(self._file, waiting, Survival.SOME)
            self._file.waiting.clear()
        if fault:
            raise _io_error(apsw.SQLITE_IOERR_FSYNC)
        for waiting in self._file.waiting:
            self._disk._settle(self._file, waiting, Survival.EVERYTHING)
        self._file.waiting.clear()
        # SQLite fsyncs the folder with a new log's first fsync; the database lies in the same folder.
        for file in self._disk.files.values():
            file.entry_durable = True

    def xFileSize(self) -> int:  # noqa: N802
        if self._disk.dead or self._life != self._disk.life:
            raise _io_error(apsw.SQLITE_IOERR_FSTAT)
        return len(self._file.seen)

    def xLock(self, level: int) -> None: ...  # noqa: N802

    def xUnlock(self, level: int) -> None: ...  # noqa: N802

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return _POWERSAFE_OVERWRITE

    def xFileControl(self, _op: int, _ptr: int) -> bool:  # noqa: N802
        return False

    def xClose(self) -> None: ...  # noqa: N802


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self.disk = disk
        super().__init__(name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        disk = self.disk
        flags[1] = flags[0]
        if name is None:
            return _Handle(disk, _File())
        path = name if isinstance(name, str) else name.filename()
        if path not in disk.files:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise _error(apsw.CantOpenError("no such file"), apsw.SQLITE_CANTOPEN)
            disk.operation("create", disk.life)
            disk.files[path] = _File()
        return _Handle(disk, disk.files[path])

    def xDelete(self, filename: str, _syncdir: bool) -> None:  # noqa: N802
        if self.disk.operation("delete", self.disk.life):
            raise _io_error(apsw.SQLITE_IOERR_DELETE)
        if self.disk.files.pop(filename, None) is None:
            raise _io_error(apsw.SQLITE_IOERR_DELETE_NOENT)

    def xAccess(self, pathname: str, _flags: int) -> bool:  # noqa: N802
        return pathname in self.disk.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        return self.disk.random.randbytes(numbytes)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        return microseconds

    def xCurrentTime(self) -> float:  # noqa: N802
        return 2_460_000.5

    def xGetLastError(self) -> tuple[int, str | None]:  # noqa: N802
        return 0, None


_numbers = count(1)


@contextmanager
def driver_on(disk: Disk) -> Iterator[Driver]:
    """A driver whose files lie on the disk."""
    name = f"faults-{next(_numbers)}"
    vfs = _Vfs(name, disk)

    def connect(path: str) -> Connection:
        connection: Connection = apsw.Connection(path, vfs=name)
        return connection

    try:
        yield Driver(connect=connect, errors=apsw.Error, shared_memory=False, read_afresh=disk.read_afresh)
    finally:
        vfs.unregister()


def _error(error: Exception, code: int) -> Exception:
    error.result, error.extendedresult = code & 0xFF, code  # type: ignore[attr-defined]
    return error


def _io_error(code: int) -> Exception:
    return _error(apsw.IOError("input/output error"), code)


def _overwrite(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR_BYTES - (offset + start) % SECTOR_BYTES)
        yield offset + start, data[start:end]
        start = end
