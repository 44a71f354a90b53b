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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from mainstay.bench.console_fill import filled
from mainstay.bench.console_keys import key_to_paint_ms
from mainstay.bench.console_visits import Page, Visitor, fonts, ways_ms
from mainstay.bench.engine import machine
from mainstay.bench.report import Report

Told = Callable[[str, int, int], None]  # part, done, of how many
SCRIPTS = ("htmx", "hx-sse", "console")
KB = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve, and what to ask of it."""

    runs: int = 90_000  # that are over; with those of the cards a hundred thousand, and a million events
    cards: int = 10_000
    rounds: int = 30  # visits of each page
    streams: int = 10
    steps_per_s: int = 1_000
    load_s: float = 8.0
    crowd: int = 1_500  # runs of one turn with or without streams
    turns: int = 4  # of each
    folder: str = ""  # kept, and taken as it is when it was filled before; empty: a temporary one


def run_console(options: Options = Options(), told: Told = lambda part, done, of: None) -> Report:
    """Fill, serve, visit."""
    load_before = os.getloadavg()[0]
    with _folder(options.folder) as folder, _environ(folder) as environ:
        root = filled(folder, runs=options.runs, cards=options.cards, told=told)
        child = Child(root, environ)
        try:
            figures: dict[str, Any] = {"runs": options.runs + options.cards, "cards": options.cards}
            figures |= _visited(child, options, told)
            figures |= asyncio.run(_listened(child, options, told))
            figures |= {"console_mb": child.ask("memory")["resident_mb"]}
            figures |= key_to_paint_ms(child.port, child.ask("login")["url"])
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


def _visited(child: Child, options: Options, told: Told) -> dict[str, Any]:
    """First bytes and weights of every page of the rail, and of a run."""
    visitor = Visitor(child.port, child.ask("login")["url"])
    home = visitor.get("/")
    runs = visitor.get("/runs").text.partition('href="/runs/')[2].partition('"')[0]
    paths = [*home.places, *([f"/runs/{runs}"] if runs else [])]
    missing = [one for one in paths if visitor.get(one).status != 200]
    paths = [one for one in paths if one not in missing]
    first_ms: dict[str, list[float]] = {one: [] for one in paths}
    cpu_ms: dict[str, list[float]] = {one: [] for one in paths}
    weights: dict[str, int] = {}
    for number in range(options.rounds):
        for path in paths:
            before = child.ask("cpu")["cpu_s"]
            read = visitor.get(path)
            cpu_ms[path].append((child.ask("cpu")["cpu_s"] - before) * 1e3)
            first_ms[path].append(read.first_s * 1e3)
            weights[path] = read.bytes
        told("visits", number + 1, options.rounds)
    assets = {one: visitor.get(one) for one in home.assets}
    loaded = {one: read.bytes for one, read in assets.items()}
    for one in assets.values():
        loaded |= {font: visitor.get(font).bytes for font in fonts(one.text)}
    scripts = sum(size for one, size in loaded.items() if one.endswith(".js"))
    visitor.close()
    named = {("/runs/ID" if one.startswith("/runs/") else one): took for one, took in first_ms.items()}
    slowest = max(named, key=lambda one: _p95(named[one]))
    return {
        "pages": len(paths),
        "pages_missing": ", ".join(missing) or "none",
        "first_byte_p50_ms": median(one for took in named.values() for one in took),
        "first_byte_p95_ms": _p95([one for took in named.values() for one in took]),
        "page_cpu_ms": median(one for took in cpu_ms.values() for one in took),
        "page_cpu_p95_ms": _p95([one for took in cpu_ms.values() for one in took]),
        "first_byte_slowest_page": slowest,
        "first_byte_slowest_p95_ms": _p95(named[slowest]),
        "first_bytes_ms": {
            one: {
                "p50": round(median(took), 1),
                "p95": round(_p95(took), 1),
                "cpu": round(median(cpu_ms[path]), 1),
            }
            for path, (one, took) in zip(first_ms, named.items(), strict=True)
        },
        "page_kb": (max(weights.values()) + sum(loaded.values())) / KB,
        "html_kb": {
            ("/runs/ID" if one.startswith("/runs/") else one): round(size / KB, 1)
            for one, size in weights.items()
        },
        "script_kb": scripts / KB,
        "house_us": child.ask("house")["house_us"],
    }


async def _listened(child: Child, options: Options, told: Told) -> dict[str, Any]:
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
    answer, pages = await with_pages(options.streams, part, "load", **load)
    told("load", 1, 1)
    ways, shown = ways_ms([(int(at), float(when)) for at, when in answer["commits"]], pages)
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
        "loaded_steps_per_s": answer["steps_per_s"],
        "to_message_p50_ms": median(ways),
        "to_message_p95_ms": _p95(ways),
        **({"to_part_p50_ms": median(shown), "to_part_p95_ms": _p95(shown)} if shown else {}),
        "parts_per_s": sum(len(one.fetched) for one in pages) / options.load_s,
        "parts_refused": sum(one.refused for one in pages),
        "load_cpu_share_alone": alone["cpu_share"],
        "load_cpu_share": answer["cpu_share"],
        "step_cpu_us_alone": median(costs["alone"]),
        "director_slower_by_streams": median(costs["listening"]) / median(costs["alone"]) - 1,
        "director_slower_by_pages": median(costs["fetching"]) / median(costs["alone"]) - 1,
        "turns": {name: [round(one, 1) for one in took] for name, took in costs.items()},
    }


def _p95(took: list[float]) -> float:
    return quantiles(took, n=100)[94] if len(took) > 1 else took[0]


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
