"""The engines, and how a round and a kill of each are run. All take turns: each round measures every one of them
once, so that what else the machine does falls on all.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.children import PeerFailed, Told, followed, killed
from benchmarks.peers.environments import HERE, ROOT
from benchmarks.peers.postgres import Server
from benchmarks.peers.table import Row

STEPS = 5
_ATTEMPTS = 3  # at a kill in the middle
Shown = Callable[[str], Told]  # a part begins; what hears its progress
_Figures = dict[str, Any]
_Part = tuple[
    Row, list[_Figures], Callable[[], _Figures]
]  # whose, where its figures go, and how they come about


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine that is measured. `environment` "" stands for the one that runs this program."""

    name: str
    words: str
    program: str
    environment: str
    recovers: bool = True  # documented to bring back what a crash interrupted
    server: bool = False


PEERS = (
    Peer("mainstay", "Mainstay", "mainstay_flow.py", ""),
    Peer("langgraph", "LangGraph, SQLite", "langgraph_flow.py", "langgraph"),
    Peer("dbos-sqlite", "DBOS, SQLite", "dbos_flow.py", "dbos"),
    Peer("dbos-postgresql", "DBOS, PostgreSQL", "dbos_flow.py", "dbos", server=True),
    Peer("huey", "huey, SQLite", "huey_flow.py", "huey", recovers=False),
)


@dataclass(frozen=True, slots=True)
class Work:
    """How much of it."""

    workflows: int
    single: int
    rounds: int
    kills: int
    seed: int


@dataclass(slots=True)
class Bench:
    """What any part of a run needs: a folder for the data, an interpreter for each peer, the server if there is one."""

    folder: Path
    pythons: dict[str, str]
    server: Server | None
    shown: Shown
    _made: int = field(default=0, init=False)

    def measured(self, peer: Peer, part: str, **options: Any) -> dict[str, Any]:
        """One round of one engine."""
        command = self.command(peer, "measure", self._fresh(peer), **options)
        return followed(command, _environment(peer), self.shown(f"{part}: {peer.words}"))

    def killed(self, peer: Peer, part: str, workflows: int, seed: int) -> dict[str, Any]:
        """Kill -9 at a step drawn from the seed, between 30 and 70 % of all; then start anew and count."""
        at = int(workflows * STEPS * random.Random(seed).uniform(0.3, 0.7))
        told, environment = self.shown(f"{part}: {peer.words}"), _environment(peer)
        for attempt in range(1, _ATTEMPTS + 1):
            folder = self._fresh(peer)
            try:
                killed(self.command(peer, "victim", folder, workflows=workflows), environment, told, at=at)
                break
            except PeerFailed:
                if attempt == _ATTEMPTS:
                    raise
        started = time.monotonic()
        command = self.command(peer, "survivor", folder, workflows=workflows, started=started)
        return followed(command, environment, told)

    def settings(self, peer: Peer) -> list[str]:
        """The settings that its flow program knows."""
        told = followed(
            self.command(peer, "settings", self.folder), _environment(peer), lambda done, of: None
        )
        return list(told["settings"])

    def command(self, peer: Peer, form: str, folder: Path, **options: Any) -> list[str]:
        """A flow program's command line. The database on a server has the folder's name."""
        command = [self.pythons[peer.name], str(HERE / peer.program), form, "--folder", str(folder)]
        if self.server is not None and peer.server:
            command += ["--url", self.server.url(folder.name), "--server-pid", str(self.server.pid)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        return command

    def _fresh(self, peer: Peer) -> Path:
        self._made += 1
        folder = self.folder / f"{peer.name.replace('-', '_')}_{self._made}"
        folder.mkdir()
        return folder


def measure(bench: Bench, rows: dict[Peer, Row], work: Work) -> None:
    """All rounds, then all kills. A peer that fails leaves the run; without ours there is nothing to compare."""
    for row, figures, part in _parts(bench, rows, work):
        if row.missing:
            continue
        try:
            figures.append(part())
        except PeerFailed as failed:
            row.missing, row.failed = "it failed", True
            print(f"{row.name} failed: {failed}", file=sys.stderr)
            if row.ours:
                return


def _parts(bench: Bench, rows: dict[Peer, Row], work: Work) -> Iterator[_Part]:
    for number in range(work.rounds):
        for peer in _turned(tuple(rows), number):
            part = f"round {number + 1} of {work.rounds}"
            run = partial(bench.measured, peer, part, workflows=work.workflows, single=work.single)
            yield rows[peer], rows[peer].rounds, run
    for number in range(work.kills):
        for peer, row in rows.items():
            part = f"kill {number + 1} of {work.kills}"
            yield row, row.kills, partial(bench.killed, peer, part, work.workflows, work.seed + number)


def _turned(peers: Sequence[Peer], number: int) -> list[Peer]:
    """Another one begins each round: what the one before leaves in the disk's queue falls on all."""
    turn = number % len(peers)
    return [*peers[turn:], *peers[:turn]]


def _environment(peer: Peer) -> dict[str, str]:
    """The caller's, but that only our own program sees our source."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if not peer.environment:
        environment["PYTHONPATH"] = str(ROOT / "src")
    return environment
