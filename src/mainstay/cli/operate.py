"""Commands that change something: make a workspace, go to work, read mail, decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, DigestPrefix, InWorkspace, named_digest, open_workspace
from mainstay.cli.render import count, counting, emit, say

if TYPE_CHECKING:
    from mainstay.workspace import Card, Decided, Workspace

CardId = Annotated[str, typer.Argument(help="A card's id, or its beginning.", metavar="CARD")]
RunId = Annotated[str, typer.Argument(help="A run's id, its beginning or its end.", metavar="RUN")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    for name, command in (
        ("init", init),
        ("up", up),
        ("ingest", ingest),
        ("approve", approve),
        ("reject", reject),
        ("edit", edit),
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
    from mainstay.ledger.keys import master_key_path
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


# --- decisions ----------------------------------------------------------------------------------------------


def approve(
    card: CardId, digest: DigestPrefix = None, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """Yes to exactly what a card shows."""
    from mainstay.cli.shown import open_for_us

    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.approval(card)
        decided = opened.approve(found.approval, digest=wanted, open_us=open_for_us(opened, found.approval))
        if as_json:
            return emit(decision(decided, approval=found.approval, digest=found.digest))
        _tell(decided, f"Approved: {_act(found)}, effect {found.digest[:12]}.")
    return None


def reject(
    card: CardId,
    reason: Reason = "",
    digest: DigestPrefix = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """No to a card, and why."""
    from mainstay.cli.shown import open_for_us

    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.approval(card)
        open_us = open_for_us(opened, found.approval)
        decided = opened.reject(found.approval, reason=reason, digest=wanted, open_us=open_us)
        if as_json:
            return emit(decision(decided, approval=found.approval, digest=found.digest))
        nothing = "Nothing is sent." if found.recipients else "Nothing is done."
        _tell(decided, f"Rejected: {_act(found)}. {nothing}", sends=False)
    return None


def edit(
    card: CardId,
    text: Annotated[str | None, typer.Option("--text", help="The new text.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file with the new text; - reads it from the input.")
    ] = None,
    digest: DigestPrefix = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Yes to a card with another text.

    It is rendered anew, under a digest of its own, and approved.
    """
    from mainstay.cli.editing import new_text
    from mainstay.cli.shown import open_for_us

    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.approval(card)
        written = new_text(found, text=text, file=file)
        open_us = open_for_us(opened, found.approval)
        # What was edited must be what was read: the digest that the text came from goes with it.
        decided = opened.edit(found.approval, written, digest=wanted or found.digest, open_us=open_us)
        new = _newest_card(opened, decided)
        if as_json:
            return emit(
                decision(decided, approval=new["approval"], digest=new["digest"], replaced=found.digest)
            )
        _tell(
            decided, f"Approved as edited: effect {str(new['digest'])[:12]} in place of {found.digest[:12]}."
        )
    return None


def _act(card: Card) -> str:
    """What a card asks for, and to whom; a label goes to nobody."""
    return " to ".join(filter(None, (card.act, ", ".join(card.recipients))))


def _newest_card(opened: Workspace, decided: Decided) -> dict[str, Any]:
    where = {"run": decided.run, "task": decided.task}
    return opened.rows("approvals", where=where, order="position", descending=True, limit=1)[0]


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


def _tell(decided: Decided, done: str, *, sends: bool = True) -> None:
    say(done if decided.events else "This had been decided already: nothing was changed.")
    if sends and not decided.live:
        say("No director is at work: it will be sent at the next `mainstay up`.")
    elif not decided.live and decided.status != "ended":
        say("No director is at work: the rest follows at the next `mainstay up`.")
