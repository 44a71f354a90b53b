"""`mainstay doctor`: what is wrong here, what to do about it, and with `--fix` what can be mended at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import cells, count, emit, say, sentences, show, table

if TYPE_CHECKING:
    from mainstay.cli.checkup import Finding

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
        say(_summary(findings))
    if failed:
        raise typer.Exit(1)


def _summary(findings: list[Finding]) -> str:
    """All is well only where nothing is to be done."""
    failed = sum(one.level == "fail" for one in findings)
    warned = sum(one.level == "warn" for one in findings)
    if failed:
        return f"{failed} of {len(findings)} parts need you" + (
            f", and {warned} more a look." if warned else "."
        )
    return f"It works; {count(warned, 'part needs', 'parts need')} a look (!)." if warned else "All is well."
