"""What the intent specialist said and people said of it, as calls of the SDK.

    for one in workspace.triage.waiting():
        print(one.run, one.said, one.confidence, one.why)
    workspace.triage.review(one.run, intent="refund")

Deciding goes through the same doors as every other decision (`mainstay.workspace.sdk.deciding`); reading takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import NotFound
from mainstay.kernel.gate import reason_of
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import Value
from mainstay.workspace.doors import Door

if TYPE_CHECKING:
    from mainstay.agents.intents import Intent

OPERATOR = "operator"
LIMIT = 50
WINDOW = 100
WINDOWS_MAX = 60
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Annotated:
    """What the specialist said of one message, whether a person must look, and what a person said."""

    run: str
    task: int
    workflow: str
    said: str  # the intent; `unknown`: like none of them
    confidence: float
    status: str  # waiting, automatic, confirmed, corrected
    why: str  # a person must look; empty where nobody must
    label: str  # what a person said; empty: nobody did
    audit: bool  # it was drawn as a sample
    sender: str
    subject: str
    at: int
    position: int
    learned: int  # of how many decisions the gate had learned by then
    wanted: int  # and how many it wants before anything passes
    risk: float  # that it is wrong, by its own estimate
    risk_max: float  # up to which it would have passed


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a word about an annotation led to. `goes_on_as`: the run that goes on with the corrected one, if any."""

    run: str
    task: int
    events: int  # 0: it was said before
    status: str  # confirmed, corrected
    said: str
    intent: str
    goes_on_as: str
    live: bool


@dataclass(frozen=True, slots=True)
class Window:
    """So many messages in a row: how many of them a person was asked about, and how many were wrong unasked."""

    first_at: int
    messages: int
    asked: int  # of these a person must look, or had to
    automatic: int
    errors: int  # passed, and corrected by a person since
    audits: int
    audit_errors: int  # of the samples: as many of a hundred are expected among the automatic ones
    open_us: int  # how long people had them before them


class Triage:
    """Reads and reviews the annotations of one workspace."""

    def __init__(
        self,
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], SqliteReader],
        read: Callable[[Digest, SubjectId | None], Json],
        intents: Callable[[], Sequence[Intent]],
    ) -> None:
        self._door = door
        self._reader = store
        self._read = read
        self._intents = intents

    def intents(self) -> dict[str, str]:
        """What a message can be about, as intents.toml declares it: ids and names."""
        return {one.id: one.name for one in self._intents()}

    def waiting(self, *, limit: int = LIMIT) -> list[Annotated]:
        """What waits for a person's look, newest first: not passed, drawn as a sample, like no intent."""
        rows = self._reader().select(
            "annotations", where={"waits": 1}, order="position", descending=True, limit=limit
        )
        return [self._annotated(row) for row in rows]

    def count(self) -> int:
        """How many wait for a look."""
        return self._reader().count("annotations", where={"waits": 1})

    def latest(self, *, limit: int = LIMIT) -> list[Annotated]:
        """All annotations, whatever became of them, newest first."""
        rows = self._reader().select("annotations", order="position", descending=True, limit=limit)
        return [self._annotated(row) for row in rows]

    def annotation(self, run: str) -> Annotated:
        """The annotation of one run. Raises `NotFound` or `AmbiguousId`."""
        store = self._reader()
        found = find_id(store, "runs", "run", run)
        rows = store.select("annotations", where={"run": found}, order="task", limit=100)
        if not rows:
            raise NotFound(
                f"Nothing of run {found} was put to the gate.",
                why="No specialist said of it whether it may be relied upon, as with mail from machines.",
                remedy="`mainstay triage --all` lists what was.",
            )
        return self._annotated(next((row for row in rows if row["waits"]), rows[0]))

    def review(
        self, run: str, *, intent: str = "", note: str = "", open_us: int = 0, actor: str = OPERATOR
    ) -> Reviewed:
        """The message of a run is about `intent`; without one: what the specialist said is right.

        Where the run waits for a person and for nothing else, it goes on as another run with the corrected annotation.
        """
        arguments = {"run": run, "intent": intent, "note": note, "open_us": open_us, "actor": actor}
        with self._door() as door:
            answer = door.ask("review", arguments)
            detail = answer["detail"]
            return Reviewed(
                str(answer["run"]),
                int(answer["task"]),
                int(answer["events"]),
                str(answer["status"]),
                str(detail["said"]),
                str(detail["intent"]),
                str(detail["goes_on_as"]),
                door.live,
            )

    def windows(
        self, workflow: str = "", *, size: int = WINDOW, since: int = 0, until: int | None = None
    ) -> list[Window]:
        """The course of it: messages in their order, so many at a time; the last window may be short.

        Of those that came from `since` on and before `until` (microseconds, UTC).
        """
        store = self._reader()
        where: Mapping[str, Value] = {"workflow": workflow} if workflow else {}
        rows = store.select(
            "annotations", where=where, order="position", descending=True, limit=size * WINDOWS_MAX
        )
        mine = [
            row
            for row in reversed(rows)
            if since <= _number(row["at"]) and (until is None or _number(row["at"]) < until)
        ]
        return [_window(mine[start : start + size]) for start in range(0, len(mine), size)]

    # --- within ------------------------------------------------------------------------------------------------------

    def _annotated(self, row: Mapping[str, Value]) -> Annotated:
        message = self._message(row)
        gate = _gate(row)
        return Annotated(
            run=str(row["run"]),
            task=_number(row["task"]),
            workflow=str(row["workflow"]),
            said=str(row["said"]),
            confidence=_number(row["confidence_ppm"]) / _MILLION,
            status=_status(row),
            why=_why(row),
            label=str(row["label"] or ""),
            audit=bool(row["audit"]),
            sender=str(message.get("from_address", "")),
            subject=str(message.get("subject", "")),
            at=_number(row["at"]),
            position=_number(row["position"]),
            learned=int(gate.get("learned", 0)),
            wanted=int(gate.get("wanted", 0)),
            risk=float(gate.get("risk", 1.0)),
            risk_max=float(gate.get("risk_max", 0.0)),
        )

    def _message(self, row: Mapping[str, Value]) -> Json:
        if not row["content"]:
            return {}
        return self._read(
            Digest(str(row["content"])), SubjectId(str(row["subject"])) if row["subject"] else None
        )


def _status(row: Mapping[str, Value]) -> str:
    if row["waits"]:
        return "waiting"
    if not row["label"]:
        return "automatic"
    return "confirmed" if row["label"] == row["said"] else "corrected"


def _why(row: Mapping[str, Value]) -> str:
    output: dict[str, Any] = {name: bool(row[name]) for name in ("auto", "audit", "unknown")}
    output["gate"] = _gate(row)
    return reason_of("the specialist", output)


def _gate(row: Mapping[str, Value]) -> dict[str, Any]:
    told = msgspec.json.decode(str(row["gate"] or "null"))
    return told if isinstance(told, dict) else {}


def _window(rows: list[dict[str, Value]]) -> Window:
    automatic = [row for row in rows if row["auto"] and not row["audit"]]
    audits = [row for row in rows if row["audit"]]
    return Window(
        first_at=_number(rows[0]["at"]),
        messages=len(rows),
        asked=len(rows) - len(automatic),
        automatic=len(automatic),
        errors=sum(_status(row) == "corrected" for row in automatic),
        audits=len(audits),
        audit_errors=sum(_status(row) == "corrected" for row in audits),
        open_us=sum(_number(row["open_us"]) for row in rows),
    )


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0
