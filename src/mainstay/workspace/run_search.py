"""`Workspace.run_search`: runs by what is known of them, a page at a time, and by what they are about.

    page = workspace.run_search.page(RunFilter(status="failed"), limit=50)
    found = workspace.run_search.find("late delivery")

Rules of this file:

- A page is read in the order of an index from where the last one ended, and never by counting rows that came before.
  Of what no index tells apart it looks at `LOOK_MAX` runs and says how far it came.
- What a run is about is sealed. It is opened for the rows that are shown, and of `OPENED_MAX` runs at a time to look
  for words, from the newest back as far as somebody goes on; an address is found by its keyed hash. No text is kept,
  and no index of words lies on the disk (adr/0013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mainstay.kernel.errors import AmbiguousId, MainstayError, NotFound
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.short_ids import SHORT_ID_MIN, find_id
from mainstay.ledger.store import EventReader, Value
from mainstay.memory.keywords import words
from mainstay.runtime.artifacts import FORGOTTEN
from mainstay.workspace.run_filter import (
    ALL,
    LEFT,
    OPEN,
    ORIGINS,
    STATUSES,
    WAITING,
    RunFilter,
    fits,
    indexed,
    newest_first,
    of_the_row,
    origin_of,
    require,
    told_apart,
)
from mainstay.workspace.run_found import FoundRun, RunFindings, RunPage
from mainstay.workspace.run_titles import RunTitles

if TYPE_CHECKING:
    from mainstay.memory.context import Context
    from mainstay.runtime.artifacts import Artifacts

PAGE = 50
LOOK_MAX = 1_500  # runs that one page looks at for what no index tells apart
SLICE = 250
OPENED_MAX = 10_000  # runs whose title and sender are opened for one look: a quarter to half a second
FOUND_MAX = 100  # of them; then the look ends there
HITS_MAX = 60  # messages that the memory's index gives for some words
NEAR = 200  # runs after a message, of the same sender, among which those that answer it are looked for
_UNANSWERED: dict[str, Value] = {"status": "waiting"}
CARDS_FEW = 200  # waiting cards whose runs are looked up; of more, the newest runs are asked for theirs


@dataclass(slots=True)
class _Look:
    """How far titles were looked through, and what was found."""

    found: list[Json] = field(default_factory=list)
    last: Json = field(default_factory=dict)
    opened: int = 0
    looks: int = 0
    over: bool = False  # there are no runs before the last one


@dataclass(slots=True)
class RunSearch:
    """Lists and finds runs of one workspace. Reading takes no lock."""

    store: Callable[[], EventReader]
    artifacts: Callable[[], Artifacts]
    titles: RunTitles
    recalled: Callable[[str], Context]  # messages and replies by words
    left: Callable[[], list[Json]]  # runs whose message is left to the operator, as rows

    def page(self, wanted: RunFilter = ALL, *, limit: int = PAGE, before: int = 0, after: int = 0) -> RunPage:
        """The newest runs that are meant; those that began `before` a position, or the next `after` one."""
        require(wanted)
        waits = wanted.status == WAITING and self.store().count("approvals", where=_UNANSWERED) > CARDS_FEW
        if of_the_row(wanted) != wanted.status and not waits:
            return self._few(wanted, limit, before, after)
        upwards = bool(after)
        rows, more, stopped = self._rows(wanted, limit, before=before, after=after)
        if upwards:
            rows.reverse()
        found = self._shown(rows)
        first, last = (rows[0], rows[-1]) if rows else ({}, {})
        beyond = int(stopped.get("position") or 0)
        if upwards:
            older, newer = int(last.get("position") or 0), int(first.get("position") or 0) if more else beyond
        else:
            older, newer = int(last.get("position") or 0) if more else beyond, 0
            if before:
                newer = int(first.get("position") or before - 1)
        back_to = Instant(int(stopped.get("started_at") or 0))
        return RunPage(found, older=older, newer=newer, back_to=back_to)

    def find(self, text: str, wanted: RunFilter = ALL, *, before: int = 0) -> RunFindings:
        """The runs that an id, an address or some words mean, newest first; `before`: where the last look ended."""
        require(wanted)
        text = " ".join(text.split())
        meant = replace(wanted, status=of_the_row(wanted))
        named = self._named(text) if not before else []
        if named:
            return RunFindings(text, self._only(wanted, self._shown(newest_first(named, meant))), by_id=True)
        if "@" in text.strip("@") and " " not in text:
            subject = self.artifacts().vault.subject(text)
            rows, more, _ = self._rows(replace(meant, subject=subject), PAGE, before=before)
            shown = self._only(wanted, self._shown(rows))
            return RunFindings(text, shown, by_words=False, older=_position(rows[-1]) if more else 0)
        look = self._opened(text, meant, before)
        found = {str(row["run"]): row for row in look.found}
        why_not = ""
        if not before:
            try:
                found |= {str(row["run"]): row for row in self._worded(text)}
            except MainstayError as error:
                why_not = error.what
        return RunFindings(
            text,
            self._only(wanted, self._shown(newest_first(found.values(), meant))),
            by_words=not before and not why_not,
            why_not=why_not,
            opened=look.opened,
            back_to=Instant(int(look.last.get("started_at") or 0)),
            older=0 if look.over else _position(look.last),
        )

    def shown(self, rows: Iterable[Json]) -> tuple[FoundRun, ...]:
        """Rows of the view `runs` as a list shows them."""
        return self._shown(list(rows))

    # --- pages -----------------------------------------------------------------------------------------------------

    def _rows(
        self, wanted: RunFilter, limit: int, *, before: int = 0, after: int = 0
    ) -> tuple[list[Json], bool, Json]:
        """Rows in order, whether there are more, and the last one that was looked at where the look ended there."""
        store, upwards, waits = self.store(), bool(after), wanted.status == WAITING
        wanted = replace(wanted, status=of_the_row(wanted))
        where = indexed(wanted)
        first = self._last_before(wanted.since) if wanted.since else 0
        last = self._last_before(wanted.until) + 1 if wanted.until else 0
        at = max(after, first) if upwards else min(filter(None, (before, last)), default=0)
        alone = not waits and all(where.get(name) == value for name, value in told_apart(wanted).items())
        rows: list[Json] = []
        looked = 0
        while True:
            size = limit + 1 - len(rows) if alone else SLICE
            some = store.select(
                "runs", where=where, order="position", descending=not upwards, after=at or None, limit=size
            )
            for row in some:
                position = int(str(row["position"] or 0))
                if (not upwards and position <= first) or (upwards and last and position >= last):
                    return rows, False, {}
                looked += 1
                if fits(row, wanted) and (not waits or self._waits(row)):
                    if len(rows) == limit:
                        return rows, True, {}
                    rows.append(dict(row))
            if len(some) < size:
                return rows, False, {}
            at = int(str(some[-1]["position"]))
            if looked >= LOOK_MAX:
                return rows, False, dict(some[-1])

    def _few(self, wanted: RunFilter, limit: int, before: int, after: int) -> RunPage:
        """The runs of which a card waits, or whose message is left to the operator: few, and sorted as they come."""
        store = self.store()
        if wanted.status == LEFT:
            rows = self.left()
        else:
            rows = [row for run in self._waiting_cards() if (row := store.get("runs", (run,))) is not None]
        meant = replace(wanted, status="")
        ordered = newest_first(rows, meant)
        if after:
            newer = [row for row in ordered if row["position"] > after]
            part, rest = newer[-limit:], newer[:-limit]
            return RunPage(
                self._shown(part),
                older=part[-1]["position"] if part else 0,
                newer=part[0]["position"] if rest else 0,
            )
        later = [row for row in ordered if not before or row["position"] < before]
        part, more = later[:limit], len(later) > limit
        return RunPage(
            self._shown(part),
            older=part[-1]["position"] if more else 0,
            newer=part[0]["position"] if before and part else 0,
        )

    def _last_before(self, at: int) -> int:
        """The position of the last run that began before this moment; 0 where none did."""
        store = self.store()
        low, high = 0, int(store.head)
        while low < high:
            middle = (low + high) // 2
            rows = store.select("runs", order="position", after=middle, limit=1)
            if rows and int(str(rows[0]["started_at"])) < at:
                low = int(str(rows[0]["position"]))
            else:
                high = middle
        return low

    # --- finding ---------------------------------------------------------------------------------------------------

    def _named(self, text: str) -> list[Json]:
        """The runs that a whole or short id means, of theirs or of a card; none where nothing has it."""
        asked = text.lower()
        if len(asked) < SHORT_ID_MIN or not all(one in "0123456789abcdef" for one in asked):
            return []
        store = self.store()
        cards = [store.get("approvals", (one,)) for one in self._ids("approvals", "approval", asked)]
        runs = dict.fromkeys([*self._ids("runs", "run", asked), *(str(one["run"]) for one in cards if one)])
        return [row for one in runs if (row := store.get("runs", (one,))) is not None]

    def _ids(self, table: str, column: str, asked: str) -> list[str]:
        """The ids in a view that a whole or short one means."""
        try:
            return [find_id(self.store(), table, column, asked)]
        except AmbiguousId as error:
            return [str(one) for one in error.fields["candidates"]]
        except NotFound:
            return []

    def _opened(self, text: str, wanted: RunFilter, before: int) -> _Look:
        """Of the runs that are meant those with the text in their title, their sender or their workflow's name."""
        asked, look = text.casefold(), _Look()
        while not look.over and look.looks * SLICE < OPENED_MAX and len(look.found) < FOUND_MAX:
            rows, more, stopped = self._rows(wanted, SLICE, before=_position(look.last) or before)
            look.looks += 1
            look.over = not more and not stopped
            for row in rows:
                look.last = row
                look.opened += 1
                if any(asked in one.casefold() for one in (*self.titles.found_by(row), str(row["workflow"]))):
                    look.found.append(row)
                    if len(look.found) == FOUND_MAX:
                        look.over = look.over and row is rows[-1]
                        return look
            look.last = stopped or look.last
        return look

    def _worded(self, text: str) -> Iterator[Json]:
        """The runs of the messages that the memory's index has for the words."""
        asked = frozenset(words(text))
        store = self.store()
        for hit in self.recalled(text).hits:
            kind, _, name = hit.unit.id.rpartition("@")[0].partition(":")  # "message:key@version"
            if not asked & set(words(hit.unit.text)):
                continue  # alike in meaning alone: whoever searches for words did not ask for it
            if kind == "reply":
                row = store.get("runs", (name.partition(":")[0],))
                if row is not None:
                    yield dict(row)
            elif kind == "message":
                yield from self._begun_by(name)

    def _begun_by(self, message: str) -> Iterator[Json]:
        store = self.store()
        received = store.get("messages", (message,))
        if received is None:
            return
        after = int(str(received["position"]))
        whose = {"subject": received["subject"]} if received["subject"] else {}
        for row in store.select("runs", where=whose, order="position", after=after, limit=NEAR):
            if row["message"] == message:
                yield dict(row)

    # --- rows ------------------------------------------------------------------------------------------------------

    def _shown(self, rows: list[Json]) -> tuple[FoundRun, ...]:
        cards = self._cards_of([str(row["run"]) for row in rows if row["status"] in OPEN])
        return tuple(self._row(row, cards) for row in rows)

    def _row(self, row: Json, cards: Mapping[str, str]) -> FoundRun:
        title, sender = self.titles.of(row)
        return FoundRun(
            run=str(row["run"]),
            workflow=str(row["workflow"]),
            definition=Digest(str(row["definition"])),
            status=str(row["status"]),
            origin=origin_of(row),
            title=title,
            sender=sender,
            started_at=Instant(int(row["started_at"] or 0)),
            ended_at=Instant(int(row["ended_at"])) if row["ended_at"] else None,
            spent_micros=int(row["spent"] or 0),
            parent=str(row["parent"] or ""),
            position=int(row["position"] or 0),
            card=cards.get(str(row["run"]), ""),
        )

    def _cards_of(self, runs: Iterable[str]) -> dict[str, str]:
        """The oldest card that waits, of these runs: there may be ten thousand others."""
        store, found = self.store(), {}
        for run in runs:
            where: dict[str, Value] = {"run": run, "status": "waiting"}
            for row in store.select("approvals", where=where, order="requested_at", limit=1):
                found[run] = str(row["approval"])
        return found

    def _waits(self, row: Mapping[str, Value]) -> bool:
        return row["status"] in OPEN and bool(self._cards_of((str(row["run"]),)))

    def _waiting_cards(self) -> dict[str, str]:
        """The cards that wait, by run; of several of one run the oldest."""
        rows = self.store().select(
            "approvals",
            where=_UNANSWERED,
            order="requested_at",
            descending=True,
            limit=CARDS_FEW,
        )
        return {str(row["run"]): str(row["approval"]) for row in rows}

    def _only(self, wanted: RunFilter, found: tuple[FoundRun, ...]) -> tuple[FoundRun, ...]:
        if wanted.status == LEFT:
            left = {str(row["run"]) for row in self.left()}
            return tuple(one for one in found if one.run in left)
        return tuple(one for one in found if one.card) if wanted.status == WAITING else found


def _position(row: Json) -> int:
    return int(row.get("position") or 0)


__all__ = ["FORGOTTEN", "ORIGINS", "STATUSES", "FoundRun", "RunFilter", "RunFindings", "RunPage", "RunSearch"]
