"""`mainstay login`, `mainstay console`, `mainstay devices`: who may look and decide in a browser."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, say, show, table, tell

DeviceId = Annotated[
    str, typer.Argument(help="A device's id, or its beginning.", metavar="DEVICE", show_default=False)
]
SHORT = 8

console = new_typer("The web server of `mainstay up`.")
devices = new_typer("Devices that are logged in.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    app.command("login")(login)
    console.command("password")(password)
    app.add_typer(console, name="console")
    devices.callback(invoke_without_command=True)(device_list)
    devices.info.no_args_is_help = False
    devices.command("list")(device_list_again)
    devices.command("dismiss")(dismiss)
    app.add_typer(devices, name="devices", no_args_is_help=False)


def login(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Print a link that logs a browser on this machine in, once, within ten minutes."""
    with open_workspace(workspace) as opened:
        made = opened.console.login_link()
    if as_json:
        return emit(made)
    say(str(made["url"]))
    return say("Open it on this machine. It is good once, for ten minutes.")


def password(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Set the password for logging in from elsewhere; every device has to log in anew. Only its hash is kept."""
    from mainstay.kernel.errors import CommandRefused
    from mainstay.net.secrets import Secret

    with open_workspace(workspace) as opened:
        if sys.stdin.isatty():
            first = Secret(typer.prompt("New password", hide_input=True))
            if first != Secret(typer.prompt("Once more", hide_input=True)):
                raise CommandRefused("The two are not the same.", remedy="Nothing was changed. Try again.")
        else:
            first = Secret(sys.stdin.readline().rstrip("\r\n"))  # from a program that keeps passwords
        place, out = opened.console.set_password(first)
    if as_json:
        return emit({"kept_in": place, "dismissed": out})
    return tell(f"The password is set; its hash is kept in {place}. {count(out, 'device')} logged out.")


def device_list(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The devices that are logged in."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is None:
        _list(workspace, as_json)


def device_list_again(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The devices that are logged in."""
    _list(*given_before(context, workspace, as_json))


def _list(workspace: InWorkspace, as_json: bool) -> None:
    with open_workspace(workspace) as opened:
        found = opened.console.devices()
    if as_json:
        return emit(found)
    if not found:
        return say("No device is logged in. `mainstay login` prints a link for this machine.")
    made = table(("Device", {"no_wrap": True}), "Name", "Logged in", "By", "Until, at most")
    for one in found:
        times = clock_time(one["admitted_at"])[:16], clock_time(one["until"])[:16]
        made.add_row(*cells(one["device"][:SHORT], one["name"], times[0], one["via"], times[1]))
    return show(made)


def dismiss(
    context: typer.Context,
    device: DeviceId = "",
    every: Annotated[bool, typer.Option("--all", help="Every device.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Log a device out, or all of them: a lost phone, a borrowed machine."""
    from mainstay.kernel.errors import CommandRefused

    workspace, as_json = given_before(context, workspace, as_json)
    if bool(device) == every:
        raise CommandRefused(
            "Which device?", remedy="Name one (`mainstay devices` lists them), or all of them with --all."
        )
    with open_workspace(workspace) as opened:
        out = opened.console.dismiss(device)
    if as_json:
        return emit({"dismissed": out})
    return say(f"{count(out, 'device')} logged out." if out else "It was logged out already.")
