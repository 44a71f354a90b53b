"""Episodes: what happened, as the ledger tells it, in pieces that can be asked for and cited.

Rules of this file: it tells and selects, and reads nothing by itself. An episode is a run with the message that began
it, a memory, or a decision about the whole workspace; its sentences are those of `narration`, each with the position of
the event it tells. What was forgotten stays `[forgotten]` in them. Questions are answered with these sentences and with
nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mainstay.governance.explain import Story
from mainstay.governance.when import Period
from mainstay.kernel.events import (
    NUMBER_OF,
    ActionDenied,
    ActionEdited,
    AnnotationReviewed,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    DoubtResolved,
    Event,
    FileSaved,
    KillSwitchThrown,
    MemoryRecorded,
    MemoryRetracted,
    PolicyAdopted,
    RunCancelled,
    RunFailed,
    RunForked,
    RunPaused,
    RunResumed,
    RunSuperseded,
    ScopePaused,
    ScopeResumed,
    SpendingAllowed,
    TaskFailed,
    ThreadAnswered,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import event_name
from mainstay.memory.units import Unit

DECISIONS: tuple[type[Event], ...] = (
    ActionDenied,
    ActionEdited,
    AnnotationReviewed,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    DoubtResolved,
    FileSaved,
    KillSwitchThrown,
    MemoryRecorded,
    MemoryRetracted,
    PolicyAdopted,
    RunCancelled,
    RunFailed,
    RunForked,
    RunPaused,
    RunResumed,
    RunSuperseded,
    ScopePaused,
    ScopeResumed,
    SpendingAllowed,
    TaskFailed,
    ThreadAnswered,
    WorkflowRegistered,
    WorkflowRetired,
)
_DECISIVE = frozenset(event_name(NUMBER_OF[kind], 1).rpartition("/")[0] for kind in DECISIONS)
EXCERPT_CHAR_MAX = 300
TEXT_CHAR_MAX = 4_000

# "what did we decide about X" asks for X; the rest says what kind of sentence is wanted.
_FRAME = re.compile(
    r"^\s*(?:(?:so|and|please|hey|tell me|remind me|do you (?:know|remember))[ ,:]+)*"
    r"(?:what|why|when|who|how|where|which|whether|did|have|has|was|were)\b"
    r"(?:\s+(?:did|do|does|have|has|had|was|were|is|are|should))?(?:\s+[^\s?.!]+){0,4}?"
    r"\s+(?:decid\w*|decision\w*|say|said|do|done|agree\w*|happen\w*|settle\w*|reject\w*|approv\w*|refus\w*|answer\w*"
    r"|conclud\w*|change\w*|remember\w*|know)\b"
    r"(?:\s+(?:about|on|with|regarding|concerning|for|to|of|in the case of))?\s*",
    re.IGNORECASE,
)
_IDLE = re.compile(
    r"\b(?:anything|something|everything|all|decisions?|decided?|recently|lately|we|i|us|me)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that happened. `decision`: a person, or a rule of theirs, decided it."""

    position: int
    at: Instant
    text: str
    actor: str = ""
    event: str = ""
    decision: bool = False


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of an answer, and where it stands."""

    position: int
    at: Instant
    text: str
    actor: str
    event: str
    run: str  # empty where it belongs to no run
    workflow: str


@dataclass(frozen=True, slots=True)
class Episode:
    """What belongs together: a run, a memory, a decision about the workspace."""

    id: str
    workflow: str
    sentences: tuple[Sentence, ...]
    run: RunId | None = None

    @property
    def at(self) -> Instant:
        """When the last of it happened."""
        return max((one.at for one in self.sentences), default=Instant(0))

    @property
    def decided(self) -> bool:
        """Whether somebody decided something in it."""
        return any(one.decision for one in self.sentences)

    def unit(self) -> Unit:
        """The episode as what is searched."""
        text = " ".join(_stopped(one.text) for one in self.sentences)[:TEXT_CHAR_MAX]
        return Unit(self.id, text, at=self.at, kind="episode", recorded=self.sentences[0].position)

    def within(self, period: Period | None) -> bool:
        """Whether any of it happened then."""
        return period is None or any(period.since <= one.at < period.until for one in self.sentences)


def run_episode(story: Story, *, asked: str = "", said: dict[int, str] | None = None) -> Episode | None:
    """A run as an episode: the message that began it in a few words, and what was decided, denied or failed.

    `said` adds to the sentence at a position what it was about, for example the reply that was approved.
    """
    if story.run is None or not story.lines:
        return None
    first = story.lines[0]
    about = asked or f"A run of {story.workflow} began"
    sentences = [Sentence(first.position, first.at, about, first.actor, first.event)]
    for line in (*story.lines[1:], *(line for chapter in story.chapters for line in chapter.lines)):
        if line.event.rpartition("/")[0] in _DECISIVE:
            more = (said or {}).get(line.position, "")
            text = f"{_stopped(line.text)} {more}" if more else line.text
            sentences.append(Sentence(line.position, line.at, text, line.actor, line.event, decision=True))
    return Episode(
        story.run, story.workflow, tuple(sorted(sentences, key=lambda one: one.position)), RunId(story.run)
    )


def subject_of(question: str, period: Period | None) -> str:
    """What a question asks about, without its frame and its time; empty where it asks for whatever there was."""
    text = " ".join(question.split()).rstrip("?.! ")
    if period is not None and period.words:
        text = re.sub(re.escape(period.words), " ", text, flags=re.IGNORECASE)
    bare = _FRAME.sub("", text, count=1).strip(" ,?.!")
    return "" if not _IDLE.sub("", bare).strip(" ,?.!") else bare


def excerpt(text: str) -> str:
    """The beginning of a text on one line, as it is quoted."""
    flat = " ".join(text.split())
    return flat if len(flat) <= EXCERPT_CHAR_MAX else flat[: EXCERPT_CHAR_MAX - 1].rstrip() + "…"


def newest_first(episodes: Iterable[Episode]) -> Sequence[Episode]:
    """By the time of the last of it, then by name."""
    return sorted(episodes, key=lambda one: (-one.at, one.id))


def _stopped(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."
