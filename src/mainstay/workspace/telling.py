"""Telling the operator something while no director is at work: a program of theirs, else e-mail; and the desktop.

What is told is words of our own: names of the workspace, times, commands to type. The mail carries the mark by which
the next ingest knows it for ours and drops it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mainstay.adapters.base import CallResult, Done, InDoubt
from mainstay.adapters.email.compose import Envelope
from mainstay.adapters.email.marks import marks, notification_id
from mainstay.adapters.email.smtp import deliver
from mainstay.config.accounts import AdapterSettings, SmtpSend
from mainstay.config.settings import Settings
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import derive
from mainstay.kernel.values import SECOND, Instant
from mainstay.net.secrets import SecretStore
from mainstay.workspace.folder import Folder, open_vault
from mainstay.workspace.mail import smtp_account

COMMAND_TIMEOUT_S = 60.0
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")

Run = Callable[[Sequence[str], bytes], int]


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told."""

    title: str
    text: str
    about: str  # distinguishes one telling from another; stands in the mail's mark


@dataclass(frozen=True, slots=True)
class Told:
    """By which ways it was told, and which failed. `maybe`: one may have told it, and is not asked again."""

    ways: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    maybe: bool = False

    @property
    def settled(self) -> bool:
        """Whether the operator was told, or may have been."""
        return bool(self.ways) or self.maybe


# What a program needs to reach a desktop, and no more: secrets may stand in the environment of the director.
PASSED_ON = frozenset(
    (
        *(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "LC_ALL",
            "LC_CTYPE",
            "TZ",
            "TMPDIR",
            "DISPLAY",
        ),
        *("WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    )
)


def run_command(command: Sequence[str], given: bytes) -> int:
    """A program with this input; its exit code."""
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            env={name: value for name, value in os.environ.items() if name in PASSED_ON},
        )
    except subprocess.TimeoutExpired:
        return 124
    except OSError:
        return 127
    return done.returncode


def tell(
    folder: Folder,
    settings: Settings,
    message: Message,
    *,
    now: Instant,
    run: Run = run_command,
    environ: Mapping[str, str] = os.environ,
) -> Told:
    """Tell it by every way there is; what was told nowhere says why."""
    ways: list[str] = []
    failed: list[str] = []
    maybe = False
    if settings.notify.command:
        code = run(settings.notify.command, f"{message.title}\n\n{message.text}\n".encode())
        (failed if code else ways).append(
            f"command {settings.notify.command[0]}" + (f" ({code})" if code else "")
        )
    elif (account := sending(settings)) is not None:
        result = _mailed(folder, settings, account, message, now)
        if isinstance(result, Done):
            ways.append(f"e-mail through {account.name}")
        else:
            maybe = isinstance(result, InDoubt)
            failed.append(f"e-mail through {account.name}: {_reason(result)}")
    if _on_desktop(message, run, environ):
        ways.append("desktop")
    return Told(tuple(ways), tuple(failed), maybe)


def sending(settings: Settings) -> AdapterSettings | None:
    """The account that tells by e-mail: the named one, else the first that sends by SMTP."""
    able = {name: one for name, one in settings.adapters.items() if isinstance(one.send, SmtpSend)}
    return able.get(settings.notify.adapter) if settings.notify.adapter else next(iter(able.values()), None)


def address_of(settings: Settings, account: AdapterSettings) -> str:
    """Who is told."""
    return settings.notify.address or settings.operator.address or account.address


def composed(
    account: AdapterSettings, to: str, message: Message, *, now: Instant, seal_key: bytes
) -> EmailMessage:
    """The mail, marked as ours."""
    identity = derive("notification", account.name, message.about, now).hex()
    mail = EmailMessage(policy=SMTP)
    mail["From"] = account.address
    mail["To"] = to
    mail["Subject"] = message.title
    mail["Date"] = format_datetime(datetime.fromtimestamp(now // SECOND, UTC))
    mail["Message-ID"] = f"<{notification_id(seal_key, identity, account.address.rpartition('@')[2])}>"
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in marks(seal_key, "own_notification", identity):
        mail[name] = value
    mail.set_content(message.text + "\n")
    return mail


def _mailed(
    folder: Folder, settings: Settings, account: AdapterSettings, message: Message, now: Instant
) -> CallResult | str:
    try:
        smtp = smtp_account(account, SecretStore())
        assert smtp is not None
        vault = open_vault(folder, settings.workspace.key)
        try:
            seal_key = vault.keyed_hash("purpose", "mail marks")  # as `Assembly.seal_key`
        finally:
            vault.close()
        to = address_of(settings, account)
        mail = composed(account, to, message, now=now, seal_key=seal_key)
        envelope = Envelope(account.address, (to,), str(mail["Message-ID"]).strip("<>"), witness=False)
        return asyncio.run(deliver(smtp, envelope, mail.as_bytes()))
    except MainstayError as error:
        return f"{error.what} {error.why}".strip()


def _reason(result: CallResult | str) -> str:
    return result if isinstance(result, str) else str(getattr(result, "reason", type(result).__name__))


def _on_desktop(message: Message, run: Run, environ: Mapping[str, str]) -> bool:
    program = shutil.which("notify-send", path=environ.get("PATH"))
    if program is None or not any(environ.get(name) for name in _DISPLAYS):
        return False
    with suppress(OSError):
        return run((program, "--app-name=Mainstay", message.title, message.text), b"") == 0
    return False
