"""`mainstay connect email`: ask for an account, try it, keep its password, and name it in mainstay.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import cells, emit, say, sentences, show, table
from mainstay.kernel.errors import AccountRefused, CommandRefused

if TYPE_CHECKING:
    from mainstay.adapters.email import Report
    from mainstay.config.settings import Settings
    from mainstay.net.secrets import Secret

connect = new_typer("Connect an account.")
KEEPS = ("keyring", "age", "env")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    connect.command("email")(email)
    app.add_typer(connect, name="connect")


@connect.callback()
def _connect() -> None:
    """Connect an account."""


def email(
    name: Annotated[
        str, typer.Argument(help="What to call it; workflows see it as the mailbox.")
    ] = "support",
    address: Annotated[str, typer.Option(help="Your address there.")] = "",
    imap: Annotated[str, typer.Option(help="The mailbox server.")] = "",
    imap_port: Annotated[int, typer.Option(help="993 is TLS, 143 is STARTTLS.")] = 993,
    smtp: Annotated[str, typer.Option(help="The server that sends.")] = "",
    smtp_port: Annotated[int, typer.Option(help="465 is TLS, 587 is STARTTLS.")] = 465,
    user: Annotated[str, typer.Option(help="The log-in.", show_default="the address")] = "",
    tls: Annotated[
        str, typer.Option(help="tls, starttls, or none on this machine.", show_default="by port")
    ] = "",
    keep: Annotated[str, typer.Option(help=f"Where the password is kept: {', '.join(KEEPS)}.")] = "keyring",
    variable: Annotated[str, typer.Option(help="The environment variable, with --keep env.")] = "",
    start: Annotated[str, typer.Option(help="now, all, or a date: older mail never begins a run.")] = "now",
    check: Annotated[bool, typer.Option(help="Log in and look around first; sends nothing.")] = True,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Check an e-mail account and name it in mainstay.toml. Accounts with a password or an app password."""
    from mainstay.config.files import load_settings

    with open_workspace(workspace) as opened:
        root = opened.folder.root
    if keep not in KEEPS:
        raise CommandRefused(f"{keep!r} keeps no passwords.", remedy=f"Use one of {', '.join(KEEPS)}.")
    if name in load_settings(root).adapters:
        raise CommandRefused(
            f"There is an account {name!r} already.", remedy="Choose another name, or edit mainstay.toml."
        )
    address = address or _ask("Your address", "--address")
    imap = imap or _ask("Mailbox server (IMAP)", "--imap")
    smtp = smtp or _ask("Server that sends (SMTP)", "--smtp")
    user = user or address
    reference = f"env:{variable or _variable(name)}" if keep == "env" else f"{keep}:{name}"
    text = _table(
        name,
        address,
        _server("host", imap, imap_port, tls, user),
        _server("smtp", smtp, smtp_port, tls, ""),
        reference,
        start,
    )
    settings = _settings(root, text)
    secret = _secret(reference)
    report = _checked(settings, name, secret) if check else None
    if report is not None and not as_json:
        _show(report)
    if report is not None and not report.usable:
        failed = next(one for one in report.checks if one.needed and not one.passed)
        raise AccountRefused(
            f"The account cannot be used: {failed.name}.",
            why=failed.detail,
            remedy=failed.remedy,
            account=name,
        )
    if keep != "env":
        from mainstay.net.secrets import SecretStore

        SecretStore().store(reference, secret)
    _append(root, text)
    unheard = _unheard(root, name)
    if as_json:
        return emit(
            {
                "account": name,
                "password": reference,
                "checks": report.checks if report else [],
                "unheard": bool(unheard),
            }
        )
    say(f"Account {name} stands in mainstay.toml; its password is kept in {reference}.")
    older = " Mail from before now becomes memory, and begins no runs." if start == "now" else ""
    say("`mainstay up` reads it from its next start." + older)
    return say("", f"! {unheard}") if unheard else None


def _unheard(root: Path, name: str) -> str:
    """That no workflow listens to the new mailbox, and what to do; "" where one does, or no file tells."""
    from mainstay.config.advice import unheard_advice
    from mainstay.config.files import load_workspace_files
    from mainstay.kernel.errors import ConfigError

    try:
        files = load_workspace_files(root)
    except ConfigError:
        return ""  # `mainstay doctor` tells what is wrong in them
    return next(
        (sentences(one.detail, one.remedy) for one in unheard_advice(files) if one.part == f"mailbox {name}"),
        "",
    )


def _ask(question: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise CommandRefused(
            f"{option} is missing.", why="Nobody can be asked here.", remedy=f"Give {option}."
        )
    answer: str = typer.prompt(question)
    return answer.strip()


def _secret(reference: str) -> Secret:
    from mainstay.net.secrets import Secret, SecretStore

    if reference.startswith("env:"):
        return SecretStore().resolve(reference)
    if sys.stdin.isatty():
        return Secret(typer.prompt("Password (or app password)", hide_input=True))
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise CommandRefused(
            "There is no password.",
            why="Nobody can be asked here.",
            remedy="Give it on the standard input, or use --keep env.",
        )
    return Secret(given)


def _variable(name: str) -> str:
    return f"MAINSTAY_{name.upper().replace('-', '_')}_PASSWORD"


def _server(key: str, host: str, port: int, tls: str, user: str) -> dict[str, Any]:
    return {key: host, "port": port} | ({"tls": tls} if tls else {}) | ({"user": user} if user else {})


def _table(
    name: str, address: str, imap: dict[str, Any], send: dict[str, Any], reference: str, start: str
) -> str:
    """The table as it is appended. Strings of JSON are strings of TOML."""
    imap = imap | {"password": reference}
    return (
        f"\n[adapters.{name}]\n"
        'use = "email"\n'
        f"address = {_toml(address)}\n"
        f"imap = {_toml(imap)}\n"
        f"send = {_toml(send)}\n"
        f"start = {_toml(start)}\n"
    )


def _toml(value: Any) -> str:
    import json

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _settings(root: Path, text: str) -> Settings:
    """What mainstay.toml would say with the table: a mistake in an answer is found before anything is asked or kept."""
    from mainstay.config.settings import FILE, read_settings

    file = root / FILE
    raw = file.read_bytes() if file.exists() else b""
    return read_settings(raw + text.encode(), root)


def _checked(settings: Settings, name: str, secret: Secret) -> Report:
    import asyncio

    from mainstay.adapters.email import check_account
    from mainstay.net.secrets import SecretStore
    from mainstay.workspace.mail import imap_account, smtp_account

    class Given(SecretStore):
        def resolve(self, reference: str) -> Secret:
            return secret

    account = settings.adapters[name]
    return asyncio.run(check_account(imap_account(account, Given()), smtp_account(account, Given())))


def _show(report: Report) -> None:
    made = table("", "Check", ("Detail", {"overflow": "fold"}))
    for one in report.checks:
        sign = "✓" if one.passed else "✗" if one.needed else "–"
        made.add_row(sign, *cells(one.name, one.detail if one.passed else sentences(one.detail, one.remedy)))
    show(made)


def _append(root: Path, text: str) -> None:
    """Add to mainstay.toml: all that stands there stays, byte for byte, and a crash leaves the old file or the new."""
    import os
    import tempfile

    from mainstay.config.settings import FILE

    file = root / FILE
    before = file.read_bytes() if file.exists() else b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    handle, temporary = tempfile.mkstemp(dir=root, prefix=".mainstay.toml.")
    with os.fdopen(handle, "wb") as out:
        out.write(before + text.encode())
        out.flush()
        os.fsync(out.fileno())
    os.chmod(temporary, file.stat().st_mode & 0o777 if file.exists() else 0o644)
    os.replace(temporary, file)
