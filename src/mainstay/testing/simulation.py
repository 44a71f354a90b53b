"""`python -m mainstay.testing.simulation`: thousands of histories from seeds, and what was seen in them.

First every boundary of a few fixed scenarios in turn, then random histories. A history that breaks a promise is
made as short as it gets and told as events; its seed repeats it exactly. A rare path that no history went is a
failure too: a simulation that never meets a refusal, an expiry or an act in doubt proves little.

    --seeds N     so many random histories, from --seed on
    --seed S -v   one history, told
    --planted     plant each known bug and say at which seed it is found
    --json        the figures for machines
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import Any

from mainstay.runtime.collector import paused_collector
from mainstay.testing.checkers import Violation
from mainstay.testing.history import History
from mainstay.testing.mix import Mix, draw, smaller
from mainstay.testing.planted import PLANTED
from mainstay.testing.planting import Planted
from mainstay.testing.rare import RARE
from mainstay.testing.scenarios import every_point, scenarios
from mainstay.testing.workers import INTERRUPTED, LOST, submit, worker_pool

CHUNK = 25  # seeds that one worker takes at a time
SEEDS_FOR_ALL_PATHS = 2_000  # from so many on, no rare path may be missing
SHRINK_MAX = 150  # histories that shortening may cost
SCENARIO_SEEDS = (11, 12, 13)
PLANTED_SEEDS = 2_000


@dataclass(slots=True)
class Failure:
    """A history that broke a promise."""

    seed: int
    rule: str
    text: str


@dataclass(slots=True)
class Seen:
    """What some histories came to."""

    seeds: int = 0
    steps: int = 0
    events: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        """Take in what others saw."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.events += other.events
        self.paths += other.paths
        self.failures += other.failures

    def hold(self, history: History) -> None:
        """Take in one history."""
        self.seeds += 1
        self.steps += history.steps
        self.events += history.audit.position
        self.paths += history.paths

    @property
    def missing(self) -> list[str]:
        """Rare paths that nobody went."""
        return [path for path in RARE if not self.paths[path]]


def run_seed(seed: int, *, mix: Mix | None = None, story: bool = False) -> tuple[History, Failure | None]:
    """One random history, and how it failed, if it did."""
    history = History(seed, mix or draw(seed), story=story)
    return history, attempt(history, seed)


def attempt(history: History, seed: int) -> Failure | None:
    """Run a history; what it broke."""
    try:
        with paused_collector():  # nothing of a history is garbage before it is over
            history.run()
    except Violation as violation:
        return Failure(seed, violation.rule, str(violation))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Failure(seed, type(error).__name__, f"{error!r} in {where.filename}:{where.lineno}")
    return None


def run_seeds(first: int, count: int) -> Seen:
    """Random histories in a row."""
    seen = Seen()
    for seed in range(first, first + count):
        history, failure = run_seed(seed)
        seen.hold(history)
        if failure is not None:
            seen.failures.append(failure)
    return seen


def run_points(name: str, seed: int) -> Seen:
    """Every boundary of one scenario."""
    seen = Seen()
    try:
        every_point(scenarios()[name], seed=seed, ran=seen.hold)
    except Violation as violation:
        seen.failures.append(Failure(seed, violation.rule, f"scenario {name!r}: {violation}"))
    return seen


def shrink(failure: Failure) -> History:
    """The shortest history of this seed that breaks the same rule, told."""
    mix = shorten(draw(failure.seed), failure.rule, lambda mix: run_seed(failure.seed, mix=mix)[1])
    history, _ = run_seed(failure.seed, mix=mix, story=True)
    return history


def shorten(mix: Mix, rule: str, again: Callable[[Mix], Failure | None]) -> Mix:
    """The smallest mix, as far as trying finds one, that still breaks the rule."""
    best, tries = mix, 0
    shorter = True
    while shorter and tries < SHRINK_MAX:
        shorter = False
        for less in smaller(best):
            tries += 1
            failure = again(less)
            if failure is not None and failure.rule == rule:
                best, shorter = less, True
                break
            if tries >= SHRINK_MAX:
                break
    return best


def find(planted: Planted, seeds: int = PLANTED_SEEDS) -> tuple[int, str] | None:
    """The first seed that finds a planted bug, and by which rule; None when none does."""
    with planted.active() as parts:
        for seed in range(seeds):
            failure = attempt(History(seed, draw(seed), parts=parts), seed)
            if failure is not None:
                return seed, failure.rule
    return None


def find_named(name: str) -> tuple[int, str] | None:
    """The same by its name: a worker is told no more."""
    return find(next(one for one in PLANTED if one.name == name))


# --- the command ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when every promise held."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args(arguments)
    try:
        if options.planted:
            return _planted(options.workers, as_json=options.json)
        if options.seed is not None and not options.seeds:
            return _tell(options.seed, verbose=options.verbose)
        return _simulate(options.seed or 0, options.seeds or 500, options.workers, as_json=options.json)
    except KeyboardInterrupt:
        print(f"\n{LOST}", file=sys.stderr)
        return INTERRUPTED


def _simulate(first: int, seeds: int, workers: int, *, as_json: bool) -> int:
    begun = time.monotonic()
    points, random = Seen(), Seen()
    with worker_pool(workers) as pool:
        every = [submit(pool, run_points, name, seed) for seed in SCENARIO_SEEDS for name in scenarios()]
        for scenario in as_completed(every):
            points.add(scenario.result())
        chunks = [
            submit(pool, run_seeds, at, min(CHUNK, first + seeds - at))
            for at in range(first, first + seeds, CHUNK)
        ]
        for one in _with_progress(chunks, seeds, quiet=as_json):
            random.add(one)
    seen = Seen()
    seen.add(points)
    seen.add(random)
    took_s = time.monotonic() - begun
    missing = seen.missing if seeds >= SEEDS_FOR_ALL_PATHS else []
    figures = {
        "seeds": seeds,
        "points": points.seeds,
        "steps": seen.steps,
        "events": seen.events,
        "crashes": seen.paths["crash"],
        "seeds_per_s": round(seeds / took_s, 1),
        "took_s": round(took_s, 1),
    }
    if as_json:
        failures = [{"seed": one.seed, "rule": one.rule, "text": one.text} for one in seen.failures]
        told = {
            **figures,
            "paths": dict(sorted(seen.paths.items())),
            "missing": missing,
            "failures": failures,
        }
        print(json.dumps(told, indent=2))
    else:
        _print_table(figures, seen.paths)
        for path in missing:
            print(f"No history went this way: {path}")
        for failure in sorted(seen.failures, key=lambda one: one.seed)[:3]:
            _report(failure)
    return 1 if seen.failures or missing else 0


def _with_progress(chunks: list[Any], seeds: int, *, quiet: bool) -> Iterator[Seen]:
    """The results as they come, with a bar on a terminal and a line now and then elsewhere."""
    done = 0
    told = 0
    begun = time.monotonic()
    on_terminal = sys.stdout.isatty()
    for chunk in as_completed(chunks):
        seen: Seen = chunk.result()
        done += seen.seeds
        yield seen
        if quiet:
            continue
        rate = done / max(0.001, time.monotonic() - begun)
        if on_terminal:
            filled = 40 * done // seeds
            end = "\n" if done == seeds else ""
            print(
                f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{seeds}  {rate:.0f}/s ", end=end, flush=True
            )
        elif done * 10 // seeds > told:
            told = done * 10 // seeds
            print(f"{done} of {seeds} seeds, {rate:.0f} a second", flush=True)


def _print_table(figures: dict[str, float], paths: Counter[str]) -> None:
    rows = [*figures.items(), *((path, paths[path]) for path in RARE)]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>12,}")


def _report(failure: Failure) -> None:
    print(f"\nSeed {failure.seed} broke a promise: {failure.text}")
    history = shrink(failure)
    print("\n".join(history.lines))
    print(f"Again: python -m mainstay.testing.simulation --seed {failure.seed} -v")


def _tell(seed: int, *, verbose: bool) -> int:
    history, failure = run_seed(seed, story=verbose)
    if failure is not None:
        _report(failure)
        return 1
    if verbose:
        print("\n".join(history.lines))
    print(f"Seed {seed} kept every promise in {history.steps} steps and {history.paths['crash']} crashes.")
    return 0


def _planted(workers: int, *, as_json: bool) -> int:
    found: dict[str, tuple[int, str] | None] = {}
    names = [one.name for one in PLANTED]
    with worker_pool(workers) as pool:
        waiting = {name: submit(pool, find_named, name) for name in names}
        for name, one in waiting.items():
            where = found[name] = one.result()
            if not as_json:
                told = f"seed {where[0]:>5}  {where[1]}" if where is not None else "NOT FOUND"
                print(f"{name:<56} {told}", flush=True)
    if as_json:
        print(
            json.dumps(
                {name: where and {"seed": where[0], "rule": where[1]} for name, where in found.items()}
            )
        )
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
