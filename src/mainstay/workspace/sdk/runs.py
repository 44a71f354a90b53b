"""`Runs`: rows of runs, one run and its events, its story, reports, and the messages that began them.

A run is folded from its events each time: no view is asked what a run is. Searching and looking at runs as pages show
them is left to `run_search` and `run_desk` (`sdk.desks`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import WORKSPACE, RunId, SubjectId, run_stream
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_id
from mainstay.ledger.store import Position, Version
from mainstay.workspace.cards import message_of
from mainstay.workspace.sdk.opened import Opened

if TYPE_CHECKING:
    from mainstay.governance.explain import Story
    from mainstay.governance.report import Report
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import RecordedEvent


class Runs(Opened):
    """What can be asked about runs."""

    def runs(self, *, status: str = "", limit: int = 50, before: str = "") -> list[Json]:
        """Rows of runs, newest first; `before` is the run id to go on from."""
        where = {"status": status} if status else {}
        after = (self._store.get("runs", (before,)) or {}).get("position") if before else None
        return self._store.select(
            "runs", where=where, order="position", descending=True, after=after, limit=limit
        )

    def run(self, short: str) -> tuple[Json, RunState]:
        """A run's row and its state, folded from the ledger. Raises `NotFound` or `AmbiguousId`."""
        from mainstay.kernel.run import evolve, nothing

        found = find_id(self._store, "runs", "run", short)
        row = self._store.get("runs", (found,))
        assert row is not None
        state = nothing(RunId(found))
        for _, event in self._events(found):
            state = evolve(state, event)
        return row, state

    def events(
        self, short: str, *, after: int = 0, limit: int | None = None
    ) -> list[tuple[RecordedEvent, Any]]:
        """The events of a run as they stand in the ledger: after this version of it, and so many at most."""
        found = find_id(self._store, "runs", "run", short)
        read = self._store.read(run_stream(RunId(found)), after=Version(after))
        return [(one, self._codec.event(one)) for one in islice(read, limit)]

    def explain(self, short: str) -> Story:
        """Who did what, when, why, and from which evidence."""
        from mainstay.governance.explain import explain

        found = find_id(self._store, "runs", "run", short)
        events = sorted((*self._events(found), *self._evidence(found)), key=lambda pair: pair[0].position)
        opened = [(recorded, self._readable(event)) for recorded, event in events]
        return explain(opened, self._artifacts.open_text, self._adopted(events))

    def report(self, workflow: str, *, since: int = 0, until: int | None = None) -> Report:
        """How the runs of a workflow did that began from `since` on and before `until` (microseconds, UTC).

        Raises `NotFound` for a workflow that never was.
        """
        from functools import cache

        from mainstay.governance.report import report
        from mainstay.ledger.codec import Codec

        if self._store.get("workflows", (workflow,)) is None:
            known = ", ".join(
                sorted(str(row["name"]) for row in self._store.select("workflows", limit=1_000))
            )
            raise NotFound(
                f"There is no workflow {workflow!r}.",
                why=f"The ledger knows {known}." if known else "No workflow was ever in force here.",
                remedy="Name one of these." if known else "`mainstay up` puts those of the folder in force.",
                workflow=workflow,
            )
        now, decode = int(self._clock.now()), Codec(cache(self._stored_plan)).event
        last = now + 1 if until is None else until
        return report(self._store, decode, workflow, since=since, until=last, now=now)

    def message(self, run: str) -> Json:
        """The message that started a run, opened: from, subject, text."""
        _, state = self.run(run)
        return message_of(state, self._view)

    def received(self, row: Json) -> Json:
        """A row of the view `messages`, opened: from, subject, text. Also of mail that started no run."""
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        if not row["content"]:
            return {}
        return self._view(Digest(str(row["content"])), subject)

    def _evidence(self, run: str) -> list[tuple[RecordedEvent, Any]]:
        """What the decisions about a run's acts proved of their kind."""
        try:
            rows = self._store.select("evidence", where={"run": run})
        except KeyError:
            return []  # a ledger of an earlier version: its next director makes the view
        found = [
            one
            for row in rows
            for one in self._store.read_all(after=Position(int(str(row["position"])) - 1), limit=1)
        ]
        return [(one, self._codec.event(one)) for one in found]

    def _adopted(self, events: list[tuple[RecordedEvent, Any]]) -> list[tuple[RecordedEvent, Any]]:
        """The policies and templates that came into force before the last of these."""
        from mainstay.governance.in_force import ADOPTIONS
        from mainstay.runtime.governing import GOVERNANCE

        last = events[-1][0].position if events else 0
        return [
            (one, self._codec.event(one))
            for stream in (WORKSPACE, GOVERNANCE)
            for one in self._store.read(stream)
            if one.type in ADOPTIONS and one.position < last
        ]
