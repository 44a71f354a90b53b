"""A ledger with signed checkpoints, for the tests of what the audit sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.kernel.commands import RecordCheckpoint
from mainstay.kernel.events import CheckpointSigned, Event, LedgerRestored
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import HOUR, Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.head_mark import MarkedStore, read_mark
from mainstay.ledger.projections.governance import Governance, place, told
from mainstay.ledger.signed_history import history_of
from mainstay.ledger.signing import read_signing_key
from mainstay.ledger.store import NewEvent, Put, StreamAppend
from mainstay.ledger.verify import Broken, Verified, verify
from mainstay.runtime.signing import Made, Rhythm, Signing
from mainstay.testing.conformance.store import event
from mainstay.testing.forging import forge

__all__ = ["Audited", "audited", "forge", "restored"]

AT = Instant(1_760_000_000_000_000)
CODEC = Codec({}.__getitem__)
WORKSPACE = "0123456789abcdef"
GOVERNANCE = StreamId("governance")


@dataclass
class Audited:
    """A ledger in `root/state`, its key and checkpoints in `root/keys`; each step an hour after the last."""

    root: Path
    others: Sequence[Path] = ()
    hours: int = 0
    store: MarkedStore = field(init=False)
    signing: Signing = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "state").mkdir(exist_ok=True, mode=0o700)
        self.open()

    def open(self) -> None:
        """As a director does at its start."""
        self.store = MarkedStore(self.ledger, tables=Governance.tables)
        self.epoch = self.store.acquire()
        self.signing = self.new_signing()

    def new_signing(self) -> Signing:
        return Signing(
            self.store,
            workspace=WORKSPACE,
            key=self.key,
            places=(self.file, *self.others),
            frontier=self.root / "state" / "frontier",
            rhythm=Rhythm(HOUR, 100),
        )

    @property
    def ledger(self) -> Path:
        return self.root / "state" / "ledger.db"

    @property
    def key(self) -> Path:
        return self.root / "keys" / f"{WORKSPACE}.signing"

    @property
    def file(self) -> Path:
        return self.root / "keys" / f"{WORKSPACE}.checkpoints.jsonl"

    @property
    def now(self) -> Instant:
        return Instant(AT + self.hours * HOUR)

    def happen(self, count: int) -> None:
        """Events of the kind that a store's conformance is held to, in two streams."""
        for name in (StreamId("run:a"), StreamId("run:b")):
            number = int(self.store.version(name))
            part = [event(number + more) for more in range(count // 2)]
            batch = [StreamAppend(name, self.store.version(name), part)]
            self.store.append(batch, epoch=self.epoch, at=self.now)

    def say(self, *events: Event) -> None:
        """Events of the stream of governance, with their views."""
        new: list[NewEvent] = []
        changes = []
        for one in events:
            number, schema, data = CODEC.encode(one)
            new.append(NewEvent(number, schema, data, "director", bytes(16)))
            if isinstance(one, CheckpointSigned):
                changes.append(Put(*place(one), told(one, 0, self.now) or {}))
        batch = [StreamAppend(GOVERNANCE, self.store.version(GOVERNANCE), new)]
        self.store.append(batch, epoch=self.epoch, at=self.now, changes=changes)

    def sign(self) -> Made | None:
        """Sign what there is, and let the ledger know."""
        self.hours += 1
        if not self.signing.opened:
            self.signing.open(self.now)
        while self.signing.follow():
            pass
        made = self.signing.sign(self.now)
        if made is not None:
            self.record(made.command)
        return made

    def record(self, one: RecordCheckpoint) -> None:
        self.say(CheckpointSigned(one.through, one.root, one.key, one.signature))

    def close(self) -> None:
        self.store.checkpoint(truncate=True)
        self.store.close()

    def verify(self, *, trusted: Sequence[str] | None = None) -> Verified | Broken:
        """As `audit verify` does."""
        key = read_signing_key(self.key)
        known = trusted if trusted is not None else [key.public.hex()] if key else []
        history = history_of((self.file, *self.others), trusted=known, workspace=WORKSPACE)
        if isinstance(history, Broken):
            return history
        return verify(self.ledger, anchors=read_mark(self.ledger), signed=history.statements)


def audited(root: Path, others: Sequence[Path] = ()) -> Audited:
    """Thirty events and more, signed three times, and closed."""
    made = Audited(root, others)
    for _ in range(3):
        made.happen(10)
        made.sign()
    made.happen(4)
    made.close()
    return made


def restored(backup_head: int, backup_hash: str) -> LedgerRestored:
    return LedgerRestored(backup_head, backup_hash, "operator", AT)
