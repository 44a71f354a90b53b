"""One look at the director's sign of life, and what follows: `mainstay heartbeat check`, run every few minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from mainstay.config.settings import Settings
from mainstay.kernel.errors import WorkspaceLocked
from mainstay.kernel.values import SECOND, Instant
from mainstay.ledger.lock import WriterLock
from mainstay.runtime.heartbeat import (
    Heartbeat,
    Judgement,
    Outage,
    Way,
    judge,
    read_heartbeat,
    read_outage,
    told_length,
    write_outage,
)
from mainstay.workspace.folder import Folder
from mainstay.workspace.telling import Message, Told

Tell = Callable[[Message], Told]


def locked(folder: Folder) -> bool:
    """Whether somebody holds the workspace; looks without becoming the director."""
    lock = WriterLock(folder.lock)
    try:
        lock.acquire()
    except WorkspaceLocked:
        return True
    lock.release()
    return False


def check(folder: Folder, settings: Settings, tell: Tell, *, now: Instant) -> tuple[Judgement, Told | None]:
    """Look, tell what is to be told, and write down what was noticed. Two at once are one: the second does nothing."""
    one_at_a_time = WriterLock(folder.state / "outage.lock")
    try:
        one_at_a_time.acquire()
    except WorkspaceLocked:
        return Judgement("unknown", Way.NOTHING), None
    try:
        beat, outage = read_heartbeat(folder.heartbeat), read_outage(folder.outage)
        held = beat is not None and not beat.stopped and locked(folder)
        found = judge(beat, outage, locked=held, now=now, down_after_us=settings.notify.down_after_us)
        return found, _follow(folder, settings.workspace.name, found, outage, beat, tell, now)
    finally:
        one_at_a_time.release()


def _follow(
    folder: Folder,
    name: str,
    found: Judgement,
    before: Outage | None,
    beat: Heartbeat | None,
    tell: Tell,
    now: Instant,
) -> Told | None:
    match found.way:
        case Way.NOTHING:
            return None
        case Way.NOTICE:
            write_outage(folder.outage, found.outage)
            return None
        case Way.FORGET:
            write_outage(folder.outage, None)
            return None
        case Way.TELL_BACK:
            assert before is not None
            write_outage(folder.outage, None)
            return tell(_back(name, before, now))
        case Way.TELL_DOWN:
            assert beat is not None
            assert found.outage is not None
            write_outage(folder.outage, found.outage)  # first: better not at all than twice
            told = tell(_down(name, folder, found.state, beat, now))
            if not told.settled:
                write_outage(folder.outage, replace(found.outage, told_at=0))
            return told


def _down(name: str, folder: Folder, state: str, beat: Heartbeat, now: Instant) -> Message:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(beat.at // SECOND))
    what = "holds the workspace and gives no sign of life" if state == "hangs" else "is not running"
    return Message(
        f"Mainstay: the director of {name} is down",
        f"The director of {name} {what}. Its last sign of life was at {since}, {told_length(now - beat.at)} ago.\n"
        "Nothing is lost: what it was doing is settled when it starts again, and nothing is sent twice.\n\n"
        f"    mainstay doctor -w {folder.root}\n"
        f"    mainstay logs -w {folder.root}\n"
        f"    mainstay up -w {folder.root}\n\n"
        "You are told once, and once more when it is back.",
        f"down {beat.at}",
    )


def _back(name: str, outage: Outage, now: Instant) -> Message:
    return Message(
        f"Mainstay: the director of {name} is back",
        f"The director of {name} is at work again, after {told_length(now - outage.last_beat_at)} away.",
        f"back {outage.last_beat_at}",
    )
