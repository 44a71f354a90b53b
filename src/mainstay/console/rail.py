"""The rail: which pages there are, where the reader is, what waits, and how director and ledger stand."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.workspace.serving_web import Front


@dataclass(frozen=True, slots=True)
class Place:
    """One page in the rail."""

    name: str
    path: str
    count: str = ""  # the figure of the house beside it; none where that is nought
    group: int = 0
    on_phone: bool = False
    only_with_count: bool = False  # shown where there is anything


PLACES = (
    Place("Home", "/", on_phone=True),
    Place("Approvals", "/approvals", count="waiting", on_phone=True),
    Place("In doubt", "/doubts", count="in_doubt", only_with_count=True),
    Place("Runs", "/runs", on_phone=True),
    Place("Memory", "/memory", on_phone=True),
    Place("Workflows", "/workflows", group=1),
    Place("Autonomy", "/autonomy", group=1),
    Place("Adapters", "/adapters", group=1),
    Place("Cost", "/cost", group=2),
    Place("SLOs", "/slos", group=2),
    Place("Audit", "/audit", group=2),
    Place("Settings", "/settings", group=3),
)


@dataclass(frozen=True, slots=True)
class House:
    """How the house stands at this moment."""

    waiting: int
    in_doubt: int
    open_runs: int
    position: int  # of the last event
    killed: bool  # the kill switch is on


def house(front: Front) -> House:
    """Read from the director at work."""
    told = front.status()
    return House(
        waiting=int(told["waiting"]),
        in_doubt=int(told["in_doubt"]),
        open_runs=int(told["open_runs"]),
        position=int(told["position"]),
        killed=bool(told["kill_switch"]),
    )
