"""`mainstay health` and `mainstay metrics`: whether all is well, and the figures for a monitoring system."""

from __future__ import annotations

import sys

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import emit, say, tell
from mainstay.cli.safe_text import safe_line

EXIT = {"ok": 0, "degraded": 1, "down": 2}  # as monitoring systems have it: fine, warning, critical


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    app.command("health")(health)
    app.command("metrics")(metrics)


def health(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Whether all is well, and each reason why not. Ends with 0 if it is, 1 if degraded, 2 if down."""
    with open_workspace(workspace) as opened:
        found = opened.health()
    if as_json:
        emit(found.told())
    else:
        say({"ok": "All is well.", "degraded": "Degraded.", "down": "Down."}[found.state])
        for one in found.reasons:
            tell(f"{'✗' if one.down else '!'} {safe_line(one.what)}: {safe_line(one.why)}", hang=2)
            tell(f"  {safe_line(one.remedy)}", hang=2)
    if EXIT[found.state]:
        raise typer.Exit(EXIT[found.state])


def metrics(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The figures in Prometheus's text format; of a director at work, where there is one."""
    with open_workspace(workspace) as opened:
        text = opened.metrics().decode()
    if as_json:
        return emit({"text": text})
    sys.stdout.write(text)
    return None
