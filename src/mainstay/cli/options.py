"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mainstay.workspace import Workspace

InWorkspace = Annotated[
    Path,
    typer.Option(
        "--workspace",
        "-w",
        envvar="MAINSTAY_WORKSPACE",
        help="The workspace folder, or one inside it.",
        show_default="here",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, for programs.")]
HERE = Path()


def open_workspace(path: Path) -> Workspace:
    """The workspace that a path lies in. Raises `WorkspaceNotFound`."""
    from mainstay.workspace import Workspace

    return Workspace.open(path)


def new_typer(text: str) -> typer.Typer:
    """A group of commands in the house's style: plain help, no traceback of its own."""
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
