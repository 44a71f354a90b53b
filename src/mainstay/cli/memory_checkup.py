"""The check of `mainstay doctor` that is about memory: what waits for a vector, what cannot be opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mainstay.cli.finding import Finding
from mainstay.cli.render import count
from mainstay.kernel.errors import LedgerUnready
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.workspace.memory_look import MemoryStats

OPENED_MAX = 5_000  # records: a second; of more, `mainstay memory stats` tells
_VIEWS = ("memories", "correspondence")


def memory(folder: Folder, fix: bool) -> Iterable[Finding]:
    """How much is remembered, and whether all of it can be found by meaning."""
    if not folder.ledger.exists():
        return
    with Workspace(folder) as opened:
        standing = opened.status().get("memory")
        if standing:  # a director is at work, and has it open
            yield _found(standing["units"], standing["missing"], by_meaning=standing["by_meaning"])
            return
        try:
            records = sum(opened.count(view) for view in _VIEWS)
        except LedgerUnready as error:
            yield Finding("memory", "note", error.why, error.remedy)
            return
        if not records:
            yield Finding("memory", "ok", "nothing is remembered yet")
            return
        if records > OPENED_MAX:
            told = f"{count(records, 'record')}; `mainstay memory stats` opens them all"
            yield Finding("memory", "ok", told)
            return
        found = opened.memory.stats()
    yield from _of(found)


def _of(found: MemoryStats) -> Iterable[Finding]:
    one = found.standing
    yield _found(one.units, one.missing, by_meaning=one.by_meaning)
    if one.unreadable:
        yield Finding(
            "memory",
            "fail",
            f"{count(one.unreadable, 'record')} cannot be opened: the blobs are missing.",
            "Run `mainstay audit verify`: it names what is missing. Restore it from a backup.",
        )


def _found(units: int, missing: int, *, by_meaning: bool) -> Finding:
    """`embedder` warns of its absence already."""
    all_of_it = count(units, "record")
    if not by_meaning:
        return Finding("memory", "ok", f"{all_of_it}, found by words alone")
    if not missing:
        return Finding("memory", "ok", f"{all_of_it}, all with their vectors")
    return Finding(
        "memory",
        "note",
        f"{all_of_it}; {missing:,} wait for their vectors, and are found by words alone meanwhile",
        "A director at work computes them, and so does `mainstay memory rebuild`.",
    )
