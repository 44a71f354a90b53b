"""`mainstay heartbeat check`: is the director alive? What the timer of `mainstay service install` runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer
from mainstay.cli.render import emit, now_us, say

heartbeat = new_typer("The director's sign of life.")


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    heartbeat.command("check")(check)
    app.add_typer(heartbeat, name="heartbeat")


@heartbeat.callback()
def _heartbeat() -> None:
    """The director's sign of life."""


def check(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing while all is well.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell you, once, if the director is down that should be up; and once more when it is back."""
    from mainstay.config.files import load_settings
    from mainstay.kernel.values import Instant
    from mainstay.workspace.folder import find_folder
    from mainstay.workspace.outage import check as look
    from mainstay.workspace.telling import tell

    folder, now = find_folder(workspace), Instant(now_us())
    settings = load_settings(folder.root)
    found, told = look(folder, settings, lambda message: tell(folder, settings, message, now=now), now=now)
    ways, failed = (told.ways, told.failed) if told else ((), ())
    if as_json:
        emit({"director": found.state, "way": found.way.value, "told": ways, "failed": failed})
    elif not quiet or found.state in ("down", "hangs") or told:
        say(f"Director: {found.state}." + (f" You were told by {', '.join(ways)}." if ways else ""))
    for one in failed:
        typer.echo(f"You could not be told by {one}", err=True)
    if told is not None and not told.settled:
        if not failed:
            typer.echo("There is no way to tell you: set [notify] in mainstay.toml.", err=True)
        raise typer.Exit(1)
