"""The shelf of golden logs: ledgers that past versions wrote, each to be folded by every build for ever.

    NNNN-name.jsonl          the log: a head, then every event as it was stored
    NNNN-name.expected.json  what it folds to, and what `explain` finds in it
    NNNN-name.stories.txt    what `explain` says; the words may be improved (`make_golden_log.py --retell`)

A log is never changed. The head holds the definitions (canonical bytes, as the ledger keeps them in blobs).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mainstay.governance.explain import Story, explain
from mainstay.kernel.events import Event, RunEvent
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.plan import Plan, compile_plan
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventStore, NewEvent, Position, RecordedEvent, StreamAppend, Version
from mainstay.workflows.canonical import canonical, restore

FOLDER = Path(__file__).parent
OPENED = {"c2VhbGVk": "the tone is wrong"}  # the one sealed text in them


@dataclass(frozen=True)
class Golden:
    """One log, read."""

    path: Path
    about: str
    definitions: dict[Digest, bytes]
    plans: dict[Digest, Plan]
    events: tuple[RecordedEvent, ...]

    @property
    def expected(self) -> Path:
        return self.path.with_suffix(".expected.json")

    @property
    def stories(self) -> Path:
        return self.path.with_suffix(".stories.txt")

    def decoded(self) -> list[tuple[RecordedEvent, Event]]:
        """Every event with its meaning."""
        codec = Codec(self.plans.__getitem__)
        return [(one, codec.event(one)) for one in self.events]


def logs() -> list[Path]:
    """All logs, oldest first."""
    return sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]-*.jsonl"))


def read(path: Path) -> Golden:
    """Read a log."""
    head, *rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    definitions = {Digest(name): text.encode() for name, text in head["definitions"].items()}
    plans = {name: compile_plan(restore(raw), name) for name, raw in definitions.items()}
    return Golden(path, head["about"], definitions, plans, tuple(_recorded(row) for row in rows))


def written(about: str, version: str, plans: dict[Digest, Plan], events: tuple[RecordedEvent, ...]) -> str:
    """A log as text."""
    definitions = {name: canonical(plan.workflow).decode() for name, plan in sorted(plans.items())}
    head = {"about": about, "written_by": version, "definitions": definitions}
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (head, *map(_row, events)))


def _row(event: RecordedEvent) -> Json:
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "schema": event.schema,
        "at": event.at,
        "correlation": event.correlation,
        "causation": event.causation,
        "actor": event.actor,
        "transaction": event.transaction.hex(),
        "hash": event.hash.hex(),
        "data": event.data.decode(),
    }


def _recorded(row: Json) -> RecordedEvent:
    return RecordedEvent(
        position=Position(row["position"]),
        stream=StreamId(row["stream"]),
        version=Version(row["version"]),
        type=row["type"],
        schema=row["schema"],
        at=Instant(row["at"]),
        correlation=StreamId(row["correlation"]),
        causation=Position(row["causation"]),
        actor=row["actor"],
        transaction=bytes.fromhex(row["transaction"]),
        hash=bytes.fromhex(row["hash"]),
        data=row["data"].encode(),
    )


def stored_again(golden: Golden, store: EventStore) -> None:
    """Append the log to an empty store, byte for byte."""
    epoch = store.acquire()
    for one in golden.events:
        new = NewEvent(one.type, one.schema, one.data, one.actor, one.transaction, one.causation)
        correlation = "" if one.correlation == one.stream else one.correlation
        append = StreamAppend(one.stream, Version(one.version - 1), [new], correlation)
        store.append([append], epoch=epoch, at=one.at)


def folded(golden: Golden) -> dict[str, RunState]:
    """Every run of the log, folded."""
    runs: dict[str, RunState] = {}
    for recorded, event in golden.decoded():
        if recorded.stream.startswith("run:"):
            run = run_of(recorded.stream)
            runs[run] = evolve(runs.get(run) or nothing(run), cast(RunEvent, event))
    return runs


def told(golden: Golden) -> dict[str, Story]:
    """The story of every run of the log."""
    by_run: dict[str, list[tuple[RecordedEvent, Event]]] = {}
    for recorded, event in golden.decoded():
        if recorded.stream.startswith("run:"):
            by_run.setdefault(run_of(recorded.stream), []).append((recorded, event))
    return {run: explain(events, OPENED.get) for run, events in by_run.items()}


def expectation(golden: Golden) -> Json:
    """What a log must fold to, and what `explain` must find, without the words."""
    stories = told(golden)
    return {
        run: _fold(state) | {"story": _without_words(stories[run])} for run, state in folded(golden).items()
    }


def stories_text(golden: Golden) -> str:
    """What `explain` says of every run."""
    return "\n".join(story.as_text() for story in told(golden).values())


def _fold(state: RunState) -> Json:
    return {
        "workflow": state.head.workflow,
        "status": state.status.name,
        "spent": state.spent,
        "held": state.held,
        "left": state.left,
        "failed": state.failed,
        "tasks": {
            state.name(number): {
                "phase": task.phase.name,
                "attempt": task.attempt,
                "output": task.output,
                "effect": task.act.action.digest if task.act is not None else None,
                "authority": task.act.authority if task.act is not None else None,
                "wake_at": task.wake_at,
            }
            for number, task in state.all_tasks()
        },
    }


def _without_words(story: Story) -> Json:
    told: Json = story.as_dict()
    lines: list[dict[str, Any]] = [
        *told["lines"],
        *(line for task in told["tasks"] for line in task["lines"]),
    ]
    for line in lines:
        del line["text"]
    return told
