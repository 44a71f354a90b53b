"""What may be asked of memory through any door: to keep, to retract, to take in a file of past mail.

A part of `operate`: the running director and whoever holds the lock itself come through here, so that what is kept is
sealed and decided the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mainstay.adapters.base import Delivery
from mainstay.adapters.email import MboxSource
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.persons import is_machine, is_person
from mainstay.kernel.values import Json
from mainstay.ledger.store import EventStore
from mainstay.memory.records import SPACES, Note
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.ingest import Ingest
from mainstay.runtime.keeping import Ask, Keeping
from mainstay.runtime.mailbox import Mailbox

NOTES_MAX = 500  # of one call: they are decided in one tick
# What drafts are made of because a person said it, or approved it. A machine that added to it would be believed, and
# what it said would leave where a kind of act goes by itself. It has the notes, and spaces that the operator declares.
OF_PERSONS = frozenset(SPACES) - {"notes"}


@dataclass(frozen=True, slots=True)
class House:
    """What the operator's files say that matters here."""

    spaces: frozenset[str]
    own_addresses: tuple[str, ...]
    seal_key: bytes


class PastMail:
    """A file of mail of which all is past, also what was added to it since it was read the last time."""

    def __init__(self, path: Path) -> None:
        self._file = MboxSource(path)

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        """See `Source.pull`."""
        found = await self._file.pull(cursor, limit=limit)
        return replace(found, items=tuple(replace(one, history=True) for one in found.items))

    async def wait(self, timeout_s: float) -> None:
        """See `Source.wait`."""
        await self._file.wait(timeout_s)


class MemoryDesk:
    """Keeps and retracts for one director. `house` is asked late: it needs the operator's files."""

    def __init__(self, store: EventStore, artifacts: Artifacts, ask: Ask, house: Callable[[], House]) -> None:
        self._store = store
        self._artifacts = artifacts
        self._ask = ask
        self._house = house
        self._keeping = Keeping(store, artifacts, ask)

    async def remember(self, notes: list[Json], *, actor: str) -> Json:
        """Keep notes, each an object with the names of `Note`. Raises `CommandRefused` before any is kept."""
        if len(notes) > NOTES_MAX:
            raise CommandRefused(
                f"{len(notes)} notes are too many for one call.", why=f"{NOTES_MAX} are the most."
            )
        made = [_note(one, actor) for one in notes]
        if is_machine(actor):
            _require_own_place(made)
        kept = await self._keeping.remember(made, actor=actor, spaces=self._house().spaces)
        return {"kept": [msgspec.to_builtins(one) for one in kept]}

    async def retract(self, memories: list[str], *, actor: str, reason: str = "") -> Json:
        """Believe none of these any more. Raises `NotFound` or `AmbiguousId` before any is retracted."""
        kept = await self._keeping.retract(memories, actor=actor, reason=reason)
        return {"kept": [msgspec.to_builtins(one) for one in kept]}

    async def import_mail(
        self, path: str, *, mailbox: str, progress: Callable[[int], None] = lambda count: None
    ) -> Json:
        """Take a file of past mail in as memory: no message of it starts a run, and none is taken twice."""
        house, vault = self._house(), self._artifacts.vault
        one = Mailbox(
            f"import:{vault.keyed_hash('import', path).hex()[:12]}",
            mailbox,
            PastMail(Path(path)),
            house.own_addresses,
            house.seal_key,
        )
        ingest = Ingest(one, artifacts=self._artifacts, store=self._store, ask=self._ask)
        return msgspec.to_builtins(await ingest.pull(progress))  # type: ignore[no-any-return]


def _note(said: Any, actor: str) -> Note:
    try:
        note = msgspec.convert(said, Note)
    except msgspec.ValidationError as error:
        raise CommandRefused("This is no note.", why=str(error)) from None
    return note if note.actor else replace(note, actor=actor)


def _require_own_place(notes: Iterable[Note]) -> None:
    """What a machine remembers stands among what a person may look up, and never passes for their word."""
    for one in notes:
        if one.space in OF_PERSONS or one.memory or is_person(one.actor):
            raise CommandRefused(
                "An agent does not write there.",
                why=f"Drafts take what lies in {', '.join(sorted(OF_PERSONS))} for what a person wrote or approved.",
                remedy="Remember it as a note, or in a space that the files of policies/ declare.",
                space=one.space,
            )
