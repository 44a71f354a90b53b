"""A workspace that has everything a ledger has, as a power failure would leave it: what `testing.flipping` flips in."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

from mainstay.kernel.commands import (
    AdvanceCursor,
    Command,
    ReceiveMessage,
    RejectMessage,
    StartRun,
    ThrowKillSwitch,
)
from mainstay.kernel.ids import SubjectId, digest, run_id
from mainstay.kernel.values import SECOND, Digest
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.standing import seal
from mainstay.ledger.store import ColumnType, Put, Table
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Owed, Request
from mainstay.testing.killing_house import WORKFLOWS, House, Provider, lay_out
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held

RUNS = 18
SNAPSHOT_EVERY = 3  # events of a run
_SCRATCH = Table("scratch", (("name", ColumnType.INTEGER), ("text", ColumnType.TEXT)), key=("name",))


class _AtOnce(random.Random):
    """What the provider does takes no time."""

    def random(self) -> float:
        return 0.0


def image_of(made: Path, image: Path, *, folded: bool) -> Folder:
    """Make the workspace, and copy it while its files are open; `folded`: with everything in the ledger's own file."""
    folder = lay_out(made)

    class Here(House):
        provider = Provider(made, 0, _AtOnce())

    held = Held(folder, ManualClock(), performing=True, assembly=Here)
    try:
        _Maker(held).make()
        if folded:
            held.store.checkpoint(truncate=True)
        shutil.copytree(made, image, ignore=shutil.ignore_patterns("*-shm", "lock", "witness"))
    finally:
        held.close()
    return Folder(image)


class _Maker:
    def __init__(self, held: Held) -> None:
        self._held = held
        self._clock = held.clock
        self._performer: Performer = held.performer()
        held.director.writing.snapshot_every = SNAPSHOT_EVERY

    def make(self) -> None:
        held = self._held
        held.director.boot()
        held.register()
        self._tell(ThrowKillSwitch("operator", True, "to be looked at"))
        self._tell(ThrowKillSwitch("operator", False))
        for number in range(12):
            self._message(number)
        for number in range(RUNS // 2):
            self._run(number)
        self._leave_free_pages()
        held.store.append(
            (), epoch=held.director.epoch, at=self._clock.now(), changes=[seal(held.store, STANDARD)]
        )
        held.store.checkpoint(truncate=True)
        # All that follows stays in the log.
        for number in range(RUNS // 2, RUNS):
            self._run(number)
        self._message(12)

    def _message(self, number: int) -> None:
        draw = random.Random(number)
        content = draw.randbytes(1500)
        blobs = {digest(content): content}
        large = self._held.assembly.blobs.stage(draw.randbytes(80_000)).digest if number % 6 == 0 else None
        self._tell(
            ReceiveMessage(
                "support",
                f"{number}@example.com",
                f"thread-{number}",
                SubjectId(f"{number:032x}"),
                digest(content),
                len(content),
                attachments=(large,) if large is not None else (),
            ),
            blobs,
        )
        self._tell(AdvanceCursor("support", {"read": number}, received=1))
        if number % 4 == 0:
            self._tell(
                RejectMessage("support", f"item-{number}", "it is no mail", digest(content), "sample"), blobs
            )

    def _run(self, number: int) -> None:
        workflow = WORKFLOWS[number % len(WORKFLOWS)]
        run = run_id(self._clock.now(), "image", number)
        definition = self._held.director.workflows[workflow].definition
        owed = self._tell(StartRun(run, workflow, definition, {"text": f"{workflow}-{number}"}))
        asyncio.run(self._perform(owed, most=99 if number % 3 else 2))

    async def _perform(self, owed: list[Owed], *, most: int) -> None:
        """Perform what is owed, and what follows from it; after `most` effects the rest is left under way."""
        while owed and most:
            most -= 1
            request = await self._performer.perform(owed.pop(0))
            if request is not None:
                owed += self._held.director.handle([request])

    def _leave_free_pages(self) -> None:
        store = self._held.store
        store.create_tables([_SCRATCH])
        changes = [Put(_SCRATCH.name, (number,), {"text": "x" * 200}) for number in range(200)]
        store.append((), epoch=self._held.director.epoch, at=self._clock.now(), changes=changes)
        store.drop_tables([_SCRATCH.name])

    def _tell(self, command: Command, blobs: dict[Digest, bytes] | None = None) -> list[Owed]:
        clock = self._clock
        assert isinstance(clock, ManualClock)
        clock.advance(SECOND)
        return self._held.director.handle([Request(command, "test", blobs=blobs or {})])
