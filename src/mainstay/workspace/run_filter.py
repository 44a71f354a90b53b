"""Which runs are meant, as the SDK takes it, and how rows of the view `runs` are held to that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json
from mainstay.ledger.store import Value

WAITING = "waiting"  # a card of it waits: no status of a run, and what is asked for most
LEFT = "left"  # its message got no draft and is left to the operator: no status either (`left_to_you`)
OPEN = ("running", "paused", "queued", "delayed", "compensating")
OVER = ("succeeded", "failed", "cancelled", "superseded")
STATUSES = (WAITING, LEFT, *OPEN, *OVER)
ORIGINS = ("mail", "schedule", "hand")
_NO_TIME = "0" * 12
_USUAL = "succeeded"  # most runs: its index tells little apart


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are meant. Times are microseconds since 1970; empty and 0 narrow nothing."""

    status: str = ""  # one of `STATUSES`
    workflow: str = ""
    origin: str = ""  # one of `ORIGINS`
    since: int = 0
    until: int = 0  # not included
    costing: bool = False  # only what cost something
    subject: str = ""  # whose message began it, by keyed hash


def origin_of(row: Mapping[str, Value]) -> str:
    """What started a run, one of `ORIGINS`: a fork is a person's doing, and so is a run whose id bears no time
    (`Desk.start`); what else no message started was due.
    """
    if row["parent"] or str(row["run"]).startswith(_NO_TIME):
        return "hand"
    return "mail" if row["message"] else "schedule"


def require(wanted: RunFilter) -> None:
    """Raises `CommandRefused` for words that mean nothing."""
    for what, value, known in (("status", wanted.status, STATUSES), ("origin", wanted.origin, ORIGINS)):
        if value and value not in known:
            raise CommandRefused(
                f"{value[:40]!r} is no {what} of a run.", remedy=f"Use one of {', '.join(known)}."
            )


def of_the_row(wanted: RunFilter) -> str:
    """The status that a row must have: that a card waits, or a message is left, stands in no row."""
    return "" if wanted.status in (WAITING, LEFT) else wanted.status


def told_apart(wanted: RunFilter) -> dict[str, Value]:
    """What rows must say, as columns."""
    asked = {
        "status": wanted.status,
        "workflow": wanted.workflow,
        "origin": wanted.origin,
        "subject": wanted.subject,
    }
    told: dict[str, Value] = {name: value for name, value in asked.items() if value}
    return told | ({"spent": True} if wanted.costing else {})


def indexed(wanted: RunFilter) -> dict[str, Value]:
    """The one column by which the rows are read: whichever index leaves fewest."""
    if wanted.subject:
        return {"subject": wanted.subject}
    if wanted.status and (wanted.status != _USUAL or not wanted.workflow):
        return {"status": wanted.status}
    return {"workflow": wanted.workflow} if wanted.workflow else {}


def fits(row: Mapping[str, Value], wanted: RunFilter) -> bool:
    """Whether a row is meant, whenever it began."""
    return not (
        (wanted.status and row["status"] != wanted.status)
        or (wanted.workflow and row["workflow"] != wanted.workflow)
        or (wanted.origin and origin_of(row) != wanted.origin)
        or (wanted.subject and row["subject"] != wanted.subject)
        or (wanted.costing and not row["spent"])
    )


def newest_first(rows: Iterable[Json], wanted: RunFilter) -> list[Json]:
    """Of these the ones that are meant."""
    kept = [
        row
        for row in rows
        if fits(row, wanted)
        and row["started_at"] >= wanted.since
        and (not wanted.until or row["started_at"] < wanted.until)
    ]
    return sorted(kept, key=lambda row: int(row["position"]), reverse=True)


ALL = RunFilter()
