"""What a person says of an annotation: that it was right, or what the message is about instead.

It finds what is meant, refuses with a clear error what makes no sense, and sends one command, as at the desk
(`runtime.desk`). The word is recorded in any case, and whoever learns takes it from there. Where the run waits for a
person and for nothing else, what was made of a wrong annotation is worth nothing: the run goes on as a fork from the
annotation, with the corrected one, and the old run is ended. What the fork does asks, as in every fork.

Saying the same again is safe: it is recorded once, and what it led to is led to once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.kernel.commands import CancelRun, ReviewAnnotation
from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import NotFound
from mainstay.kernel.events import TaskSucceeded
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.state import DONE, Phase, RunState, Status
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.sending import Ask, Decided
from mainstay.runtime.steering import Steering
from mainstay.runtime.tick import Request

_IDLE = DONE | {Phase.WAITING, Phase.APPROVAL, Phase.EXPANDED}
_UNSORTED = ("unsorted",)


class Reviewing:
    """Takes what people say of annotations, for one director."""

    def __init__(
        self,
        director: Director,
        artifacts: Artifacts,
        steering: Steering,
        intents: Sequence[Intent],
        ask: Ask,
    ) -> None:
        self._director = director
        self._artifacts = artifacts
        self._steering = steering
        self._intents = {intent.id: intent for intent in intents}
        self._ask = ask

    async def review(
        self, run: str, *, intent: str = "", note: str = "", open_us: int = 0, actor: str
    ) -> Decided:
        """The message of this run is about `intent`; without one: what the specialist said is right."""
        found = RunId(find_id(self._store, "runs", "run", run))
        row = self._annotation(found)
        task, said = int(str(row["task"])), str(row["said"])
        name = self._known(intent) if intent else said
        self._director.load(found)
        command = ReviewAnnotation(found, task, said, name, actor, open_us, self._sealed(note, row))
        answer = await self._ask(Request(command, actor, blobs=self._artifacts.take_staged()))
        status = "confirmed" if name == said else "corrected"
        detail = {"said": said, "intent": name, "goes_on_as": ""}
        one = self._director.runs.get(found)
        if name == said or one is None or not _waits_for_a_person(one.state, task):
            return Decided(found, task, answer.events, status, detail)
        child = await self._go_on(one.state, task, self._corrected(one.state, task, name), name, actor)
        return Decided(found, task, answer.events + child.events, status, {**detail, "goes_on_as": child.run})

    # --- within ------------------------------------------------------------------------------------------------------

    @property
    def _store(self) -> EventStore:
        return self._director.store

    def _annotation(self, run: RunId) -> Mapping[str, Value]:
        rows = self._store.select("annotations", where={"run": run}, order="task", limit=1_000)
        waiting = [row for row in rows if row["waits"]]
        if not rows:
            raise NotFound(
                f"Nothing of run {run} was put to the gate.",
                why="Its messages were not annotated, were sent by a machine, or it goes on from a run that was.",
                remedy="`mainstay triage` lists what waits for a look.",
                run=run,
            )
        return (waiting or rows)[0]

    def _known(self, intent: str) -> str:
        name = intent.strip()
        if name in self._intents or name == UNKNOWN:
            return name
        names = [*self._intents, UNKNOWN]
        near = get_close_matches(name.lower(), [one.lower() for one in names], n=1, cutoff=0.5)
        meant = f" The nearest is {near[0]!r}." if near else ""
        raise NotFound(
            f"There is no intent {name[:60]!r}.",
            why=f"intents.toml names: {', '.join(self._intents) or 'none'}.{meant}",
            remedy=f"Name one of these, or `{UNKNOWN}` for what belongs to none; a new intent goes into intents.toml.",
            intent=name[:60],
            known=names,
        )

    def _sealed(self, text: str, row: Mapping[str, Value]) -> str:
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        if subject is not None and not self._artifacts.vault.knows(subject):
            return ""  # forgotten: what is noted of them now would stand in the clear
        return self._artifacts.seal_text(text, subject)

    def _corrected(self, state: RunState, task: int, name: str) -> dict[str, Any]:
        """What the annotation would have said, of the fields that it has."""
        said = state.task(task).output or {}
        intent = self._intents.get(name)
        flags = [one for one in said.get("flags", ()) if one != UNKNOWN and one not in self._flags(said)]
        right: dict[str, Any] = {
            "intent": name,
            "confidence": 1.0,
            "reply_expected": intent is not None and intent.reply_expected,
            "labels": list(intent.labels if intent is not None and intent.labels else _UNSORTED),
            "template": intent.template if intent is not None else "",
            "flags": [*flags, *(intent.flags if intent is not None else (UNKNOWN,))],
            "auto": intent is not None,
            "audit": False,
            "unknown": intent is None,
        }
        return {f"{state.name(task)}.{field}": value for field, value in right.items() if field in said}

    def _flags(self, said: Mapping[str, Any]) -> tuple[str, ...]:
        """The flags that came with the intent that was said, and go with it."""
        intent = self._intents.get(str(said.get("intent", "")))
        return intent.flags if intent is not None else ()

    async def _go_on(
        self, state: RunState, task: int, changes: Mapping[str, Any], name: str, actor: str
    ) -> Decided:
        run = state.head.run
        reason = f"you said that the message is about {name}"
        version = self._version_of(run, task)
        child = await self._steering.fork(
            run, version=version, changes=changes, reason=reason, request="review", actor=actor
        )
        sealed = self._artifacts.seal_text(f"{reason}: it goes on as run {child.run}", state.head.owner)
        ended = await self._ask(Request(CancelRun(run, actor, sealed), actor))
        return Decided(child.run, 0, child.events + ended.events, child.status)

    def _version_of(self, run: RunId, task: int) -> int:
        """The version of the run's stream in which the annotation stands."""
        for recorded in self._store.read(run_stream(run)):
            event = self._director.codec.event(recorded)
            if isinstance(event, TaskSucceeded) and event.task == task:
                return recorded.version
        raise AssertionError("an annotation has an event")


def _waits_for_a_person(state: RunState, task: int) -> bool:
    """Whether a run is open, a person must answer before anything goes on, and nothing final has left."""
    if state.status is not Status.RUNNING or state.plan is None or not state.exists(task):
        return False
    waits = False
    for number, one in state.all_tasks():
        if one.phase not in _IDLE:
            return False
        act = one.act
        if one.phase is Phase.APPROVAL and act is not None:
            if act.authority:
                return False  # answered, and about to leave
            waits = True
        done = one.phase is Phase.SUCCEEDED and state.spec(number).kind is TaskKind.ACT and act is not None
        if done and act is not None and act.action.finality is not Finality.REVERSIBLE:
            return False
    return waits
