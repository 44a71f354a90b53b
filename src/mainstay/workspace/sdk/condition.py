"""`Condition`: how the workspace is: who is at work, what is wrong, what is in doubt, what could not be read.

It answers while things are wrong: without a director, without a key, and with a slip in a file of the operator's.
Mending is left to the operator (`resolve`, `steering`) and to `mainstay doctor`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mainstay.kernel.errors import ConfigError, DirectorUnavailable, LedgerUnready, NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Json
from mainstay.workspace.doors import SocketDoor, director_runs
from mainstay.workspace.sdk.approvals import Approvals

if TYPE_CHECKING:
    from mainstay.governance.incidents import OpenIncident
    from mainstay.workspace.health import Health


class Condition(Approvals):
    """Whether all is well, and each thing that is not."""

    def status(self) -> Json:
        """Who is at work, what waits, what is wrong with the house, and when it was last backed up."""
        if director_runs(self.folder):
            return {"director": "at work", **SocketDoor(self.folder).ask("status", {}), **self._care()}
        if not self.begun:
            self.folder.id  # noqa: B018  says that this is no workspace, if it is none
            nothing = dict.fromkeys(("position", "open_runs", "waiting", "put_off", "in_doubt"), 0)
            return {"director": "not running", **nothing} | self._care()
        return self._care() | {
            "director": "not running",
            "position": self._store.head,
            "open_runs": self._store.count("open_runs"),
            "waiting": self.waiting(),
            "put_off": self.put_off(),
            "in_doubt": self._store.count("in_doubt"),
            "kill_switch": self.steering.killed,
        }

    def health(self) -> Health:
        """Whether all is well here: ok, degraded or down, with each reason and what to do. Needs no key."""
        from mainstay.workspace.health import health, read_told

        if not director_runs(self.folder):
            return health(self.folder, self._clock, answers=False)
        try:
            return read_told(SocketDoor(self.folder).ask("health", {}))
        except DirectorUnavailable:  # it ended between our look and our question
            return health(self.folder, self._clock, answers=False)

    def metrics(self) -> bytes:
        """The figures of the workspace in Prometheus's text format. Raises `Unavailable` without its library."""
        if director_runs(self.folder):
            return str(SocketDoor(self.folder).ask("metrics", {})["text"]).encode()
        from mainstay.workspace.observing import metrics_beside

        return metrics_beside(self.folder, self._clock, self._store, self._settings())

    def incidents(self) -> list[OpenIncident]:
        """What is wrong with the house itself and not over: a silent source, a short disk, a backup that failed."""
        from mainstay.governance.incidents import open_incidents

        return open_incidents(self._store) if self.begun else []

    def in_doubt(self, *, sealed: bool = False, limit: int = 1_000) -> list[Json]:
        """Acts of which only the operator can say whether they happened, and those that could not be taken back.

        Each with its title and recipients, as its card shows them; both are None where nothing was ever proposed.
        `sealed`: reasons are left as the ledger has them, titles and recipients out, and no key is needed.
        """
        rows = self._store.select("in_doubt", order="since", limit=limit)
        return rows if sealed else [self._doubt(row) for row in rows]

    def rejected(self) -> list[Json]:
        """What came in and could not be read."""
        return self._store.select("rejected", order="at", limit=1_000)

    def rejected_text(self, item: str, *, most: int = 20_000) -> str:
        """The beginning of something that came in and could not be read, as it came. Raises `NotFound`."""
        from mainstay.runtime.artifacts import FORGOTTEN, SubjectForgotten

        row = self._store.get("rejected", (item,))
        if row is None:
            raise NotFound("No such thing came in.", why="It is no message that was given up.", item=item)
        subject = self._artifacts.vault.subject("rejected:" + item)
        try:
            raw = self._artifacts.get(Digest(str(row["raw"])), subject, b"raw")
        except SubjectForgotten:
            return FORGOTTEN
        return raw[:most].decode("utf-8", "replace")

    def _care(self) -> Json:
        from mainstay.workspace.backing import last_good

        found = [
            {"kind": one.kind, "subject": one.subject, "what": one.what, "since": one.since}
            for one in self.incidents()
        ]
        try:
            last = last_good(self._settings().backup, self.folder)
        except ConfigError:
            last = None  # a slip in a file must not hide what waits
        missed: list[Json] = []
        with suppress(LedgerUnready):  # a ledger of an earlier version: its first director makes the view
            missed = self._store.select("objectives", where={"met_at": None}, limit=100) if self.begun else []
        return {"incidents": found, "missed": missed, "backed_up_at": last.at if last else None}

    def _doubt(self, row: Json) -> Json:
        """A row of what is in doubt, with what the card says would go out and to whom."""
        from mainstay.runtime.artifacts import FORGOTTEN

        read = self._read_reason(row)
        if not row["card"]:
            return read | {"title": None, "recipients": None}
        found = self._store.get("runs", (row["run"],)) or {}
        subject = SubjectId(str(found["subject"])) if found.get("subject") else None
        shown = self._artifacts.open_json(Digest(row["card"]), subject, b"card")
        if shown is None:
            return read | {"title": FORGOTTEN, "recipients": [FORGOTTEN]}
        return read | {"title": str(shown.get("title", "")), "recipients": list(shown.get("recipients", ()))}
