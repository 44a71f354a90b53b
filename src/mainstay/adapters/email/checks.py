"""`connect email`: does this account do what we need? Each answer is a passed or failed check with its
remedy."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import aiosmtplib

from mainstay.adapters.email.account import OAUTH_REMEDY, ImapAccount, SmtpAccount, oauth_only, require_safe
from mainstay.adapters.email.imap_session import (
    ImapFailed,
    capabilities,
    find_sent,
    provider_files_sent,
    session,
)
from mainstay.adapters.email.smtp import new_client
from mainstay.kernel.errors import AdapterError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried. Where `needed` is False the account works without it, less well."""

    name: str
    passed: bool
    detail: str = ""
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What an account can do."""

    checks: tuple[Check, ...]
    folders: tuple[str, ...] = ()
    sent: str | None = None
    sent_by_provider: bool = False

    @property
    def usable(self) -> bool:
        """Everything that is needed passed."""
        return all(check.passed for check in self.checks if check.needed)


async def check_account(imap: ImapAccount | None, smtp: SmtpAccount | None) -> Report:
    """Log in to both, look around, change nothing and send nothing. Never raises for what the servers do."""
    report = await asyncio.to_thread(_check_imap, imap) if imap is not None else Report(())
    checks = report.checks + (await _check_smtp(smtp) if smtp is not None else ())
    return Report(checks, report.folders, report.sent, report.sent_by_provider)


def _check_imap(account: ImapAccount) -> Report:
    place = f"{account.host}:{account.port}"
    try:
        with session(account) as mailbox:
            checks = [Check("mailbox log-in", True, f"{account.user} at {place}")]
            folders = tuple(str(folder.name) for folder in mailbox.folder.list())
            mailbox.folder.set(account.inbox, readonly=True)
            checks.append(Check("Inbox", True, account.inbox))
            sent = find_sent(mailbox, account)
            checks.append(_check_sent(sent, folders))
            can = capabilities(mailbox)
            checks.append(
                Check(
                    "wakes us (IDLE)", "IDLE" in can, remedy="without it we look once a minute", needed=False
                )
            )
            for name in ("UIDPLUS", "MOVE"):
                checks.append(Check(name, name in can, needed=False))
            return Report(tuple(checks), folders, sent, provider_files_sent(mailbox, account))
    except ImapFailed as failed:
        return Report((_failed("mailbox log-in", failed.as_error(account)),))
    except AdapterError as error:
        return Report((_failed("mailbox log-in", error),))


def _failed(name: str, error: AdapterError) -> Check:
    return Check(name, False, f"{error.what}: {error.why}" if error.why else error.what, error.remedy)


def _check_sent(sent: str | None, folders: tuple[str, ...]) -> Check:
    there = sent is not None and sent in folders
    remedy = (
        'name the folder of sent mail: imap = { sent = "..." }; without it a reply by hand is not noticed'
    )
    return Check("folder of sent mail", there, sent or "", "" if there else remedy, needed=False)


async def _check_smtp(account: SmtpAccount) -> tuple[Check, ...]:
    place = f"{account.host}:{account.port}"
    try:
        require_safe(account)
        client = new_client(account)
    except AdapterError as error:
        return (_failed("relay", error),)
    checks: list[Check] = []
    try:
        await client.connect()
        checks.append(Check("relay", True, place))
        if account.user is not None and account.password is not None:
            checks.append(await _check_login(client, account))
        return tuple(checks)
    except (aiosmtplib.SMTPException, OSError) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        remedy = "check host, port and tls: tls goes with port 465, starttls with port 587"
        return (*checks, Check("relay", False, f"{place}: {why}", remedy))
    finally:
        if client.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=2.0)
        client.close()


async def _check_login(client: aiosmtplib.SMTP, account: SmtpAccount) -> Check:
    assert account.user is not None
    assert account.password is not None
    mechanisms = frozenset(method.upper() for method in client.supported_auth_methods)
    try:
        await client.login(account.user, account.password.reveal())
    except aiosmtplib.SMTPException as error:
        remedy = "check user and password; many providers want an app password here"
        if oauth_only(account.host, mechanisms):
            remedy = OAUTH_REMEDY
        said = " ".join(str(error.message).split())[:200]
        return Check("relay log-in", False, f"{account.host} refused {account.user}: {said}", remedy)
    return Check("relay log-in", True, account.user)
