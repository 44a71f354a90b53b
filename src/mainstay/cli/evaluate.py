"""`mainstay evaluate`: how well triage and recall do on your own data, and what autonomy lets pass.

The group alone: each measurement is a module of its own, which imports what it measures when it is asked for.
"""

from __future__ import annotations

import typer

from mainstay.cli import evaluate_autonomy, evaluate_recall, evaluate_triage
from mainstay.cli.options import new_typer

group = new_typer("How well triage and recall do on your own data, and what autonomy lets pass.")


def add_to(app: typer.Typer) -> None:
    """Put this group into the command line."""
    for part in (evaluate_triage, evaluate_recall, evaluate_autonomy):
        part.add_to(group)
    app.add_typer(group, name="evaluate")


@group.callback()
def _group() -> None:
    """How well triage and recall do on your own data, and what autonomy lets pass."""
