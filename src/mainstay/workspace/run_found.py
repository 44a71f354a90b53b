"""Runs as a list or a search gives them (`workspace.run_search`)."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.values import Digest, Instant


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run in a list. `title` and `sender` are personal, `[forgotten]` where their key was destroyed."""

    run: str
    workflow: str
    definition: Digest
    status: str
    origin: str
    title: str
    sender: str
    started_at: Instant
    ended_at: Instant | None
    spent_micros: int
    parent: str
    position: int
    card: str = ""  # that waits for a person; of several, the oldest


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first. `older` and `newer` are where the pages beside it begin; 0: there is none."""

    runs: tuple[FoundRun, ...]
    older: int = 0
    newer: int = 0
    back_to: Instant = Instant(
        0
    )  # it looked no further back than this, although there may be more; 0: it did


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What was found for a text, newest first, and in what it was looked for."""

    text: str
    runs: tuple[FoundRun, ...]
    by_id: bool = False  # they are the runs that the text names
    by_words: bool = True  # the memory's index was searched
    why_not: str = ""
    opened: int = 0  # runs whose title and sender were looked at
    back_to: Instant = Instant(0)  # when the last one of these began
    older: int = 0  # where the look goes on; 0: it came to the first run
