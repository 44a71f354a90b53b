"""Signing how far the ledger has come: what there is to sign, when it is due, and how the key is changed.

Rules of this file:

- Nothing is signed that was not proved: the part of the ledger since the last checkpoint is followed event by event, in
  slices, and the root goes on from the few hashes that the last one left (`ledger.merkle.Frontier`). They lie in a file
  beside the ledger, and count only where their root is the one that was signed.
- First the places outside are told, then the ledger. So the ledger never names a checkpoint that nobody has.
- Blocking, and of one caller at a time: `runtime.checkpointing` calls it in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mainstay.kernel.commands import AdoptSigningKey, RecordCheckpoint
from mainstay.kernel.errors import LedgerCorrupt, SecretError, StorageFailed
from mainstay.kernel.events import NUMBER_OF, CheckpointSigned, SubjectForgotten
from mainstay.kernel.values import HOUR, Instant
from mainstay.ledger.checkpoints import Book, open_book
from mainstay.ledger.durable import write_durably
from mainstay.ledger.followed import Broken, Followed, stored_slices
from mainstay.ledger.merkle import Frontier
from mainstay.ledger.signed import Against
from mainstay.ledger.signing import create_signing_key, next_key_path, read_signing_key
from mainstay.ledger.statements import Checkpoint, KeyAdopted
from mainstay.ledger.store import EventReader, Position

SLICE = 500  # events followed at once: a few milliseconds of the interpreter
_OWN = NUMBER_OF[CheckpointSigned]
_FORGOTTEN = NUMBER_OF[SubjectForgotten]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When it is time to sign, if anything happened."""

    every_us: int = HOUR
    every_events: int = 10_000


@dataclass(frozen=True, slots=True)
class Made:
    """A checkpoint that was signed, and the places that could not be told of it."""

    checkpoint: Checkpoint
    failed: dict[Path, str]

    @property
    def command(self) -> RecordCheckpoint:
        """What lets the ledger know."""
        one = self.checkpoint
        return RecordCheckpoint(one.through, one.root, one.key, one.signature)


class Signing:
    """The signed history of the ledger that this process writes."""

    def __init__(
        self,
        reader: EventReader,
        *,
        workspace: str,
        key: Path,
        places: Sequence[Path],
        frontier: Path,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._reader = reader
        self._workspace = workspace
        self._key_path = key
        self._places = tuple(places)
        self._kept = frontier
        self._rhythm = rhythm or Rhythm()
        self._against = Against(())
        self._followed = Followed()
        self._book: Book | None = None
        self._fresh = 0  # events since the last checkpoint, our own not counted
        self._forgot = False
        self._caught_up = False  # once: what was signed is all in the ledger

    @property
    def book(self) -> Book:
        """What was signed so far."""
        assert self._book is not None, "`open` comes first"
        return self._book

    @property
    def opened(self) -> bool:
        """Whether `open` has gone well."""
        return self._book is not None

    @property
    def behind(self) -> int:
        """How many events are not followed yet."""
        return max(0, self._reader.head - self._followed.last)

    def open(self, now: Instant) -> None:
        """Read key and history, or make them. Raises `LedgerCorrupt` or `SecretError`: then nothing is signed."""
        key = read_signing_key(self._key_path)
        waiting = next_key_path(self._key_path)
        if key is None and self._reader.select("checkpoints", limit=1):
            raise SecretError(
                "The signing key of this workspace is missing.",
                why=f"There is no {self._key_path}, and the ledger knows of checkpoints that were signed.",
                remedy="Copy it from where you keep it, or begin anew with `mainstay audit renew`.",
                path=str(self._key_path),
            )
        if key is None:
            key = create_signing_key(self._key_path)
        follower = read_signing_key(waiting)
        if follower is not None and self._adopted_last() == follower.fingerprint:
            waiting.replace(self._key_path)  # a crash came between
            key = follower
        book = open_book(self._workspace, key, self._places)
        if not book.statements:
            if self._reader.select("checkpoints", limit=1):
                raise LedgerCorrupt(
                    "What was signed about this ledger is gone.",
                    why=f"{self._places[0]} is missing or empty, and the ledger knows of checkpoints.",
                    remedy="Put the file back from a backup, or begin anew with `mainstay audit renew`.",
                )
            require_told(book.begin(now, 0), self._places)
        self._go_on_from(book)
        self._book = book

    def follow(self) -> int:
        """Follow the next events; how many. Raises `LedgerCorrupt` where they do not hold."""
        rows = next(stored_slices(self._reader, Position(self._followed.last), SLICE), None)
        if rows is None:
            self._end_reached()
            return 0
        hashes = self._followed.take(rows)
        if isinstance(hashes, Broken):
            raise unsound(hashes.position, hashes.reason)
        wrong = self._against.take(rows, hashes)
        if wrong is not None:
            raise unsound(wrong.position, wrong.reason)
        self._fresh += sum(row[3] != _OWN for row in rows)
        self._forgot = self._forgot or any(row[3] == _FORGOTTEN for row in rows)
        return len(rows)

    def _end_reached(self) -> None:
        if self._caught_up:
            return
        wrong = self._against.end(self._followed.last)
        if wrong is not None:
            raise unsound(wrong.position, wrong.reason)
        self._caught_up = True

    def due(self, now: Instant) -> bool:
        """Whether it is time to sign what was followed."""
        if not self._fresh:
            return False
        last = self.book.last
        since = now - last.at if last is not None else self._rhythm.every_us
        late = not 0 <= since < self._rhythm.every_us  # a clock that went back does not put it off
        return self._forgot or self._fresh >= self._rhythm.every_events or late

    def sign(self, now: Instant) -> Made | None:
        """Sign what was followed; None where nothing happened since, or where no place could be told."""
        last = self.book.last
        through = self._followed.last
        if not self._fresh or (last is not None and last.through == through):
            return None
        one, failed = self.book.sign(through, self._followed.hash, self._against.frontier.root(), now)
        if len(failed) == len(self._places):
            return Made(one, failed)
        self._against.know((one.signature,))
        self._fresh, self._forgot = 0, False
        self._keep()
        return Made(one, failed)

    def unrecorded(self) -> list[RecordCheckpoint | AdoptSigningKey]:
        """What was signed last and the ledger does not know yet."""
        found: list[RecordCheckpoint | AdoptSigningKey] = []
        for one in self.book.statements:
            if isinstance(one, KeyAdopted) and self._reader.get("signing_keys", (one.key,)) is None:
                found.append(AdoptSigningKey(one.key, one.public, one.follows, one.vouched))
        last = self.book.last
        if last is not None and self._reader.get("checkpoints", (last.through,)) is None:
            found.append(RecordCheckpoint(last.through, last.root, last.key, last.signature))
        return found

    def rotate(self, now: Instant) -> tuple[KeyAdopted, dict[Path, str]]:
        """Make another key, which this one vouches for; what it signed stays as it is. This one is gone then."""
        waiting = next_key_path(self._key_path)
        waiting.unlink(missing_ok=True)  # nobody was told of it
        key = create_signing_key(waiting)
        adopted, failed = self.book.adopt(key, now, self._followed.last)
        try:
            require_told(failed, self._places)
        except StorageFailed:
            waiting.unlink(missing_ok=True)
            raise
        waiting.replace(self._key_path)
        return adopted, failed

    def _adopted_last(self) -> str:
        from mainstay.ledger.checkpoints import longest, read_file

        found = longest([read_file(path, self._workspace) for path in self._places])
        return next((one.key for one in reversed(found) if isinstance(one, KeyAdopted)), "")

    def _go_on_from(self, book: Book) -> None:
        """Begin where the last checkpoint ended, if what was kept is what was signed; else from the first event."""
        last = book.last
        frontier = self._load()
        if last is None or frontier is None or frontier.size != last.through:
            self._against, self._followed = Against(book.statements), Followed()
            return
        event = self._reader.read_all(after=Position(last.through - 1), limit=1)
        same = bool(event) and event[0].position == last.through and event[0].hash.hex() == last.hash
        if not same or frontier.root().hex() != last.root:
            self._against, self._followed = Against(book.statements), Followed()
            return
        self._against = Against((), frontier)
        self._against.know(one.signature for one in book.statements)
        self._followed = Followed(last.through, bytes.fromhex(last.hash))

    def _load(self) -> Frontier | None:
        try:
            return Frontier.from_bytes(self._kept.read_bytes())
        except OSError:
            return None

    def _keep(self) -> None:
        begun = self._kept.with_name(f"{self._kept.name}.{os.getpid()}.tmp")
        with suppress(OSError):  # without it the next start reads more
            begun.unlink(missing_ok=True)
            write_durably(begun, self._against.frontier.as_bytes())
            begun.replace(self._kept)


def require_told(failed: dict[Path, str], places: Sequence[Path]) -> None:
    """Raises `StorageFailed` where nobody could be told."""
    if len(failed) == len(places):
        raise StorageFailed(
            "No place for checkpoints can be written.",
            why="; ".join(failed.values()) + ".",
            remedy="Make one writable. Until then nothing is signed.",
        )


def unsound(position: int, reason: str) -> LedgerCorrupt:
    """The ledger is not what was signed, or not whole."""
    return LedgerCorrupt(
        f"The ledger does not hold from position {position} on." if position else "The ledger does not hold.",
        why=reason,
        remedy="Nothing more is signed. Keep the file as it is, look at `mainstay audit verify`, and restore the last "
        "good backup.",
        position=position,
    )
