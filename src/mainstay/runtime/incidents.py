"""What a director may notice about its own house, each as the command that tells it: what, what is known, what to do.

An incident is known by its kind and its subject; while it lasts it is recorded once. `Incidents` sends them on and
remembers which are open, so that a look every few seconds costs nothing while nothing changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from mainstay.kernel.commands import ClearIncident, DetectIncident
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent
from mainstay.kernel.errors import DirectorError
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import DAY, Instant
from mainstay.runtime.tick import Request

log = logging.getLogger("mainstay")

Incident = DetectIncident | ClearIncident
# Of a process that has ended nothing of this is left; what still holds is noticed again.
OF_ONE_LIFE = frozenset({IncidentKind.CLOCK_JUMPED, IncidentKind.VIEW_DISAGREED, IncidentKind.PERFORMER_LOST})


class Incidents:
    """Tells a director what is wrong with its house, once, and when it is over."""

    def __init__(
        self, send: Callable[[Request], None], open_before: Iterable[tuple[IncidentKind, str]] = ()
    ) -> None:
        self._send = send
        self._open = set(open_before)

    def begin(self) -> None:
        """Clear what ended with the process before this one."""
        for kind, subject in sorted(self._open):
            if kind in OF_ONE_LIFE:
                self.tell(ClearIncident(kind, subject))

    def tell(self, incident: Incident) -> None:
        """Send it, unless it says what is known. One that cannot be sent now is sent when it is noticed again."""
        known = (incident.kind, incident.subject)
        detected = isinstance(incident, DetectIncident)
        if detected is (known in self._open):
            return
        try:
            self._send(Request(incident))
        except DirectorError as error:
            log.warning("%s could not be recorded: %s", incident.kind.value, error.what)
            return
        if isinstance(incident, DetectIncident):
            self._open.add(known)
            log.warning(
                "%s: %s", " ".join(filter(None, (incident.kind.value, incident.subject))), incident.what
            )
        else:
            self._open.discard(known)
            log.info("%s is over", " ".join(filter(None, (incident.kind.value, incident.subject))))

    def is_open(self, kind: IncidentKind, subject: str = "") -> bool:
        """Whether it was told and has not been cleared."""
        return (kind, subject) in self._open


def clock_jumped(by_s: float) -> DetectIncident:
    """Wall time and the time that passed disagree."""
    return DetectIncident(
        IncidentKind.CLOCK_JUMPED,
        "",
        f"The clock went {'forwards' if by_s > 0 else 'back'} by {abs(by_s):,.0f} s at once, or the machine slept.",
        {"by_s": round(by_s)},
        ("check the machine's time service",),
        "all timers were looked at",
    )


def whose(effect: Effect) -> str:
    """Whose code performs it."""
    match effect:
        case InvokeAgent(agent=agent):
            return f"agent {agent}"
        case InvokeAdapter(action=action):
            return f"adapter {action.adapter}"
        case _:
            return "notifier"


def performer_lost(subject: str, *, deadline_s: float, deaf_s: float) -> DetectIncident:
    """Somebody's code goes on although its time is up."""
    return DetectIncident(
        IncidentKind.PERFORMER_LOST,
        subject,
        "It did not answer within its time, and does not hear that it should end.",
        {"deadline_s": round(deadline_s, 3), "deaf_s": deaf_s},
        ("restart the director", "replace the agent or adapter"),
        "reported as timed out; another worker took its place",
    )


def view_disagreed(views: str) -> DetectIncident:
    """Views are not what the events fold to."""
    return DetectIncident(
        IncidentKind.VIEW_DISAGREED,
        "",
        f"Not what the events say: {views}.",
        {"views": views},
        ("fold all views anew", "restore a backup"),
        "all views are folded anew from the events",
    )


def source_silent(source: str, *, silent_s: float, rhythm_s: float) -> DetectIncident:
    """A mailbox that cannot be read, or whose reading never ends."""
    return DetectIncident(
        IncidentKind.SOURCE_SILENT,
        source,
        f"Nothing was heard of it for {silent_s / 60:,.0f} minutes.",
        {"silent_s": round(silent_s), "rhythm_s": round(rhythm_s)},
        ("check the network and the password with `mainstay doctor`", "`mainstay ingest` shows the error"),
        "it is tried again",
    )


def disk_growing(*, free_bytes: int, needed_bytes: int, growth_bytes_a_day: int) -> DetectIncident:
    """Little space is left for how fast the workspace grows."""
    days = free_bytes // growth_bytes_a_day if growth_bytes_a_day > 0 else None
    return DetectIncident(
        IncidentKind.DISK_GROWING,
        "",
        f"{free_bytes / 1e9:.1f} GB are free, {needed_bytes / 1e9:.1f} GB should be"
        + (f"; as it grows now that lasts {days:,} days." if days is not None else "."),
        {"free_bytes": free_bytes, "needed_bytes": needed_bytes, "growth_bytes_a_day": growth_bytes_a_day},
        ("make room on the disk", "`mainstay ledger compact`"),
        "none: work goes on until the disk is full, and then waits for space",
    )


def backup_failed(*, error: str, last_good: Instant | None, now: Instant) -> DetectIncident:
    """No backup could be made, or what was made does not verify."""
    good = (
        "There is no good one."
        if last_good is None
        else f"The last good one is {(now - last_good) // DAY} days old."
    )
    return DetectIncident(
        IncidentKind.BACKUP_FAILED,
        "",
        f"The backup failed ({error}). {good}",
        {"error": error, "last_good": last_good or 0},
        ("look at [backup] folder in mainstay.toml", "`mainstay ledger backup FOLDER` shows the error"),
        "it is tried again in an hour",
    )


def ledger_unsound(what: str) -> DetectIncident:
    """The ledger is not whole, or not what was signed."""
    return DetectIncident(
        IncidentKind.AUDIT_FAILED,
        "",
        what,
        {},
        ("`mainstay audit verify` names the position", "restore the last good backup"),
        "nothing more is signed; work goes on",
    )


def checkpoint_unwritten(place: str, error: str) -> DetectIncident:
    """A place for checkpoints cannot be written, or no checkpoint can be signed at all."""
    return DetectIncident(
        IncidentKind.CHECKPOINT_UNWRITTEN,
        place,
        f"{error.rstrip('.')}.",
        {"error": error},
        ("make the place writable", "look at [audit] checkpoints in mainstay.toml"),
        "it gets what it lacks as soon as it can be written",
    )
