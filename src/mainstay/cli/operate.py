"""Commands that change something: make a workspace, go to work, read mail. `cli.answers` decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import count, counting, emit, say

if TYPE_CHECKING:
    from mainstay.workspace import Decided

CardId = Annotated[str, typer.Argument(help="A card's id, or its beginning.", metavar="CARD")]
RunId = Annotated[str, typer.Argument(help="A run's id, its beginning or its end.", metavar="RUN")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    for name, command in (
        ("init", init),
        ("up", up),
        ("ingest", ingest),
    ):
        app.command(name)(command)


def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.")] = HERE,
    name: Annotated[str, typer.Option(help="What to call it.", show_default="the folder's name")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a workspace, or complete one.

    Nothing that is there is written over.
    """
    from mainstay.config.files import load_settings
    from mainstay.ledger.master_key import master_key_path
    from mainstay.workspace import Workspace

    workspace, written = Workspace.create(folder, name)
    root = workspace.folder.root
    key = load_settings(root).workspace.key or master_key_path(workspace.folder.id)
    if as_json:
        return emit(
            {
                "workspace": root.as_posix(),
                "id": workspace.folder.id,
                "written": written,
                "master_key": key.as_posix(),
            }
        )
    say(f"Workspace {root}")
    say(f"Written: {', '.join(written)}." if written else "All its files were there already.")
    say(f"Master key {key}", "Without it nothing personal can be read again. Keep a copy of it apart from")
    say("copies of the workspace: whoever has both can read everything.")
    say("", "Next:")
    say("  mainstay connect email    check a mailbox and name it in mainstay.toml")
    say("  mainstay up               go to work")
    say("  mainstay inbox            see what became of your mail")
    say("  mainstay doctor           see whether anything is missing")
    return None


def up(
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
    ingest: Annotated[bool, typer.Option(help="Read the mailboxes while at work.")] = True,
) -> None:
    """Go to work, until Ctrl-C.

    Reads mail, asks agents, waits for you, and sends what you approve.
    """
    from mainstay.cli.serve import serve

    serve(open_workspace(workspace), as_json=as_json, ingest=ingest)


def ingest(
    adapter: Annotated[str, typer.Argument(help="One of [adapters].", show_default="all of them")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Read the mailboxes once."""
    with open_workspace(workspace) as opened, counting("Reading mail", quiet=as_json) as progress:
        brought = opened.ingest(adapter, progress=progress)
        live = not as_json and opened.status()["director"] == "at work"
    if as_json:
        return emit(brought)
    started = 0
    for name, one in brought.items():
        started += len(one["runs"])
        parts = [f"{one['received']:,} received"]
        parts += [
            f"{one[what]:,} {words}"
            for what, words in (
                ("duplicates", "already known"),
                ("rejected", "unreadable"),
                ("dropped", "our own"),
                ("answered", "answered by hand"),
                ("history", "older than the start"),
            )
            if one[what]
        ]
        say(f"{name}: {', '.join(parts)}.")
    if started:
        say(f"{count(started, 'run')} began" + ("." if live else "; `mainstay up` goes on with them."))
    return None


def decision(decided: Decided, **more: Any) -> dict[str, Any]:
    """A decision for programs."""
    return {
        "run": decided.run,
        "task": decided.task,
        "events": decided.events,
        "status": decided.status,
        "live": decided.live,
        **more,
    }
