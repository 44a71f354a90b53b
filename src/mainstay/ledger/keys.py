"""The subjects' keys, wrapped by the master key (`ledger.master_key`), inside the workspace.

They have a file of their own beside the ledger, because the ledger never deletes and these must be: SQLite with
`secure_delete`, and an empty log after each destruction. A destroyed key leaves the row with its generation, so
that what was sealed under it is known to be forgotten rather than damaged.

What concerns several people lies under the key of a joint subject, and the table `members` says who its
members are. Destroying somebody's key destroys, in the same transaction, every joint key they are a member
of. Who was a member is kept until `tidy`, so that a forgetting that was cut short knows what it concerned.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from mainstay.kernel.errors import StorageFailed
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.connection import SQLITE3, Driver, ends_the_process, failure, open_writer

_CHECKPOINT_WRITES = 200
# One statement, so one transaction: nobody is ever half forgotten.
_DESTROY = (
    "UPDATE subjects SET wrapped = NULL WHERE wrapped IS NOT NULL AND (subject = :subject "
    "OR subject IN (SELECT joint FROM members WHERE member = :subject)) RETURNING subject"
)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A subject's newest key. `wrapped` is None when it was destroyed."""

    generation: int
    wrapped: bytes | None


NO_MEMBERS: Mapping[SubjectId, Collection[SubjectId]] = {}


class KeyTable(Protocol):
    """The subjects' keys, wrapped."""

    def check(self, value: bytes) -> bytes:
        """The value that was kept here first: shows whether the master key is the one this table began
        with.
        """
        ...

    def get(self, subject: SubjectId) -> WrappedKey | None:
        """The newest key of a subject."""
        ...

    def put(
        self,
        keys: Mapping[SubjectId, WrappedKey],
        members: Mapping[SubjectId, Collection[SubjectId]] = NO_MEMBERS,
    ) -> None:
        """Keep keys, and who the members of joint subjects are, durably and all together."""
        ...

    def joints(self, member: SubjectId) -> tuple[SubjectId, ...]:
        """The joint subjects that somebody is a member of, in order."""
        ...

    def members(self, joint: SubjectId) -> tuple[SubjectId, ...]:
        """The members of a joint subject, in order; none of a subject that is one person."""
        ...

    def changed(self) -> bool:
        """Has somebody else changed this table since this was asked last?"""
        ...

    def destroy(self, subject: SubjectId) -> tuple[SubjectId, ...]:
        """Destroy a key, and each joint key this subject is a member of, beyond recovery from this table.

        Returns whose keys there were. Doing it again empties the log once more, and destroys nothing.
        """
        ...

    def tidy(self) -> None:
        """Drop who were the members of joint subjects whose keys are destroyed."""
        ...

    def close(self) -> None:
        """Give up the file."""
        ...


class InMemoryKeys:
    """Keys that end with the process."""

    def __init__(self) -> None:
        self._check: bytes | None = None
        self._keys: dict[SubjectId, WrappedKey] = {}
        self._members: dict[SubjectId, tuple[SubjectId, ...]] = {}

    def check(self, value: bytes) -> bytes:
        if self._check is None:
            self._check = value
        return self._check

    def get(self, subject: SubjectId) -> WrappedKey | None:
        return self._keys.get(subject)

    def put(
        self,
        keys: Mapping[SubjectId, WrappedKey],
        members: Mapping[SubjectId, Collection[SubjectId]] = NO_MEMBERS,
    ) -> None:
        self._keys.update(keys)
        self._members.update({joint: tuple(sorted(who)) for joint, who in members.items()})

    def joints(self, member: SubjectId) -> tuple[SubjectId, ...]:
        return tuple(sorted(joint for joint, who in self._members.items() if member in who))

    def members(self, joint: SubjectId) -> tuple[SubjectId, ...]:
        return self._members.get(joint, ())

    def changed(self) -> bool:
        return False

    def destroy(self, subject: SubjectId) -> tuple[SubjectId, ...]:
        gone: list[SubjectId] = []
        for one in (subject, *self.joints(subject)):
            key = self._keys.get(one)
            if key is not None and key.wrapped is not None:
                self._keys[one] = WrappedKey(key.generation, None)
                gone.append(one)
        return tuple(gone)

    def tidy(self) -> None:
        gone = {one for one, key in self._keys.items() if key.wrapped is None}
        self._members = {joint: who for joint, who in self._members.items() if joint not in gone}

    def close(self) -> None:
        pass


class SqliteKeys:
    """Keys in `.mainstay/keys.sqlite3`. Only one process writes: the one that holds the workspace's lock."""

    def __init__(self, path: str | os.PathLike[str], *, driver: Driver = SQLITE3) -> None:
        self.path = os.fspath(path)
        self._driver = driver
        self._broken = ""
        self._writes = 0
        self._version = 0
        if not os.path.exists(self.path):
            with suppress(OSError):  # SQLite says better what is wrong
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self._connection = open_writer(driver, self.path)
            self._execute("PRAGMA secure_delete = ON")
            self._execute(
                "CREATE TABLE IF NOT EXISTS subjects "
                "(subject BLOB PRIMARY KEY, generation INTEGER NOT NULL, wrapped BLOB) STRICT, WITHOUT ROWID"
            )
            self._execute(
                "CREATE TABLE IF NOT EXISTS master (key INTEGER PRIMARY KEY, checked BLOB NOT NULL) STRICT"
            )
            self._execute(
                "CREATE TABLE IF NOT EXISTS members "
                "(member BLOB NOT NULL, joint BLOB NOT NULL, PRIMARY KEY (member, joint)) STRICT, WITHOUT ROWID"
            )
            self._execute("CREATE INDEX IF NOT EXISTS members_by_joint ON members (joint)")
        except driver.errors as error:
            self._raise(error)

    def check(self, value: bytes) -> bytes:
        self._execute("INSERT OR IGNORE INTO master (key, checked) VALUES (1, ?)", (value,))
        kept: bytes = self._execute("SELECT checked FROM master")[0][0]
        return kept

    def get(self, subject: SubjectId) -> WrappedKey | None:
        rows = self._execute(
            "SELECT generation, wrapped FROM subjects WHERE subject = ?", (bytes.fromhex(subject),)
        )
        return WrappedKey(*rows[0]) if rows else None

    def put(
        self,
        keys: Mapping[SubjectId, WrappedKey],
        members: Mapping[SubjectId, Collection[SubjectId]] = NO_MEMBERS,
    ) -> None:
        self._execute("BEGIN IMMEDIATE")
        try:
            for subject, key in keys.items():
                self._execute(
                    "INSERT INTO subjects (subject, generation, wrapped) VALUES (?, ?, ?) "
                    "ON CONFLICT (subject) DO UPDATE "
                    "SET generation = excluded.generation, wrapped = excluded.wrapped",
                    (bytes.fromhex(subject), key.generation, key.wrapped),
                )
            for joint, who in members.items():
                for member in who:
                    self._execute(
                        "INSERT OR IGNORE INTO members (member, joint) VALUES (?, ?)",
                        (bytes.fromhex(member), bytes.fromhex(joint)),
                    )
            self._execute("COMMIT")
        except BaseException:
            with suppress(self._driver.errors):
                self._connection.execute("ROLLBACK")
            raise
        self._writes += 1
        if self._writes % _CHECKPOINT_WRITES == 0:
            self._execute("PRAGMA wal_checkpoint(PASSIVE)")

    def joints(self, member: SubjectId) -> tuple[SubjectId, ...]:
        rows = self._execute(
            "SELECT joint FROM members WHERE member = ? ORDER BY joint", (bytes.fromhex(member),)
        )
        return tuple(SubjectId(one.hex()) for (one,) in rows)

    def members(self, joint: SubjectId) -> tuple[SubjectId, ...]:
        rows = self._execute(
            "SELECT member FROM members WHERE joint = ? ORDER BY member", (bytes.fromhex(joint),)
        )
        return tuple(SubjectId(one.hex()) for (one,) in rows)

    def destroy(self, subject: SubjectId) -> tuple[SubjectId, ...]:
        rows = self._execute(_DESTROY, {"subject": bytes.fromhex(subject)})
        self._empty_log()  # also where nothing was left: whoever destroyed it may have been cut short here
        return tuple(sorted(SubjectId(one.hex()) for (one,) in rows))

    def changed(self) -> bool:
        version: int = self._execute("PRAGMA data_version")[0][0]
        changed, self._version = version != self._version, version
        return changed

    def tidy(self) -> None:
        self._execute(
            "DELETE FROM members WHERE joint IN (SELECT subject FROM subjects WHERE wrapped IS NULL)"
        )
        self._empty_log()

    def _empty_log(self) -> None:
        busy = self._execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if busy:
            raise StorageFailed(
                "The key is destroyed, but a copy of it may still lie in the log.",
                why=f"Another process is reading {self.path}.",
                remedy="End the other process and forget the subject again.",
                path=self.path,
            )

    def close(self) -> None:
        with suppress(self._driver.errors):
            self._connection.close()

    def _execute(self, sql: str, values: tuple[Any, ...] | Mapping[str, Any] = ()) -> list[Any]:
        if self._broken:
            raise StorageFailed(why=self._broken, remedy="End this process and start again.")
        try:
            return self._connection.execute(sql, values).fetchall()
        except self._driver.errors as error:
            self._raise(error)

    def _raise(self, error: Exception) -> NoReturn:
        if ends_the_process(error):
            self._broken = f"An earlier access to {self.path} failed: {error}."
        meaning = failure(error, path=self.path)
        if meaning is None:
            raise error
        raise meaning from error
