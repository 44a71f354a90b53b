"""What a form that edits a file sent, and what comes back besides it: mistakes, a preview, what others wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.datastructures import FormData

from mainstay.console import forms
from mainstay.console.lines_diff import Row
from mainstay.kernel.errors import ConfigError, MainstayError
from mainstay.kernel.ids import digest
from mainstay.workspace.editing import EditPreview, Saved

TEXT_MAX, NAME_MAX, DIGEST_MAX = 300_000, 120, 128


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form sent, or begins with."""

    text: str
    shown: str = ""  # the file as it was shown; empty: there is none yet
    previewed: str = ""  # the text whose preview was shown
    name: str = ""

    @property
    def mark(self) -> str:
        """By which this text is known again."""
        return digest(self.text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class JudgedOtherwise:
    """Waiting cards of one act that would be judged otherwise in the same way."""

    act: str
    now: str
    now_rule: str
    then: str
    then_rule: str
    cards: Sequence[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What comes back besides what was typed."""

    errors: Sequence[ConfigError] = ()
    elsewhere: Sequence[ConfigError] = ()
    refused: MainstayError | None = None
    fine: bool = False  # it was checked, and nothing is wrong
    preview: EditPreview | None = None
    rows: Sequence[Row] = ()
    meanwhile: Sequence[Row] | None = None  # what somebody wrote since it was shown; None: nobody did
    against: Sequence[Row] = ()  # what would take the place of that
    judged: Sequence[JudgedOtherwise] = ()
    lines: Sequence[str] = field(default_factory=tuple)  # of the text, for quoting them beside a mistake

    def line(self, number: int | None) -> str:
        """A line of the text; empty where there is none."""
        return self.lines[number - 1] if number and number <= len(self.lines) else ""


def typed_in(fields: FormData) -> Typed:
    """What was sent. Raises `Refused` for what is too long."""
    return Typed(
        forms.text(fields, "text", most=TEXT_MAX),
        forms.text(fields, "shown", most=DIGEST_MAX),
        forms.text(fields, "previewed", most=DIGEST_MAX),
        forms.text(fields, "name", most=NAME_MAX),
    )


def judged_otherwise(found: EditPreview) -> Sequence[JudgedOtherwise]:
    """The cards that rules would judge otherwise, those that are judged alike together; the most frequent first."""
    alike: dict[tuple[str, str, str, str, str], list[str]] = {}
    for one in found.rules.cards if found.rules is not None else ():
        key = (one.act, str(one.old.decision), one.old.rule, str(one.new.decision), one.new.rule)
        alike.setdefault(key, []).append(one.approval)
    told = [JudgedOtherwise(*key, cards) for key, cards in alike.items()]
    return sorted(told, key=lambda one: -len(one.cards))


def said_of(saved: Saved, *, removed: bool = False) -> str:
    """One line for the next page."""
    done_ = f"{saved.file} is removed" if removed else f"{saved.file} is saved"
    if saved.waits_for:
        return f"{done_}. It is not in force yet: {saved.waits_for[0]}"
    if saved.changed:
        return f"{done_}; {'; '.join(saved.changed)}."
    return f"{done_}. What is in force stays the same."
