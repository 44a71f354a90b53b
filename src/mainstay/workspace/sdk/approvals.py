"""`Approvals`: the cards that wait, as a list and one by one, and what of them was decided.

Lists are quick however many wait; a card is read whole. Answering is left to `sdk.deciding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.governance.asked_again import AskedAgain, asked_again
from mainstay.governance.cards_waiting import cards_waiting
from mainstay.kernel.errors import ConfigError, NotFound
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_card, find_id
from mainstay.workspace.cards import PAGE, Card, CardLine, CardReader, Leaving, Preview
from mainstay.workspace.sdk.desks import Desks

if TYPE_CHECKING:
    from mainstay.workspace.card_queue import Alike, CardQueue, Queue


class Approvals(Desks):
    """What can be asked about cards; with the rules at hand, which say what a kind of act lacks to go by itself."""

    def approvals(self, *, limit: int = 100, status: str = "waiting", put_off: bool = False) -> list[Card]:
        """The cards that wait, oldest first, each read whole; `put_off`: also those that are snoozed."""
        reader = self._reader
        rows = reader.rows(now=self._clock.now(), limit=limit, status=status, put_off=put_off)
        return [reader.card(row) for row in rows]

    def cards(self, *, limit: int = PAGE, status: str = "waiting", put_off: bool = False) -> list[CardLine]:
        """The same as a list shows them: quick, however many wait."""
        reader = self._reader
        rows = reader.rows(now=self._clock.now(), limit=limit, status=status, put_off=put_off)
        return [reader.line(row) for row in rows]

    def glance(self, short: str) -> CardLine:
        """One card as a list shows it. Raises `NotFound` or `AmbiguousId`."""
        return self._reader.line(find_card(self._store, short))

    def approval(self, short: str) -> Card:
        """One card. Raises `NotFound` or `AmbiguousId`."""
        return self._reader.card(find_card(self._store, short))

    def waiting(self) -> int:
        """How many cards wait now; those that are put off do not."""
        return cards_waiting(self._store, self._clock.now())[0]

    def put_off(self) -> int:
        """How many cards are snoozed, and will come back."""
        return cards_waiting(self._store, self._clock.now())[1]

    def overtaken(self, *, limit: int = PAGE) -> list[CardLine]:
        """Cards that rules, or what came later, withdrew before anybody answered; the newest first."""
        rows = [
            row
            for status in ("denied", "superseded", "withdrawn")
            for row in self._store.select(
                "approvals", where={"status": status}, order="requested_at", descending=True, limit=limit
            )
        ]
        newest = sorted(rows, key=lambda row: row["decided_at"] or 0, reverse=True)[:limit]
        return [self._reader.line(row) for row in newest]

    def queue(self, show: str = "waiting", *, start: str = "", chosen: str = "", limit: int = PAGE) -> Queue:
        """A page of the cards that are "waiting", "put-off" or "decided" (newest first), with the ways on from it.

        It begins with the card `start`; without that it is the first one, or the one on which `chosen` lies.
        """
        return self._queue.page(show, start=start, chosen=chosen, limit=limit)

    def next_to(self, approval: str, show: str = "waiting") -> str:
        """The card that is read after this one, which may have been decided; empty if there is none."""
        return self._queue.next_to(approval, show)

    def in_its_place(self, approval: str) -> str:
        """The card that waits now for the act of a card that was decided or withdrawn; empty if there is none."""
        return self._queue.in_its_place(approval)

    def asked_again(self, approval: str) -> AskedAgain | None:
        """Where what this card was about is asked anew, after it was rejected or expired; None where nowhere."""
        return asked_again(self._store, find_card(self._store, approval))

    def to_ask_again(self, run: str, task: str = "") -> str:
        """The one card of a run that was rejected and is asked about nowhere; empty where there is none, or several."""
        found = find_id(self._store, "runs", "run", run)
        rows = self._store.select("approvals", where={"run": found, "status": "rejected"}, limit=PAGE)
        rows = [row for row in rows if asked_again(self._store, row) is None]
        if task and rows:
            _, state = self.run(found)
            rows = [row for row in rows if task in (str(row["task"]), state.name(int(str(row["task"]))))]
        return str(rows[0]["approval"]) if len(rows) == 1 else ""

    def alike(self) -> list[Alike]:
        """What waits, by kind and finality: what can be decided together, and what only by itself."""
        return self._queue.alike()

    def preview(self, act: str, *, workflow: str = "", kind_class: str = "") -> Preview:
        """The waiting cards of an act that can be decided together. Raises `CommandRefused` where they differ."""
        return self._reader.preview(act, workflow=workflow, kind_class=kind_class, now=self._clock.now())

    def leaving(self) -> list[Leaving]:
        """What was approved, or goes by itself, and can still be taken back."""
        return self._reader.leaving()

    def undo_window_us(self) -> int:
        """For how long what was approved can be taken back before it leaves; 0: it leaves at once."""
        from mainstay.config.approvals import read_approvals

        return read_approvals(self._top().table("approvals")).undo_us

    @property
    def _reader(self) -> CardReader:
        return CardReader(
            *(self._store, lambda: self._artifacts, self._events, self._view, self._standing_of),
            self._found_in,
        )

    @property
    def _queue(self) -> CardQueue:
        from mainstay.workspace.card_queue import CardQueue

        return CardQueue(self._store, self._reader.line, self._clock.now())

    def _found_in(self, text: str) -> tuple[Json, ...]:
        """What the checks of an edit find in a text; where the files say nothing that can be read, so much."""
        from mainstay.agents.checks.own_words import inspect_own_words
        from mainstay.config.files import load_workspace_files
        from mainstay.workspace.agents import house_rules

        try:
            rules = house_rules(load_workspace_files(self.folder.root, workflows=False))
        except ConfigError as error:
            remark = f"the checks of an edit could not be made: {error.what}"
            return ({"check": "not-checked", "severity": "look", "remark": remark, "remedy": error.remedy},)
        return tuple(
            {"check": one.check, "severity": one.severity, "remark": one.remark, "remedy": one.remedy}
            for one in inspect_own_words(text, "", rules)
        )

    def _standing_of(self, kind: str) -> str:
        """What is missing until a kind of act stops asking; nothing is said of one that nobody decided about."""
        if not kind or self._store.get("autonomy", (kind,)) is None:
            return ""
        from mainstay.config.autonomy import read_autonomy
        from mainstay.governance.autonomy import missing

        # Of the settings only this table is read: a card is looked at all day.
        rules = read_autonomy(self._top().table("autonomy")).of(kind)
        try:
            policy = self.policies.policy()
        except (ConfigError, NotFound):
            policy = None  # the rules say nothing of it that can be told
        return missing(self._store, kind, rules, now=self._clock.now(), policy=policy)
