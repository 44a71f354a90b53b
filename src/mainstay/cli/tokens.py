"""`mainstay tokens`: which programs and agents may use the API, and how far."""

from __future__ import annotations

from typing import Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, show, table, tell

SHORT = 8
TokenId = Annotated[str, typer.Argument(help="A token's id, its beginning, or its name.", metavar="TOKEN")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        "-s",
        help="What it is good for: read, memory, start, propose, steer, decide, admin. Repeat it for several.",
        show_default="read",
    ),
]

tokens = new_typer("Tokens of the HTTP API and the MCP server.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    tokens.callback(invoke_without_command=True)(token_list)
    tokens.info.no_args_is_help = False
    tokens.command("list")(token_list_again)
    tokens.command("issue")(issue)
    tokens.command("revoke")(revoke)
    app.add_typer(tokens, name="tokens", no_args_is_help=False)


def issue(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Scopes = None,
    agent: Annotated[
        bool, typer.Option("--agent", help="For an agent: it can propose, and never decide.")
    ] = False,
    days: Annotated[int, typer.Option("--days", help="For how long it is good.", min=1, max=3_650)] = 90,
    request: Annotated[
        str,
        typer.Option(
            "--request", help="A name of your own: the same never issues a second token.", show_default=False
        ),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Issue a token. Its secret is printed this once and kept nowhere."""
    workspace, as_json = given_before(context, workspace, as_json)
    holder = "agent" if agent else "operator"
    with open_workspace(workspace) as opened:
        asked_as = f"typed {request}" if request else ""
        made = opened.tokens.issue(name, scope or ["read"], holder=holder, days=days, asked_as=asked_as)
    if not made["new"]:
        del made["secret"]
    if as_json:
        return emit(made)
    if not made["new"]:
        return tell(
            f"This was issued before: {made['name']}, {made['token'][:SHORT]}. Its secret was printed then and cannot "
            "be shown again. If you do not have it: `mainstay tokens revoke`, and issue another one."
        )
    say(str(made["secret"]))
    good = ", ".join(made["scopes"])
    return tell(f"Good for {good} until {clock_time(made['until'])[:16]}. It is not shown again.")


def token_list(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The tokens that are good."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is None:
        _list(workspace, as_json)


def token_list_again(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The tokens that are good."""
    _list(*given_before(context, workspace, as_json))


def _list(workspace: InWorkspace, as_json: bool) -> None:
    with open_workspace(workspace) as opened:
        found = opened.tokens.standing()
    if as_json:
        return emit(found)
    if not found:
        return say("No token is good. `mainstay tokens issue NAME` makes one.")
    made = table(("Token", {"no_wrap": True}), "Name", "Held by", "Good for", "Issued", "Until")
    for one in found:
        times = clock_time(one["issued_at"])[:16], clock_time(one["until"])[:16]
        made.add_row(*cells(one["token"][:SHORT], one["name"], one["holder"], one["scopes"], *times))
    return show(made)


def revoke(
    context: typer.Context,
    token: TokenId,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """End a token: it opens nothing any more."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        was_good = opened.tokens.revoke(token, reason=reason)
    if as_json:
        return emit({"revoked": was_good})
    return say("Revoked." if was_good else "It was revoked already.")
