"""What the intent specialist learns, read from the ledger: at the start what it missed, then every word at once.

A fold like all others: annotations and what people said of them, in the order of their positions, are all there is to
learn from, so two workspaces with the same ledger know the same. From time to time what was learned is frozen, sealed
under a key of the house and put in force as a version (`ModelFitted`), so that the next start need not learn it anew;
without such artifacts the same state comes out, only later.

Rules of this file:

- Reading is done on the loop, a slice at a time; arithmetic in a thread. A decision waits for one word at most.
- What somebody said of a message whose sender was forgotten cannot be learned any more, and is passed over.
- A word that says what was said before of the same annotation is not learned twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from pydantic import ValidationError

from mainstay.agents.base import GateView, MessageView
from mainstay.agents.judge import LEARNED
from mainstay.kernel.commands import AdoptFit
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest
from mainstay.ledger.store import EventReader, Value
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.keeping import house_subject
from mainstay.runtime.tick import Answer, Request

log = logging.getLogger("mainstay")

MODEL = "triage"
ACTOR = "learning"
CONTEXT = b"fit"
SLICE = 16  # rows of each view that are read at once
FIT_WORDS_MIN = 50  # between two artifacts
FIT_GROWTH = 1.25  # and so many times the words of the last: what they take on disk stays in proportion

Row = Mapping[str, Value]
Ask = Callable[[Request], Awaitable[Answer]]


class Learner(Protocol):
    """Who learns (`agents.judge.Judge`)."""

    recipe: str
    learned: int

    def prepare(self, texts: list[str]) -> None: ...
    def note(self, id: str, gate: GateView) -> None: ...
    def learn(
        self, id: str, text: str, intent: str, gate: GateView | None, *, audit: bool = False
    ) -> None: ...
    def freeze(self) -> bytes: ...
    def thaw(self, data: bytes, learned: int) -> None: ...
    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to take in: an annotation that was made, or a word about one."""

    position: int
    id: str
    gate: GateView | None
    audit: bool = False
    message: MessageView | None = None  # None where there is nothing to learn it from
    intent: str = ""  # empty: an annotation


class Learning:
    """Keeps one specialist up with one ledger."""

    def __init__(
        self,
        store: EventReader,
        artifacts: Artifacts,
        learner: Learner,
        heard: Callable[[MessageView], str],
        ask: Ask | None = None,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._learner = learner
        self._heard = heard
        self._ask = ask  # None: nothing is put in force
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._frozen_words = 0
        self._version = 0
        self.through = 0  # position up to which the ledger was taken in

    def restore(self) -> None:
        """Go on from the last artifact, if it is of this recipe and can be opened; else from the beginning."""
        rows = self._store.select("fits", where={"model": MODEL}, order="version", descending=True, limit=1)
        self.begin_anew()
        for row in rows:
            self._version = int(str(row["version"]))
            if row["recipe"] != self._learner.recipe:
                return
            try:
                owner = house_subject(self._artifacts.vault, MODEL)
                data = self._artifacts.get(Digest(str(row["artifact"])), owner, CONTEXT)
                self._learner.thaw(data, int(str(row["examples"])))
            except (MainstayError, SubjectForgotten) as error:
                log.warning("what was learned is learned anew from the ledger: %s", error)
                self.begin_anew()
                return
            self.through, self._frozen_words = int(str(row["through"])), self._learner.learned

    def begin_anew(self) -> None:
        """Forget what was learned, and take in the ledger from its beginning."""
        self._learner.forget()
        self.through = self._frozen_words = 0

    async def anew(self) -> None:
        """Forget what was learned, also what is being learned, and learn it anew from what can still be read."""
        async with self._turn:
            self.begin_anew()
        self.wake()

    @property
    def busy(self) -> bool:
        """Whether something is being learned, or may be there to learn."""
        return self._news.is_set() or self._turn.locked()

    def wake(self) -> None:
        """There may be something to learn."""
        self._news.set()

    async def run(self) -> None:
        """Take in what there is, then what comes, until cancelled."""
        while True:
            self._news.clear()
            try:
                await self.catch_up()
            except (
                Exception
            ) as error:  # a director that learns nothing still works; the next word tries again
                log.warning("learning waits: %s: %s", type(error).__name__, error)
            await self._news.wait()

    async def catch_up(self) -> int:
        """Take in everything up to now; how many words that were."""
        async with self._turn:
            before = self._learner.learned
            while steps := self._next():
                await asyncio.to_thread(self._take_in, steps)
                self.through = steps[-1].position
                await self._adopt_if_due()
            return self._learner.learned - before

    # --- reading -----------------------------------------------------------------------------------------------------

    def _next(self) -> list[_Step]:
        """The next annotations and words in order; as far as both views were read."""
        after = self.through
        annotated = self._store.select("annotations", order="position", after=after, limit=SLICE)
        words = self._store.select("annotation_words", order="position", after=after, limit=SLICE)
        ends = [_position(rows[-1]) for rows in (annotated, words) if len(rows) == SLICE]
        until = min(ends, default=None)
        made = [_Step(_position(row), _id(row), _gate(row), bool(row["audit"])) for row in annotated]
        said = [self._word(row) for row in words]
        steps = sorted((*made, *said), key=lambda one: (one.position, bool(one.intent)))
        # One approval may speak of several annotations: what has the position of the last row is not cut in two.
        if until is None:
            return steps
        whole = [one for one in steps if one.position < until]
        return whole or [one for one in steps if one.position == until]

    def _word(self, row: Row) -> _Step:
        run, task, position = str(row["run"]), row["task"], _position(row)
        intent = str(row["intent"])
        about = self._store.get("annotations", (run, task))
        if about is None or about["said"] is None:
            return _Step(position, "", None)
        mine = self._store.select("annotation_words", where={"run": run, "task": task}, order="position")
        before = [str(one["intent"]) for one in mine if _position(one) < position]
        message = None if before and before[-1] == intent else self._message(about)
        return _Step(position, _id(about), _gate(about), bool(about["audit"]), message, intent)

    def _message(self, about: Row) -> MessageView | None:
        if not about["content"]:
            return None
        subject = SubjectId(str(about["subject"])) if about["subject"] else None
        try:
            plain = self._artifacts.get(Digest(str(about["content"])), subject, b"message")
        except (SubjectForgotten, MainstayError):
            return None
        try:
            return MessageView.model_validate_json(plain)
        except ValidationError:
            return None  # a run that was started by hand may be about anything

    # --- learning, in a thread ---------------------------------------------------------------------------------------

    def _take_in(self, steps: list[_Step]) -> None:
        learner = self._learner
        texts = [self._heard(one.message) if one.message is not None else "" for one in steps]
        learner.prepare([text for text in texts if text])
        for one, text in zip(steps, texts, strict=True):
            if not one.intent:
                if one.gate is not None:
                    learner.note(one.id, one.gate)
            elif text:
                learner.learn(one.id, text, one.intent, one.gate, audit=one.audit)

    async def _adopt_if_due(self) -> None:
        """Put what was learned in force as a version, when it has grown by enough."""
        due = max(self._frozen_words + FIT_WORDS_MIN, int(self._frozen_words * FIT_GROWTH))
        if self._ask is None or self._learner.learned < due:
            return
        data = await asyncio.to_thread(self._learner.freeze)
        vault = self._artifacts.vault
        owner = house_subject(vault, MODEL)
        vault.ensure_subjects([owner])
        blob = self._artifacts.put(data, owner, CONTEXT)
        learned, through = self._learner.learned, self.through
        command = AdoptFit(MODEL, self._version + 1, self._learner.recipe, blob, learned, through)
        await self._ask(Request(command, ACTOR, blobs=self._artifacts.take_staged()))
        self._version += 1
        self._frozen_words = learned


def _position(row: Row) -> int:
    return int(str(row["position"]))


def _id(row: Row) -> str:
    return f"{LEARNED}{row['run']!s}/{row['task']!s}"


def _gate(row: Row) -> GateView | None:
    """The numbers of an annotation's gate; None where a specialist of the operator's own says others, or none."""
    told = msgspec.json.decode(str(row["gate"] or "null"))
    try:
        return GateView.model_validate(told) if isinstance(told, dict) else None
    except ValidationError:
        return None
