"""Home: what needs the operator, what went out and by whose word, what is in doubt, and how the house does.

Everything here leads to a page that says more. What can be done at once is what must not wait: to take back what is
leaving, and to stop everything (`stopping`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.card_words import short
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.governance.autonomy import spoken
from mainstay.kernel.errors import CommandRefused, ConfigError, MainstayError
from mainstay.kernel.values import Json
from mainstay.workspace import CardLine, Leaving, Workspace
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from mainstay.governance.incidents import OpenIncident
    from mainstay.workspace.health import Reason
    from mainstay.workspace.settings_shown import BackupState
    from mainstay.workspace.today import Changed, Figures, Gone, Started, Thrown

# Not "runs", which move with every step: sums move as well, and are told every two seconds at most.
TOPICS = ("approvals", "doubts", "costs", "autonomy")
FORM = "home"
ACTOR = "operator"
CARDS, GONE, DOUBTS, LETTERS, LEAVING = 6, 12, 5, 5, 8
RECENT_US = 60 * 60 * 1_000_000  # a start of the director that is worth a word
BACKUP_EVERY_S, BACKUP_WAIT_S = 60.0, 0.05
BACKUP_OLD_US = 3 * 24 * 60 * 60 * 1_000_000
MICROS = 1_000_000
ID_MAX = 64
BY = {"approval": ("Your yes", "accent"), "rule": ("A rule", ""), "autonomy": ("By itself", "warn")}

# Why a kind of act asks again, after "Taken back".
CAUSES = {
    "operator": " by you",
    "slo": " because its workflow missed an objective",
    "kill switch": " by the kill switch",
    "recipe": " because it is made another way now",
    "errors": " because of errors among the ones that were looked at",
    "evidence": " because the evidence speaks against it now",
}


@dataclass(frozen=True, slots=True)
class Morning:
    """All that the page shows."""

    cards: list[CardLine]
    waiting: int
    doubts: list[Json]
    in_doubt: int
    letters: list[Json]
    left: int  # messages of late without a draft, for a person to answer
    incidents: list[OpenIncident]
    figures: Figures
    cap_micros: int | None
    leaving: list[Leaving]
    gone: list[Gone]
    changed: list[Changed]
    thrown: Thrown | None
    started: Started | None
    mistake: MainstayError | None  # in mainstay.toml, which is why some of it is not known
    connected: tuple[str, ...]  # the adapters there are
    first_day: bool  # nothing ever came in
    name: str  # what the workspace is called


class Home:
    """The first page."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._backup = Backups(front)

    async def show(self, request: Request) -> Response:
        """What is so now."""
        found, health, backup = await asyncio.gather(
            self._front.read(morning), asyncio.to_thread(self._front.health), self._backup.now()
        )
        now = self._front.clock.now()
        started = None if found.first_day else found.started
        return page(
            *(request, "home.html"),
            topics=TOPICS,
            today=_date(now),
            morning=found,
            now=now,
            days=by_day(found.gone, now),
            by=BY,
            causes=CAUSES,
            spoken=spoken,
            short=short,
            notices=house_notices(health.reasons, found.incidents),
            restarted=started if started and (now - started.at < RECENT_US or started.unclean > 1) else None,
            backup=backup,
            backup_old=backup is not None and backup.configured and now - backup.at > BACKUP_OLD_US,
            utc=time.localtime(now / MICROS).tm_gmtoff == 0,
        )

    async def take_back(self, request: Request) -> Response:
        """What is leaving does not leave; a card asks anew."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        run, task = (forms.text(fields, name, most=ID_MAX) for name in ("run", "task"))
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        via = session.device.device
        try:
            await self._front.act(lambda workspace: workspace.undo(run, task=task, actor=ACTOR, via=via))
        except CommandRefused as error:
            return done(request, "/", f"{error.what} {error.why}".strip(), tone="warn")
        return done(request, "/", "Taken back. Its card asks anew.")


class Backups:
    """How backups stand, as of a minute ago at most. They lie on another disk, which may answer late or never: no
    page waits for it.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._known: BackupState | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_s = float("-inf")

    async def now(self) -> BackupState | None:
        """What is known; None before the first answer, and where the settings cannot be read."""
        now_s = self._front.clock.monotonic_s()
        if self._looking is None and now_s - self._looked_s >= BACKUP_EVERY_S:
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None and self._known is None:
            await asyncio.wait({self._looking}, timeout=BACKUP_WAIT_S)
        return self._known

    async def _look(self) -> None:
        try:
            self._known = await self._front.read_elsewhere(lambda workspace: workspace.settings.backup())
        except (MainstayError, OSError):
            self._known = (
                None  # the page says what is wrong with the settings; a disk that is gone, an incident
            )
        finally:
            self._looking = None


def morning(workspace: Workspace) -> Morning:
    """Read it: a few rows of everything, however much there is."""
    today = workspace.today
    cap, connected, mistake = None, tuple[str, ...](), None
    name = workspace.folder.root.name
    try:
        name = workspace.settings.name()
        cap = workspace.budgets()["day"]["limit_micros"]
        connected = workspace.settings.adapters()
    except ConfigError as error:
        mistake = error
    return Morning(
        cards=workspace.cards(limit=CARDS),
        waiting=workspace.waiting(),
        doubts=workspace.in_doubt(limit=DOUBTS),
        in_doubt=workspace.count("in_doubt"),
        letters=workspace.steering.dead_letters(limit=LETTERS),
        left=workspace.left.count(),
        incidents=workspace.incidents(),
        figures=today.figures(),
        cap_micros=cap,
        leaving=workspace.leaving()[:LEAVING],
        gone=today.went_out(limit=GONE),
        changed=today.autonomy(),
        thrown=today.thrown(),
        started=today.started(),
        mistake=mistake,
        connected=connected,
        first_day=not workspace.rows("runs", limit=1),
        name=name,
    )


def by_day(gone: Sequence[Gone], now: int) -> list[tuple[str, list[Gone]]]:
    """What went out, under the names of its days on this machine's clock, newest first."""
    names = {_day(now): "Today", _day(now - 86_400 * MICROS): "Yesterday"}
    found: dict[str, list[Gone]] = {}
    for one in gone:
        found.setdefault(names.get(_day(one.at), _date(one.at)), []).append(one)
    return list(found.items())


def house_notices(reasons: Sequence[Reason], incidents: Sequence[OpenIncident]) -> list[Reason]:
    """What keeps the house from being well, besides what stands elsewhere on the page."""
    told = {one.what for one in incidents}
    return [one for one in reasons if one.why not in told and one.what != "kill switch"]


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at / MICROS))


def _date(at: int) -> str:
    moment = time.localtime(at / MICROS)
    return f"{time.strftime('%A', moment)}, {moment.tm_mday} {time.strftime('%B', moment)}"
