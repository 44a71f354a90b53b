"""What a kind of act has behind it: each decision that counted, each time its level changed, and what it did unasked.

Evidence and changes are kept in a view and a stream of their own. What left by itself, or was only watched, is looked
for among the newest events: it is there to be complained about, and nobody complains of what is long ago.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mainstay.kernel.authority import BY_ITSELF
from mainstay.kernel.events import (
    NUMBER_OF,
    ActionShadowed,
    ActionStarted,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
)
from mainstay.kernel.ids import RunId, StreamId, run_of
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventReader, Value
from mainstay.workspace.looking_back import PLAIN, Back

STREAM = StreamId("autonomy")
LOOKED_AT_MAX = 100_000  # events: those of some days or weeks
CHANGES_MAX = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """One decision, or what came to light later, that counted."""

    run: str
    task: int
    source: str  # decision, audit, undo, report, correction
    verdict: str  # clean, error
    at: Instant
    position: int


@dataclass(frozen=True, slots=True)
class Change:
    """A kind was proposed, granted or taken back."""

    what: str  # proposed, granted, revoked
    level: str
    at: Instant
    position: int
    actor: str
    why: str = ""
    note: str = ""  # what the operator said of it
    clean: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class LeftByItself:
    """An act that nobody was asked about."""

    run: str
    task: int
    at: Instant
    position: int
    mistake: str = ""  # how it turned out to be wrong, if it did: undo, report, correction


@dataclass(frozen=True, slots=True)
class Watched:
    """An act that was decided, and not done."""

    run: str
    task: int
    would: str  # allow, ask
    rule: str
    at: Instant
    position: int


def evidence_of(store: EventReader, kind: str, *, before: int = 0, limit: int) -> list[Evidence]:
    """The decisions that counted for or against a kind, newest first."""
    rows = store.select(
        "evidence",
        where={"kind": kind},
        order="position",
        descending=True,
        after=before or None,
        limit=limit,
    )
    return [
        Evidence(
            *(str(row["run"]), _int(row["task"]), str(row["source"]), str(row["verdict"])),
            at=Instant(_int(row["at"])),
            position=_int(row["position"]),
        )
        for row in rows
    ]


def changes_of(store: EventReader, kind: str, open_text: Callable[[str], str]) -> list[Change]:
    """Each time its level changed or could have, newest first."""
    wanted = {NUMBER_OF[one] for one in (AutonomyProposed, AutonomyGranted, AutonomyRevoked)}
    found: list[Change] = []
    for recorded in store.read(STREAM):
        if recorded.type not in wanted:
            continue
        at, position = recorded.at, int(recorded.position)
        match PLAIN.event(recorded):
            case AutonomyProposed(kind=of) as event if of == kind:
                told = ("proposed", event.level, at, position, "director", "", "", event.clean, event.errors)
                found.append(Change(*told))
            case AutonomyGranted(kind=of) as event if of == kind:
                told = ("granted", event.level, at, position, event.actor, "", "", event.clean, event.errors)
                found.append(Change(*told))
            case AutonomyRevoked(kind=of) as event if of == kind:
                note = open_text(event.note_sealed) if event.note_sealed else ""
                by = event.actor or event.cause
                found.append(Change("revoked", "ask", at, position, by, why=event.reason, note=note))
            case _:
                pass
    return found[: -CHANGES_MAX - 1 : -1]


def left_by_themselves(store: SqliteReader, kind: str, *, limit: int) -> list[LeftByItself]:
    """What left by itself of late, each act once."""
    found: dict[tuple[str, int], LeftByItself] = {}
    authority, number = f"{BY_ITSELF}{kind}", NUMBER_OF[ActionStarted]
    for recorded in Back(store, (number,), 0, LOOKED_AT_MAX):
        event = PLAIN.event(recorded)
        assert isinstance(event, ActionStarted)
        run = run_of(recorded.stream)
        if event.authority != authority:
            continue
        mistake = store.get("mistakes", (run, event.task))
        wrong = str(mistake["what"]) if mistake is not None else ""
        one = LeftByItself(run, event.task, recorded.at, int(recorded.position), wrong)
        found.setdefault((run, event.task), one)
        if len(found) == limit:
            break
    return list(found.values())


def watched_of(
    store: SqliteReader, kind: str, state: Callable[[str], RunState], *, limit: int
) -> list[Watched]:
    """What was only watched of late."""
    found: list[Watched] = []
    workflow, number = kind.partition("/")[0], NUMBER_OF[ActionShadowed]
    for recorded in Back(store, (number,), 0, LOOKED_AT_MAX):
        event, run = PLAIN.event(recorded), run_of(recorded.stream)
        assert isinstance(event, ActionShadowed)
        if not _is_of(store, run, workflow):
            continue
        told = state(run)
        act = told.task(event.task).act
        if act is None or kind_of(told, event.task, act.action) != kind:
            continue
        found.append(Watched(run, event.task, event.would, event.rule, recorded.at, int(recorded.position)))
        if len(found) == limit:
            break
    return found


def _is_of(store: EventReader, run: RunId, workflow: str) -> bool:
    row = store.get("runs", (run,))
    return row is not None and row["workflow"] == workflow


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
