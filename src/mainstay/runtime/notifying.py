"""Tells the operator what waits: gathers it, leaves out what is over, and hands it to every way there is.

Rules of this file:

- Nothing here stops the director: what goes wrong is told as an incident and tried again.
- A card counts as told when one way has delivered it, and only then the ledger says so. What a crash kept from being
  told is owed again at the next boot, and told in one digest with everything else.
- What comes from no run (incidents, autonomy, objectives, the kill switch) is read from its streams; how far is noted
  in a small file, after it was told.
- It is asked last of all whether a thing waits still: what was answered in the meantime is not told.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from mainstay.kernel.commands import ClearIncident, DetectIncident, RecordNotified
from mainstay.kernel.effects import Notify
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.events import (
    AutonomyProposed,
    AutonomyRevoked,
    Event,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    ObjectiveBreached,
)
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId
from mainstay.kernel.state import Phase, RunState
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventStore, Version
from mainstay.runtime.clock import Clock
from mainstay.runtime.governing import GOVERNANCE
from mainstay.runtime.notices import Notices, Thing
from mainstay.runtime.tick import Answer, Request
from mainstay.runtime.trusting import AUTONOMY

log = logging.getLogger("mainstay")

LOOK_EVERY_S = 2.0
TOGETHER_MAX = 128  # cards that are said to be told at once
URGENT = frozenset({"in_doubt", "compensation", "kill_switch"})
STREAMS = (WORKSPACE, AUTONOMY, GOVERNANCE)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of telling something by one way."""

    ok: bool
    reason: str = ""  # words of ours
    after_us: int | None = None


class Way(Protocol):
    """One way to the operator."""

    @property
    def name(self) -> str:
        """For incidents and logs: "e-mail through desk"."""
        ...

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        """Tell them all, in one. The same things may be told again after an attempt that failed."""
        ...


@dataclass(slots=True)
class Line:
    """One way, and what is to be told by it."""

    way: Way
    notices: Notices


@dataclass(slots=True)
class Notifying:
    """The notifier of one director."""

    store: EventStore
    codec: Codec
    clock: Clock
    lines: Sequence[Line]
    ask: Callable[[Request], Awaitable[Answer]]
    incident: Callable[[DetectIncident | ClearIncident], None]
    mark: Path  # the file that says how far the streams were told
    state_of: Callable[[RunId], RunState | None] = lambda run: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _heads: dict[str, int] = field(default_factory=dict)
    _untold: set[str] = field(default_factory=set)  # of the streams: what no way has told yet

    async def notify(self, effect: Notify) -> bool:
        """Take it; whether it is told already. Without any way the log is one."""
        log.info(
            "run %s task %d %s",
            *(effect.run[-8:], effect.task, _WAITS.get(effect.kind, effect.kind)),
            extra={"event": f"needs_{effect.kind}", "run": effect.run, "task": effect.task},
        )
        if not self.lines:
            return True
        key = f"{effect.run}:{effect.task}:{effect.kind}:{effect.approval or ''}"
        self._put(
            Thing(
                *(key, effect.kind, effect.run, effect.task, effect.approval),
                urgent=effect.kind in URGENT,
            )
        )
        return False

    async def run(self) -> None:
        """Tell until cancelled."""
        if not self.lines:
            return
        self.begin()
        while True:
            try:
                await self.look()
            except (MainstayError, OSError) as error:
                log.warning("notifications: %s: %s", type(error).__name__, error)
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):  # `wait_for` may lose a cancellation
                    await self._news.wait()

    def begin(self) -> None:
        """From where on streams are told: what was noted, else from now on."""
        try:
            noted = msgspec.json.decode(self.mark.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            noted = {}
        self._heads = {one: min(noted.get(one, self._head(one)), self._head(one)) for one in STREAMS}

    async def look(self) -> None:
        """One round: gather, and tell what is due."""
        found = dict(self._heads)
        for stream in STREAMS:
            for thing in self._of_stream(stream):
                if self._put(thing):
                    self._untold.add(thing.key)
            found[stream] = self._head(stream)
        self._heads = found
        now = self.clock.now()
        for line in self.lines:
            due = line.notices.due(now)
            if due:
                await self._tell(line, due)
        if not self._untold:
            self._note()

    def waiting(self) -> int:
        """How many things are to be told still, by the way that is furthest behind."""
        return max((len(line.notices.waiting) for line in self.lines), default=0)

    # --- within ----------------------------------------------------------------------------------------------------

    def _put(self, thing: Thing) -> bool:
        """Whether there was room for it anywhere: what nobody will tell must not hold up how far the streams are."""
        now = self.clock.now()
        taken = [line.notices.add(thing, now) for line in self.lines]
        self._news.set()
        return any(taken)

    async def _tell(self, line: Line, due: Sequence[Thing]) -> None:
        over = [one for one in due if not self._waits(one)]
        line.notices.drop(over)
        self._untold.difference_update(one.key for one in over)
        things = [one for one in due if self._waits(one)]
        if not things:
            return
        subject = line.way.name
        try:
            told = await line.way.tell(things)
        except Exception as error:  # somebody's program, server or file: it must not take the others with it
            log.warning("%s: %s", subject, type(error).__name__)
            told = Delivered(False, f"it failed ({type(error).__name__})")
        now = self.clock.now()
        if told.ok:
            line.notices.told(things, now)
            self.incident(ClearIncident(IncidentKind.NOTIFICATION_FAILED, subject))
            self._untold.difference_update(one.key for one in things)
            await self._record(things)
            return
        line.notices.failed(now, told.after_us)
        log.warning("you could not be told by %s: %s", subject, told.reason)
        if line.notices.failing:
            self.incident(undelivered(subject, told.reason, len(line.notices.waiting)))

    async def _record(self, things: Sequence[Thing]) -> None:
        """The ledger says that they were told; what it cannot take now is told once more after a restart."""
        said = [
            Request(RecordNotified(one.run, one.task), "notifier") for one in things if one.run is not None
        ]
        for start in range(0, len(said), TOGETHER_MAX):
            await asyncio.gather(*(self.ask(one) for one in said[start : start + TOGETHER_MAX]))

    def _waits(self, thing: Thing) -> bool:
        """Whether it is still so."""
        match thing.kind:
            case "approval" if thing.approval is not None:
                row = self.store.get("approvals", (thing.approval,))
                return row is not None and row["status"] == "waiting" and not row["snoozed_until"]
            case "in_doubt" | "compensation" if thing.run is not None:
                return self.store.get("in_doubt", (thing.run, thing.task)) is not None
            case "budget" if thing.run is not None:
                state = self.state_of(thing.run)
                return state is not None and state.task(thing.task).phase is Phase.BLOCKED
            case "incident":
                kind, _, subject = thing.about.partition(" ")
                row = self.store.get("incidents", (kind, subject))
                return row is not None and row["cleared_at"] is None
            case _:
                return True

    def _head(self, stream: StreamId | str) -> int:
        return int(self.store.version(StreamId(stream)))

    def _of_stream(self, stream: StreamId) -> Iterator[Thing]:
        known = self._heads.get(stream, 0)
        if self._head(stream) <= known:
            return
        for version, recorded in enumerate(self.store.read(stream, after=Version(known)), known + 1):
            found = _thing(self.codec.event(recorded), f"{stream}:{version}")
            if found is not None:
                yield found

    def _note(self) -> None:
        data = msgspec.json.encode(self._heads)
        try:
            if self.mark.exists() and self.mark.read_bytes() == data:
                return
            begun = self.mark.with_name(self.mark.name + ".tmp")
            begun.write_bytes(data)
            os.chmod(begun, 0o600)
            begun.replace(self.mark)
        except OSError as error:
            log.warning("how far you were told could not be noted: %s", error.strerror)


_WAITS: Mapping[str, str] = {
    "approval": "waits for approval",
    "in_doubt": "is in doubt",
    "budget": "is stopped by a budget",
    "compensation": "could not be taken back",
}


def _thing(event: Event, key: str) -> Thing | None:
    """What an event of the house tells the operator; None for most."""
    match event:
        case IncidentDetected(kind=IncidentKind.NOTIFICATION_FAILED):
            return None  # it could not be told by the very way that failed; health and doctor tell it
        case IncidentDetected(kind=kind, subject=subject):
            return Thing(key, "incident", about=f"{kind.value} {subject}")
        case KillSwitchThrown(on=True):
            return Thing(key, "kill_switch", urgent=True)
        case AutonomyRevoked(cause=cause) if cause in ("operator", "kill switch"):
            return None  # the operator's own hand, or told with the switch
        case AutonomyRevoked(kind=kind_of_act, cause=cause):
            return Thing(key, "autonomy", about=f"{kind_of_act} asks again ({cause})")
        case AutonomyProposed(kind=kind_of_act):
            return Thing(key, "autonomy", about=f"{kind_of_act} could go by itself")
        case ObjectiveBreached(workflow=workflow, objective=objective):
            return Thing(key, "objective", about=f"{workflow} misses its objective for {objective}")
        case _:
            return None


def undelivered(way: str, reason: str, waiting: int) -> DetectIncident:
    """A way to the operator that does not work."""
    return DetectIncident(
        IncidentKind.NOTIFICATION_FAILED,
        way,
        f"You could not be told: {reason.rstrip('.')}.",
        {"waiting": waiting},
        ("look at [notify] in mainstay.toml", "`mainstay approvals` lists what waits"),
        "it is tried again, at least every hour",
    )
