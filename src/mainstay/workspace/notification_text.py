"""What a notification says: how much waits and of which kind, and where to look. As mail text and as JSON.

No personal text stands in it: names of acts, workflows and accounts, counts, times, links. With `detail = "title"`
cards bear their titles too, on one line and without anything that could steer a reader. A link shows a card; it decides
nothing by itself, and the ledger knows of it before it leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from mainstay.governance.cards_waiting import cards_waiting
from mainstay.kernel.ids import ApprovalId, SubjectId, derive
from mainstay.kernel.values import DAY, SECOND, Digest, Instant, Json
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import Clock
from mainstay.runtime.links import issue
from mainstay.runtime.notices import Thing
from mainstay.runtime.tick import Answer, Request

LISTED_MAX = 20  # things with a line of their own
LINK_LIFE_US = 7 * DAY  # of a card that never expires
LINKS_KEPT = 1_000  # that were made and may be told once more, when a mail could not be delivered
TITLE_MAX = 120

Ask = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told, whole. `identity` is the same for the same things."""

    identity: str  # 32 hex digits
    title: str
    text: str
    body: bytes  # JSON


@dataclass(slots=True)
class Composer:
    """Puts things into words for one workspace."""

    name: str  # of the workspace
    store: EventStore
    artifacts: Artifacts
    clock: Clock
    ask: Ask
    public_url: str = ""
    detail: str = "none"
    _links: dict[tuple[str, str], tuple[str, Instant]] = field(
        default_factory=dict
    )  # and until when each is good

    async def compose(self, things: Sequence[Thing]) -> Notification:
        """The notification about these."""
        waiting, _ = cards_waiting(self.store, self.clock.now())
        listed = [await self._listed(one) for one in things[:LISTED_MAX]]
        identity = derive("notification", *sorted(one.key for one in things)).hex()
        counts = Counter(one.kind for one in things)
        body: Json = {
            "type": "mainstay.waiting",
            "timestamp": _iso(self.clock.now()),
            "data": {
                "workspace": self.name,
                "counts": dict(counts),
                "waiting": waiting,
                "things": listed,
                "more": max(0, len(things) - LISTED_MAX),
            },
        }
        title = f"{self.name}: {_together(counts)}"
        return Notification(
            identity, title, self._text(things, listed, counts, waiting), msgspec.json.encode(body)
        )

    def _text(
        self, things: Sequence[Thing], listed: Sequence[Json], counts: Counter[str], waiting: int
    ) -> str:
        lines = [f"{_together(counts).capitalize()}.", ""]
        lines += [_line(one) for one in listed]
        if len(things) > LISTED_MAX:
            lines.append(f"- and {len(things) - LISTED_MAX} more")
        lines += [
            "",
            f"In all, {_count(waiting, 'card')} {'wait' if waiting != 1 else 'waits'} for your answer.",
        ]
        lines.append("`mainstay approvals` shows what waits, `mainstay status` how the house is.")
        lines.append("An answer to this message decides nothing and is not read.")
        return "\n".join(lines)

    async def _listed(self, thing: Thing) -> Json:
        told: Json = {"kind": thing.kind}
        if thing.run is None:
            return told | ({"about": thing.about} if thing.about else {})
        row = self.store.get("approvals", (thing.approval,)) if thing.approval else None
        if row is None:
            run = self.store.get("runs", (thing.run,))
            return told | {"run": thing.run, "workflow": str(run["workflow"]) if run else ""}
        told |= {
            "approval": thing.approval,
            "run": thing.run,
            "workflow": str(row["workflow"]),
            "act": str(row["act"]),
        }
        if self.detail == "title":
            told["title"] = self._title(row)
        expires = row["expires_at"]
        if isinstance(expires, int) and expires:
            told["expires_at"] = _iso(Instant(expires))
        if self.public_url and thing.kind == "approval":
            told["link"] = await self._link(row)
        return told

    def _title(self, row: dict[str, Value]) -> str:
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        shown = self.artifacts.open_json(Digest(str(row["card"])), subject, b"card")
        title = str(shown.get("title", "")) if shown else "[forgotten]"
        line = " ".join("".join(one if one.isprintable() else " " for one in title).split())
        return line[:TITLE_MAX]

    async def _link(self, row: dict[str, Value]) -> str:
        """The link to a card: made once while it is good, and known to the ledger before it is told."""
        card, now = (str(row["approval"]), str(row["digest"])), self.clock.now()
        known = self._links.get(card)
        if known is not None and now < known[1]:
            return known[0]
        expires = row["expires_at"]
        until = Instant(expires if isinstance(expires, int) and expires else now + LINK_LIFE_US)
        token, command = issue(
            *(self.artifacts.vault, ApprovalId(card[0]), Digest(card[1])), expires_at=until
        )
        await self.ask(Request(command, "notifier"))
        if len(self._links) >= LINKS_KEPT:
            self._links.pop(next(iter(self._links)))
        link = f"{self.public_url}/a/{token}"
        self._links[card] = (link, until)
        return link


_WORDS = {
    "approval": ("card waits", "cards wait"),
    "in_doubt": ("act is in doubt", "acts are in doubt"),
    "compensation": ("act could not be taken back", "acts could not be taken back"),
    "budget": ("run is stopped by a budget", "runs are stopped by a budget"),
    "incident": ("thing is wrong with the house", "things are wrong with the house"),
    "autonomy": ("kind of act changed how it goes", "kinds of act changed how they go"),
    "objective": ("objective is not met", "objectives are not met"),
}


def _together(counts: Counter[str]) -> str:
    parts = ["the kill switch was thrown"] if counts["kill_switch"] else []
    for kind, (one, many) in _WORDS.items():
        number = counts[kind]
        if number:
            parts.append(f"{number} {one if number == 1 else many}")
    return ", ".join(parts)


def _line(told: Json) -> str:
    parts = [str(told["kind"]).replace("_", " ")]
    if told.get("act"):
        parts = [f"{told['act']} in {told['workflow']}"]
    elif told.get("workflow"):
        parts.append(f"in {told['workflow']}")
    if told.get("about"):
        parts.append(str(told["about"]))
    line = f"- {' '.join(parts)}"
    if told.get("title"):
        line += f": {told['title']}"
    if told.get("expires_at"):
        line += f" (until {told['expires_at']})"
    return line + (f"\n  {told['link']}" if told.get("link") else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _iso(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
