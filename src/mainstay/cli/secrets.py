"""`mainstay secrets`: what mainstay.toml names, whether it is well, and putting a new one in place. Never a value."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, show, table, tell
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from pathlib import Path

    from mainstay.net.secrets import Secret
    from mainstay.workspace.secrets import SecretState

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="Where it lies: keyring:support.", show_default=False)
]
Expires = Annotated[
    str, typer.Option("--expires", metavar="DAY", help="When it expires: 2027-01-31.", show_default=False)
]

group = new_typer(
    "Secrets by reference: where each is used, whether it is well, and putting a new one in place."
)


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(secrets)
    group.info.no_args_is_help = False
    group.command("list")(secrets_list)
    group.command("check")(check)
    group.command("set")(store)
    group.command("rotate")(rotate)
    app.add_typer(group, name="secrets", no_args_is_help=False)


def secrets(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Every secret that mainstay.toml names: where it is used, where it lies, how it stands. Never its value."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is None:
        _list(workspace, as_json)


def secrets_list(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The same."""
    _list(*given_before(context, workspace, as_json))


def check(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Look every secret up, and search every file of the workspace for its value."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found = opened.secrets.check()
    wrong = [one for one in found if one.state != "well"]
    if as_json:
        emit({"secrets": [asdict(one) for one in found], "wrong": len(wrong)})
    elif not found:
        say("mainstay.toml names no secret.")
    elif not wrong:
        say(f"{len(found)} looked up: all are well, and none stands in a file of the workspace.")
    for one in () if as_json else wrong:
        say(f"{safe_line(one.reference)}: {one.state}")
        tell(f"  {safe_line(one.problem)}. {safe_line(one.remedy)}", hang=2)
    if wrong:
        raise typer.Exit(1)


def store(
    context: typer.Context, reference: Reference, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """Keep a secret where there is none yet. It is asked for without being shown, or read from the standard input."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        made = opened.secrets.set(reference, _asked())
    if as_json:
        return emit(asdict(made))
    return say(f"Kept in {safe_line(made.place)}.")


def rotate(
    context: typer.Context,
    reference: Reference,
    expires: Expires = "",
    done: Annotated[
        bool, typer.Option("--done", help="It was replaced elsewhere: record that alone.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Put a new secret in place of the old one. A director at work takes it at the next connection."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        made = opened.secrets.rotate(reference, None if done else _asked(), expires_at=_day(expires))
    if as_json:
        return emit(asdict(made))
    return say(f"{safe_line(reference)} was replaced; the old one is gone from {safe_line(made.place)}.")


def _list(workspace: Path, as_json: bool) -> None:
    with open_workspace(workspace) as opened:
        found = opened.secrets.all()
    if as_json:
        return emit({"secrets": [asdict(one) for one in found]})
    if not found:
        return say("mainstay.toml names no secret.")
    made = table(("Reference", {"no_wrap": True}), "Used by", "State", "Replaced", "Expires")
    for one in found:
        made.add_row(*cells(one.reference, ", ".join(one.used), *_times(one)))
    return show(made)


def _times(one: SecretState) -> tuple[str, str, str]:
    replaced = clock_time(one.rotated_at) if one.rotated_at else "-"
    return one.state, replaced, clock_time(one.expires_at) if one.expires_at else "-"


def _asked() -> Secret:
    from mainstay.net.secrets import Secret

    if sys.stdin.isatty():
        return Secret(typer.prompt("Secret", hide_input=True))
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise CommandRefused(
            "There is no secret.", why="Nobody can be asked here.", remedy="Give it on the standard input."
        )
    return Secret(given)


def _day(written: str) -> int:
    """The end of a day as an instant; 0 where none is given."""
    from datetime import UTC, datetime

    from mainstay.kernel.values import DAY, SECOND

    if not written:
        return 0
    try:
        day = datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise CommandRefused(f"{written[:40]!r} is no day.", remedy="Write 2027-01-31.") from None
    return int(day.timestamp()) * SECOND + DAY
