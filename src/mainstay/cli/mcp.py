"""`mainstay mcp`: the MCP server on standard input and output, for a client that starts it.

Nothing but the protocol is printed: what a person should read goes to standard error. It ends with the client.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from mainstay.cli.options import HERE, InWorkspace, open_workspace
from mainstay.kernel.errors import Unavailable

SERVER = "mainstay.mcp_server.stdio"  # a layer beside this one, which is therefore named and not imported


def add_to(app: typer.Typer) -> None:
    """Put the command in its place."""
    app.command("mcp")(mcp)


def mcp(
    name: Annotated[
        str, typer.Option("--name", help="What to call this client, in the ledger and on cards.")
    ] = "mcp",
    token: Annotated[
        str,
        typer.Option(
            "--token",
            help="Let it in by a token instead, and as far as that goes: env:NAME, keyring:NAME or file:PATH, "
            "never the token itself.",
            show_default=False,
        ),
    ] = "",
    workspace: InWorkspace = HERE,
) -> None:
    """Serve MCP on standard input and output, for a client that starts this.

    The client can look, start runs by hand and propose; what it proposes always asks. With or without a director.
    """
    if find_spec("mcp") is None:
        raise Unavailable(
            "The MCP server is not installed.",
            why="It needs the package mcp.",
            remedy='pip install "mainstay[mcp]"',
        )
    with open_workspace(workspace) as opened:
        root = opened.folder.root
        opened.folder.id  # noqa: B018  says that this is no workspace, if it is none
    from mainstay.net.secrets import SecretStore

    secret = SecretStore().resolve(token) if token else None
    import_module(SERVER).serve(root, name, secret)
