"""What an edit of a draft teaches, and how it is put into the next one.

A lesson is one change, sentence by sentence: in drafts of this intent and template, these sentences became those. It is
kept without anything of the person it was learned from (`agents.impersonal`); a sentence that means nothing without
them is not kept at all. On the device a lesson is applied to the letter, with a model it is guidance.

Rules of this file: pure, and the same for every replay. Lessons are applied in the order in which they were learned, so
that a later one may build on an earlier. Of two that change the same sentence, or add at the same place, the newer
holds. What is withheld is drawn from run and lesson.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from mainstay.agents.edit_distance import edit_of
from mainstay.agents.impersonal import GAP, House, Person, impersonal, telling
from mainstay.agents.sentences import Sentence, sentences, with_changes
from mainstay.kernel.ids import fraction
from mainstay.kernel.values import Json
from mainstay.memory.lesson_rules import Rules

CHANGES_MAX = 12  # an edit with more is a letter of its own, and teaches nothing about this one
SENTENCES_MAX = 6  # of one change
ALIKE_MAX = 0.5  # share of words that differ between a sentence and what became of it
POLICY = "lessons"
RECALLED_MAX = 20
_PLACEHOLDER = re.compile(r"\{\{ ([a-z_.]+) \}\}")
_OUR_SIGN = "operator.signature"


@dataclass(frozen=True, slots=True)
class Change:
    """These sentences became those; with no `before` they were added after the sentence `anchor`, "" for the start."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    anchor: str = ""
    opens: tuple[bool, ...] = ()  # which of `after` begin a paragraph

    @property
    def applicable(self) -> bool:
        """Whether it can be applied to the letter: it has no gap."""
        return not any(GAP.search(one) for one in (*self.before, *self.after, self.anchor))

    @property
    def place(self) -> tuple[str, ...]:
        """What it changes: two lessons about the same cannot both hold."""
        return self.before or ("", self.anchor)

    def undoes(self, other: Change) -> bool:
        """Whether it takes back what the other brought."""
        return bool(self.before or self.after) and self.before == other.after and self.after == other.before


@dataclass(frozen=True, slots=True)
class Lesson:
    """A change, the situation it was made in, and the runs whose edits agree on it."""

    change: Change
    intent: str
    template: str
    language: str = ""
    situation: str = ""  # what the message was about, in words of the operator's own files
    agreeing: tuple[str, ...] = ()  # runs
    learned_at: int = 0  # the last time
    id: str = ""

    @property
    def fields(self) -> Json:
        """As a memory record keeps it."""
        change = self.change
        return {
            "lesson": self.id,
            "intent": self.intent,
            "template": self.template,
            "language": self.language,
            "before": list(change.before),
            "after": list(change.after),
            "anchor": change.anchor,
            "opens": list(change.opens),
            "agreeing": list(self.agreeing),
            "learned_at": self.learned_at,
        }


@dataclass(frozen=True, slots=True)
class Applied:
    """A draft with lessons: its text, those that it was given, and those that were withheld."""

    text: str
    given: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Learned:
    """What an edit teaches. `personal` changes cannot be told without the person, and are not kept."""

    changes: tuple[Change, ...] = ()
    personal: int = 0
    rewritten: bool = False  # too much was changed for it to be a lesson


def lesson_of(fields: Mapping[str, Any]) -> Lesson | None:
    """What `Lesson.fields` made; None for what is no lesson."""
    try:
        change = Change(
            tuple(map(str, fields["before"])),
            tuple(map(str, fields["after"])),
            str(fields.get("anchor", "")),
            tuple(map(bool, fields.get("opens", ()))),
        )
        return Lesson(
            change,
            str(fields["intent"]),
            str(fields["template"]),
            str(fields.get("language", "")),
            agreeing=tuple(map(str, fields.get("agreeing", ()))),
            learned_at=int(fields.get("learned_at", 0)),
            id=str(fields["lesson"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


# --- learning --------------------------------------------------------------------------------------------------


def learned(drafted: str, sent: str, person: Person, house: House) -> Learned:
    """The changes that lead from a draft to what was sent, as far as they concern more than this one person."""
    before, after = sentences(drafted), sentences(sent)
    old, new = ([one.text for one in units] for units in (before, after))
    changes: list[Change] = []
    personal = 0
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if sum(kind != "equal" for kind, *_ in blocks) and not any(kind == "equal" for kind, *_ in blocks):
        return Learned(rewritten=True)
    for kind, start, end, from_, to in blocks:
        if kind == "equal":
            continue
        for one in _pairs(before, after, (start, end), (from_, to)):
            kept = _kept(one, person, house)
            personal += kept is None
            if kept is not None and kept.before != kept.after:
                changes.append(kept)
    if len(changes) > CHANGES_MAX:
        return Learned(rewritten=True)
    return Learned(tuple(changes), personal)


def _pairs(
    before: Sequence[Sentence], after: Sequence[Sentence], old: tuple[int, int], new: tuple[int, int]
) -> list[Change]:
    """One change for each sentence where as many came as went; else for those alike at both ends, and for the rest."""
    (start, end), (from_, to) = old, new
    if end - start == to - from_:
        return [_one(before[at], after[by]) for at, by in zip(range(*old), range(*new), strict=True)]
    first: list[Change] = []
    last: list[Change] = []
    while start < end and from_ < to and _alike(before[start], after[from_]):
        first.append(_one(before[start], after[from_]))
        start, from_ = start + 1, from_ + 1
    while start < end and from_ < to and _alike(before[end - 1], after[to - 1]):
        last.append(_one(before[end - 1], after[to - 1]))
        end, to = end - 1, to - 1
    came = after[from_:to]
    # An addition is found again by the sentence before it, as it stands after the changes before it.
    anchor = "" if end > start else after[from_ - 1].text if from_ else ""
    rest = Change(
        tuple(one.text for one in before[start:end]),
        tuple(one.text for one in came),
        anchor,
        tuple(one.opens for one in came),
    )
    return [*first, rest, *reversed(last)]


def _one(before: Sentence, after: Sentence) -> Change:
    return Change((before.text,), (after.text,), "", (after.opens,))


def _alike(before: Sentence, after: Sentence) -> bool:
    """Whether one is the other, changed: more of its words stayed than went."""
    return edit_of(before.text, after.text).share <= ALIKE_MAX


def _kept(change: Change, person: Person, house: House) -> Change | None:
    """The change without the person; None where it says nothing then, or is a letter of its own."""
    if max(len(change.before), len(change.after)) > SENTENCES_MAX:
        return None

    def bare(texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(impersonal(text, person, house) for text in texts)

    (anchor,) = bare((change.anchor,))
    kept = replace(change, before=bare(change.before), after=bare(change.after), anchor=anchor)
    return kept if all(map(telling, (*kept.before, *kept.after))) else None


# --- applying --------------------------------------------------------------------------------------------------


def in_force(
    lessons: Sequence[Lesson], *, template: str, min_agreeing: int, to_the_letter: bool = True
) -> tuple[Lesson, ...]:
    """The lessons that hold for a template, in the order in which they were learned.

    A newer one that contradicts puts an older one out of force also where too few agree on the newer: the operator
    does not say the older any more.
    """
    ordered = sorted(
        (one for one in lessons if one.template == template), key=lambda one: (one.learned_at, one.id)
    )
    newest = {one.change.place: one for one in ordered}
    return tuple(
        one
        for one in ordered
        if newest[one.change.place] is one
        and len(set(one.agreeing)) >= min_agreeing
        and (one.change.applicable or not to_the_letter)
    )


def is_withheld(run: str, lesson: str, share: float) -> bool:
    """Whether this run does without the lesson, to measure what it is good for."""
    return fraction("lesson withheld", run, lesson) < share


def applied(
    text: str,
    lessons: Sequence[Lesson],
    *,
    run: str,
    values: Mapping[str, str | None],
    person: Person,
    house: House,
    rules: Rules,
) -> Applied:
    """The draft with every lesson that applies to it, save those that are withheld from this run."""
    if not lessons:
        return Applied(text)
    original = sentences(text)
    units = list(original)
    bare = [impersonal(one.text, person, house) for one in units]
    given: list[str] = []
    withheld: list[str] = []
    for lesson in lessons:
        placed = _place(lesson.change, bare)
        after = tuple(_filled(one, values) for one in lesson.change.after)
        if placed is None or None in after:
            continue
        if is_withheld(run, lesson.id, rules.withheld_share):
            withheld.append(lesson.id)
            continue
        start, end = placed
        _put(units, start, end, lesson.change, [one or "" for one in after])
        bare[start:end] = lesson.change.after
        given.append(lesson.id)
    if not given:
        return Applied(text, (), tuple(withheld))
    return Applied(with_changes(text, original, units), tuple(given), tuple(withheld))


def _place(change: Change, bare: Sequence[str]) -> tuple[int, int] | None:
    """Where in the draft the change belongs; None where it does not apply, or is there already."""
    length = len(change.before)
    if length:
        for start in range(len(bare) - length + 1):
            if tuple(bare[start : start + length]) == change.before:
                return start, start + length
        return None
    if change.after and change.after[0] in bare:
        return None
    if not change.anchor:
        return 0, 0
    at = next((place for place, one in enumerate(bare) if one == change.anchor), None)
    return None if at is None else (at + 1, at + 1)


def _put(units: list[Sentence], start: int, end: int, change: Change, after: Sequence[str]) -> None:
    """The sentences that come stand as they stood in the edited letter, or as what they replace."""
    opens = change.opens if len(change.opens) == len(after) else (False,) * len(after)
    opened = start == 0 or (end > start and units[start].opens)
    came = [Sentence(text, opens=one) for text, one in zip(after, opens, strict=True)]
    if came and end > start:
        came[0] = replace(units[start], text=after[0])
    units[start:end] = came
    if opened and start < len(units):
        units[start] = replace(units[start], opens=True, line=False)


def _filled(text: str, values: Mapping[str, str | None]) -> str | None:
    """The sentence with its placeholders filled; None where there is no value."""
    names = _PLACEHOLDER.findall(text)
    if any(values.get(name) is None for name in names):
        return None
    return _PLACEHOLDER.sub(lambda match: " ".join((values[match[1]] or "").split()), text)
