"""`mainstay demo`: the whole of it on a sample mailbox, with nothing of yours touched and nothing leaving this machine.

Every sentence that claims something is checked against the ledger or the delivery folder when it is printed; a
claim that does not hold makes the exit code other than zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import AsJson

if TYPE_CHECKING:
    from mainstay.cli.autonomy_demo import AutonomyDemo
    from mainstay.cli.compounding import Compounding
    from mainstay.cli.forget_demo import ForgetDemo
    from mainstay.cli.tamper_demo import TamperDemo
    from mainstay.cli.tour import Tour


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("demo")(demo)


def demo(
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="An empty folder to use.", show_default="a new one"),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Without pauses for reading.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show every message.")] = False,
    compounding: Annotated[
        bool,
        typer.Option(
            "--compounding", help="Instead: how what is asked of you falls, on a longer stream of mail."
        ),
    ] = False,
    autonomy: Annotated[
        bool,
        typer.Option("--autonomy", help="Instead: how a kind of act earns its autonomy, and loses it again."),
    ] = False,
    tamper: Annotated[
        bool,
        typer.Option("--tamper", help="Instead: a ledger that is tampered with, and how each way is found."),
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Instead: a sender is forgotten, and every file searched for them."),
    ] = False,
    serving: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="End at the console, in a browser, until Ctrl-C.",
            show_default="on a terminal",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A sample mailbox, triaged end to end, with a kill in the middle."""
    import sys

    tour: AutonomyDemo | Compounding | ForgetDemo | TamperDemo | Tour
    other = tamper or autonomy or forget or compounding
    if serving and (other or as_json):
        raise typer.BadParameter("--serve goes with the demo itself, told in words.", param_hint="--serve")
    if tamper:
        from mainstay.cli.tamper_demo import TamperDemo

        tour = TamperDemo(workspace, quiet=as_json)
    elif autonomy:
        from mainstay.cli.autonomy_demo import AutonomyDemo

        tour = AutonomyDemo(workspace, quiet=as_json)
    elif forget:
        from mainstay.cli.forget_demo import ForgetDemo

        tour = ForgetDemo(workspace, quiet=as_json)
    elif compounding:
        from mainstay.cli.compounding import Compounding

        tour = Compounding(workspace, quiet=as_json)
    else:
        from mainstay.cli.tour import Tour

        tour = Tour(workspace, fast=fast, every=every, quiet=as_json)
    held = tour.run()
    if as_json:
        from mainstay.cli.render import emit

        emit(tour.report())
    if not held:
        raise typer.Exit(1)
    if serving is None:
        serving = not other and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if serving:
        from mainstay.cli.tour import Tour

        assert isinstance(tour, Tour), "another demo is not served"
        tour.serve()
