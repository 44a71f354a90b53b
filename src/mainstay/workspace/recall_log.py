"""Why a task knew what it knew: the log of its recalls, opened and put beside what the memories say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import NotFound
from mainstay.kernel.events import ContextRecalled
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Json
from mainstay.ledger.store import RecordedEvent
from mainstay.runtime.artifacts import Artifacts


@dataclass(frozen=True, slots=True)
class RecallLog:
    """What one attempt of a task recalled. `recalls` is None where the key of the log was destroyed.

    Each of `recalls` has policy, version, hits (id, rank, score, features, tokens, text) and what was dropped and why.
    """

    run: str
    task: str
    attempt: int
    position: int  # of the event that says so
    hits: int
    dropped: int
    tokens: int
    recalls: tuple[Json, ...] | None


def recall_logs(
    state: RunState,
    events: Sequence[tuple[RecordedEvent, Any]],
    task: str,
    attempt: int,
    artifacts: Artifacts,
    said: Callable[[str], str],
) -> list[RecallLog]:
    """The logs of a task's attempts, in order. Raises `NotFound`."""
    number = _number(state, task)
    found = [
        (recorded, event)
        for recorded, event in events
        if isinstance(event, ContextRecalled) and event.task == number and attempt in (0, event.attempt)
    ]
    if not found:
        of = f"Attempt {attempt} of task" if attempt else "The task"
        raise NotFound(
            f"{of} {state.name(number)!r} recalled nothing.",
            why="Only what an agent was given from memory is written down.",
            remedy=f"`mainstay explain {state.head.run[-8:]}` tells what it relied on.",
        )
    return [opened_log(state, recorded, event, artifacts, said) for recorded, event in found]


def opened_log(
    state: RunState,
    recorded: RecordedEvent,
    event: ContextRecalled,
    artifacts: Artifacts,
    said: Callable[[str], str],
) -> RecallLog:
    """One recall: what was found, put beside what it says today."""
    log = artifacts.open_json(event.log, state.head.subject, b"recall")
    recalls = None
    if log is not None:
        recalls = tuple(
            {**one, "hits": [{**hit, "text": said(hit["id"])} for hit in one["hits"]]}
            for one in log["recalls"]
        )
    return RecallLog(
        state.head.run,
        state.name(event.task),
        event.attempt,
        recorded.position,
        event.hits,
        event.dropped,
        event.tokens,
        recalls,
    )


def _number(state: RunState, task: str) -> int:
    names = {state.name(number): number for number, _ in state.all_tasks()}
    if task in names:
        return names[task]
    if task.isdecimal() and len(task) < 7 and state.exists(int(task)):
        return int(task)
    raise NotFound(
        f"There is no task {task[:80]!r} in this run.",
        why="It has " + ", ".join([*names][:20]) + ".",
        remedy="Name one of these.",
    )
