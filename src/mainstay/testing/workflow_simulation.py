"""Thousands of histories of an operator's own workflow: what `mainstay simulate` runs.

The same director, checkers and faults as in the developers' simulation; the adapters are made from their contracts, the
agents from their types, rules and limits are the operator's own. A history that breaks a promise, or in which a run
neither ends nor waits for a person, is made as short as it gets and told in plain words. Its seed repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mainstay.ledger.blobs import InMemoryBlobs
from mainstay.runtime.artifacts import Artifacts
from mainstay.testing.history import History
from mainstay.testing.mix import Mix
from mainstay.testing.observed import Observed, Watch
from mainstay.testing.own_workflow import OwnWorkflow, draw_own, load
from mainstay.testing.simulation import Failure, attempt, shorten
from mainstay.testing.telling import PlainStory
from mainstay.testing.workers import submit, worker_pool

CHUNK = 20  # histories that one worker takes at a time
ALONE_MAX = 40  # so few are not worth a second process
FAILURES_MAX = 20  # are kept; the first is told


@dataclass(slots=True)
class Part:
    """What some histories came to."""

    seen: Observed = field(default_factory=Observed)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Part) -> None:
        """Take in what others saw."""
        self.seen.add(other.seen)
        self.failures = sorted((*self.failures, *other.failures), key=lambda one: one.seed)[:FAILURES_MAX]


def run_own(own: OwnWorkflow, first: int, count: int) -> Part:
    """Histories in a row, in this process."""
    part = Part()
    for seed in range(first, first + count):
        mix = draw_own(seed, own)
        watch = Watch(calm=not mix.rates)
        history = History(seed, mix, listeners=(watch,))
        watch.open_text = _opener(history)
        failure = attempt(history, seed)
        part.seen.add(watch.finish())
        if failure is not None:
            part.failures.append(failure)
    return part


def run_parts(start: Path, own: OwnWorkflow, first: int, seeds: int, workers: int) -> Generator[Part]:
    """All histories, over so many processes; what each part of them came to, as it comes. Closed early, they end."""
    ranges = [(at, min(CHUNK, first + seeds - at)) for at in range(first, first + seeds, CHUNK)]
    if workers < 2 or seeds <= ALONE_MAX:
        for at, count in ranges:
            yield run_own(own, at, count)
        return
    with worker_pool(workers) as pool:
        parts = [submit(pool, _in_worker, str(start), own.name, at, count) for at, count in ranges]
        for one in as_completed(parts):
            yield one.result()


def tell(own: OwnWorkflow, seed: int) -> list[str]:
    """One history, in plain words."""
    return _told(seed, draw_own(seed, own))


def tell_shortest(own: OwnWorkflow, failure: Failure) -> list[str]:
    """The shortest history of this seed that breaks the same promise, in plain words."""

    def again(mix: Mix) -> Failure | None:
        return attempt(History(failure.seed, mix), failure.seed)

    return _told(failure.seed, shorten(draw_own(failure.seed, own), failure.rule, again))


def _told(seed: int, mix: Mix) -> list[str]:
    history = History(seed, mix)
    story = PlainStory(_opener(history))
    history.audit.listeners.append(story)
    attempt(history, seed)
    return story.lines


def _opener(history: History) -> Callable[[str], str]:
    """Opens what was sealed in this history, as its operator could."""
    return Artifacts(history.outside.vault, InMemoryBlobs(lambda digest: None)).open_text


@lru_cache(maxsize=1)
def _loaded(start: str, name: str) -> OwnWorkflow:
    return load(Path(start), name)


def _in_worker(start: str, name: str, first: int, count: int) -> Part:
    return run_own(_loaded(start, name), first, count)
