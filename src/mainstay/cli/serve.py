"""`mainstay up`: a director at work in the foreground, and one line for each thing that the operator should know."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from mainstay.cli.inbox import for_you
from mainstay.cli.render import count, emit, say, sentences
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import LedgerCorrupt, MainstayError
from mainstay.runtime.logs import LogFile, log_to, said_by, stop_logging

if TYPE_CHECKING:
    import socket

    from mainstay.workspace import Workspace
    from mainstay.workspace.serving import Service

log = logging.getLogger("mainstay")

STOPPED = "Stopped. What was under way is settled at the next start."
LOOK_EVERY_S = 0.5
COUNT_EVERY_S = 5.0  # looking through the newest messages takes a third of a second
_FILE_ALONE = "file_alone"
PROVED_AT_START_MAX = 100_000  # events: half a second; a longer ledger is for `mainstay audit verify`


def serve(
    workspace: Workspace,
    *,
    as_json: bool,
    ingest: bool,
    listening: socket.socket | None = None,
    with_link: bool = False,
) -> None:
    """Work until a signal. Raises what keeps it from working, a damaged ledger first of all.

    `listening`: where the console is served, in place of what the settings say; `with_link`: say the link that logs in
    also where nobody looks at a terminal.
    """
    screen = _Screen(as_json)
    _prove(workspace)
    screen.tell("starting", f"{workspace.folder.root}: starting")
    _log_to(screen)
    handler = _log_file(workspace)
    try:
        asyncio.run(_serve(workspace, screen, ingest=ingest, listening=listening, with_link=with_link))
        log.info("stopped")
    except BaseException as error:
        # For the file alone: on the screen the command line tells the error itself, in words.
        log.error("ended by %s", type(error).__name__, exc_info=True, extra={_FILE_ALONE: True})
        raise
    finally:
        stop_logging(handler)
    screen.tell("stopped", STOPPED)


def _log_file(workspace: Workspace) -> LogFile | None:
    from mainstay import __version__
    from mainstay.config.files import load_settings

    settings = load_settings(workspace.folder.root).logs
    handler = log_to(
        workspace.folder.logs, size_mb=settings.size_mb, count=settings.count, level=settings.level
    )
    log.info("starting, version %s", __version__)
    return handler


def _prove(workspace: Workspace) -> None:
    """Nothing is built on a ledger that was edited."""
    from mainstay.ledger.verify import Broken

    if not workspace.folder.ledger.exists() or workspace.head > PROVED_AT_START_MAX:
        return
    found = workspace.verify()
    if isinstance(found, Broken) and found.checkpoints:
        # The ledger itself holds: work goes on, and the director that signs tells it as an incident.
        log.warning("what was signed does not hold: %s", found.reason)
    elif isinstance(found, Broken):
        raise LedgerCorrupt(
            f"The ledger does not hold from position {found.position} on.",
            why=found.reason,
            remedy="Restore the last good backup, or look at `mainstay audit verify`.",
            position=int(found.position),
        )


async def _serve(
    workspace: Workspace,
    screen: _Screen,
    *,
    ingest: bool,
    listening: socket.socket | None,
    with_link: bool,
) -> None:
    from mainstay.workspace.serving import Service

    service = Service(
        workspace.folder, ingest=ingest, rebuilding=screen.rebuilding, web=True, listening=listening
    )
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
        _tell_console(service, screen, with_link=with_link)
        for said in _advice(service):
            screen.tell("warning", f"warning: {said}", said=said)
        watching.append(asyncio.create_task(_watch(service, screen)))

    try:
        await service.run(ready)
    finally:
        for task in watching:
            task.cancel()
    if service.loop.workers.deaf:
        # Somebody's code does not hear that it is over, and the interpreter would wait for it for ever. All that was
        # acknowledged is durable, and the workspace is free.
        log.warning("%d that did not hear their end were left behind", service.loop.workers.deaf)
        screen.tell("stopped", STOPPED)
        sys.stdout.flush()
        os._exit(0)


def _tell_console(service: Service, screen: _Screen, *, with_link: bool) -> None:
    """Where the web server is. A link that logs in is for eyes, not for the log that a terminal's output may end in."""
    web = service.web
    web.freed = lambda: _tell_console(service, screen, with_link=with_link)  # where its port is taken so far
    if not web.address:
        screen.tell("console", f"No console: {web.off}", address="", why=web.off)
    elif (with_link or sys.stdout.isatty()) and service.held.assembly.untyped.settings.console.loopback:
        screen.tell(
            "console", f"Console, once and for ten minutes: {web.login_link()['url']}", address=web.address
        )
    else:
        from mainstay.workspace.called import login_line

        login = login_line(service.held.folder.root)
        screen.tell("console", f"Console: {web.address}. `{login}` prints a link.", address=web.address)


def _advice(service: Service) -> list[str]:
    """What lets something go wrong in silence, and what to do about it."""
    from mainstay.config.advice import advice

    assembly = service.held.assembly
    told = []
    if not service.ingests:
        told.append("No mailbox is configured, so no mail comes in. `mainstay connect email` adds one.")
    return told + [sentences(one.detail, one.remedy) for one in advice(assembly.files, assembly.catalog.acts)]


def _search(service: Service) -> str:
    from mainstay.models.base import Unavailable

    return "by words" if isinstance(service.held.assembly.embedder, Unavailable) else "by meaning"


async def _watch(service: Service, screen: _Screen) -> None:
    """A line whenever what waits, or what runs, has changed."""
    last: tuple[Any, ...] = ()
    left, counted_at, counted_s = dict[str, int](), -1, -COUNT_EVERY_S
    while True:
        status = service.desk.status()
        if status["position"] != counted_at and time.monotonic() - counted_s >= COUNT_EVERY_S:
            counted_at, counted_s = status["position"], time.monotonic()
            left = await asyncio.to_thread(_count_left, service)
        status |= left
        now = tuple(status[name] for name in status if name not in ("position", "epoch", "deferred"))
        if now != last:
            last = now
            parts = [
                f"{count(status['open_runs'], 'run')} open",
                f"for you: {for_you(status)}",
                *(["the kill switch is on"] if status["kill_switch"] else []),
            ]
            screen.tell("status", f"{'; '.join(parts)}; ledger at {status['position']:,}", **status)
        await asyncio.sleep(LOOK_EVERY_S)


def _count_left(service: Service) -> dict[str, int]:
    """What is for the operator besides cards. Counting is a service: what goes wrong in it stops no work."""
    from mainstay.workspace import Workspace

    try:
        with Workspace(service.held.folder) as opened:
            return opened.inbox.left()
    except (MainstayError, OSError) as error:
        log.warning("what is left to you could not be counted: %s", error)
        return {}


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
        if getattr(record, _FILE_ALONE, False):
            return
        said = said_by(record)  # a terminal's output may end in a log as well
        self._screen.tell(record.levelname.lower(), said, said=safe_line(said))


def _log_to(screen: _Screen) -> None:
    log.addHandler(_Lines(screen))
    log.propagate = False
