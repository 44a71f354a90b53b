"""The list of runs: filters, a search, and pages that begin where the last one ended.

A page of the list is quick however many runs there are; a search opens what is sealed and is therefore asked elsewhere
(`Front.read_slowly`). What narrows the list stands in the address, so that it can be kept and shared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console.refused import Refused
from mainstay.console.rendering import page
from mainstay.kernel.errors import CommandRefused
from mainstay.workspace.run_search import ORIGINS, STATUSES, RunFilter, RunFindings, RunPage
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workspace import Workspace

TEXT_MAX = 200
PAGE_RUNS = 50
FIELDS = ("q", "status", "workflow", "origin", "since", "until", "cost")
ORIGIN_WORDS = {"mail": "by mail", "schedule": "by schedule", "hand": "by hand"}
STATUS_WORDS = {"waiting": "waits for you", "left": "left to you"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What narrows the list, as the address says it: every one of `FIELDS`, empty where it narrows nothing."""

    given: Mapping[str, str]

    @property
    def text(self) -> str:
        """What is looked for."""
        return self.given.get("q", "")

    def wanted(self) -> RunFilter:
        """The same as the SDK takes it. Raises `CommandRefused` for a day that is none."""
        until = _day(self.given.get("until", ""))
        return RunFilter(
            status=self.given.get("status", ""),
            workflow=self.given.get("workflow", ""),
            origin=self.given.get("origin", ""),
            since=_micros(_day(self.given.get("since", ""))),
            until=_micros(until + timedelta(days=1) if until else None),
            costing=bool(self.given.get("cost")),
        )

    def address(self, **more: str | int) -> str:
        """The list with these filters, and what else is said."""
        asked = urlencode({name: value for name, value in {**self.given, **more}.items() if value})
        return f"/runs?{asked}" if asked else "/runs"

    def without(self, name: str) -> str:
        """The list without one of them."""
        return Chosen({key: value for key, value in self.given.items() if key != name}).address()

    def chips(self) -> list[tuple[str, str]]:
        """Each filter in words, and the list without it."""
        said = {
            "q": f"“{self.text}”",
            "status": STATUS_WORDS.get(self.given.get("status", ""), self.given.get("status", "")),
            "workflow": self.given.get("workflow", ""),
            "origin": ORIGIN_WORDS.get(self.given.get("origin", ""), ""),
            "since": f"since {self.given.get('since', '')}",
            "until": f"until {self.given.get('until', '')}",
            "cost": "with cost",
        }
        return [(said[name], self.without(name)) for name in FIELDS if self.given.get(name)]


class Runs:
    """`/runs`."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """A page of runs, or what was found."""
        chosen = _chosen(request)
        before, after = _position(request, "before"), _position(request, "after")
        refused: CommandRefused | None = None
        found: RunFindings | None = None
        listed = RunPage(())
        try:
            wanted = chosen.wanted()
            if chosen.text:
                found = await self._front.read_slowly(
                    lambda workspace: workspace.run_search.find(chosen.text, wanted, before=before)
                )
                listed = RunPage(found.runs)
            else:
                listed = await self._front.read(
                    lambda workspace: workspace.run_search.page(
                        wanted, limit=PAGE_RUNS, before=before, after=after
                    )
                )
        except CommandRefused as error:
            refused = error
        workflows, any_run = await self._front.read(_standing)
        first = not (before or after or chosen.text)
        return page(
            request,
            "runs.html",
            status=422 if refused else 200,
            topics=("runs", "approvals") if first else (),
            chosen=chosen,
            refused=refused,
            listed=listed,
            found=found,
            further=chosen.address(before=found.older) if found and found.older else "",
            looked_on=bool(found and before),
            first=first,
            workflows=workflows,
            any_run=any_run,
            statuses=STATUSES,
            origins=ORIGINS,
            origin_words=ORIGIN_WORDS,
            status_words=STATUS_WORDS,
            now=time.time_ns() // 1_000,
        )


def _standing(workspace: Workspace) -> tuple[list[str], bool]:
    """The workflows that runs may be of, and whether there is any run."""
    names = {str(row["name"]) for row in workspace.rows("workflows", order="name", limit=500)}
    return sorted(names), bool(workspace.runs(limit=1))


def _chosen(request: Request) -> Chosen:
    given = {}
    for name in FIELDS:
        value = request.query_params.get(name, "").strip()
        if len(value) > TEXT_MAX:
            raise Refused(
                414,
                "What you look for is too long.",
                why=f"At most {TEXT_MAX} characters are taken there.",
                remedy="Use fewer words.",
            )
        given[name] = value
    return Chosen(given)


def _position(request: Request, name: str) -> int:
    """Where a page begins; what is no position is the beginning."""
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else 0


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise CommandRefused(
            f"{text[:40]!r} is no day.", remedy="Write it as year, month and day: 2026-05-31."
        ) from None


def _micros(day: datetime | None) -> int:
    """The beginning of a day on this machine's clock."""
    try:
        return int(day.timestamp() * 1_000_000) if day is not None else 0
    except (OverflowError, OSError, ValueError):
        return 0
