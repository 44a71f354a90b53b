"""The signed history of a ledger, in files outside of it: one beside the signing key, and wherever the operator likes.

Rules of this file:

- A file is only ever added to, and what was added is on the disk when `append` returns. A last line that a crash cut
  short was never acknowledged and is taken away by the next writer.
- All files say the same. One that was away gets what it lacks; one that says something else is left as it is and told.
- A place that cannot be written stops nobody: `Book.add` says which ones those are.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.values import Instant
from mainstay.ledger.durable import flush_folder
from mainstay.ledger.signing import SigningKey
from mainstay.ledger.statements import (
    NONE,
    Checkpoint,
    KeyAdopted,
    Restored,
    Statement,
    adopted,
    checked,
    digest_of,
    line_of,
    signed,
)

SUFFIX = ".checkpoints.jsonl"


def checkpoints_path(master: Path) -> Path:
    """The file beside the keys."""
    return master.with_name(master.stem + SUFFIX)


def file_in(place: Path, workspace: str) -> Path:
    """The file at a place that the operator named: in this folder, or this file itself."""
    return place if place.suffix == ".jsonl" else place / (workspace + SUFFIX)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file says."""

    path: Path
    statements: tuple[Statement, ...] = ()
    wrong: str = ""  # with what follows those, or with the file
    there: bool = True
    readable: bool = True


def read_file(path: Path, workspace: str = "") -> Kept:
    """What a file says, as far as it holds."""
    try:
        lines = _lines(path.read_bytes())
    except FileNotFoundError:
        return Kept(path, there=False)
    except OSError as error:
        return Kept(path, wrong=f"{path} cannot be read: {error.strerror}", readable=False)
    statements, wrong = checked(lines, workspace)
    return Kept(path, tuple(statements), f"{path}, {wrong}" if wrong else "")


def _lines(data: bytes) -> list[bytes]:
    whole, _, _ = data.rpartition(b"\n")  # a line that was cut short was never acknowledged
    return [line + b"\n" for line in whole.split(b"\n")] if whole else []


def longest(kept: Sequence[Kept]) -> tuple[Statement, ...]:
    """What most of the history is told by; of equals the first."""
    return max((one.statements for one in kept), key=len, default=())


@dataclass(slots=True)
class Book:
    """The history of one workspace in hand: what was signed, by which key, and where it is kept."""

    workspace: str
    key: SigningKey
    places: tuple[Path, ...]
    statements: list[Statement] = field(default_factory=list)
    _told: dict[Path, tuple[int, int]] = field(
        default_factory=dict
    )  # how long a file is, and how much it says

    @property
    def last(self) -> Checkpoint | None:
        """The last checkpoint of the ledger as it is: a restore may have taken it back behind others."""
        for one in reversed(self.statements):
            if isinstance(one, Checkpoint):
                return one
            if isinstance(one, Restored):
                return None
        return None

    def begin(self, at: Instant, through: int) -> dict[Path, str]:
        """Write the first statement, of the key, when the ledger has come so far; which places could not be told."""
        assert not self.statements, "a history begins once"
        return self._add(adopted(self._key(self.key, at, through), self.key, None))

    def sign(self, through: int, hash: bytes, root: bytes, at: Instant) -> tuple[Checkpoint, dict[Path, str]]:
        """Sign how far the ledger has come; and which places could not be told, each with why."""
        one = Checkpoint(
            **self._head(at), key=self.key.fingerprint, through=through, hash=hash.hex(), root=root.hex()
        )
        made = signed(one, self.key)
        assert isinstance(made, Checkpoint)
        return made, self._add(made)

    def restored(self, backup_head: int, backup_hash: str, at: Instant) -> dict[Path, str]:
        """Sign that a backup takes the ledger's place."""
        one = Restored(
            **self._head(at), key=self.key.fingerprint, backup_head=backup_head, backup_hash=backup_hash
        )
        return self._add(signed(one, self.key))

    def adopt(self, key: SigningKey, at: Instant, through: int) -> tuple[KeyAdopted, dict[Path, str]]:
        """Go on with another key, which this one vouches for."""
        made = adopted(self._key(key, at, through, follows=self.key.fingerprint), key, self.key)
        failed = self._add(made)
        if self.statements[-1] is made:
            self.key = key
        return made, failed

    def spread(self) -> dict[Path, str]:
        """Tell every place what it lacks; which could not be told, each with why."""
        return {path: wrong for path in self.places if (wrong := self._bring(path))}

    def _add(self, statement: Statement) -> dict[Path, str]:
        self.statements.append(statement)
        failed = self.spread()
        if len(failed) == len(self.places):  # nobody was told, so it was not said
            self.statements.pop()
        return failed

    def _bring(self, path: Path) -> str:
        """Let one file say all of it; what keeps it from that, or nothing."""
        try:
            told = self._told.get(path)
            if told is None or not path.exists() or path.stat().st_size != told[0]:
                lines = _lines(path.read_bytes()) if path.exists() else []
                if [line_of(one) for one in self.statements[: len(lines)]] != lines:
                    return f"{path} says something else than was signed"
                told = (sum(map(len, lines)), len(lines))
            size, count = told
            if count < len(self.statements):
                size = append(path, size, [line_of(one) for one in self.statements[count:]])
            self._told[path] = (size, len(self.statements))
        except OSError as error:
            self._told.pop(path, None)
            return f"{path}: {error.strerror or type(error).__name__}"
        return ""

    def _head(self, at: Instant) -> dict[str, Any]:
        return {
            "number": len(self.statements) + 1,
            "before": digest_of(self.statements[-1]) if self.statements else NONE,
            "workspace": self.workspace,
            "at": int(at),
        }

    def _key(self, key: SigningKey, at: Instant, through: int, follows: str = "") -> KeyAdopted:
        return KeyAdopted(
            **self._head(at), key=key.fingerprint, public=key.public.hex(), follows=follows, through=through
        )


def open_book(workspace: str, key: SigningKey, places: Sequence[Path]) -> Book:
    """The history as the places tell it. Raises `LedgerCorrupt` where what the first says does not hold, or where the
    key in hand is not the one in force.
    """
    kept = [read_file(path, workspace) for path in places]
    if kept[0].wrong:
        raise _broken(kept[0].wrong)
    found = longest(kept)
    if any(one.statements != found[: len(one.statements)] for one in kept[:1]):
        raise _broken(f"{kept[0].path} and another place tell different histories")
    adopted_last = next((one for one in reversed(found) if isinstance(one, KeyAdopted)), None)
    if adopted_last is not None and adopted_last.key != key.fingerprint:
        raise _broken(
            f"the key in force is {adopted_last.key}, the one beside the master key is {key.fingerprint}"
        )
    return Book(workspace, key, tuple(places), list(found))


def append(path: Path, size: int, lines: Sequence[bytes]) -> int:
    """Add lines durably after the first `size` bytes, which are whole; how long the file is then. Its folder must be
    there. What could not be added is taken away again.
    """
    made = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            os.ftruncate(handle, size)
            data = b"".join(lines)
            if os.pwrite(handle, data, size) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if made:
        flush_folder(path.parent)
    return size + len(data)


def copy_up_to(source: Path, target: Callable[[bytes], None], head: int) -> None:
    """Hand on what was signed about a ledger up to a position: no backup holds the word on what it does not hold."""
    taken: list[Statement] = []
    kept = read_file(source)
    history = () if kept.wrong else kept.statements
    restored = max((number for number, one in enumerate(history) if isinstance(one, Restored)), default=-1)
    for number, one in enumerate(history):
        if number > restored and isinstance(one, Checkpoint) and one.through > head:
            break
        taken.append(one)
    if taken:
        target(b"".join(map(line_of, taken)))


def _broken(why: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        "What was signed about this ledger does not hold.",
        why=why[0].upper() + why[1:] + ".",
        remedy="Look at `mainstay audit verify`. If you know why, keep the file elsewhere and begin anew with "
        "`mainstay audit renew`.",
    )
