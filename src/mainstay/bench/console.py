"""`mainstay bench console`: the web server of a workspace with a hundred thousand runs.

It is served by a child process and visited from here: how long until the first byte of each page, what a page weighs,
what the server holds in memory; and ten pages that listen while a thousand steps a second run: how long an event is on
its way from its commit to their message, and to the part that they fetch anew. What the open pages cost the director is
told by processor time, with and without them in turns, so that what the machine does besides does not show.

Requests are of this machine and the client shares its cores: figures are as a person on it would have them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from mainstay.bench.console_fill import filled
from mainstay.bench.console_keys import key_to_paint_ms
from mainstay.bench.console_turns import Spread, medians, p95
from mainstay.bench.console_visits import Page, Visitor, fonts, ways_ms
from mainstay.bench.engine import machine
from mainstay.bench.report import Report

Told = Callable[[str, int, int], None]  # part, done, of how many
SCRIPTS = ("htmx", "hx-sse", "console")
KB = 1_000
QUIET_LOOK_S, QUIET_SHARE, QUIET_TIMES = (
    1.0,
    0.03,
    12,
)  # a look, of a core, so often: it makes itself ready after 10 s
QUIET_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve, and what to ask of it."""

    runs: int = 90_000  # that are over; with those of the cards a hundred thousand, and a million events
    cards: int = 10_000
    rounds: int = 10  # visits of each page in a turn
    streams: int = 10
    steps_per_s: int = 1_000
    load_s: float = 4.0
    crowd: int = 1_500  # runs of one turn with or without streams
    turns: int = 3  # of everything: figures are medians of them
    folder: str = ""  # kept, and taken as it is when it was filled before; empty: a temporary one


@dataclass(frozen=True, slots=True)
class Visit:
    """One page, read once."""

    status: int
    first_ms: float
    cpu_ms: float  # of the server
    bytes: int


def run_console(options: Options = Options(), told: Told = lambda part, done, of: None) -> Report:
    """Fill, serve, visit."""
    load_before = os.getloadavg()[0]
    with _folder(options.folder) as folder, _environ(folder) as environ:
        root = filled(folder, runs=options.runs, cards=options.cards, told=told)
        child = Child(root, environ)
        try:
            figures: dict[str, Any] = {"runs": options.runs + options.cards, "cards": options.cards}
            visited, spread = _visited(child, options, told)
            listened, late = asyncio.run(_listened(child, options, told))
            figures |= visited | listened | {"console_mb": child.ask("memory")["resident_mb"]}
            pressed, keys = key_to_paint_ms(child.port, child.ask("login")["url"], turns=options.turns)
            figures |= pressed | {"spread": spread | late | keys}
        finally:
            child.end()
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench console")


class Child:
    """The process that is measured (`console_served`)."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mainstay.bench.console_served", str(root)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port: int = self._heard()["port"]

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """What it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the measured server ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """Let it end in order."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _visited(child: Child, options: Options, told: Told) -> tuple[dict[str, Any], Spread]:
    """First bytes and weights of every page of the rail, and of a run."""
    quiet_s = _until_quiet(child)
    visitor = Visitor(child.port, child.ask("login")["url"])
    home = visitor.get("/")
    runs = visitor.get("/runs").text.partition('href="/runs/')[2].partition('"')[0]
    paths = [*home.places, *([f"/runs/{runs}"] if runs else [])]
    first = {one: _visit(child, visitor, one) for one in paths}
    missing = [one for one, visit in first.items() if visit.status != 200]
    paths = [one for one in paths if one not in missing]
    turns: list[dict[str, list[Visit]]] = []
    for number in range(options.turns):
        turns.append({one: [] for one in paths})
        for _ in range(options.rounds):
            for path in paths:
                turns[-1][path].append(_visit(child, visitor, path))
        told("visits", number + 1, options.turns)
    assets = {one: visitor.get(one) for one in home.assets}
    loaded = {one: read.bytes for one, read in assets.items()}
    for one in assets.values():
        loaded |= {font: visitor.get(font).bytes for font in fonts(one.text)}
    scripts = sum(size for one, size in loaded.items() if one.endswith(".js"))
    visitor.close()
    figures, spread = medians([_of_a_turn([one for of in turn.values() for one in of]) for turn in turns])
    pages = {
        "/runs/ID" if path.startswith("/runs/") else path: medians([_of_a_turn(turn[path]) for turn in turns])
        for path in paths
    }
    slowest = max(pages, key=lambda one: pages[one][0]["first_byte_p95_ms"])
    weights = {path: max(one.bytes for one in turns[-1][path]) for path in paths}
    return {
        "quiet_after_s": quiet_s,
        "pages": len(paths),
        "pages_missing": ", ".join(missing) or "none",
        "first_visit_cpu_ms": median(first[one].cpu_ms for one in paths),
        **figures,
        "first_byte_slowest_page": slowest,
        "first_byte_slowest_p95_ms": pages[slowest][0]["first_byte_p95_ms"],
        "first_bytes_ms": {
            one: {
                "p50": round(took["first_byte_p50_ms"], 1),
                "p95": round(took["first_byte_p95_ms"], 1),
                "p95_of_turns": between["first_byte_p95_ms"],
                "cpu": round(took["page_cpu_ms"], 1),
            }
            for one, (took, between) in pages.items()
        },
        "page_kb": (max(weights.values()) + sum(loaded.values())) / KB,
        "html_kb": {
            ("/runs/ID" if one.startswith("/runs/") else one): round(size / KB, 1)
            for one, size in weights.items()
        },
        "script_kb": scripts / KB,
        "house_us": child.ask("house")["house_us"],
    }, {**spread, "first_byte_slowest_p95_ms": pages[slowest][1]["first_byte_p95_ms"]}


def _until_quiet(child: Child) -> float:
    """Wait until what a director does after its start is done: it would be told as the pages' own."""
    began = time.monotonic()
    still = 0
    while still < QUIET_TIMES and time.monotonic() - began < QUIET_MAX_S:
        before = child.ask("cpu")["cpu_s"]
        time.sleep(QUIET_LOOK_S)
        used = (child.ask("cpu")["cpu_s"] - before) / QUIET_LOOK_S
        still = still + 1 if used < QUIET_SHARE else 0
    return time.monotonic() - began


def _visit(child: Child, visitor: Visitor, path: str) -> Visit:
    before = child.ask("cpu")["cpu_s"]
    read = visitor.get(path)
    return Visit(read.status, read.first_s * 1e3, (child.ask("cpu")["cpu_s"] - before) * 1e3, read.bytes)


def _of_a_turn(visits: list[Visit]) -> dict[str, float]:
    first, cpu = [one.first_ms for one in visits], [one.cpu_ms for one in visits]
    return {
        "first_byte_p50_ms": median(first),
        "first_byte_p95_ms": p95(first),
        "page_cpu_ms": median(cpu),
        "page_cpu_p95_ms": p95(cpu),
    }


async def _listened(child: Child, options: Options, told: Told) -> tuple[dict[str, Any], Spread]:
    """Pages that listen: how late they are, and what they cost."""
    visitor = Visitor(child.port, child.ask("login")["url"])
    part = visitor.get("/runs").part_of("runs")

    async def with_pages(count: int, part: str, do: str, **more: Any) -> tuple[dict[str, Any], list[Page]]:
        pages = [Page(visitor.headers, child.port, "runs", part) for _ in range(count)]
        listening = [await one.open() for one in pages]
        try:
            answer = await asyncio.to_thread(child.ask, do, **more)
            await asyncio.sleep(1.0)  # what is on its way arrives
        finally:
            for one in listening:
                one.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        return answer, pages

    load = {"steps_per_s": options.steps_per_s, "s": options.load_s}
    loaded, refused = [], 0
    for number in range(options.turns):
        answer, pages = await with_pages(options.streams, part, "load", **load)
        loaded.append(_of_a_load(answer, pages, options.load_s))
        refused += sum(one.refused for one in pages)
        told("load", number + 1, options.turns)
    figures, spread = medians(loaded)
    alone = (await with_pages(0, "", "load", **load))[0]
    costs: dict[str, list[float]] = {"alone": [], "listening": [], "fetching": []}
    crowd = {"runs": options.crowd}
    await with_pages(0, "", "crowd", **crowd)  # warm
    for number in range(options.turns):
        for name, count, its_part in (
            ("alone", 0, ""),
            ("listening", options.streams, ""),
            ("fetching", options.streams, part),
        ):
            one, _ = await with_pages(count, its_part, "crowd", **crowd)
            costs[name].append(one["director_cpu_s"] / one["steps"] * 1e6)
        told("turns", number + 1, options.turns)
    visitor.close()
    return {
        **figures,
        "parts_refused": refused,
        "load_cpu_share_alone": alone["cpu_share"],
        "step_cpu_us_alone": median(costs["alone"]),
        "director_slower_by_streams": median(costs["listening"]) / median(costs["alone"]) - 1,
        "director_slower_by_pages": median(costs["fetching"]) / median(costs["alone"]) - 1,
        "turns": {name: [round(one, 1) for one in took] for name, took in costs.items()},
    }, spread


def _of_a_load(answer: dict[str, Any], pages: list[Page], load_s: float) -> dict[str, float]:
    ways, shown = ways_ms([(int(at), float(when)) for at, when in answer["commits"]], pages)
    return {
        "loaded_steps_per_s": answer["steps_per_s"],
        "to_message_p50_ms": median(ways),
        "to_message_p95_ms": p95(ways),
        **({"to_part_p50_ms": median(shown), "to_part_p95_ms": p95(shown)} if shown else {}),
        "parts_per_s": sum(len(one.fetched) for one in pages) / load_s,
        "load_cpu_share": answer["cpu_share"],
    }


@contextmanager
def _folder(named: str) -> Iterator[Path]:
    if named:
        Path(named).mkdir(parents=True, exist_ok=True)
        yield Path(named).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as name:
        yield Path(name)


@contextmanager
def _environ(folder: Path) -> Iterator[dict[str, str]]:
    """Nothing of the bench is left among the user's keys."""
    before = os.environ.get("MAINSTAY_KEY_HOME")
    os.environ["MAINSTAY_KEY_HOME"] = str(folder / "keys")
    try:
        yield dict(os.environ)
    finally:
        if before is None:
            del os.environ["MAINSTAY_KEY_HOME"]
        else:
            os.environ["MAINSTAY_KEY_HOME"] = before
