"""`mainstay memory import`: documents, folders of them and files of past mail, with what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, open_workspace
from mainstay.cli.render import cells, count, counting, emit, say, shares, show, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.workspace.importing import Imported

_SHOWN_MAX = 200


def import_(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files and folders: Markdown, text, HTML, PDF, mbox.", metavar="PATH..."),
    ],
    space: Annotated[
        str, typer.Option("--space", "-s", help="Where the pieces of documents lie.")
    ] = "documents",
    tag: Annotated[
        str,
        typer.Option("--tag", help="Their data class: which providers they may go to.", show_default=False),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Take in documents in pieces, and past mail as it is.

    The same file again changes nothing; of a changed one what differs is corrected, and what is gone is retracted.
    Imported mail starts nothing: it is memory only.
    """
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened, counting("Importing", quiet=as_json) as more:
        done = opened.memory.import_paths(
            paths, space=space, tag=tag, progress=lambda what, done, of: more(1) if what else None
        )
    refused = [one for one in done if one.became == "refused"]
    if as_json:
        emit(done)
    else:
        _tell(done, refused)
    # Files of a folder that are of no kind that is read are told, and no failure.
    if any(one.remedy != _UNNAMED for one in refused) and len(refused) == len(done):
        raise typer.Exit(1)


_UNNAMED = "name it by itself to try"


def _tell(done: list[Imported], refused: list[Imported]) -> None:
    if not done:
        return say("There is nothing to import: no file is there.")
    made = table(
        ("File", shares((20,), fixed=60)[0]),
        ("Kind", {"no_wrap": True}),
        ("Became", {"no_wrap": True}),
        ("Kept", {"justify": "right"}),
        ("Known", {"justify": "right"}),
        ("Gone", {"justify": "right"}),
    )
    for one in done[:_SHOWN_MAX]:
        if one.became != "refused":
            made.add_row(*cells(_short(one.path), one.kind, one.became, one.kept, one.same, one.retracted))
    if len(refused) < len(done):
        show(made)
    if len(done) > _SHOWN_MAX:
        say(f"And {len(done) - _SHOWN_MAX:,} more; --json has them all.")
    for one in done[:_SHOWN_MAX]:
        if one.became != "refused" and one.why:
            tell(f"{safe_line(one.path)}: {safe_line(one.why)}")
    for one in refused[:_SHOWN_MAX]:
        tell(
            f"Refused: {safe_line(one.path)}: {safe_line(one.why)}"
            + (f" ({safe_line(one.remedy)})" if one.remedy else "")
        )
    taken = len(done) - len(refused)
    kept, gone = sum(one.kept for one in done), sum(one.retracted for one in done)
    return say(
        f"{count(taken, 'file')} taken in, {count(len(refused), 'file')} refused; "
        f"{kept:,} kept, {sum(one.same for one in done):,} known already, {gone:,} retracted."
    )


def _short(path: str) -> str:
    """The end of a path tells files apart."""
    return path if len(path) <= 60 else "…" + path[-59:]
