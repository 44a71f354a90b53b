"""`mainstay bench audit`: how fast a ledger is proved, with its checkpoints, beside the bare hashing of the same bytes.

A ledger of events of a usual size is made, signed as it grows, and proved in rounds; between the rounds the same bytes
are hashed by SHA-256 alone, so that what the machine does besides shows in both. Processor time of one process.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from mainstay.bench.engine import machine
from mainstay.bench.report import Report
from mainstay.kernel.events import CheckpointSigned
from mainstay.kernel.ids import StreamId
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.checkpoints import read_file
from mainstay.ledger.codec import Codec
from mainstay.ledger.export import export
from mainstay.ledger.export_csv import export_csv
from mainstay.ledger.merkle import Frontier
from mainstay.ledger.projections.governance import Governance
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import GENESIS, NewEvent, StreamAppend, Version
from mainstay.ledger.verify import Verified, verify
from mainstay.runtime.signing import Rhythm, Signing

TOGETHER = 500  # events a transaction
RUN_EVENTS = 25  # events of a stream
WORKSPACE = "bench"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    events: int = 200_000
    bytes: int = 260  # of an event's data: what triage writes, on average
    rounds: int = 5


Told = Callable[[str, int, int], None]


def run_audit(options: Options, told: Told = lambda what, done, of: None) -> Report:
    """Measure in this process."""
    load_before = os.getloadavg()[0]
    figures: dict[str, Any] = {}
    with TemporaryDirectory(prefix="mainstay-bench-") as folder:
        place = Path(folder)
        figures |= _filled(place, options, told)
        rows = _stored(place / "ledger.db")
        figures |= _rounds(place, rows, options, told)
        figures |= _exported(place, len(rows))
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench audit")


def _filled(folder: Path, options: Options, told: Told) -> dict[str, Any]:
    """A ledger that was signed every 10,000 events; how long one checkpoint takes, the following of its events too."""
    signed: list[float] = []
    with closing(SqliteStore(folder / "ledger.db", tables=Governance.tables)) as store:
        epoch, codec = store.acquire(), Codec(_no_plan)
        signing = Signing(
            store,
            workspace=WORKSPACE,
            key=folder / "bench.signing",
            places=(folder / "bench.checkpoints.jsonl",),
            frontier=folder / "frontier",
            rhythm=Rhythm(every_us=1 << 62, every_events=10_000),
        )
        signing.open(Instant(0))
        for done in range(0, options.events, TOGETHER):
            at = Instant(1_700_000_000_000_000 + done)
            store.append(_batch(done, options.bytes), epoch=epoch, at=at)
            if (done + TOGETHER) % 10_000 == 0:
                began = time.process_time()
                while signing.follow():
                    pass
                made = signing.sign(at)
                signed.append(time.process_time() - began)
                if made is not None:
                    one = made.command
                    event = CheckpointSigned(one.through, one.root, one.key, one.signature)
                    number, schema, data = codec.encode(event)
                    name = StreamId("governance")
                    new = [NewEvent(number, schema, data, "director", bytes(16))]
                    store.append([StreamAppend(name, store.version(name), new)], epoch=epoch, at=at)
            told("Filling", done, options.events)
        store.checkpoint(truncate=True)
    return {"events": options.events, "signed_ms": median(signed) * 1_000 if signed else 0.0}


def _batch(done: int, size: int) -> list[StreamAppend]:
    batch = []
    for first in range(done, done + TOGETHER, RUN_EVENTS):
        events = [
            NewEvent(
                30 + number % 8,
                1,
                (b'{"n":%d,"text":"' % (first + number)).ljust(size - 2, b"x") + b'"}',
                "director",
                (first + number).to_bytes(16, "big"),
                first + number,
            )
            for number in range(RUN_EVENTS)
        ]
        batch.append(StreamAppend(StreamId(f"run:{first:032x}"), Version(0), events))
    return batch


def _rounds(folder: Path, rows: list[tuple[Any, ...]], options: Options, told: Told) -> dict[str, Any]:
    statements = read_file(folder / "bench.checkpoints.jsonl").statements
    proved: list[float] = []
    checkpoints = 0
    chain: list[float] = []
    bare: list[float] = []
    for number in range(options.rounds):
        began = time.process_time()
        found = verify(folder / "ledger.db", signed=statements)
        proved.append(time.process_time() - began)
        assert isinstance(found, Verified), found
        checkpoints = found.checkpoints
        chain.append(_timed(lambda: verify(folder / "ledger.db")))
        bare.append(_timed(lambda: _hashed(rows)))
        told("Proving", number + 1, options.rounds)
    events = len(rows)
    return {
        "verified_per_s": events / median(proved),
        "chain_per_s": events / median(chain),
        "bare_per_s": events / median(bare),
        "verified_to_bare": median(one / other for one, other in zip(proved, bare, strict=True)),
        "checkpoints": checkpoints,
    }


def _exported(folder: Path, events: int) -> dict[str, Any]:
    with closing(SqliteStore(folder / "ledger.db", tables=Governance.tables)) as store:
        lines = _timed(lambda: sum(map(len, export(store, "urn:bench"))))
        rows = _timed(lambda: sum(map(len, export_csv(store))))
    return {"exported_per_s": events / lines, "exported_csv_per_s": events / rows}


def _stored(ledger: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute(
            "SELECT e.position, s.name, e.version, e.type, e.schema, e.at, e.causation, e.tx, e.data "
            "FROM events e JOIN streams s ON s.key = e.stream ORDER BY e.position"
        ).fetchall()


def _hashed(rows: list[tuple[Any, ...]]) -> None:
    """The hashes that a proof cannot do without, over bytes that are in memory: of each event, and of the tree."""
    previous, frontier = GENESIS, Frontier()
    actor, none = name_part("director"), name_part("")
    hashes: list[bytes] = []
    for position, stream, version, kind, schema, at, cause, tx, data in rows:
        names = actor + name_part(stream) + none
        previous = link(previous, position, version, kind, schema, at, cause, tx, names, data)
        hashes.append(previous)
    frontier.extend(hashes)
    sha256(frontier.root()).digest()


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _no_plan(digest: Digest) -> Plan:
    raise KeyError(digest)
