"""Ranking refined by a workspace's own use: what was recalled for a draft, and what of it the draft leaned on.

A use is a recall of a task whose reply a person then sent: the features of its hits are in the log of the recall, and
what the reply cites is good. What a person rejected, or rewrote by more than half, was of no use whatever it cites. A
lesson that was withheld says nothing, since nobody could use it.

Rules of this file:

- Uses are read from the ledger in the order of their positions, the last ones only; the same ledger gives the same
  weights. Which weights are in force is an event, so a replay ranks as it was ranked.
- Reading and arithmetic happen in a thread, with connections of their own; the loop is asked for one decision.
- Weights are taken only where they find more than those that ship among uses that they were not learned from.
- What lies under a destroyed key is passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mainstay.agents.base import Reply
from mainstay.kernel.commands import AdoptFit
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.events import ContextRecalled, RunStarted, TaskSucceeded
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventReader
from mainstay.memory.ranking import Ranker, shipped
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.keeping import house_subject
from mainstay.runtime.tick import Request
from mainstay.workspace.learning import Ask
from mainstay.workspace.refined_ranking import CONTEXT, MODEL, frozen, in_force, recipe

if TYPE_CHECKING:
    from mainstay.memory.fitting import Judged

log = logging.getLogger("mainstay")

ACTOR = "learning"
USES_EVERY = 20  # replies that were sent since the last look
USES_KEPT = 400  # replies of which uses are read: what was long ago says less, and costs as much


@dataclass(frozen=True, slots=True)
class Refit:
    """What a look at the uses came to."""

    ranker: Ranker
    uses: int
    through: int  # position of the last reply


class Refining:
    """Keeps the ranking of one workspace refined. `opened` gives connections of its own for a thread."""

    def __init__(
        self,
        store: EventReader,
        artifacts: Artifacts,
        codec: Codec,
        opened: Callable[[], tuple[EventReader, Artifacts]],
        ask: Ask,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._codec = codec
        self._opened = opened
        self._ask = ask
        self._news = asyncio.Event()
        self._counted = 0  # position up to which replies were counted
        self._new = 0  # replies since uses were looked at

    def wake(self) -> None:
        """A reply may have been sent."""
        self._news.set()

    def anew(self) -> None:
        """Look at what was used once more, whatever was learned from it."""
        self._new = USES_EVERY
        self.wake()

    async def run(self) -> None:
        """Look whenever there may be something new, until cancelled."""
        while True:
            self._news.clear()
            try:
                await self.catch_up()
            except Exception as error:  # a director that refines nothing still works
                log.warning("the ranking of memory is not refined: %s: %s", type(error).__name__, error)
            await self._news.wait()

    async def catch_up(self) -> bool:
        """Refine, where enough was used since the last time; whether other weights are in force now."""
        now = in_force(self._store, self._artifacts)
        self._count(now.through)
        if self._new < USES_EVERY:
            return False
        self._new = 0
        found = await asyncio.to_thread(self._refit)
        if _same(found.ranker, now.ranker or shipped()):
            return False
        version = now.version + 1
        ranker = (
            found.ranker if found.ranker is shipped() else replace(found.ranker, name=f"refined {version}")
        )
        vault = self._artifacts.vault
        owner = house_subject(vault, MODEL)
        vault.ensure_subjects([owner])
        blob = self._artifacts.put(frozen(ranker), owner, CONTEXT)
        command = AdoptFit(MODEL, version, recipe(), blob, found.uses, found.through)
        await self._ask(Request(command, ACTOR, blobs=self._artifacts.take_staged()))
        return True

    def _count(self, learned: int) -> None:
        """Replies that were sent since the last look. Each part of the ledger is looked at once."""
        head, since = self._store.head, max(self._counted, learned)
        new = self._store.select(
            "correspondence", where={"kind": "reply"}, order="position", after=since, limit=USES_EVERY
        )
        self._new += len(new)
        self._counted = max(head, since)

    def _refit(self) -> Refit:
        store, artifacts = self._opened()
        with closing(store), closing(artifacts.vault):
            return refit(store, artifacts, self._codec)


def refit(store: EventReader, artifacts: Artifacts, codec: Codec) -> Refit:
    """The weights that the last uses come to; the shipped ones where these do as well."""
    from mainstay.memory.fitting import refined

    rows = store.select(
        "correspondence", where={"kind": "reply"}, order="position", descending=True, limit=USES_KEPT
    )
    found: list[Judged] = []
    for row in reversed(rows):
        run = str(row["run"] or "")
        if run and not _rewritten(store, run):
            found += uses_of(store, artifacts, codec, run)
    through = int(str(rows[0]["position"])) if rows else 0
    return Refit(refined(found, shipped(), name="refined"), len(found), through)


def uses_of(store: EventReader, artifacts: Artifacts, codec: Codec, run: str) -> Iterator[Judged]:
    """What the tasks of a run recalled by meaning, and what of it the last attempt of each leaned on."""
    from mainstay.memory.fitting import judged

    subject: SubjectId | None = None
    recalled: dict[tuple[int, int], ContextRecalled] = {}
    done: dict[int, TaskSucceeded] = {}
    for recorded in store.read(run_stream(RunId(run))):
        match codec.event(recorded):
            case RunStarted(subject=owner):
                subject = owner
            case ContextRecalled() as one:
                recalled[one.task, one.attempt] = one
            case TaskSucceeded() as one:
                done[one.task] = one
            case _:
                pass
    for task, success in done.items():
        drawn = recalled.get((task, success.attempt))
        told = artifacts.open_json(drawn.log, subject, b"recall") if drawn is not None else None
        if told is None:
            continue
        cited = _cited(success, artifacts, subject)
        for recall in told.get("recalls", ()):
            hits = [hit for hit in recall["hits"] if hit["features"] and not hit.get("set_aside")]
            if recall["by_meaning"] and hits:
                yield judged([(hit["features"], cited(str(hit["id"]))) for hit in hits])


def _cited(success: TaskSucceeded, artifacts: Artifacts, subject: SubjectId | None) -> Callable[[str], bool]:
    """Whether the task leaned on a unit. A reply says what it leans on; others say it in their evidence."""
    output: Mapping[str, Any] = success.output
    given = output.get("reply")
    if not isinstance(given, Mapping):
        return frozenset(success.evidence).__contains__
    try:
        reply = artifacts.open_value(given, subject)
    except (SubjectForgotten, MainstayError, ValueError):
        return lambda unit: False
    sources = frozenset(reply.sources) if isinstance(reply, Reply) else frozenset()
    lessons = frozenset(output.get("lessons") or ())
    return lambda unit: unit in sources or unit.rpartition("@")[0] in lessons


def _rewritten(store: EventReader, run: str) -> bool:
    rows = store.select("judged_drafts", where={"run": run}, order="position", descending=True, limit=1)
    return bool(rows) and 2 * int(str(rows[0]["changed"])) > int(str(rows[0]["words"]))


def _same(one: Ranker, other: Ranker) -> bool:
    return dict(one.weights) == dict(other.weights) and one.bias == other.bias
