"""The rail: which pages there are, where the reader is, what waits, and how director and ledger stand."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mainstay.workspace.house_now import HouseNow
from mainstay.workspace.serving_web import Front

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """One page in the rail."""

    name: str
    path: str
    count: str = ""  # the figure of the house beside it; none where that is nought
    group: int = 0
    only_with_count: bool = False  # shown where there is anything
    also: tuple[str, ...] = ()  # beginnings of other addresses that belong here


PLACES = (
    Place("Home", "/"),
    Place("Approvals", "/approvals", count="waiting"),
    Place("In doubt", "/doubts", count="in_doubt", only_with_count=True),
    Place("Runs", "/runs"),
    Place("Memory", "/memory"),
    Place("Workflows", "/workflows", group=1, also=("/templates", "/policies", "/new/")),
    Place("Autonomy", "/autonomy", group=1),
    Place("Adapters", "/adapters", group=1),
    Place("Cost", "/cost", group=2),
    Place("SLOs", "/slos", group=2),
    Place("Audit", "/audit", group=2),
    Place("Settings", "/settings", group=3),
)


@dataclass(frozen=True, slots=True)
class Line:
    """What is said in the rail of the director, or of the ledger."""

    text: str
    tone: str = ""  # "", "warn", "bad"


@dataclass(frozen=True, slots=True)
class House:
    """How the house stands at this moment."""

    waiting: int
    in_doubt: int
    open_runs: int
    position: int  # of the last event
    killed: bool  # the kill switch is on
    director: Line
    ledger: Line


def house(front: Front) -> House:
    """Read from the director at work."""
    return house_of(front.house())


def house_of(now: HouseNow) -> House:
    """The same in the words of the rail."""
    return House(
        waiting=now.waiting,
        in_doubt=now.in_doubt,
        open_runs=now.open_runs,
        position=now.position,
        killed=now.killed,
        director=director_line(now),
        ledger=ledger_line(now),
    )


def director_line(now: HouseNow) -> Line:
    """What is in the way of the work; of several things the one that decides."""
    if now.disk_full:
        return Line("Disk full. Nothing is decided until there is space.", "bad")
    if now.restored:
        return Line("Restored from a backup. The kill switch is on: nothing leaves.", "bad")
    if now.killed:
        return Line("Kill switch on. Nothing leaves.", "bad")
    if now.queued:
        return Line(f"Director catching up: {now.queued:,} to go", "warn")
    return Line("Director at work")


def ledger_line(now: HouseNow) -> Line:
    """As of when it is known to be whole: it is proved once a day, and what is new whenever it is signed."""
    events = f"{now.position:,} event{'' if now.position == 1 else 's'}"
    if now.unsound:
        return Line("Ledger is not whole. See Audit.", "bad")
    if not now.intact_at:
        return Line(f"Ledger not proved yet · {events}")
    if now.intact_to < now.position:
        return Line(f"Ledger: {events}, intact to {now.intact_to:,} as of {clock_time(now.intact_at)}")
    return Line(f"Ledger intact as of {clock_time(now.intact_at)} · {events}")


def clock_time(at: int) -> str:
    """The hour of a time today; of any other day, the day as well."""
    then, today = time.localtime(at / MICROS), time.localtime()
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
