"""Single bits of a ledger at rest are flipped, everywhere in turn: each is refused, made good, harmless, or told.

    python -m mainstay.testing.flipping --flips 2000 --seed 1

A workspace is made that has everything a ledger has (events, views, snapshots, blobs as rows and files, free pages, a
log that was not folded into the file) and copied as a power failure would leave it. In each copy one bit is flipped,
then it is booted as `mainstay up` boots, and proved as `mainstay audit verify` proves it. What can come of that:

    refused    the boot says what is damaged, and decides nothing
    made good  the boot noticed, and folded anew; its state is that of the whole ledger
    harmless   nothing noticed, and everything is as it was: no live byte was hit
    told       the boot did not read it, so nothing followed from it; `audit verify` names it
    believed   a view that boot does not prove says something else; `audit verify` names it
    unclear    the boot ended with an error that is not ours: nothing was believed, and nobody was told what to do
    SILENT     something is different and nobody says so

The last two are failures.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import MainstayError
from mainstay.ledger.agreement import OWN, differences
from mainstay.ledger.codec import Codec
from mainstay.ledger.connection import PAGE_BYTES
from mainstay.ledger.head_mark import read_mark
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.verify import Broken, verify
from mainstay.runtime.clock import ManualClock
from mainstay.testing.flipping_house import image_of
from mainstay.testing.killing_house import House, Provider, own_keys
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held

FLIPS = 2_000
_ALL = 1_000_000


class Outcome(StrEnum):
    """What came of a flip; see the module."""

    REFUSED = "refused"
    MADE_GOOD = "made good"
    HARMLESS = "harmless"
    TOLD = "told"
    BELIEVED = "believed"
    UNCLEAR = "unclear"
    SILENT = "SILENT"


FAILURES = (Outcome.UNCLEAR, Outcome.SILENT)


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit of one file of a workspace."""

    file: str
    offset: int
    bit: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A flip, what came of it, and what was said."""

    flip: Flip
    outcome: Outcome
    said: str = ""
    differing: tuple[str, ...] = ()  # what was different after the boot


class Campaign:
    """Flips in copies of one image."""

    def __init__(self, place: Path, *, folded: bool) -> None:
        self._place = place
        self.image = image_of(place / "made", place / "image", folded=folded)
        self._trials = 0
        self._whole, _ = self._booted(self._copy(None))
        said = self._proved(self._copy(None))
        assert said == "", f"the image itself is not whole: {said}"

    def files(self) -> dict[str, int]:
        """The files in which bits are flipped, with their sizes."""
        state = self.image.state
        found = [
            self.image.ledger,
            *sorted(state.glob("ledger.db-*")),
            *sorted(self.image.blobs.glob("??/??/*")),
        ]
        return {str(one.relative_to(self.image.root)): one.stat().st_size for one in found}

    def draw(self, flips: int, seed: int) -> list[Flip]:
        """Flips all over: most in the ledger's file, of these half in what is live of views; the rest elsewhere."""
        draw = random.Random(seed)
        sizes = {name: size for name, size in self.files().items() if size}
        names = list(sizes)
        weights = [70 if name.endswith("ledger.db") else 15 if name.endswith("-wal") else 5 for name in names]
        live = self._live()
        drawn: list[Flip] = []
        for _ in range(flips):
            (name,) = draw.choices(names, weights)
            if name.endswith("ledger.db") and draw.random() < 0.5:
                offset = draw.choice(draw.choice(live))
            else:
                offset = draw.randrange(sizes[name])
            drawn.append(Flip(name, offset, draw.randrange(8)))
        return drawn

    def _live(self) -> list[range]:
        """Where the first page of each view, and of each of its indexes, keeps its rows."""
        raw = self.image.ledger.read_bytes()
        with closing(sqlite3.connect(self.image.ledger.as_uri() + "?immutable=1", uri=True)) as connection:
            names = [table.name for table in TABLES]
            rows = connection.execute(
                f"SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ({','.join('?' * len(names))})", names
            ).fetchall()
        found: list[range] = []
        for (page,) in rows:
            begins = (page - 1) * PAGE_BYTES
            content = int.from_bytes(raw[begins + 5 : begins + 7], "big") or PAGE_BYTES
            if content < PAGE_BYTES:
                found.append(range(begins + content, begins + PAGE_BYTES))
        return found

    def trial(self, flip: Flip) -> Trial:
        """Flip, boot and prove."""
        try:
            state, warned = self._booted(self._copy(flip))
        except MainstayError as error:
            return Trial(flip, Outcome.REFUSED, str(error))
        except Exception as error:
            return Trial(flip, Outcome.UNCLEAR, f"{type(error).__name__}: {error} at {_where(error)}")
        differing = tuple(sorted(name for name in self._whole if state.get(name) != self._whole[name]))
        if warned and not differing:
            return Trial(flip, Outcome.MADE_GOOD, warned)
        said = self._proved(self._copy(flip))
        if differing:
            return Trial(flip, Outcome.BELIEVED if said else Outcome.SILENT, said, differing)
        return Trial(flip, Outcome.TOLD if said else Outcome.HARMLESS, said)

    # --- one trial --------------------------------------------------------------------------------------------------

    def _copy(self, flip: Flip | None) -> Folder:
        place = self._place / "trial"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.image.root, place)
        if flip is not None:
            with (place / flip.file).open("r+b") as file:
                file.seek(flip.offset)
                (byte,) = file.read(1)
                file.seek(flip.offset)
                file.write(bytes([byte ^ 1 << flip.bit]))
        return Folder(place)

    def _booted(self, folder: Folder) -> tuple[dict[str, Any], str]:
        """All that a director knows and the ledger holds after a boot, and what it warned of."""
        with _warnings() as warned:
            held = Held(folder, ManualClock(CLOCK_US), performing=True, assembly=_house(folder))
            try:
                director = held.director
                owed = director.boot()
                if not director.cards_agree():
                    logging.getLogger("mainstay").warning("cards do not agree")
                    held.rebuild_views()
                held.register()
                state: dict[str, Any] = {
                    "runs": {run: (one.state, one.version) for run, one in director.runs.items()},
                    "owed": sorted(map(repr, owed)),
                    "standing": (director.counts, director.killed, director.workflows, director.balances),
                    "head": (held.store.head, held.store.head_hash),
                }
                for table in TABLES:
                    own = OWN.get(table.name, ("", ""))
                    rows = held.store.select(table.name, order=table.key[0], limit=_ALL)
                    state[table.name] = [row for row in rows if row.get(own[0]) != own[1]]
                return state, "; ".join(warned)
            finally:
                held.close()

    def _proved(self, folder: Folder) -> str:
        """What `audit verify` finds."""
        try:
            found = verify(folder.ledger, blobs=folder.blobs, anchors=read_mark(folder.ledger))
            if isinstance(found, Broken):
                return f"{found.position}: {found.reason}"
            reader = SqliteReader(folder.ledger, tables=TABLES)
            try:
                plan = House(folder, reader, writable=False).stored_plan
                differing = differences(folder.ledger, Codec(plan), STANDARD, scratch=self._place)
            finally:
                reader.close()
        except MainstayError as error:
            return str(error)
        except Exception as error:
            return f"UNCLEAR {type(error).__name__}: {error} at {_where(error)}"
        return "; ".join(f"{one.table} {one.rows}: {one.reason}" for one in differing)


CLOCK_US = 1_700_001_000_000_000  # after everything in the image


def _house(folder: Folder) -> type[House]:
    class Here(House):
        provider = Provider(folder.root, 0, random.Random(0))

    return Here


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


@contextmanager
def _warnings() -> Iterator[list[str]]:
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log, handler = logging.getLogger("mainstay"), Keep(logging.WARNING)
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)


@contextmanager
def campaign(*, folded: bool = False) -> Iterator[Campaign]:
    """A campaign in a folder of its own. `folded`: nothing is left in the log, so all of the file is live."""
    place = Path(tempfile.mkdtemp(prefix="mainstay-flips-"))
    try:
        with own_keys(place / "keys"):
            yield Campaign(place, folded=folded)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when no flip was silent."""
    parser = argparse.ArgumentParser(prog="python -m mainstay.testing.flipping", description=__doc__)
    parser.add_argument("--flips", type=int, default=FLIPS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="every flip that was believed, and what differed"
    )
    given = parser.parse_args(arguments)
    began = time.monotonic()
    trials: list[Trial] = []
    for folded in (False, True):
        with campaign(folded=folded) as flips:
            trials += _with_progress(
                flips, flips.draw(given.flips // 2, given.seed + folded), quiet=given.json
            )
    counted = Counter((one.flip.file.rpartition("/")[2][:12], one.outcome) for one in trials)
    silent = [one for one in trials if one.outcome in FAILURES or one.said.startswith("UNCLEAR")]
    if given.json:
        totals = Counter(one.outcome for one in trials)
        print(json.dumps({"flips": len(trials), "seconds": time.monotonic() - began, **totals}))
        return 1 if silent else 0
    for (file, outcome), count in sorted(counted.items()):
        print(f"{file:<14} {outcome:<10} {count:>6}")
    print(f"{len(trials)} flips in {time.monotonic() - began:.0f} s")
    for one in trials:
        if one in silent or (given.verbose and one.outcome is Outcome.BELIEVED):
            print(f"{one.outcome}: {one.flip} {', '.join(one.differing)}: {one.said[:200]}")
    return 1 if silent else 0


def _with_progress(flips: Campaign, drawn: list[Flip], *, quiet: bool) -> Iterator[Trial]:
    told = 0
    for done, flip in enumerate(drawn, 1):
        yield flips.trial(flip)
        if not quiet and done * 10 // len(drawn) > told:
            told = done * 10 // len(drawn)
            print(f"{done} of {len(drawn)} flips", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
