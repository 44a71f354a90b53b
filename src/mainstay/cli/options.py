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
DigestPrefix = Annotated[
    str | None,
    typer.Option(
        "--digest", help="Decide only if this, or what begins so, is still what waits.", show_default=False
    ),
]
DIGEST_MIN = 4  # digits: fewer would fit too many effects to guard anything
_HEX = frozenset("0123456789abcdef")


def named_digest(given: str | None) -> str | None:
    """The digest that a decision is bound to, None if the option was left out. Raises `CommandRefused`.

    An empty one is refused, not taken for none: it is what a script with an empty variable gives, and that script
    wanted the guard.
    """
    from mainstay.kernel.errors import CommandRefused

    if given is None:
        return None
    digest = given.strip().lower()
    if len(digest) < DIGEST_MIN or not set(digest) <= _HEX:
        raise CommandRefused(
            "--digest is empty." if not digest else f"{given[:80]!r} is not the beginning of a digest.",
            why=f"A digest is hexadecimal, and at least {DIGEST_MIN} digits are needed. Nothing was decided.",
            remedy="Copy it from `mainstay approvals show CARD`, or leave --digest out to decide without it.",
        )
    return digest


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


def given_before(context: typer.Context, workspace: Path, as_json: bool) -> tuple[Path, bool]:
    """The shared options of a command within a group, with what stood before its name."""
    if context.obj is None:
        return workspace, as_json
    before, json_before = context.obj
    return before if workspace == HERE else workspace, as_json or json_before
