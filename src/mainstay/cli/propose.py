"""`mainstay propose`: ask for one act, as a client may; it becomes a run of its own and waits for a yes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import emit, say, short_run, tell
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import Workspace

STDIN = "-"


def add_to(app: typer.Typer) -> None:
    """Put the command in its place."""
    app.command("propose")(propose)


def propose(
    act: Annotated[
        str, typer.Argument(help="For example email.reply. Without it: what can be proposed here.")
    ] = "",
    arguments: Annotated[
        str,
        typer.Argument(
            help="A JSON object with what the act takes; @FILE reads it from a file, - from standard input.",
            show_default=False,
        ),
    ] = "",
    why: Annotated[str, typer.Option("--why", help="The reason, for the card.", show_default=False)] = "",
    request: Annotated[
        str,
        typer.Option(
            "--request",
            help="Your own id of this proposal: the same one proposes once.",
            show_default="made from the act and its arguments",
        ),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose one act, which a person decides about: mainstay propose email.reply @reply.json --why "they asked twice".

    It passes the same rules and checks as any other and always asks; `mainstay approvals` shows its card.
    """
    with open_workspace(workspace) as opened:
        if not act:
            return _list(opened, as_json=as_json)
        given = _object(arguments)
        named = request or json.dumps([act, given], sort_keys=True)
        decided = opened.propose(act, given, why=why, request=_short(named))
    if as_json:
        return emit(decision(decided))
    run = short_run(decided.run)
    if not decided.events:
        return say(f"It was proposed before: run {run}, {decided.status}.")
    say(f"Proposed: run {run}.")
    if not decided.live:
        return tell("No director is at work: it is looked at when the next `mainstay up` begins.")
    return tell(f"`mainstay approvals` shows its card, `mainstay explain {run}` what became of it.")


def _list(opened: Workspace, *, as_json: bool) -> None:
    acts = opened.proposable()
    if as_json:
        return emit(
            [{"act": one.act, "finality": str(one.finality), "arguments": one.arguments} for one in acts]
        )
    if not acts:
        say("Nothing is configured that could act.")
        return tell("`mainstay connect email` adds an account.")
    for one in acts:
        fields = ", ".join(one.arguments["properties"])
        say(f"{one.act}  takes {fields}")
    return tell('For example: mainstay propose email.label \'{"message": "RUN", "labels": ["later"]}\'')


def _object(given: str) -> dict[str, Any]:
    text, place = given, "the arguments"
    if given == STDIN:
        text, place = sys.stdin.read(), "standard input"
    elif given.startswith("@"):
        place = given[1:]
        try:
            text = Path(place).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandRefused(f"{place} cannot be read.", why=str(error)) from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandRefused(
            f"There is no JSON object in {place}.",
            why="An act takes its arguments by name.",
            remedy='Write for example {"message": "RUN", "reply": {"text": "..."}}.',
        )
    return found


def _short(named: str) -> str:
    """A request id of bounded length for a text of any."""
    from hashlib import sha256

    return named if len(named) <= 100 and named.isprintable() else sha256(named.encode()).hexdigest()
