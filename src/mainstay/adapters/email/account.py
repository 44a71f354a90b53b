"""An account as settings: where its mailbox and its relay are, and how to get in.

Passwords come as `Secret`, already resolved. Without TLS an account is accepted on loopback only.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mainstay.kernel.errors import AdapterError
from mainstay.net.secrets import Secret

Tls = Literal["tls", "starttls", "none"]
SentBy = Literal["us", "provider"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Providers that take no password from a program, whatever the settings say.
_OAUTH_ONLY = ("outlook.office365.com", "smtp.office365.com", "outlook.office.com", "smtp-mail.outlook.com")


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """A mailbox. `sent` is found by its special use where it is not named; `sent_by` says who files sent
    mail."""

    host: str
    user: str
    password: Secret
    port: int = 993
    tls: Tls = "tls"
    inbox: str = "INBOX"
    sent: str | None = None
    sent_by: SentBy | None = None  # None: what the provider is known to do
    ca_file: Path | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class SmtpAccount:
    """A relay. Without `user` it is used without logging in."""

    host: str
    port: int = 465
    tls: Tls = "tls"
    user: str | None = None
    password: Secret | None = None
    ca_file: Path | None = None
    timeout_s: float = 30.0
    data_timeout_s: float = 120.0  # a relay may look at a mail for long before it answers


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are checked, always; `ca_file` adds an authority of the operator's own."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise AdapterError(
                f"{ca_file} holds no certificates",
                why=str(error),
                remedy="name a file in PEM form",
                path=str(ca_file),
            ) from error
    return context


def require_safe(account: ImapAccount | SmtpAccount) -> None:
    """Raises `AdapterError` where a password would travel in the clear."""
    if account.tls == "none" and account.host not in _LOOPBACK:
        raise AdapterError(
            f"{account.host} is used without TLS",
            why="password and mail could be read on the way",
            remedy='set tls = "tls" (ports 993 and 465) or tls = "starttls" (ports 143 and 587)',
            host=account.host,
        )


def oauth_only(host: str, mechanisms: frozenset[str] = frozenset()) -> bool:
    """Whether this server takes no password: known by name, or by offering OAuth and no other way."""
    if host.lower() in _OAUTH_ONLY:
        return True
    tokens = {"XOAUTH2", "OAUTHBEARER"}
    return bool(mechanisms & tokens) and not mechanisms - tokens


OAUTH_REMEDY = (
    "this provider takes only OAuth, which comes in a later version: make an app password if it offers them,"
    " or forward the mailbox to a provider that takes passwords"
)
