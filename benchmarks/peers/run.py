"""`make bench-peers`: five trivial steps, one after the other, durable, on Mainstay and on what people use today.

Each engine runs in one process of its own environment, with the setting that was fastest of those tried (`--tune`
tries them again, and writes nothing). Each is also killed and started anew. The table goes to docs/benchmarks.md and
to the screen. Returns 1 when the goal is missed or could not be judged.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.peers import postgres, table
from benchmarks.peers.children import PeerFailed, Told
from benchmarks.peers.environments import ROOT, NoEnvironment, python_of
from benchmarks.peers.rounds import PEERS, STEPS, Bench, Peer, Shown, Work, measure

_DOCUMENT = ROOT / "docs" / "benchmarks.md"
_COMMITS = 200


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    given = _parser().parse_args(arguments)
    work = Work(given.workflows, given.single, given.rounds, given.kills, given.seed)
    peers = [peer for peer in PEERS if peer.name in given.only]
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-", dir=given.folder or None))
        )
        pythons, rows = _prepared(peers)
        server = _server(stack, peers, rows)
        parts = len(peers) * (work.rounds + work.kills)
        bench = Bench(folder, pythons, server, stack.enter_context(_progress(parts)))
        if given.tune:
            return _tune(bench, rows, work)
        load, commit = os.getloadavg()[0], _commit_ms(folder)
        measure(bench, rows, work)
        measured = table.Measured(
            rows=list(rows.values()),
            machine=_machine(),
            date=time.strftime("%d %B %Y, %H:%M").lstrip("0"),
            options=_options(work, server),
            load=(load, os.getloadavg()[0]),
            commit_ms=(commit, _commit_ms(folder)),
        )
    text = table.markdown(measured)
    print(text, end="")
    whole = len(peers) == len(PEERS) and not any(row.failed for row in rows.values())
    if whole and not given.dry:
        table.written(_DOCUMENT, text)
        print(f"Written to {_DOCUMENT.relative_to(ROOT)}", file=sys.stderr)
    return 0 if measured.against_goal()[0] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--kills", type=int, default=2, help="how often each is killed (default 2)")
    parser.add_argument("--workflows", type=int, default=300, help="of five steps, all at once (default 300)")
    parser.add_argument("--single", type=int, default=20, help="and so many one after the other (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="draws the moments of the kills")
    names = [peer.name for peer in PEERS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="ENGINE", help=", ".join(names)
    )
    parser.add_argument("--tune", action="store_true", help="try every setting of each engine instead")
    parser.add_argument(
        "--dry", action="store_true", help="print the table, leave the document alone (as --only does)"
    )
    parser.add_argument("--folder", default="", help="where the data is made")
    return parser


def _prepared(peers: list[Peer]) -> tuple[dict[str, str], dict[Peer, table.Row]]:
    """Environments; a row for each engine, which says so if its environment cannot be made."""
    pythons, rows = {}, {}
    for peer in peers:
        rows[peer] = row = table.Row(peer.words, peer.recovers, ours=not peer.environment)
        try:
            pythons[peer.name] = python_of(peer.environment)
        except NoEnvironment as why:
            row.missing = "its packages could not be installed"
            print(f"{peer.words}: {why}", file=sys.stderr)
    return pythons, rows


def _server(stack: ExitStack, peers: list[Peer], rows: dict[Peer, table.Row]) -> postgres.Server | None:
    served = [peer for peer in peers if peer.server and not rows[peer].missing]
    if not served:
        return None
    try:
        return stack.enter_context(postgres.running())
    except postgres.NoPostgres as why:
        for peer in served:
            rows[peer].missing = "no PostgreSQL could be started"
            print(f"{peer.words}: {why}", file=sys.stderr)
        return None


def _tune(bench: Bench, rows: dict[Peer, table.Row], work: Work) -> int:
    for peer, row in rows.items():
        if row.missing:
            print(f"{row.name}: not measured here, {row.missing}")
            continue
        settings = bench.settings(peer)
        speeds: dict[str, list[float]] = {setting: [] for setting in settings}
        for _ in range(work.rounds):
            for setting in settings:
                options = {"workflows": work.workflows, "single": work.single, "setting": setting}
                try:
                    speeds[setting].append(bench.measured(peer, setting, **options)["steps_per_s"])
                except PeerFailed as failed:
                    print(f"{peer.words:20} {setting:24} failed: {failed}", flush=True)
        for setting, found in sorted(speeds.items(), key=lambda one: -median(one[1] or [0])):
            if found:
                said = f"{median(found):8,.0f} steps/s ({min(found):,.0f} to {max(found):,.0f})"
                print(f"{peer.words:20} {setting or 'its only one':24} {said}", flush=True)
    return 0


def _commit_ms(folder: Path) -> float:
    """What the disk allows: the median of bare commits of one row, as each of these engines needs at least one a step
    when there is nothing beside it.
    """
    path = folder / "commits.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS row (data BLOB)")
    times = []
    for _ in range(_COMMITS):
        began = time.perf_counter()
        connection.execute("INSERT INTO row VALUES (?)", (b"x" * 400,))
        times.append(time.perf_counter() - began)
    connection.close()
    return median(times) * 1e3


def _machine() -> str:
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
    except OSError:
        pass  # no Linux: the architecture will do
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, CPython {python}, SQLite {sqlite}"


def _options(work: Work, server: postgres.Server | None) -> str:
    beside = f" PostgreSQL {server.version} on the same machine, reached by a Unix socket." if server else ""
    return (
        f"{work.workflows} workflows of {STEPS} steps at once, {work.single} one after the other; median of "
        f"{work.rounds} rounds in turn; {work.kills} kills from seed {work.seed}.{beside}"
    )


@contextmanager
def _progress(parts: int) -> Iterator[Shown]:
    """Two bars on a terminal, the run and its part; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda part: lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        whole = bars.add_task("engines in turn", total=parts)
        inner = bars.add_task("", total=None)
        begun = 0

        def shown(part: str) -> Told:
            nonlocal begun
            bars.update(whole, completed=begun)
            begun += 1
            bars.reset(inner, description=part, total=None)
            return lambda done, of: bars.update(inner, completed=min(done, of), total=of)

        yield shown


if __name__ == "__main__":
    sys.exit(main())
