"""`mainstay workflows try`: what a workflow would do with an input. Nothing leaves, and nothing is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, count, emit, say, show, table
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace.dry_run import DryRun

STATES = {
    "goes": "goes by itself",
    "held": "goes after a while",
    "asks": "asks you",
    "watched": "only watched",
    "unasked": "not asked",
    "next": "not reached",
}


def workflows_try(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A workflow.", show_default=False)],
    given: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Its trigger as JSON: a file, or `-`; a message by its text, subject and sender.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str,
        typer.Option("--message", help="Instead: a message of the inbox, by its key.", show_default=False),
    ] = "",
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer", help="What an agent would say that is not asked: TASK=JSON.", show_default=False
        ),
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Try a workflow: each step that it would take, what would ask you and by which rule. Nothing leaves or is kept."""
    if (given is None) is (not message):
        raise CommandRefused(
            "Say what to try it with: a file, or a message.",
            remedy=f"`mainstay workflows try {name} FILE`, or --message KEY; `mainstay inbox --json` tells keys.",
        )
    with open_workspace(workspace) as opened:
        if given is None:
            told = opened.dry_run.message(name, message, answers=answer or ())
        else:
            text = sys.stdin.read() if str(given) == "-" else given.read_text("utf-8")
            told = opened.dry_run.typed(name, text, answers=answer or ())
    if as_json:
        return emit(told)
    return _tell(told)


def _tell(told: DryRun) -> None:
    made = table("Step", "Who", "Would be", "By rule", "What")
    for one in told.steps:
        what = "; ".join(filter(None, (one.title, ", ".join(one.recipients)))) or " ".join(one.told)
        made.add_row(*cells(one.task, one.act or one.who, STATES.get(one.state, one.state), one.rule, what))
    show(made)
    say(f"The run would be {safe_line(told.status)}. Nothing left, and nothing of it is kept.")
    if told.left_out:
        say(f"{count(told.left_out, 'more step')} {'is' if told.left_out == 1 else 'are'} not told.")
    if told.unasked:
        say(
            f"Not asked, since they cost something or are programs: {', '.join(map(safe_line, told.unasked))}."
        )
