"""`Workspace.ask`: what was decided about something, told from the ledger with the positions that say so.

Rules of this file: it reads and never decides; it works beside a director. The newest runs within the period are told
as episodes, searched by words and then, among the best of those and the newest, by meaning. The answer is made of their
own sentences. Texts are personal: the index lives in memory for one question, and no vector of them is kept. How far
back it looked is part of the answer. A summary by a model is made only where one is configured that costs nothing,
since a question is no run and has no budget; each of its citations is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.governance.episodes import (
    DECISIONS,
    Cited,
    Episode,
    Sentence,
    excerpt,
    newest_first,
    run_episode,
    subject_of,
)
from mainstay.governance.narration import say
from mainstay.governance.when import Period, read_period
from mainstay.kernel.errors import NotFound
from mainstay.kernel.events import NUMBER_OF, MemoryRecorded
from mainstay.kernel.ids import WORKSPACE, SubjectId
from mainstay.kernel.values import SECOND, Digest, Instant, Json
from mainstay.ledger.codec import event_name
from mainstay.ledger.store import EventReader, Version
from mainstay.memory.index import new_index
from mainstay.memory.keywords import words
from mainstay.memory.policy import Recency, RetrievalPolicy
from mainstay.memory.recall import recall
from mainstay.memory.records import CONTENT, decoded
from mainstay.runtime.artifacts import FORGOTTEN, SubjectForgotten
from mainstay.workspace.ask_summary import free_summary

if TYPE_CHECKING:
    from mainstay.governance.explain import Story
    from mainstay.ledger.store import RecordedEvent
    from mainstay.models.base import Embedder
    from mainstay.runtime.artifacts import Artifacts
    from mainstay.workspace.folder import Folder
    from mainstay.workspace.language_models import LanguageModels

RUN_MAX = 400  # runs that are told for one question
MEMORY_MAX = 200
_IMPORTED = frozenset({"chunk", "document"})  # kinds of what was imported: nobody decided it, and it is many
PAGE = 1_000  # memories read at once
HOUSE_EVENT_MAX = 500
SHORTLIST = 40  # episodes that are compared by meaning: some half a second
NEWEST = 20  # of these, so many for being the newest, whatever their words
EPISODE_MAX = 4  # in an answer
SENTENCE_MAX = 5  # of one episode
ALIKE_MIN = 0.38  # without a common word, so alike at least
WORTH_MIN = 0.6  # of the best score

_POLICY = RetrievalPolicy("ask", hits_max=SHORTLIST, token_max=1_000_000, recency=Recency(60.0, weight=0.05))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger says to a question. Nothing found: `sentences` are empty."""

    question: str
    about: str  # what was looked for; empty: whatever was decided
    sentences: tuple[Cited, ...]
    summary: str = ""  # by a model; each position that it cites is one of `sentences`
    since: Instant | None = None
    until: Instant | None = None
    looked_at: int = 0  # runs that were told
    oldest: Instant | None = None  # of those
    complete: bool = True  # no run of the period was left out
    by_meaning: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """What a question is answered from, as the workspace gives it."""

    store: Callable[[], EventReader]
    explain: Callable[[str], Story]
    message: Callable[[Json], Json]  # of a row of the view `messages`
    card: Callable[[str], str]  # the text of a card
    opened: Callable[[RecordedEvent], Any]
    artifacts: Callable[[], Artifacts]
    embedder: Callable[[], Embedder | None]
    models: Callable[[], LanguageModels | None]


class Asking:
    """Questions to one workspace's past."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def ask(
        self,
        question: str,
        *,
        now: Instant,
        since: Instant | None = None,
        until: Instant | None = None,
        workflow: str = "",
        run_max: int = RUN_MAX,
        by_meaning: bool = True,
    ) -> Answer:
        """The sentences that answer best, newest last within an episode, best episode first."""
        named = read_period(question, now)
        period = _narrowed(named, since, until, now)
        about = subject_of(question, named)
        rows, complete = self._runs(period, workflow, run_max)
        told = [*self._run_episodes(rows), *([] if workflow else (*self._memories(), *self._house()))]
        episodes = [one for one in told if one.decided and one.within(period)]
        if about:
            found, meant = self._best(about, episodes, now, by_meaning)
        else:
            found, meant = list(newest_first(episodes)[: 2 * EPISODE_MAX]), False
        sentences = tuple(cited for episode in found for cited in _cited(episode, period))
        models = self._sources.models() if sentences else None
        return Answer(
            question,
            about,
            sentences,
            summary="" if models is None else free_summary(question, sentences, models),
            since=period.since if period else None,
            until=period.until if period else None,
            looked_at=len(rows),
            oldest=Instant(min(int(row["started_at"] or 0) for row in rows)) if rows else None,
            complete=complete,
            by_meaning=meant,
        )

    # --- what there is -----------------------------------------------------------------------------------------------

    def _runs(self, period: Period | None, workflow: str, run_max: int) -> tuple[list[Json], bool]:
        """The newest runs that may be meant, and whether those are all. Run ids begin with their time."""
        where = {"workflow": workflow} if workflow else {}
        after = f"{(period.until + SECOND) // 1_000:012x}" if period is not None else None
        rows = self._sources.store().select(
            "runs", where=where, order="run", descending=True, after=after, limit=run_max + 1
        )
        return [dict(row) for row in rows[:run_max]], len(rows) <= run_max

    def _run_episodes(self, rows: Iterable[Json]) -> Iterator[Episode]:
        for row in rows:
            run = str(row["run"])
            story = self._sources.explain(run)
            episode = run_episode(story, asked=self._asked(row), said=self._said(run, story))
            if episode is not None:
                yield episode

    def _asked(self, row: Json) -> str:
        received = self._sources.store().get("messages", (row["message"],)) if row["message"] else None
        message = self._sources.message(dict(received)) if received is not None else None
        if not message:
            return ""
        text = excerpt(str(message.get("new_text") or message.get("text") or ""))
        who = str(message.get("from_name") or message.get("from_address") or "somebody")
        subject = str(message.get("subject") or "")
        return f"{who} wrote: {subject}. {text}" if text else f"{who} wrote: {subject}"

    def _said(self, run: str, story: Story) -> dict[int, str]:
        """What was in the effect that somebody said yes or no to, by the position of the answer."""
        cards = self._sources.store().select("approvals", where={"run": run}, limit=20)
        by_task = {int(str(card["task"])): str(card["approval"]) for card in cards if card["decided_at"]}
        said: dict[int, str] = {}
        for chapter in story.chapters:
            if chapter.task not in by_task:
                continue
            for line in chapter.lines:
                if line.event.startswith(("approval.granted/", "approval.rejected/", "action.edited/")):
                    text = excerpt(self._sources.card(by_task[chapter.task]))
                    if text:
                        said[line.position] = f'The text was: "{text}"'
        return said

    def _memories(self) -> Iterator[Episode]:
        """What was written down. Messages and replies are told with their runs."""
        for row in islice(self._written(), MEMORY_MAX):
            text = self._text(row)
            gone = f", taken back at #{row['retracted']}" if row["retracted"] else ""
            later = f", replaced at #{row['superseded']}" if row["superseded"] else ""
            sentence = Sentence(
                int(row["recorded"]),
                Instant(int(row["recorded_at"])),
                f"{row['actor'] or 'Somebody'} put a {row['kind']} into {row['space']}{gone}{later}: {excerpt(text)}",
                str(row["actor"] or ""),
                event_name(NUMBER_OF[MemoryRecorded], 1),
                decision=True,
            )
            yield Episode(f"{row['memory']}@{row['version']}", "", (sentence,))

    def _written(self) -> Iterator[Json]:
        """Memories, newest first, without the pieces of imported documents: a handbook would push out every note."""
        after: int | None = None
        while True:
            rows = self._sources.store().select(
                "memories", order="recorded", descending=True, after=after, limit=PAGE
            )
            yield from (dict(row) for row in rows if row["kind"] not in _IMPORTED)
            if len(rows) < PAGE:
                return
            after = int(str(rows[-1]["recorded"]))

    def _text(self, row: Json) -> str:
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        try:
            return decoded(self._sources.artifacts().get(Digest(str(row["content"])), subject, CONTENT)).text
        except SubjectForgotten:
            return FORGOTTEN
        except (NotFound, msgspec.DecodeError):
            return "[its text is missing]"

    def _house(self) -> Iterator[Episode]:
        """Decisions about the whole workspace: switches, pauses, policies, limits."""
        store = self._sources.store()
        after = Version(max(0, store.version(WORKSPACE) - HOUSE_EVENT_MAX))
        for recorded in store.read(WORKSPACE, after=after):
            event = self._sources.opened(recorded)
            if isinstance(event, DECISIONS):
                text = say(event, self._sources.artifacts().open_text)
                name = event_name(NUMBER_OF[type(event)], recorded.schema)
                one = Sentence(recorded.position, recorded.at, text, recorded.actor, name, decision=True)
                yield Episode(f"house@{recorded.position}", "", (one,))

    # --- what answers ------------------------------------------------------------------------------------------------

    def _best(
        self, about: str, episodes: Sequence[Episode], now: Instant, by_meaning: bool
    ) -> tuple[list[Episode], bool]:
        by_id = {one.id: one for one in episodes}
        index = new_index()
        index.add(one.unit() for one in episodes)
        worded = [hit.unit.id for hit in recall(_POLICY, about, index, now=now).hits]
        embedder = self._sources.embedder() if by_meaning else None
        if embedder is not None:
            newest = [one.id for one in newest_first(episodes)[:NEWEST]]
            listed = list(dict.fromkeys((*worded[: SHORTLIST - NEWEST], *newest)))
            index = new_index(embedder)
            index.add(by_id[one].unit() for one in listed)
            while index.fill(SHORTLIST):
                pass
        asked = frozenset(words(about))
        hits = recall(replace(_POLICY, hits_max=2 * EPISODE_MAX), about, index, now=now).hits
        worth = [
            hit
            for hit in hits
            if asked & set(words(hit.unit.text)) or hit.features.get("vector", 0.0) >= ALIKE_MIN
        ]
        best = max((hit.score for hit in worth), default=0.0)
        kept = [by_id[hit.unit.id] for hit in worth if hit.score >= WORTH_MIN * best]
        return kept[:EPISODE_MAX], embedder is not None


def passing_embedder(folder: Folder) -> Embedder | None:
    """The embedder of this device without its cache: no vector of what is read for a question is kept."""
    from mainstay.models.base import Unavailable
    from mainstay.models.embedder import find_embedder

    found = find_embedder(folder.cache)
    return None if isinstance(found, Unavailable) else found


def _narrowed(
    named: Period | None, since: Instant | None, until: Instant | None, now: Instant
) -> Period | None:
    """The period of the question within that of the options."""
    if named is None and since is None and until is None:
        return None
    begin = max(since or 0, named.since if named else 0)
    end = min(until or now + SECOND, named.until if named else now + SECOND)
    return Period(Instant(begin), Instant(end), named.words if named else "")


def _cited(episode: Episode, period: Period | None) -> list[Cited]:
    """What began it, and what was decided last in it."""
    first, *rest = episode.sentences
    decided = [
        one for one in rest if one.decision and (period is None or period.since <= one.at < period.until)
    ]
    chosen = [first, *decided[-(SENTENCE_MAX - 1) :]]
    return [
        Cited(one.position, one.at, one.text, one.actor, one.event, episode.run or "", episode.workflow)
        for one in chosen
    ]
