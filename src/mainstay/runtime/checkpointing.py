"""Checkpoints while a director works: beside its loop, never in its way.

Rules of this file:

- All reading, proving and writing happens in a thread, in short slices with a rest after each: signing an hour's events
  costs the loop nothing that it would notice.
- What goes wrong is an incident and a line in the log. A place that cannot be written, a key that is missing, even a
  ledger that does not hold: work goes on, and what was signed before still says what it said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from mainstay.kernel.commands import AdoptSigningKey, ClearIncident
from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, MainstayError
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import Json
from mainstay.runtime.clock import Clock
from mainstay.runtime.incidents import Incidents, checkpoint_unwritten, ledger_unsound
from mainstay.runtime.signing import Made, Signing
from mainstay.runtime.tick import Answer, Request

log = logging.getLogger("mainstay")

FIRST_AFTER_S = 3.0  # the director's own beginning comes first
EVERY_S = 15.0
OPERATIONS = frozenset({"sign_checkpoint", "rotate_signing_key"})
AGAIN_AFTER_S = 600.0  # something was wrong
REST_S = 0.005  # between two slices
LAST_EVENTS_MAX = 20_000  # that an orderly stop follows before it signs: a fifth of a second

Ask = Callable[[Request], Awaitable[Answer]]
T = TypeVar("T")


class Checkpointing:
    """Signs for one director, from `run` until it is cancelled, and once more at `end`."""

    def __init__(self, signing: Signing, clock: Clock, ask: Ask, incidents: Incidents) -> None:
        self._signing = signing
        self._clock = clock
        self._ask = ask
        self._incidents = incidents
        self._turn = asyncio.Lock()
        self._unsound = False
        self._failing: set[str] = set()

    async def run(self) -> None:
        """See the class."""
        wait_s = FIRST_AFTER_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = EVERY_S if await self.look() else AGAIN_AFTER_S

    async def look(self) -> bool:
        """Follow what happened, and sign if it is time; whether that went well."""
        try:
            async with self._turn:
                await self._catch_up()
                if self._signing.due(self._clock.now()):
                    await self._sign()
        except LedgerCorrupt as error:
            self._unsound = True
            self._incidents.tell(ledger_unsound(f"{error.what} {error.why}"))
            return False
        except (MainstayError, OSError) as error:
            what = error.what if isinstance(error, MainstayError) else str(error)
            self._incidents.tell(checkpoint_unwritten("", what))
            self._failing.add("")
            return False
        self._well("")
        return True

    async def asked(self, operation: str, arguments: Json) -> Json:
        """What somebody asked for through a door. Raises `CommandRefused` for what is none of ours."""
        try:
            match operation:
                case "sign_checkpoint":
                    return await self.sign(**arguments)
                case "rotate_signing_key":
                    return await self.rotate(**arguments)
                case _:
                    raise CommandRefused(f"There is no operation {operation!r}.")
        except TypeError as error:
            raise CommandRefused(
                f"{operation!r} was asked with the wrong arguments.", why=str(error)
            ) from error

    async def sign(self) -> Json:
        """Sign now what there is. Raises what keeps it from being signed."""
        async with self._turn:
            await self._catch_up()
            made = await self._sign()
        last = self._signing.book.last
        return {
            "signed": made is not None,
            "through": last.through if last is not None else 0,
            "root": last.root if last is not None else "",
            "key": self._signing.book.key.fingerprint,
            "public": self._signing.book.key.public.hex(),
            "failed": [str(one) for one in made.failed.values()] if made is not None else [],
        }

    async def rotate(self, actor: str) -> Json:
        """Change the key, and sign with the new one what there is. Raises what keeps it from that."""
        async with self._turn:
            await self._catch_up()
            await self._sign()
            adopted, failed = await _beside(lambda: self._signing.rotate(self._clock.now()))
            told = AdoptSigningKey(adopted.key, adopted.public, adopted.follows, adopted.vouched)
            await self._ask(Request(told, actor))
        return {
            "key": adopted.key,
            "public": adopted.public,
            "before": adopted.follows,
            "failed": list(failed.values()),
        }

    def end(self) -> None:
        """Sign the last of it, after the last tick. The ledger hears of it at the next start."""
        try:
            if self._unsound or self._signing.behind > LAST_EVENTS_MAX:
                return
            if not self._signing.opened:
                self._signing.open(self._clock.now())
            while self._signing.follow():
                pass
            made = self._signing.sign(self._clock.now())
            for wrong in made.failed.values() if made is not None else ():
                log.warning("a place for checkpoints cannot be written: %s", wrong)
        except (MainstayError, OSError) as error:
            log.warning("the end was not signed: %s", error)

    async def _catch_up(self) -> None:
        if not self._signing.opened:
            await _beside(lambda: self._signing.open(self._clock.now()))
            for command in await _beside(self._signing.unrecorded):
                await self._ask(Request(command))
        while await _beside(self._signing.follow):
            await asyncio.sleep(REST_S)

    async def _sign(self) -> Made | None:
        made = await _beside(lambda: self._signing.sign(self._clock.now()))
        if made is None:
            return None
        self._tell_failed(made.failed)
        if self._signing.book.last == made.checkpoint:
            await self._ask(Request(made.command))
            log.info("signed up to position %d: %s", made.checkpoint.through, made.checkpoint.root[:16])
        return made

    def _tell_failed(self, failed: dict[Path, str]) -> None:
        for path, why in failed.items():
            self._failing.add(str(path))
            self._incidents.tell(checkpoint_unwritten(str(path), why))
        for subject in self._failing - {str(path) for path in failed} - {""}:
            self._well(subject)

    def _well(self, subject: str) -> None:
        self._failing.discard(subject)
        if self._incidents.is_open(IncidentKind.CHECKPOINT_UNWRITTEN, subject):
            self._incidents.tell(ClearIncident(IncidentKind.CHECKPOINT_UNWRITTEN, subject))


async def _beside(work: Callable[[], T]) -> T:
    """Do it in a thread. If this is cancelled it ends first, since what it reads by is closed afterwards."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise
