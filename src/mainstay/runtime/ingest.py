"""Ingest: what a mailbox brings becomes commands. Nothing personal passes this file unsealed.

Rules of this file:

- What a mail becomes is said in `runtime.mail_commands`; what cannot be read is no exception in the loop.
- Keys of subjects are durable before anything sealed under them is appended, and the cursor moves in or after the tick
  of the messages before it: a crash repeats a pull, and a message that was received decides to nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from mainstay.adapters.base import Item
from mainstay.adapters.email import parse
from mainstay.kernel.commands import AdvanceCursor, Command, ObserveSent, ReceiveMessage, RejectMessage
from mainstay.kernel.errors import DirectorUnavailable, NotFound, StaleEpoch, StorageFailed
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.mail_commands import MailCommands
from mainstay.runtime.mailbox import Mailbox
from mainstay.runtime.tick import Answer, Request

PULL_MAX = 64  # messages taken at once: bounds memory, and how long one pull holds the loop


@dataclass(slots=True)
class Pulled:
    """What pulling brought, so far."""

    received: int = 0
    duplicates: int = 0
    dropped: int = 0
    rejected: int = 0
    answered: int = 0
    history: int = 0
    runs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.received} received, {self.duplicates} duplicates, {self.rejected} rejected, "
            f"{self.dropped} of our own dropped"
        )


Ask = Callable[[Request], Awaitable[Answer]]


class Ingest:
    """Reads one mailbox into the ledger."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        artifacts: Artifacts,
        store: EventStore,
        ask: Ask,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
        heard: Callable[[str], None] = lambda instance: None,
    ) -> None:
        self._mailbox = mailbox
        self._artifacts = artifacts
        self._store = store
        self._ask = ask
        self._noticed = noticed
        self._heard = heard  # told of each answer of the source, however much it brings
        self._pulling = asyncio.Lock()
        self._commands = MailCommands(mailbox, artifacts, store)

    @property
    def mailbox(self) -> str:
        """What workflows and events call it."""
        return self._mailbox.mailbox

    async def run(self) -> None:
        """Pull, wait, pull again, until cancelled. An unreachable mailbox is told and tried again.

        Raises `StorageFailed` and `StaleEpoch`: what makes going on unsafe is not waited out.
        """
        failures = 0
        while True:
            try:
                await self.pull()
                await self._mailbox.source.wait(self._mailbox.poll_s)
                failures = 0
            except (StorageFailed, StaleEpoch):
                raise  # no fault of the mailbox: the process must end
            except DirectorUnavailable:
                return  # it has ended, and this ends with it
            except Exception as error:  # the outside world: tell it, and come back later
                failures += 1
                self._noticed(f"mailbox {self._mailbox.instance}", error)
                await asyncio.sleep(min(900.0, 5.0 * 2 ** min(failures, 8)))

    async def pull(self, progress: Callable[[int], None] = lambda count: None) -> Pulled:
        """Take everything that is there now. `progress` is told how many items each batch had."""
        pulled = Pulled()
        async with self._pulling:
            more = True
            while more:
                self._commands.begin()
                cursor = self._cursor()
                delivery = await self._mailbox.source.pull(cursor, limit=PULL_MAX)
                self._heard(self._mailbox.instance)
                await self._take(delivery.items, cursor, delivery.cursor, pulled)
                progress(len(delivery.items))
                more = delivery.more
        return pulled

    @asynccontextmanager
    async def held_back(self) -> AsyncIterator[None]:
        """Nothing is taken in as long as this is entered; what is being taken in is finished first."""
        async with self._pulling:
            yield

    async def read_again(self, item_key: str) -> str:
        """Read something once more that was rejected: what became of it (received, duplicate, dropped, rejected).

        Raises `NotFound` for an item that this mailbox never rejected, or whose bytes were put away.
        """
        row = self._store.get("rejected", (item_key,))
        if row is None or row["mailbox"] != self._mailbox.mailbox:
            raise NotFound(
                "This mailbox has rejected no such item.", why="It may belong to another one.", item=item_key
            )
        vault = self._artifacts.vault
        try:
            raw = self._artifacts.get(Digest(str(row["raw"])), vault.subject("rejected:" + item_key), b"raw")
        except SubjectForgotten:
            raise NotFound(
                "What came is not there any more.", why="Somebody whom it named was forgotten.", item=item_key
            ) from None
        item = Item(raw, Instant(_int(row["at"])), str(row["origin"] or ""))
        mail = await asyncio.to_thread(lambda: parse(raw))
        self._commands.begin()
        concerns = self._commands.make_keys([mail])
        command = self._commands.command(item, mail, concerns.get(0))
        if command is None:
            return "dropped"
        if isinstance(command, RejectMessage):
            self._artifacts.take_staged()
            return "rejected"
        answer = await self._ask(Request(command, "operator", blobs=self._artifacts.take_staged()))
        return "duplicate" if answer.detail.get("duplicate") else "received"

    def _cursor(self) -> Json:
        row = self._store.get("cursors", (self._mailbox.instance,))
        return msgspec.json.decode(str(row["cursor"])) if row and row["cursor"] else {}

    async def _take(self, items: tuple[Item, ...], cursor: Json, next_cursor: Json, pulled: Pulled) -> None:
        before = (pulled.received, pulled.duplicates, pulled.dropped, pulled.rejected)
        # Parsing is CPU work on hostile input: it must not hold up the loop.
        parsed = await asyncio.to_thread(lambda: [parse(one.raw, oversize=one.oversize) for one in items])
        concerns = self._commands.make_keys(parsed)
        commands: list[Command] = []
        for number, (item, mail) in enumerate(zip(items, parsed, strict=True)):
            command = self._commands.command(item, mail, concerns.get(number))
            if command is None:
                pulled.dropped += 1
            else:
                commands.append(command)
        # An answer that the ledger has lost ends the runs of what it answered, so they must be there by then.
        commands.sort(key=lambda command: isinstance(command, ObserveSent) and command.sent_at > 0)
        staged = self._artifacts.take_staged()
        answers = await asyncio.gather(
            *(
                self._ask(Request(command, "ingest", blobs=staged if index == 0 else {}))
                for index, command in enumerate(commands)
            )
        )
        for sent, answer in zip(commands, answers, strict=True):
            _count(pulled, sent, answer)
        if next_cursor != cursor:
            after = (pulled.received, pulled.duplicates, pulled.dropped, pulled.rejected)
            received, duplicates, dropped, rejected = (b - a for a, b in zip(before, after, strict=True))
            advance = AdvanceCursor(
                self._mailbox.instance, next_cursor, received, duplicates, dropped, rejected
            )
            await self._ask(Request(advance, "ingest"))


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _count(pulled: Pulled, command: Command, answer: Answer) -> None:
    if answer.detail.get("duplicate"):
        pulled.duplicates += 1
    elif isinstance(command, ReceiveMessage):
        pulled.received += 1
        pulled.history += bool(answer.detail.get("history"))
        pulled.runs += answer.detail.get("runs", [])
    elif isinstance(command, RejectMessage):
        pulled.rejected += 1
    elif isinstance(command, ObserveSent):
        pulled.answered += 1
