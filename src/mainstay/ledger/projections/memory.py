"""What is remembered: every version of every memory, the fitted models in force, and what people said of annotations.

The text stays where it is: rows hold the address of the sealed blob. Positions say from when to when a version was
believed, so that "as of" is a comparison of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    AnnotationReviewed,
    Event,
    MemoryRecorded,
    MemoryRetracted,
    ModelFitted,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.remembering import Known
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, EventReader, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Memories:
    """One row for each version of a memory."""

    name = "memories"
    version = 2
    tables = (
        Table(
            "memories",
            (
                ("memory", _TEXT),
                ("version", _INTEGER),
                ("space", _TEXT),
                ("kind", _TEXT),
                ("content", _TEXT),
                ("mark", _TEXT),
                ("subject", _TEXT),
                ("source", _TEXT),
                ("actor", _TEXT),
                ("thread", _TEXT),
                ("tag", _TEXT),
                ("recorded", _INTEGER),  # position
                ("recorded_at", _INTEGER),
                ("superseded", _INTEGER),  # position of the version that took its place; 0: none did
                ("retracted", _INTEGER),  # position from which no version of it was believed; 0: it is
                ("valid_from", _INTEGER),
                ("valid_to", _INTEGER),
                ("expires_at", _INTEGER),
            ),
            key=("memory", "version"),
            indexes=(("recorded",), ("space", "recorded"), ("source",), ("retracted",)),
        ),
    )
    events = frozenset[type[Event]]({MemoryRecorded, MemoryRetracted})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """A new version, the end of the one before, or the end of all."""
        if isinstance(event, MemoryRetracted):
            return (Put("memories", (event.memory, event.version), {"retracted": position}),)
        assert isinstance(event, MemoryRecorded)
        row = Put(
            "memories",
            (event.memory, event.version),
            {
                "space": event.space,
                "kind": event.kind,
                "content": event.content,
                "mark": event.mark,
                "subject": event.subject,
                "source": event.source,
                "actor": event.actor,
                "thread": event.thread,
                "tag": event.tag,
                "recorded": position,
                "recorded_at": at,
                "superseded": 0,
                "retracted": 0,
                "valid_from": event.valid_from,
                "valid_to": event.valid_to,
                "expires_at": event.expires_at,
            },
        )
        if event.version == 1:
            return (row,)
        return (row, Put("memories", (event.memory, event.version - 1), {"superseded": position}))


class Fits:
    """Every fitted model that was put in force."""

    name = "fits"
    version = 1
    tables = (
        Table(
            "fits",
            (
                ("model", _TEXT),
                ("version", _INTEGER),
                ("recipe", _TEXT),
                ("artifact", _TEXT),
                ("examples", _INTEGER),
                ("through", _INTEGER),
                ("position", _INTEGER),
                ("at", _INTEGER),
            ),
            key=("model", "version"),
        ),
    )
    events = frozenset[type[Event]]({ModelFitted})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more version of a model."""
        assert isinstance(event, ModelFitted)
        return (
            Put(
                "fits",
                (event.model, event.version),
                {
                    "recipe": event.recipe,
                    "artifact": event.artifact,
                    "examples": event.examples,
                    "through": event.through,
                    "position": position,
                    "at": at,
                },
            ),
        )


class Reviews:
    """What a person said of a specialist's annotation; of several, the last."""

    name = "reviews"
    version = 1
    tables = (
        Table(
            "reviews",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("said", _TEXT),
                ("intent", _TEXT),
                ("actor", _TEXT),
                ("open_us", _INTEGER),
                ("position", _INTEGER),
                ("at", _INTEGER),
            ),
            key=("run", "task"),
            indexes=(("position",),),
        ),
    )
    events = frozenset[type[Event]]({AnnotationReviewed})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """The person's word on one annotation."""
        assert isinstance(event, AnnotationReviewed)
        return (
            Put(
                "reviews",
                (event.run, event.task),
                {
                    "said": event.said,
                    "intent": event.intent,
                    "actor": event.actor,
                    "open_us": event.open_us,
                    "position": position,
                    "at": at,
                },
            ),
        )


def last_version(store: EventReader, memory: str) -> Known | None:
    """The last version of a memory."""
    rows = store.select("memories", where={"memory": memory}, order="version", descending=True, limit=1)
    if not rows:
        return None
    return Known(int(str(rows[0]["version"])), str(rows[0]["mark"]), bool(rows[0]["retracted"]))


def last_fit(store: EventReader, model: str) -> Known | None:
    """The version of a model that is in force."""
    rows = store.select("fits", where={"model": model}, order="version", descending=True, limit=1)
    return Known(int(str(rows[0]["version"])), "") if rows else None


def last_review(store: EventReader, run: str, task: int) -> Known | None:
    """What a person said last of this annotation."""
    row = store.get("reviews", (run, task))
    return Known(1, str(row["intent"])) if row is not None else None
