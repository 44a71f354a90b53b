"""What follows when a person sends a drafted reply: how much of it they changed, what that teaches, what it refutes.

Rules of this file:

- It answers with commands, which are decided in the same tick as the approval or the edit itself (`Request.follow`):
  what was learned is there for the next draft, and an edit that came to nothing teaches nothing.
- No fault of it keeps a decision from being taken: what cannot be read (somebody was forgotten, a draft of another
  make) teaches nothing.
- A lesson carries nothing of the person it was learned from (`agents.impersonal`). Each version of it says what one
  edit taught and lies under the key of that edit's run, which is its source: it goes when they are forgotten, and what
  others taught stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mainstay.agents.base import MessageView, Reply
from mainstay.agents.cue import cue
from mainstay.agents.edit_distance import Edit, edit_of
from mainstay.agents.filling import Operator, person_of, values_of
from mainstay.agents.impersonal import House, common
from mainstay.agents.intents import Intent
from mainstay.agents.language import language_of
from mainstay.agents.lessons import Change, Lesson, learned, lesson_of
from mainstay.governance.lessons import SPACE, Trial, effect_of, trials_of, why_retire
from mainstay.kernel.commands import Command, JudgeDraft, RetractMemory
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.predicates import Ref, resolve
from mainstay.kernel.state import Act, RunState, Sources
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.sealing import Forgotten
from mainstay.ledger.store import EventReader
from mainstay.memory.records import CONTENT, Note, decoded
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.keeping import OPERATOR, Keeping, house_subject
from mainstay.runtime.taught import NOTHING, Taught, drafter, lessons_of

KIND = "lesson"
BY_ITSELF = "mainstay"
SITUATION_MAX = 240  # characters: twenty lessons fit into what is recalled of them


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A draft as its task gave it."""

    reply: Reply
    given: tuple[str, ...]
    withheld: tuple[str, ...]
    recipe: str
    intent: str
    message: MessageView | None


class Teaching:
    """Learns from what people make of drafts, for one director."""

    def __init__(
        self,
        store: EventReader,
        artifacts: Artifacts,
        *,
        house: House,
        operator: Operator,
        intents: Sequence[Intent],
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._keeping = Keeping(store, artifacts, _nobody)
        self._house = house
        self._operator = operator
        self._intents = {intent.id: intent for intent in intents}

    def approved(self, state: RunState, task: int, act: Act, *, actor: str, now: Instant) -> Taught:
        """What follows from a drafted reply that is sent as the card shows it, where a lesson applied to it."""
        return self._sent(state, task, act, None, actor, now)

    def edited(self, state: RunState, task: int, act: Act, text: str, *, actor: str, now: Instant) -> Taught:
        """What follows from a drafted reply that is sent with this text."""
        return self._sent(state, task, act, text, actor, now)

    def _sent(
        self, state: RunState, task: int, act: Act, text: str | None, actor: str, now: Instant
    ) -> Taught:
        try:
            drafted = self._drafted(state, task, text is not None)
            if drafted is None:
                return NOTHING
            sent = text if text is not None else self._shown(state, act)
            edit = edit_of(drafted.reply.text, sent)
            commands, detail = [_judged(state, task, drafted, edit, actor)], _counts(edit)
            taken_back: tuple[str, ...] = ()
            if text is not None and edit.changed:
                found, taken_back, told = self._learned(state, task, drafted, text, actor, now)
                commands += found
                detail |= told
            commands += self._refuted(drafted, edit, taken_back)
        except (SubjectForgotten, MainstayError, msgspec.DecodeError, ValueError):
            return NOTHING
        return Taught(tuple(commands), detail)

    def _shown(self, state: RunState, act: Act) -> str:
        """The text on the card. Raises `SubjectForgotten`, `MainstayError` or `ValueError`."""
        card: Json = msgspec.json.decode(self._artifacts.get(act.action.card, state.head.owner, b"card"))
        reply = (card.get("request") or {}).get("reply")
        if not isinstance(reply, dict) or not isinstance(reply.get("text"), str):
            raise ValueError("this card shows no reply")
        return str(reply["text"])

    # --- what was drafted ------------------------------------------------------------------------------------------

    def _drafted(self, state: RunState, task: int, edited: bool) -> _Drafted | None:
        """The draft behind an act; None where its reply was not drafted here, or there is nothing to tell of it."""
        sources = Sources(state, task)
        number = drafter(state, task, sources)
        if number is None:
            return None
        output = state.task(number).output or {}
        given, withheld = lessons_of(state, number)
        if not (edited or given or withheld):
            return None
        subject = state.head.owner
        reply = self._artifacts.open_value(output.get("reply"), subject)
        if not isinstance(reply, Reply):
            return None
        own = Sources(state, number)
        inputs = {
            name: resolve(one, own) if isinstance(one, Ref) else one.value
            for name, one in state.spec(number).inputs
        }
        message = self._artifacts.open_value(inputs.get("message"), subject) if edited else None
        return _Drafted(
            reply,
            given,
            withheld,
            str(output.get("recipe", "")),
            str(inputs.get("intent") or ""),
            message if isinstance(message, MessageView) else None,
        )

    # --- what it teaches -------------------------------------------------------------------------------------------

    def _learned(
        self, state: RunState, task: int, drafted: _Drafted, text: str, actor: str, now: Instant
    ) -> tuple[list[Command], tuple[str, ...], Json]:
        """Lessons of an edit, those that it takes back, and what a person is told of both."""
        message, intent = drafted.message, self._intents.get(drafted.intent)
        if message is None or intent is None:
            return [], (), {}
        person = person_of(message, values_of(message, intent.name, self._operator, now))
        found = learned(drafted.reply.text, text, person, self._house)
        said: Json = {"personal": found.personal} if found.personal else {}
        if found.rewritten:
            return [], (), {"rewritten": True}
        given = [lesson for lesson in map(self.lesson, drafted.given) if lesson is not None]
        undone = {one.id for one in given if any(change.undoes(one.change) for change in found.changes)}
        new = [change for change in found.changes if not any(change.undoes(one.change) for one in given)]
        situation = f"{intent.name}. {intent.description} {common(cue(message), self._house)}"[:SITUATION_MAX]
        base = Lesson(
            Change((), ()),
            intent.id,
            drafted.reply.template,
            language_of(text),
            situation,
            (state.head.run,),
            now,
        )
        commands: list[Command] = [
            RetractMemory(one, actor, "an edit took back what it brought") for one in sorted(undone)
        ]
        under = self._under(state) if new else None
        # In their order: an addition may stand after a sentence that the change before it brought.
        commands += (
            self._remember(replace(base, change=change, learned_at=now + place), task, actor, under)
            for place, change in enumerate(new)
            if under is not None
        )
        if new:
            said["lessons"] = len(new)
        return commands, tuple(undone), said

    def _under(self, state: RunState) -> SubjectId:
        """Under whose key lies what a run teaches; the operator's where it is about nobody."""
        if state.head.owner is not None:
            return state.head.owner
        house = house_subject(self._artifacts.vault, OPERATOR)
        self._artifacts.vault.ensure_subjects([house])
        return house

    def _remember(self, lesson: Lesson, task: int, actor: str, under: SubjectId) -> Command:
        name = self._name(lesson)
        before = self.lesson(name)
        agreeing = before.agreeing if before is not None else ()
        (run,) = lesson.agreeing
        merged = replace(lesson, id=name, agreeing=tuple(dict.fromkeys((*agreeing, run))))
        return self._keeping.command(
            Note(
                text=merged.situation,
                space=SPACE,
                kind=KIND,
                memory=name,
                fields=merged.fields,
                source=f"run:{run}/{task}",
                actor=actor,
            ),
            under,
        )

    def _name(self, lesson: Lesson) -> str:
        """The same change of the same template is the same lesson, whoever's letter it was made in."""
        change = lesson.change
        said = msgspec.json.encode(
            [lesson.intent, lesson.template, change.before, change.after, change.anchor]
        ).decode()
        return f"lesson-{self._artifacts.vault.keyed_hash('lesson', said).hex()[:12]}"

    def lesson(self, name: str) -> Lesson | None:
        """A lesson that is in force; None where it was retired, or never was."""
        rows = self._store.select(
            "memories", where={"memory": name}, order="version", descending=True, limit=1
        )
        if not rows or rows[0]["retracted"]:
            return None
        content = self._artifacts.vault.unseal(self._artifacts.blobs.read(rows[0]["content"]), CONTENT)  # type: ignore[arg-type]
        return None if isinstance(content, Forgotten) else lesson_of(decoded(content).fields)

    # --- what it refutes -------------------------------------------------------------------------------------------

    def _refuted(self, drafted: _Drafted, edit: Edit, taken_back: Sequence[str]) -> list[Command]:
        """Lessons that this draft, with all before it, shows to be good for nothing."""
        found: list[Command] = []
        for given, names in ((True, drafted.given), (False, drafted.withheld)):
            for name in names:
                if name in taken_back:
                    continue
                reason = why_retire(effect_of([*trials_of(self._store, name), Trial(given, edit.share)]))
                if reason:
                    found.append(RetractMemory(name, BY_ITSELF, reason))
        return found


def _judged(state: RunState, task: int, drafted: _Drafted, edit: Edit, actor: str) -> Command:
    return JudgeDraft(
        state.head.run, task, edit.words, edit.changed, actor, drafted.given, drafted.withheld, drafted.recipe
    )


def _counts(edit: Edit) -> Json:
    return {"words": edit.words, "changed": edit.changed}


async def _nobody(request: object) -> Any:
    raise AssertionError("what is taught is decided with what it follows from")
