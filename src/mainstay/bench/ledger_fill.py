"""The measured part of `bench ledger` that fills a ledger and looks, ten times on the way, how long an append takes.

An append here is what one step of a run writes when nothing else happens: a director decides one answer, the store
writes two or three events and the rows of their views, and syncs. Next to each, the very rows of such a commit go into
a small ledger through bare SQLite: what the machine does slower at that moment, it does slower there too.
"""

from __future__ import annotations

import os
import shutil
import time
from importlib.resources import as_file
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from mainstay.bench.ledger_copies import Copies
from mainstay.bench.ledger_traffic import Traffic
from mainstay.bench.process import Progress
from mainstay.bench.raw import Recorder, Replay
from mainstay.bench.rig import LEDGER, TABLES, peak_mb, resident_mb
from mainstay.data import sample_path
from mainstay.kernel.commands import Produced, RecordOutcome
from mainstay.ledger.sqlite import SqliteStore
from mainstay.runtime.collector import settle_collector
from mainstay.runtime.tick import Request
from mainstay.workspace.folder import Folder, adopt

WINDOWS = 10
LEFT_BY = 0.8  # of the events before the first boot: by then every run that stays unfinished has begun
_RECORDED = 60  # commits: among them is the shape of a step in the middle
_WARM = 20_000  # events before the first window at most: the log has its full size by then


def ledger_filled(
    folder: Path,
    progress: Progress,
    *,
    events: int,
    unfinished: int,
    boot_at: int,
    samples: int,
    decided: bool,
) -> dict[str, Any]:
    """Fill a workspace's ledger; `boot_at` events on the way, a copy of it is laid aside for a boot."""
    root = _workspace(folder / "whole")
    replay = _replay(folder)
    store = SqliteStore(Folder(root).ledger, tables=TABLES)
    first = min(events, boot_at)
    fill = _Fill(
        Traffic(store, events=events, unfinished=unfinished, left_by=int(first * LEFT_BY)), replay, decided
    )
    settle_collector()  # as `up` does
    fill.until(min(_WARM, events // 20))
    fill.warm(2 * samples)
    windows = [fill.sample(samples)]
    laid_aside = False
    started, begun = time.perf_counter(), fill.events
    sampling_s = 0.0
    for number in range(1, WINDOWS + 1):
        mark = events * number // WINDOWS
        fill.until(mark, lambda: progress(fill.events, events))
        if mark >= first and not laid_aside and first < events:
            fill.drain()
            store.checkpoint()  # all of it, since nobody reads; the log keeps its size
            _lay_aside(Folder(root), Folder(_workspace(folder / "first")))
            laid_aside = True
        before = time.perf_counter()
        windows.append(fill.sample(samples))
        sampling_s += time.perf_counter() - before
    took_s = time.perf_counter() - started - sampling_s
    fill.drain()
    replay.close()
    store.checkpoint(truncate=True)
    figures = {
        "events": fill.events,
        "runs": store.count("runs"),
        "unfinished": len(fill.traffic.director.runs),
        "events_of_unfinished": sum(one.version for one in fill.traffic.director.runs.values()),
        "filled_events_per_s": (fill.events - begun) / took_s,
        "ledger_mb": os.path.getsize(store.path) / 1e6,
        "bytes_per_event": os.path.getsize(store.path) / fill.events,
        "windows": windows,
        "fill_peak_mb": peak_mb(),
    }
    store.close()
    return figures


class _Fill:
    """Takes the ledger further, and samples."""

    def __init__(self, traffic: Traffic, replay: Replay, decided: bool) -> None:
        self.traffic = traffic
        self._copies = None if decided else Copies(traffic.store)
        self._replay = replay

    @property
    def events(self) -> int:
        return self.traffic.events

    def until(self, events: int, told: Any = lambda: None) -> None:
        """Go on until there are so many events."""
        while self.events < events:
            self._go_on()
            told()

    def drain(self) -> None:
        """Finish every run that is not left."""
        while self._copies is not None and self._copies.active:
            self._copied(begin=False)
        self.traffic.drain()

    def warm(self, commits: int) -> None:
        """Let the log of the small ledger grow to its size: a growing file syncs more slowly."""
        self._replay.commits(commits)

    def sample(self, count: int) -> dict[str, Any]:
        """So many commits of one step each, beside as many bare ones of the same rows."""
        traffic, director = self.traffic, self.traffic.director
        traffic.store.checkpoint()  # type: ignore[attr-defined]
        self._replay.checkpoint()
        at, took, raw = self.events, list[float](), list[float]()
        while len(took) < count:
            others: list[Request] = []
            for request in traffic.take():
                if len(took) == count or not _is_step(request):
                    others.append(request)
                    continue
                tick = director.tick([request])
                start = time.perf_counter()
                director.commit(tick)
                took.append(time.perf_counter() - start)
                traffic.heard(tick)
                raw += self._replay.commits(1)
            traffic.commit(director.tick(others))
        return {
            "events": at,
            "append_p50_ms": median(took) * 1e3,
            "append_p99_ms": quantiles(took, n=100)[98] * 1e3,
            "raw_p50_ms": median(raw) * 1e3,
            "resident_mb": resident_mb(),
        }

    def _go_on(self) -> None:
        if self._copies is None:
            self.traffic.go_on()
        else:
            self._copied(begin=True)
            self.traffic.go_on(begin=False)

    def _copied(self, *, begin: bool) -> None:
        assert self._copies is not None
        director, clock = self.traffic.director, self.traffic.clock
        before = director.position
        director.writing.position = self._copies.append(
            epoch=director.epoch, at=clock.now(), position=before, begin=begin
        )
        self.traffic.passed(director.position - before)


def _is_step(request: Request) -> bool:
    return isinstance(request.command, RecordOutcome) and isinstance(request.command.outcome, Produced)


def _replay(folder: Path) -> Replay:
    """What a step's commit writes, to be written again into a small ledger."""
    recorder = Recorder()
    (folder / "recorded").mkdir(parents=True)
    (folder / "raw").mkdir()
    store = SqliteStore(folder / "recorded" / LEDGER, tables=TABLES, driver=recorder.driver)
    traffic = Traffic(store, events=1_000_000, unfinished=0, left_by=0)
    traffic.go_on()
    recorder.transactions.clear()
    while len(recorder.transactions) < _RECORDED:
        for request in traffic.take(begin=False):
            traffic.commit(traffic.director.tick([request]))
    store.close()
    return Replay(folder / "raw", recorder.usual())


def _workspace(root: Path) -> Path:
    """A workspace with the sample's files, as `mainstay up` finds it."""
    with as_file(sample_path("workspace")) as workspace:
        shutil.copytree(workspace, root)
    adopt(Folder(root))
    return root


def _lay_aside(whole: Folder, first: Folder) -> None:
    shutil.copyfile(whole.ledger, first.ledger)
