"""Connections to SQLite, and what its failures mean: the one place that knows the driver.

A `Driver` opens connections and says which exceptions are the database's own. The default is Python's
sqlite3; tests pass another one to run the real store over a file system that fails on purpose.

What a failure means is decided from SQLite's result code alone:

- no space: the transaction is rolled back, nothing was written, the writer may try again;
- an I/O error, a failed fsync, a damaged page: the store is not usable any more. The kernel may have
  dropped the pages that it could not write, so a second fsync proves nothing: the process must end and read
  from disk again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from mainstay.kernel.errors import (
    LedgerCorrupt,
    LedgerError,
    MainstayError,
    StorageFailed,
    StorageFull,
    WorkspaceLocked,
    WorkspaceUnsafe,
)

APPLICATION_ID = 0x4D53544C  # "MSTL"
SQLITE_MIN = (3, 37, 0)  # STRICT tables
PAGE_BYTES = 4096
BUSY_TIMEOUT_MS = 5_000
STATEMENTS_CACHED = 256

_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 3, 5, 6, 8, 10, 11, 13, 14, 26


class Rows(Protocol):
    """What a statement answers."""

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """The part of a driver's connection that the ledger uses."""

    def execute(self, sql: str, parameters: Any = (), /) -> Rows: ...
    def executemany(self, sql: str, rows: Iterable[Any], /) -> Rows: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Driver:
    """How connections are opened. `shared_memory` is false for file systems that allow one connection
    only.
    """

    connect: Callable[[str], Connection]
    errors: type[Exception]
    shared_memory: bool = True
    read_afresh: Callable[[str], None] = lambda _path: None  # let the next reads come from the disk itself


def _connect(path: str) -> Connection:
    return sqlite3.connect(
        path,
        isolation_level=None,  # every BEGIN and COMMIT is ours
        check_same_thread=False,  # small ticks commit on the loop, large ones in a thread; one at a time
        cached_statements=STATEMENTS_CACHED,
    )


def _read_afresh(path: str) -> None:
    """Drop what the kernel remembers of the log and has not to write any more.

    After a failed fsync the page cache goes on showing what never reached the disk. A process that starts
    after such a failure would build on it, so it asks for what is really there. The log is enough: whatever
    of the database could not be synced is still in it, because a log whose folding failed is kept.
    """
    log = path + "-wal"
    if hasattr(os, "posix_fadvise") and os.path.exists(log):
        handle = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


SQLITE3 = Driver(connect=_connect, errors=sqlite3.Error, read_afresh=_read_afresh)


def open_writer(
    driver: Driver, path: str, *, check: Callable[[Connection], None] | None = None
) -> Connection:
    """A connection whose every commit is on the disk when it returns; `check` may refuse before
    anything is changed.
    """
    connection = driver.connect(path)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").fetchall()
        if not driver.shared_memory:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        if check is not None:
            check(connection)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: an fsync that reaches the disk
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        # SQLite's own checkpoints swallow their errors, a failed fsync among them. The store runs them
        # itself.
        connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(driver: Driver, path: str) -> Connection:
    """A connection that sees what is committed and cannot write."""
    connection = driver.connect(path)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").fetchall()
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def result_code(error: Exception) -> int:
    """SQLite's primary result code; 0 when the driver says none."""
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "result", None) or 0
    if not code and isinstance(error, sqlite3.OperationalError):
        return _CORRUPT  # stored text that is not UTF-8: Python found it, so it has no code
    return int(code) & 0xFF


def ends_the_process(error: Exception) -> bool:
    """Does this failure mean that nothing the disk said can be trusted any more?"""
    return result_code(error) in (_IOERR, _CORRUPT, _NOTADB)


def failure(error: Exception, *, path: str) -> LedgerError | MainstayError | None:
    """What a driver's error means for the ledger's user; None: it is a mistake in our own code."""
    match result_code(error):
        case 13:
            return StorageFull(
                why=f"SQLite could not write {path}: {error}.",
                remedy="Nothing of it was written. Free some space; Mainstay tries again by itself.",
                path=path,
            )
        case 10:
            return StorageFailed(
                why=f"Reading or writing {path} failed: {error}.",
                remedy="Check the disk (its log, its free space, its cable), then start Mainstay again: "
                "it reads what is really on the disk.",
                path=path,
            )
        case 11:
            return StorageFailed(
                "The ledger's file is damaged.",
                why=f"SQLite cannot make sense of {path}: {error}.",
                remedy="Check the disk and run `mainstay audit verify`; it names the first bad position. "
                "Then restore the last backup.",
                path=path,
            )
        case 26:
            return LedgerCorrupt(
                "This file is not a ledger.",
                why=f"{path} is no SQLite database: {error}.",
                remedy="Restore it from a backup, or name another workspace.",
                path=path,
            )
        case 3 | 8 | 14:
            return WorkspaceUnsafe(
                "The ledger cannot be written.",
                why=f"{path}: {error}.",
                remedy="Make the folder and its files writable for you (chmod -R u+rwX), "
                "or copy the workspace elsewhere.",
                path=path,
            )
        case 5 | 6:
            return WorkspaceLocked(
                "Another process is writing to this ledger.",
                why=f"{path} stayed locked for {BUSY_TIMEOUT_MS / 1000:.0f} s: {error}.",
                remedy="Find it (`lsof` on the file names it) and end it.",
                path=path,
            )
        case _:
            return None
