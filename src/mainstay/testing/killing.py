"""`make crash`: a director with real files is killed at random moments, again and again, and loses and doubles nothing.

    python -m mainstay.testing.killing --cycles 200 --seed 1

Each cycle starts a director (a process of its own, in the one workspace that all cycles share), gives it work through
its control socket, kills it with SIGKILL at a moment drawn from the seed and holds the ledger against what had been
acknowledged and what the provider did (`killing_books`). The last director is let finish. Where the kills landed is
counted, and a window that was never hit is a failure too: it would prove nothing.

The moments are of the real clock, so a seed draws the same work and the same delays, and not the same history.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import DirectorUnavailable, MainstayError
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.control import ControlClient
from mainstay.testing.killing_books import REST, WINDOWS, Books
from mainstay.testing.killing_house import (
    KEY_HOME,
    LOG,
    MARKS,
    WORKFLOWS,
    be_killed,
    lay_out,
    lines,
    own_keys,
)
from mainstay.testing.killing_planted import PLANTED

CYCLES = 200
WORK_MAX_S = 0.3  # how long a director works before it is killed, at most
IN_BOOT = 0.2  # share of the kills that come before a director has its doors open
RUNS_MAX = 12  # started in a cycle
YES = 0.9  # share of the cards that are approved
VERIFY_EVERY = 25
BOOT_MAX_S = 60.0
FINISH_MAX_S = 120.0
WINDOWS_FROM = 50  # cycles from which on every window must have been hit

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Result:
    """What the cycles came to."""

    cycles: int
    seed: int
    seconds: float = 0.0
    windows: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def missed(self) -> list[str]:
        """The windows that no kill landed in."""
        return [name for name in WINDOWS if not self.windows.get(name)]

    @property
    def good(self) -> bool:
        """Whether every promise was kept, and the cycles prove it."""
        return not self.broken and not (self.missed and self.cycles >= WINDOWS_FROM)


class Killing:
    """One workspace, and all its cycles."""

    def __init__(self, root: Path, seed: int, *, planted: str = "") -> None:
        self._folder = lay_out(root)
        self._draw = random.Random(seed)
        self._books = Books(self._folder)
        self._planted = planted
        self._client = ControlClient(self._folder.socket)
        self._boot_s = 0.1
        self._texts = 0
        self.refused: Counter[str] = Counter()
        # Directors are forked from a process that has everything imported and nothing open.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(
            ["mainstay.testing.killing_house", "mainstay.workspace.serving"]
        )

    def run(self, cycles: int, seed: int, progress: Progress = lambda done, of: None) -> Result:
        """All cycles, and the end. Stops early where a promise was broken on purpose."""
        began = time.monotonic()
        result = Result(cycles, seed)
        for cycle in range(1, cycles + 1):
            self._cycle(cycle)
            if cycle % VERIFY_EVERY == 0:
                self._books.chain_holds(cycle)
            progress(cycle, cycles)
            if self._books.broken and self._planted:
                break
        else:
            result.figures = self._finish(cycles + 1)
        result.seconds = time.monotonic() - began
        result.windows = dict(self._books.windows)
        result.broken = self._books.broken
        return result

    # --- one cycle --------------------------------------------------------------------------------------------------

    def _cycle(self, cycle: int) -> None:
        in_boot = cycle > 1 and self._draw.random() < IN_BOOT
        share = self._draw.random()
        child = self._start(cycle)
        if in_boot:
            time.sleep(share * self._boot_s)
        elif self._ready(child, cycle):
            self._books.after_boot(cycle)
            killer = threading.Timer(share * WORK_MAX_S, child.kill)
            killer.start()
            self._drive(cycle, child)
            killer.join()
        child.kill()
        child.join()
        self._books.after_kill(cycle)

    def _start(self, cycle: int) -> BaseProcess:
        (self._folder.root / MARKS).unlink(missing_ok=True)
        given = (
            str(self._folder.root),
            os.environ[KEY_HOME],
            cycle,
            self._draw.getrandbits(32),
            self._planted,
        )
        child = self._processes.Process(target=be_killed, args=given)
        child.start()
        return child

    def _ready(self, child: BaseProcess, cycle: int) -> bool:
        """Wait until its doors are open."""
        began = time.monotonic()
        while ["ready"] not in lines(self._folder.root / MARKS):
            if not child.is_alive() or time.monotonic() - began > BOOT_MAX_S:
                self._books.broken.append(f"cycle {cycle}: it did not come up: {self._last_words()}")
                return False
            time.sleep(0.001)
        self._boot_s = time.monotonic() - began
        return True

    def _last_words(self) -> str:
        log = self._folder.root / LOG
        return (
            log.read_text(errors="replace").strip().rpartition("\n")[2] if log.exists() else "it said nothing"
        )

    # --- the operator -----------------------------------------------------------------------------------------------

    def _drive(self, cycle: int, child: BaseProcess) -> None:
        """Give it work and answers until it is gone."""
        left = self._draw.randint(1, RUNS_MAX)
        reader = SqliteReader(self._folder.ledger, tables=None)
        try:
            while child.is_alive():
                if left:
                    left -= 1
                    self._begin_run(cycle)
                if not self._answer_some(reader, share=0.5) and not left:
                    time.sleep(0.002)
        except DirectorUnavailable:
            if child.is_alive():
                child.join(1.0)
            return
        finally:
            reader.close()

    def _begin_run(self, cycle: int) -> None:
        workflow = self._draw.choice(WORKFLOWS)
        self._texts += 1
        text = f"{workflow}-{cycle}-{self._texts}"
        answer = self._ask(
            "start", workflow=workflow, trigger={"text": text}, request=text, key="", actor="driver"
        )
        if answer is not None:
            self._books.started[answer["run"]] = text

    def _answer_some(self, reader: SqliteReader, *, share: float) -> bool:
        """Answer this share of what waits; whether there was anything."""
        answered = False
        for row in reader.select("approvals", where={"status": "waiting"}, order="requested_at", limit=20):
            if self._draw.random() < share:
                answered = True
                self._answer_card(str(row["run"]), str(row["approval"]), str(row["digest"]))
        seen = self._books.witness() if reader.count("in_doubt") else {}
        for row in reader.select("in_doubt", limit=20):
            if self._draw.random() < share:
                answered = True
                run, task = str(row["run"]), row["task"]
                assert isinstance(task, int)
                text = self._books.text(reader, run)
                happened = text in seen and seen[text].done > 0
                if not happened:
                    self._books.let_again(run, text)
                answer = "happened" if happened else "did_not"
                if self._ask("resolve", run=run, task=task, answer=answer, actor="driver") is not None:
                    self._books.resolved.add((run, task))
        return answered

    def _answer_card(self, run: str, card: str, digest: str) -> None:
        yes = self._draw.random() < YES
        operation, status = ("approve", "granted") if yes else ("reject", "rejected")
        if self._ask(operation, approval=card, digest=digest, actor="driver") is not None:
            self._books.answered[card] = (status, run)

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """What was acknowledged; None where it was refused: a card may have been withdrawn a moment before."""
        try:
            return self._client.ask(operation, arguments, timeout_s=BOOT_MAX_S)
        except DirectorUnavailable:
            raise
        except MainstayError as error:
            self.refused[str(error)] += 1
            return None

    def _finish(self, cycle: int) -> dict[str, int]:
        """The last director is not killed: everything comes to its end."""
        child = self._start(cycle)
        if self._ready(child, cycle):
            self._books.after_boot(cycle)
            reader = SqliteReader(self._folder.ledger, tables=None)
            end = time.monotonic() + FINISH_MAX_S
            while reader.count("open_runs") and time.monotonic() < end and child.is_alive():
                self._answer_some(reader, share=1.0)
                time.sleep(0.005)
            if reader.count("open_runs"):
                self._books.broken.append(f"cycle {cycle}: {reader.count('open_runs')} runs do not end")
            reader.close()
            child.terminate()
        child.join(BOOT_MAX_S)
        if child.exitcode != 0:
            self._books.broken.append(f"cycle {cycle}: the last director ended with {child.exitcode}")
            child.kill()
            child.join()
        return self._books.at_the_end(cycle)


# --- the command ----------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m mainstay.testing.killing", description=__doc__)
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="make each known mistake, and find it")
    parser.add_argument("--keep", type=Path, help="a folder, to be made: leave the workspace there")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.planted:
        return _planted(given.cycles, given.seed, as_json=given.json)
    result = run_cycles(given.cycles, given.seed, keep=given.keep, progress=_quiet if given.json else _Bar())
    if given.json:
        print(json.dumps({**asdict(result), "missed": result.missed, "good": result.good}))
    else:
        _print(result)
    return 0 if result.good else 1


def run_cycles(
    cycles: int,
    seed: int,
    *,
    planted: str = "",
    keep: Path | None = None,
    progress: Progress = lambda done, of: None,
) -> Result:
    """All cycles in a workspace of their own."""
    # Short, because a socket's name has a bound; and with a key of its own beside it.
    place = keep or Path(tempfile.mkdtemp(prefix="mainstay-crash-"))
    try:
        with own_keys(place / "keys"):
            return Killing(place / "desk", seed, planted=planted).run(cycles, seed, progress)
    finally:
        if keep is None:
            shutil.rmtree(place, ignore_errors=True)


def _planted(cycles: int, seed: int, *, as_json: bool) -> int:
    found: dict[str, str] = {}
    for name in PLANTED:
        result = run_cycles(cycles, seed, planted=name)
        found[name] = result.broken[0] if result.broken else ""
        if not as_json:
            print(f"{name:<28} {found[name] or 'NOT FOUND'}", flush=True)
    if as_json:
        print(json.dumps(found))
    return 0 if all(found.values()) else 1


class _Bar:
    """A bar on a terminal, and a line now and then elsewhere."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, done: int, of: int) -> None:
        if sys.stdout.isatty():
            filled = 40 * done // of
            print(
                f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{of} kills ",
                end="\n" * (done == of),
                flush=True,
            )
        elif done * 10 // of > self._told:
            self._told = done * 10 // of
            print(f"{done} of {of} kills", flush=True)


def _quiet(done: int, of: int) -> None:
    return None


def _print(result: Result) -> None:
    rows: list[tuple[str, object]] = [
        (f"killed {name}", result.windows.get(name, 0)) for name in (*WINDOWS, REST)
    ]
    rows += [(name, count) for name, count in result.figures.items()]
    rows += [("broken promises", len(result.broken)), ("seconds", f"{result.seconds:.0f}")]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>8}")
    for one in result.broken:
        print(f"Broken: {one}")
    if result.missed and result.cycles >= WINDOWS_FROM:
        print("No kill landed here, so nothing is proved of it: " + ", ".join(result.missed))


if __name__ == "__main__":
    sys.exit(main())
