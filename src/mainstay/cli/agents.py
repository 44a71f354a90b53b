"""`mainstay agents`: programs of your own, which bytes of them you trust, and whether they start."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, show, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from pathlib import Path

    from mainstay.workspace.executables import ExecutableState

Name = Annotated[str, typer.Argument(help="A program of [agents].", metavar="NAME", show_default=False)]
_DIGEST_SHOWN = 16
_STATES = {
    "trusted": "trusted",
    "changed": "changed since you trusted it: not run",
    "untrusted": "not trusted: not run",
    "missing": "cannot be read: not run",
}

group = new_typer("Programs of your own: which bytes of them you trust, and whether they start.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(agents)
    group.info.no_args_is_help = False
    group.command("list")(agents_list)
    group.command("check")(check)
    group.command("trust")(trust)
    group.command("distrust")(distrust)
    app.add_typer(group, name="agents", no_args_is_help=False)


def agents(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Programs of your own: which there are, and how each stands."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is None:
        _list(workspace, as_json)


def agents_list(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The same."""
    _list(*given_before(context, workspace, as_json))


def check(context: typer.Context, name: Name, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """One program: its files, their digest, and whether this machine can run it. Nothing is started of it."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found, reason = opened.executables.show(name), opened.executables.sandbox
    if as_json:
        emit({**asdict(found), "sandbox": reason or "works"})
    else:
        _tell(found)
        tell(f"Sandbox      {reason or 'works on this machine'}", hang=13)
        if found.state in ("changed", "untrusted"):
            tell(
                f"Trust it     mainstay agents trust {name} --digest {found.digest[:_DIGEST_SHOWN]}", hang=13
            )
    if reason or found.state != "trusted":
        raise typer.Exit(1)


def trust(
    context: typer.Context,
    name: Name,
    digest: Annotated[
        str | None, typer.Option("--digest", help="Only if this is what the files are.", show_default=False)
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Trust a program as its files are now. Change one byte, and it is not run until you trust it again."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        done = opened.executables.trust(name, digest=digest)
    if as_json:
        return emit(done)
    again = "is trusted" if done["changed"] else "was trusted as it is before; nothing was written"
    return say(f"{name} {again} ({done['digest'][:_DIGEST_SHOWN]}).")


def distrust(
    context: typer.Context, name: Name, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """Run a program no more. What it is doing now it may end."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        done = opened.executables.distrust(name)
    if as_json:
        return emit(done)
    return say(
        f"{name} " + ("is not run any more." if done["changed"] else "was not trusted; nothing was written.")
    )


def _list(workspace: Path, as_json: bool) -> None:
    with open_workspace(workspace) as opened:
        found = opened.executables.all()
    if as_json:
        return emit({"agents": [asdict(one) for one in found]})
    if not found:
        return tell("No program of your own is configured. docs/executables.md tells how to add one.")
    made = table(("Name", {"no_wrap": True}), "Role", "Runs", "State", "Digest")
    for one in found:
        made.add_row(
            *cells(one.name, one.role, one.run, _STATES[one.state], one.digest[:_DIGEST_SHOWN] or "-")
        )
    return show(made)


def _tell(one: ExecutableState) -> None:
    say(f"{one.name}, {one.role}: {_STATES[one.state]}")
    tell(f"Runs         {safe_line(one.run)}", hang=13)
    if one.files:
        tell(f"With         {safe_line(', '.join(one.files))}", hang=13)
    say(f"Digest       {one.digest or '-'}")
    if one.trusted:
        say(
            f"Trusted      {one.trusted[:_DIGEST_SHOWN]}, {clock_time(one.trusted_at)}, by {safe_line(one.trusted_by)}"
        )
    if one.problem:
        tell(f"Problem      {safe_line(one.problem)}", hang=13)
