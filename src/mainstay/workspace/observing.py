"""What can be seen of a workspace from outside: its figures and its health, with a director at work or without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from shutil import disk_usage
from typing import TYPE_CHECKING

from mainstay import __version__
from mainstay.config.settings import Settings
from mainstay.governance.metrics import DirectorFacts, metrics
from mainstay.governance.samples import readings
from mainstay.kernel.budget import Limits
from mainstay.ledger.store import EventReader
from mainstay.models.base import Unavailable
from mainstay.runtime.clock import Clock
from mainstay.workspace.folder import Folder
from mainstay.workspace.health import Health, Within, health
from mainstay.workspace.objectives import ObjectivesWatch, objectives_of

if TYPE_CHECKING:
    from mainstay.runtime.loop import Loop
    from mainstay.workspace.assembly import Assembly
    from mainstay.workspace.watching import Watch

WORKFLOWS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Observing:
    """The figures and the health of a director at work. Both only read; they take some milliseconds."""

    folder: Folder
    clock: Clock
    store: EventReader
    loop: Loop
    watch: Watch
    objectives: ObjectivesWatch
    assembly: Callable[[], Assembly]

    def metrics(self) -> bytes:
        """Prometheus's text format. Raises `Unavailable` where its library is missing."""
        director = self.loop.director
        facts = DirectorFacts(
            version=__version__,
            alive=True,
            state=self.health().state,
            epoch=director.epoch,
            in_flight=self.loop.workers.in_flight,
            queued=self.loop.queued,
            deferred=dict(director.waiting),
            ticks=self.loop.tick_durations,
            ingest_lag_s=self.watch.lag_s(),
            disk_free_bytes=_free(self.folder),
            limits=director.limits,
            objectives=self.objectives.readings,
        )
        return metrics(self.store, facts, now=self.clock.now())

    def health(self) -> Health:
        """The state, and each reason with its remedy."""
        embedder = self.assembly().embedder
        missing = embedder.reason if isinstance(embedder, Unavailable) else ""
        within = Within(disk_full=self.loop.disk_full, embedder_missing=missing)
        return health(self.folder, self.clock, store=self.store, within=within)


def metrics_beside(folder: Folder, clock: Clock, store: EventReader, settings: Settings) -> bytes:
    """What the views say, where no director is at work."""
    budgets = settings.budgets
    names = [str(row["name"]) for row in store.select("workflows", limit=WORKFLOWS_MAX)]
    now = clock.now()
    facts = DirectorFacts(
        version=__version__,
        state=health(folder, clock, store=store).state,
        disk_free_bytes=_free(folder),
        limits=Limits(budgets.day_micros, budgets.month_micros, budgets.run_micros, budgets.workflow_micros),
        objectives=readings(store, objectives_of(settings.slo, names), now),
    )
    return metrics(store, facts, now=now)


def _free(folder: Folder) -> int | None:
    try:
        return disk_usage(folder.state).free
    except OSError:
        return None
