"""`mainstay up`: a director at work in the foreground, and one line for each thing that the operator should know."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from mainstay.cli.render import count, emit, say
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import LedgerCorrupt

if TYPE_CHECKING:
    from mainstay.workspace import Workspace
    from mainstay.workspace.serving import Service

LOOK_EVERY_S = 0.5
PROVED_AT_START_MAX = 100_000  # events: half a second; a longer ledger is for `mainstay audit verify`


def serve(workspace: Workspace, *, as_json: bool, ingest: bool) -> None:
    """Work until a signal. Raises what keeps it from working, a damaged ledger first of all."""
    screen = _Screen(as_json)
    _prove(workspace)
    screen.tell("starting", f"{workspace.folder.root}: starting")
    _log_to(screen)
    asyncio.run(_serve(workspace, screen, ingest=ingest))
    screen.tell("stopped", "Stopped. What was under way is settled at the next start.")


def _prove(workspace: Workspace) -> None:
    """Nothing is built on a ledger that was edited."""
    from mainstay.ledger.verify import Broken

    if not workspace.folder.ledger.exists() or workspace.head > PROVED_AT_START_MAX:
        return
    found = workspace.verify()
    if isinstance(found, Broken):
        raise LedgerCorrupt(
            f"The ledger does not hold from position {found.position} on.",
            why=found.reason,
            remedy="Restore the last good backup, or look at `mainstay audit verify`.",
            position=int(found.position),
        )


async def _serve(workspace: Workspace, screen: _Screen, *, ingest: bool) -> None:
    from mainstay.workspace.serving import Service

    service = Service(workspace.folder, ingest=ingest, rebuilding=screen.rebuilding)
    service.stop_on_signals()
    watching: list[asyncio.Task[None]] = []

    def ready() -> None:
        mailboxes = ", ".join(sorted(service.ingests)) or "none"
        screen.tell(
            "ready",
            f"At work. Mailboxes: {mailboxes}. Search: {_search(service)}. Ctrl-C ends it.",
            mailboxes=sorted(service.ingests),
            search=_search(service),
            **service.desk.status(),
        )
        watching.append(asyncio.create_task(_watch(service, screen)))

    try:
        await service.run(ready)
    finally:
        for task in watching:
            task.cancel()


def _search(service: Service) -> str:
    from mainstay.models.base import Unavailable

    return "by words" if isinstance(service.held.assembly.embedder, Unavailable) else "by meaning"


async def _watch(service: Service, screen: _Screen) -> None:
    """A line whenever what waits, or what runs, has changed."""
    last: tuple[Any, ...] = ()
    while True:
        status = service.desk.status()
        now = (status["waiting"], status["in_doubt"], status["open_runs"], status["kill_switch"])
        if now != last:
            last = now
            parts = [
                f"{count(status['open_runs'], 'run')} open",
                f"{count(status['waiting'], 'card')} for you",
                *([f"{status['in_doubt']:,} in doubt"] if status["in_doubt"] else []),
                *(["the kill switch is on"] if status["kill_switch"] else []),
            ]
            screen.tell("status", f"{', '.join(parts)}; ledger at {status['position']:,}", **status)
        await asyncio.sleep(LOOK_EVERY_S)


class _Screen:
    """Lines with the time, or JSON objects, one a line."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def tell(self, what: str, text: str, **fields: Any) -> None:
        """One thing that happened."""
        if self._as_json:
            emit({"event": what, "at": time.time_ns() // 1_000, **fields})
            return
        say(f"{time.strftime('%H:%M:%S')}  {safe_line(text)}")
        sys.stdout.flush()

    def rebuilding(self, done: int, of: int) -> None:
        """Views are made anew after an upgrade."""
        if done == 0 or done == of:
            self.tell("rebuilding", f"Views are made anew: {done:,} of {of:,} events", done=done, of=of)


class _Lines(logging.Handler):
    def __init__(self, screen: _Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.tell(record.levelname.lower(), record.getMessage(), said=safe_line(record.getMessage()))


def _log_to(screen: _Screen) -> None:
    log = logging.getLogger("mainstay")
    log.addHandler(_Lines(screen))
    log.propagate = False
