"""`mainstay doctor`: what is wrong here, what to do about it, and with `--fix` what can be mended at once."""

from __future__ import annotations

from typing import Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import cells, emit, say, sentences, show, table

_SIGNS = {"ok": "✓", "note": "·", "warn": "!", "fail": "✗", "mended": "+"}


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("doctor")(doctor)


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell what is wrong here, and mend it."""
    from mainstay.cli.checkup import check_up

    findings = check_up(workspace, fix=fix)
    failed = [one for one in findings if one.level == "fail"]
    if as_json:
        emit({"well": not failed, "findings": findings})
    else:
        made = table("", "Part", ("Finding", {"overflow": "fold"}))
        for one in findings:
            made.add_row(_SIGNS[one.level], *cells(one.part, sentences(one.detail, one.remedy)))
        show(made)
        say("All is well." if not failed else f"{len(failed)} of {len(findings)} parts need you.")
    if failed:
        raise typer.Exit(1)
