"""Whether a workspace is well: ok, degraded or down, and each reason with what to do about it.

Down is what lets nothing be decided: no director, no room, a ledger that cannot be written. Degraded is what works in
part, or works without a safety that was asked for. Reasons are words of ours and names that the operator gave; what an
outside system said stands in the ledger, where it is sealed. Looking changes nothing and takes some milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from shutil import disk_usage

from mainstay.governance.incidents import open_incidents
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.values import DAY, MINUTE, SECOND, Instant, Json
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventReader, Position, Value
from mainstay.runtime.clock import Clock
from mainstay.runtime.heartbeat import BEAT_EVERY_S, read_heartbeat, read_outage, told_length
from mainstay.workspace.folder import Folder

STALE_US = int(4 * BEAT_EVERY_S * SECOND)
CHECKPOINT_LATE_US = 2 * DAY
CLOCK_BEHIND_US = MINUTE
SPACE_NONE_BYTES = 50_000_000
_OF_INCIDENTS = {
    "source_silent": "mailbox",
    "backup_failed": "backup",
    "clock_jumped": "clock",
    "disk_growing": "disk",
    "audit_failed": "ledger",
    "checkpoint_unwritten": "checkpoint",
    "notification_failed": "notifier",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not as it should be."""

    what: str  # one word or two: "director", "disk", "mailbox support"
    why: str
    remedy: str
    down: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The state, and what makes it so; the gravest first."""

    reasons: tuple[Reason, ...] = ()

    @property
    def state(self) -> str:
        """`ok`, `degraded` or `down`."""
        if any(one.down for one in self.reasons):
            return "down"
        return "degraded" if self.reasons else "ok"

    @property
    def ok(self) -> bool:
        """Whether work goes on, wholly or in part."""
        return self.state != "down"

    def told(self) -> Json:
        """The same as plain data."""
        return {"ok": self.ok, "state": self.state, "reasons": [asdict(one) for one in self.reasons]}


def read_told(told: Json) -> Health:
    """What `Health.told` said, as a director tells it through its socket."""
    return Health(tuple(Reason(**one) for one in told["reasons"]))


@dataclass(frozen=True, slots=True)
class Within:
    """What only the process of a director knows of itself."""

    disk_full: bool = False
    embedder_missing: str = ""  # why there is none, where one was asked for


def health(
    folder: Folder,
    clock: Clock,
    *,
    store: EventReader | None = None,
    within: Within | None = None,
    answers: bool = True,
) -> Health:
    """How the workspace is.

    `within`: asked by its own director, which is alive then. `answers` false: nobody did at its socket.
    """
    now = clock.now()
    found = list(_director(folder, now, answers)) if within is None else list(_of_itself(within))
    found += _disk(folder)
    if not folder.ledger.exists():
        if within is None and not found:
            found.append(
                Reason("ledger", "It has not been written yet.", "`mainstay up` begins it.", down=True)
            )
        return _sorted(found)
    try:
        if store is not None:
            found += _in_views(store, now)
        else:
            with closing(SqliteReader(folder.ledger, tables=None)) as opened:
                found += _in_views(opened, now)
    except (MainstayError, sqlite3.Error) as error:
        why = error.what if isinstance(error, MainstayError) else type(error).__name__
        found.append(
            Reason("ledger", f"It cannot be read: {why}", "`mainstay doctor` looks at it.", down=True)
        )
    return _sorted(found)


def _sorted(found: list[Reason]) -> Health:
    return Health(tuple(sorted(found, key=lambda one: not one.down)))


# --- the process -----------------------------------------------------------------------------------------------------


def _director(folder: Folder, now: Instant, answers: bool) -> Iterator[Reason]:
    beat = read_heartbeat(folder.heartbeat)
    start = "Start it with `mainstay up`, or `mainstay service install`."
    if beat is None:
        yield Reason("director", "None was ever at work here.", start, down=True)
    elif beat.stopped:
        yield Reason("director", "It was stopped.", start, down=True)
    elif abs(now - beat.at) > STALE_US:
        gone = told_length(abs(now - beat.at))
        yield Reason(
            "director",
            f"No sign of life for {gone}.",
            "`mainstay logs` shows how it ended; " + start,
            down=True,
        )
    elif not answers:
        yield Reason(
            "director",
            "It gave a sign of life not long ago, and does not answer.",
            "It may be starting. If not, `mainstay logs` shows how it ended; " + start,
            down=True,
        )
    outage = read_outage(folder.outage)
    if outage is not None and not outage.told_at and now - outage.noticed_at > 2 * MINUTE:
        why = "An outage was noticed, and nobody could be told of it."
        yield Reason(
            "notifier", why, "Look at [notify] in mainstay.toml; `mainstay doctor` checks its account."
        )


def _of_itself(within: Within) -> Iterator[Reason]:
    if within.disk_full:
        why = "The disk is full: nothing can be decided."
        yield Reason("disk", why, "Free some space; the director goes on by itself.", down=True)
    if within.embedder_missing:
        yield Reason(
            "embedder",
            f"Search and triage go by words alone: {within.embedder_missing}",
            "`mainstay doctor` says what to install.",
        )


def _disk(folder: Folder) -> Iterator[Reason]:
    try:
        free = disk_usage(folder.state).free
    except OSError as error:
        yield Reason(
            "disk", f"The folder cannot be looked at: {error.strerror}.", "Is its disk there?", down=True
        )
        return
    if free < SPACE_NONE_BYTES:
        why = f"{free / 1e6:.0f} MB are free."
        yield Reason("disk", why, "Make room: on a full disk nothing is taken in.", down=True)
    places = [folder.state, *([folder.ledger] if folder.ledger.exists() else [])]
    if not all(os.access(place, os.W_OK) for place in places):
        yield Reason(
            "ledger", "It cannot be written.", "Make .mainstay and its files writable for you.", down=True
        )


# --- what the views say -----------------------------------------------------------------------------------------


def _in_views(store: EventReader, now: Instant) -> Iterator[Reason]:
    looks: tuple[Callable[[EventReader, Instant], Iterator[Reason]], ...] = (
        *(_kill_switch, _clock, _incidents, _breakers),
        *(_objectives, _checkpoints, _expiring),
    )
    for look in looks:
        yield from look(store, now)


def _kill_switch(store: EventReader, now: Instant) -> Iterator[Reason]:
    row = store.get("house", ("kill_switch",))
    if row is not None and row["value"] == "on":
        yield Reason("kill switch", "It is on: nothing leaves.", "`mainstay resume --kill-switch` ends it.")


def _clock(store: EventReader, now: Instant) -> Iterator[Reason]:
    last = store.read_all(after=Position(max(0, store.head - 1)), limit=1)
    if last and last[0].at - now > CLOCK_BEHIND_US:
        behind = told_length(last[0].at - now)
        yield Reason(
            "clock", f"It is {behind} behind what the ledger has seen.", "Check the machine's time service."
        )


def _incidents(store: EventReader, now: Instant) -> Iterator[Reason]:
    for one in open_incidents(store):
        name = _OF_INCIDENTS.get(one.kind, one.kind.replace("_", " "))
        remedy = "; ".join(one.candidates)
        yield Reason(
            " ".join(filter(None, (name, one.subject))), one.what, remedy[:1].upper() + remedy[1:] + "."
        )


def _breakers(store: EventReader, now: Instant) -> Iterator[Reason]:
    for row in map(_told, store.select("breakers", limit=1_000)):
        until = row["until"] if isinstance(row["until"], int) else 0
        again = (
            f"one call tries again in {max(0, until - now) // SECOND} s"
            if until > now
            else "one call tries now"
        )
        yield Reason(
            f"{row['adapter']}.{row['operation']}",
            f"It is left alone after {row['failures']} failures in a row; {again}.",
            "`mainstay doctor` checks the account.",
        )


def _objectives(store: EventReader, now: Instant) -> Iterator[Reason]:
    for row in map(_told, store.select("objectives", where={"met_at": None}, limit=1_000)):
        yield Reason(
            f"objective {row['workflow']}",
            f"It misses {row['objective']}: {row['bad']} of {row['total']}. What it did by itself asks again.",
            f"`mainstay slo show {row['workflow']}` and `mainstay report {row['workflow']}` say what goes wrong.",
        )


def _checkpoints(store: EventReader, now: Instant) -> Iterator[Reason]:
    newest = store.select("checkpoints", order="through", descending=True, limit=1)
    if not newest:
        return
    at, through = newest[0]["at"], newest[0]["through"]
    assert isinstance(at, int)
    assert isinstance(through, int)
    if now - at > CHECKPOINT_LATE_US and store.head > through + 1:
        yield Reason(
            "checkpoint",
            f"The ledger was signed last {told_length(now - at)} ago.",
            "`mainstay logs` shows why not.",
        )


def _expiring(store: EventReader, now: Instant) -> Iterator[Reason]:
    for row in map(_told, store.select("secrets", limit=1_000)):
        ends = row["expires_at"]
        if isinstance(ends, int) and ends and ends <= now:
            yield Reason(
                "secret",
                f"{row['reference']} has expired.",
                "`mainstay secrets rotate` puts another in its place.",
            )


def _told(row: Mapping[str, Value]) -> Mapping[str, str | int | None]:
    """A row of texts and numbers."""
    return {name: value for name, value in row.items() if not isinstance(value, bytes)}
