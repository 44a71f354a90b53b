"""Where each kind of act stands, every piece of evidence by the task it is about, and what went by itself."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.authority import BY_ITSELF
from mainstay.kernel.autonomy import KEEPING
from mainstay.kernel.events import (
    ActionShadowed,
    ActionStarted,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    Event,
    EvidenceWeighed,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class AutonomyKinds:
    """Where each kind of act stands, every piece of evidence by the task it is about, and what went by itself."""

    name = "autonomy"
    version = 2
    tables = (
        Table(
            "autonomy",
            (
                ("kind", _TEXT),
                ("recipe", _TEXT),
                ("level", _TEXT),
                ("clean", _INTEGER),
                ("errors", _INTEGER),
                ("audits", _TEXT),
                ("audits_clean", _INTEGER),
                ("audits_errors", _INTEGER),
                ("hold_us", _INTEGER),
                ("target_ppm", _INTEGER),
                ("proposed", _TEXT),
                ("withheld", _INTEGER),  # 1: taken back for other reasons than its evidence
                ("changed_at", _INTEGER),  # when the level changed last
                ("cause", _TEXT),  # of the last time it was taken back
                ("reason", _TEXT),
                ("position", _INTEGER),
            ),
            key=("kind",),
        ),
        Table(
            "evidence",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("source", _TEXT),
                ("kind", _TEXT),
                ("verdict", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("run", "task", "source"),
            indexes=(("kind", "position"),),
        ),
        Table(
            "unasked",
            (
                ("kind", _TEXT),
                ("left", _INTEGER),  # how often it went by itself
                ("would_leave", _INTEGER),  # in the shadow: how often a rule would have let it go
                ("would_ask", _INTEGER),
                ("last_at", _INTEGER),
            ),
            key=("kind",),
        ),
    )
    events = frozenset[type[Event]](
        {
            EvidenceWeighed,
            AutonomyProposed,
            AutonomyGranted,
            AutonomyRevoked,
            ActionStarted,
            ActionShadowed,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What the event says; `kernel.autonomy.folded` says the same of a standing."""
        match event:
            case EvidenceWeighed():
                return _weighed(position, at, event)
            case AutonomyProposed():
                return (Put("autonomy", (event.kind,), {"proposed": event.level, "position": position}),)
            case AutonomyGranted():
                return (_granted(position, at, event),)
            case AutonomyRevoked():
                return (_revoked(position, at, event),)
            case ActionStarted(authority=authority) if authority.startswith(BY_ITSELF):
                return _unasked(authority.removeprefix(BY_ITSELF), "left", at)
            case ActionShadowed(task=number, would=would) if run is not None:
                act = run.task(number).act
                if act is None:
                    return ()
                column = "would_leave" if would == "allow" else "would_ask"
                return _unasked(kind_of(run, number, act.action), column, at)
            case _:
                return ()


def _weighed(position: int, at: Instant, event: EvidenceWeighed) -> Sequence[RowChange]:
    standing: dict[str, Value] = {
        "recipe": event.recipe,
        "clean": event.clean,
        "errors": event.errors,
        "audits": event.audits,
        "audits_clean": event.audits_clean,
        "audits_errors": event.audits_errors,
        "position": position,
    }
    if event.verdict != "clean":
        standing["proposed"] = None
    weighed: dict[str, Value] = {
        "kind": event.kind,
        "verdict": event.verdict,
        "at": at,
        "position": position,
    }
    return (
        Put("autonomy", (event.kind,), standing),
        Put("evidence", (event.run, event.task, event.source), weighed),
    )


def _granted(position: int, at: Instant, event: AutonomyGranted) -> Put:
    granted: dict[str, Value] = {
        "recipe": event.recipe,
        "level": event.level,
        "hold_us": event.hold_us,
        "target_ppm": event.target_ppm,
        "audits": event.audits,
        "audits_clean": event.audits_clean,
        "audits_errors": event.audits_errors,
        "proposed": None,
        "withheld": 0,
        "changed_at": at,
        "position": position,
    }
    return Put("autonomy", (event.kind,), granted)


def _revoked(position: int, at: Instant, event: AutonomyRevoked) -> Put:
    revoked: dict[str, Value] = {
        "level": "ask",
        "audits": "",
        "audits_clean": 0,
        "audits_errors": 0,
        "proposed": None,
        "hold_us": 0,
        "changed_at": at,
        "cause": event.cause,
        "reason": event.reason,
        "position": position,
    }
    kept = event.cause in KEEPING  # it says nothing of the kind itself
    evidence: dict[str, Value] = {"withheld": 1} if kept else {"clean": 0, "errors": 0}
    return Put("autonomy", (event.kind,), revoked | evidence)


def _unasked(kind: str, column: str, at: Instant) -> Sequence[RowChange]:
    return (Add("unasked", (kind,), {column: 1}), Put("unasked", (kind,), {"last_at": at}))
