"""What somebody outside knows of a director that is killed: what was acknowledged to them, and what the provider did.

The ledger is held against that after each kill (`after_kill`), after each boot (`after_boot`) and at the end
(`at_the_end`). Each broken promise is a sentence; none may ever be said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from mainstay.kernel.events import RunStarted
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import Phase
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventStore
from mainstay.ledger.verify import Broken, verify
from mainstay.runtime.boot import fold_open
from mainstay.testing.killing_house import KINDS, MARKS, WITNESS, House, lines
from mainstay.workspace.folder import Folder

_NO_PLANS: dict[Digest, Plan] = {}
_decode = Codec(_NO_PLANS.__getitem__).decode  # of events that name no plan

BOOT, COMMIT, REST = "during boot", "during a commit", "between two acts"
STARTED, ARRIVED, DONE = "started, not arrived", "arrived, not done", "done, not recorded"
# Where a kill must have landed at least once for the cycles to prove anything.
WINDOWS = (BOOT, COMMIT, *(f"{kind}: {place}" for kind in KINDS for place in (STARTED, ARRIVED, DONE)))


@dataclass(slots=True)
class Seen:
    """What the provider's file says of one text, which stands for one act that is wanted once."""

    received: int = 0
    done: int = 0
    last_cycle: int = 0  # the cycle of the last line, and what it said
    last_phase: str = ""


@dataclass
class Books:
    """Kept by whoever drives the cycles."""

    folder: Folder
    started: dict[str, str] = field(default_factory=dict)  # run -> text
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)  # card -> granted or rejected, run
    resolved: set[tuple[str, int]] = field(default_factory=set)  # run and task, answered at least once
    allowed_again: Counter[str] = field(
        default_factory=Counter
    )  # texts: "it did not happen", said or tried to
    parked: dict[tuple[str, int], str] = field(default_factory=dict)  # acts that must be in doubt -> text
    windows: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def witness(self) -> dict[str, Seen]:
        """What the provider did, by text."""
        found: dict[str, Seen] = defaultdict(Seen)
        for cycle, phase, _, _, text in lines(self.folder.root / WITNESS):
            one = found[text]
            one.last_cycle, one.last_phase = int(cycle), phase
            if phase == "received":
                one.received += 1
            else:
                one.done += 1
        return found

    def text(self, reader: SqliteReader, run: str) -> str:
        """The text that a run was started with."""
        first = next(iter(reader.read(run_stream(RunId(run)))))
        event = _decode(first.type, first.schema, first.data)
        assert isinstance(event, RunStarted)
        return str(event.trigger["text"])

    def let_again(self, run: str, text: str) -> None:
        """The driver is about to say that it did not happen: it may be called again, and its card asks anew."""
        self.allowed_again[text] += 1
        self.answered = {card: one for card, one in self.answered.items() if one[1] != run}

    # --- what must hold ---------------------------------------------------------------------------------------------

    def after_kill(self, cycle: int) -> None:
        """Nothing acknowledged is missing, nothing was done twice; and where the kill landed."""
        seen = self.witness()
        self._nothing_doubled(cycle, seen)
        places = set()
        marks = [one[0] for one in lines(self.folder.root / MARKS)]
        if "ready" not in marks:
            places.add(BOOT)
        if marks and marks[-1] == "commit":
            places.add(COMMIT)
        if self.folder.ledger.exists():
            with self._reader() as reader:
                self._nothing_lost(cycle, reader)
                for run, number, kind, text in self._under_way(reader):
                    one = seen[text]
                    place = STARTED
                    if one.last_cycle == cycle:
                        place = ARRIVED if one.last_phase == "received" else DONE
                    places.add(f"{kind}: {place}")
                    if kind == "once":
                        self.parked[run, number] = text
        self.windows.update(places or {REST})

    def after_boot(self, cycle: int) -> None:
        """Each act that may be called once and was under way when it was killed waits for the operator."""
        with self._reader() as reader:
            for (run, number), text in self.parked.items():
                if reader.get("in_doubt", (run, number)) is None:
                    self._break(cycle, f"{text} may be called once and was under way, and is not in doubt")
        self.parked.clear()

    def at_the_end(self, cycle: int) -> dict[str, int]:
        """Every run that was accepted is over, with its effect done once, or not at all where it was refused."""
        seen = self.witness()
        self._nothing_doubled(cycle, seen)
        figures: Counter[str] = Counter()
        with self._reader() as reader:
            self._nothing_lost(cycle, reader)
            for run, text in self.started.items():
                row = reader.get("runs", (run,))
                status = row["status"] if row is not None else "missing"
                done = seen[text].done
                figures["effects"] += done
                refused = any(
                    one["status"] == "rejected"
                    for one in reader.select("approvals", where={"run": run}, order="approval")
                )
                if refused and done:
                    self._break(cycle, f"{text} was refused, and was done")
                elif not refused and (status != "succeeded" or done != 1):
                    self._break(cycle, f"{text} was accepted, is {status!r} and was done {done} times")
        self.chain_holds(cycle)
        return {
            **figures,
            "runs": len(self.started),
            "answers": len(self.answered),
            "doubts": len(self.resolved),
        }

    def chain_holds(self, cycle: int) -> None:
        """The whole ledger verifies."""
        found = verify(self.folder.ledger, blobs=self.folder.blobs)
        if isinstance(found, Broken):
            self._break(cycle, f"the ledger is broken at position {found.position}: {found.reason}")

    def _nothing_doubled(self, cycle: int, seen: dict[str, Seen]) -> None:
        for text, one in seen.items():
            if one.done > 1:
                self._break(cycle, f"{text} was done {one.done} times")
            if text.startswith("once") and one.received > 1 + self.allowed_again[text]:
                self._break(cycle, f"{text} may be called once and was called {one.received} times")

    def _nothing_lost(self, cycle: int, reader: SqliteReader) -> None:
        for run, text in self.started.items():
            if reader.get("runs", (run,)) is None:
                self._break(cycle, f"{text} was accepted, and its run is gone")
        for card, (status, _) in self.answered.items():
            row = reader.get("approvals", (card,))
            if row is None or row["status"] not in (status, "happened"):
                self._break(cycle, f"card {card} was answered {status!r}, and is {row and row['status']!r}")

    # --- looking ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _reader(self) -> Iterator[SqliteReader]:
        reader = SqliteReader(self.folder.ledger, tables=None)
        try:
            yield reader
        finally:
            reader.close()

    def _under_way(self, reader: SqliteReader) -> Iterator[tuple[RunId, int, str, str]]:
        plan = House(self.folder, reader, writable=False).stored_plan
        for run, one in fold_open(cast(EventStore, reader), Codec(plan), plan):
            for number, task in one.state.all_tasks():
                if task.phase is Phase.ACTING:
                    head = one.state.head
                    yield run, number, head.workflow.removesuffix("_asked"), str(head.trigger["text"])

    def _break(self, cycle: int, promise: str) -> None:
        said = f"cycle {cycle}: {promise}"
        if promise not in {one.partition(": ")[2] for one in self.broken}:
            self.broken.append(said)
