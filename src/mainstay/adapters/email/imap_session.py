"""One connection to an IMAP server: opening it, and the few questions the other files ask.

Everything here blocks and belongs in a thread. Failures of the world come out as `ImapFailed`, which tells
"refused" from "not reachable"; the callers turn it into an error of a source or a value of an adapter.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from mainstay.adapters.email.account import OAUTH_REMEDY, ImapAccount, oauth_only, require_safe, tls_context
from mainstay.kernel.errors import AccountRefused, AdapterError

SENT_NAMES = (
    "Sent",
    "Sent Items",
    "Sent Messages",
    "INBOX.Sent",
    "Gesendet",
    "Enviados",
    "Envoyés",
    "Posta inviata",
)

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")


class ImapFailed(Exception):
    """The server could not be reached (`refused` is False), or it said no."""

    def __init__(
        self, reason: str, *, refused: bool = False, mechanisms: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused
        self.mechanisms = mechanisms

    def as_error(self, account: ImapAccount) -> AdapterError:
        """The same for people."""
        if not self.refused:
            return AdapterError(
                f"the mailbox at {account.host} cannot be read",
                why=self.reason,
                remedy="check host, port, names of folders and the network; it is tried again by itself",
                host=account.host,
                port=account.port,
            )
        remedy = "check user and password; many providers want an app password here"
        if oauth_only(account.host, self.mechanisms):
            remedy = OAUTH_REMEDY
        return AccountRefused(
            f"{account.host} refused {account.user}", why=self.reason, remedy=remedy, host=account.host
        )


@contextmanager
def failures() -> Iterator[None]:
    """Every failure of connection or server as `ImapFailed`."""
    try:
        yield
    except ImapToolsError as error:
        raise ImapFailed(_plain(error), refused=isinstance(error, MailboxLoginError)) from error
    except imaplib.IMAP4.abort as error:
        raise ImapFailed(f"the connection was lost ({error})") from error
    except imaplib.IMAP4.error as error:
        raise ImapFailed(f"the server said no ({error})") from error
    except (OSError, EOFError) as error:
        raise ImapFailed(str(error) or type(error).__name__) from error


def _plain(error: ImapToolsError) -> str:
    """What the server said. The library's own text repeats the command."""
    result = getattr(error, "command_result", None)
    if isinstance(result, tuple) and len(result) > 1 and isinstance(result[1], list) and result[1]:
        said = result[1][0]
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return type(error).__name__


def connect(account: ImapAccount) -> BaseMailBox:
    """A connection that is logged in, with no folder selected. Raises `ImapFailed`."""
    require_safe(account)
    mechanisms: frozenset[str] = frozenset()
    mailbox: BaseMailBox | None = None
    try:
        with failures():
            mailbox = _open(account)
            mechanisms = _mechanisms(mailbox)
            _login(mailbox, account)
            # The list before log-in is a different one: IDLE, MOVE and SPECIAL-USE often come only after.
            mailbox.client._get_capabilities()
            return mailbox
    except ImapFailed as failed:
        if mailbox is not None:
            disconnect(mailbox)
        raise ImapFailed(failed.reason, refused=failed.refused, mechanisms=mechanisms) from failed


def _open(account: ImapAccount) -> BaseMailBox:
    if account.tls == "none":
        return MailBoxUnencrypted(account.host, account.port, timeout=account.timeout_s)
    context = tls_context(account.ca_file)
    if account.tls == "starttls":
        return MailBoxStartTls(account.host, account.port, timeout=account.timeout_s, ssl_context=context)
    return MailBox(account.host, account.port, timeout=account.timeout_s, ssl_context=context)


def _login(mailbox: BaseMailBox, account: ImapAccount) -> None:
    password = account.password.reveal()
    if (account.user + password).isascii():
        mailbox.login(account.user, password, initial_folder=None)
        return
    try:
        mailbox.login_utf8(account.user, password, initial_folder=None)
    except imaplib.IMAP4.error as error:
        raise ImapFailed(str(error), refused=True) from error


def _mechanisms(mailbox: BaseMailBox) -> frozenset[str]:
    """Ways to log in that the server offers; the plain LOGIN command counts unless it is disabled."""
    capabilities = {str(capability).upper() for capability in mailbox.client.capabilities}
    offered = {capability[5:] for capability in capabilities if capability.startswith("AUTH=")}
    return frozenset(offered if "LOGINDISABLED" in capabilities else offered | {"LOGIN"})


def disconnect(mailbox: BaseMailBox) -> None:
    """Say goodbye if anybody listens, and close the socket."""
    with suppress(ImapToolsError, imaplib.IMAP4.error, OSError):
        mailbox.logout()
    with suppress(OSError):
        mailbox.client.shutdown()


@contextmanager
def session(account: ImapAccount) -> Iterator[BaseMailBox]:
    """A connection for one question. Raises `ImapFailed`."""
    mailbox = connect(account)
    try:
        with failures():
            yield mailbox
    finally:
        disconnect(mailbox)


def capabilities(mailbox: BaseMailBox) -> frozenset[str]:
    """What the server can do, upper-case."""
    return frozenset(str(capability).upper() for capability in mailbox.client.capabilities)


def find_sent(mailbox: BaseMailBox, account: ImapAccount) -> str | None:
    """The folder of sent mail: as configured, by its special use, or by one of its common names."""
    if account.sent is not None:
        return account.sent
    folders = mailbox.folder.list()
    for folder in folders:
        if any(flag.lower() == "\\sent" for flag in folder.flags):
            return str(folder.name)
    names = {str(folder.name).lower(): str(folder.name) for folder in folders}
    return next((names[name.lower()] for name in SENT_NAMES if name.lower() in names), None)


def provider_files_sent(mailbox: BaseMailBox, account: ImapAccount) -> bool:
    """Whether a sent mail appears in Sent by itself."""
    if account.sent_by is not None:
        return account.sent_by == "provider"
    return "X-GM-EXT-1" in capabilities(mailbox)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer of FETCH."""

    uid: int
    size: int | None
    internal_date: bytes
    body: bytes


def fetch(mailbox: BaseMailBox, uids: list[int], what: str) -> list[Fetched]:
    """FETCH by UID. Messages that are gone are left out; what the server says unasked is left out too."""
    if not uids:
        return []
    status, data = mailbox.client.uid("FETCH", _set(uids), f"(UID {what})")
    if status != "OK":
        raise ImapFailed(f"the server did not hand over messages ({status})")
    wanted = set(uids)
    return [item for item in _answers(data) if item.uid in wanted]


def _answers(data: list[Any]) -> Iterator[Fetched]:
    """imaplib gives bytes for a line, and a pair where a literal follows; what follows a pair belongs to
    it."""
    position = 0
    while position < len(data):
        part = data[position]
        position += 1
        body = b""
        if isinstance(part, tuple):
            head, body = part[0], part[1]
            if position < len(data) and isinstance(data[position], bytes):
                head += b" " + data[position]
                position += 1
        elif isinstance(part, bytes):
            head = part
        else:
            continue
        uid, size = _UID.search(head), _SIZE.search(head)
        if uid is not None:
            yield Fetched(int(uid.group(1)), int(size.group(1)) if size else None, head, body)


def _set(uids: list[int]) -> str:
    """UIDs as ranges, which keeps the command short."""
    ranges: list[list[int]] = []
    for uid in sorted(set(uids)):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)


def search(mailbox: BaseMailBox, *criteria: str) -> list[int]:
    """UIDs of the selected folder that match, sorted."""
    status, data = mailbox.client.uid("SEARCH", *criteria)
    if status != "OK":
        raise ImapFailed(f"the server did not search ({status})")
    return sorted({int(uid) for line in data if line for uid in line.split()})


def quoted(text: str) -> str:
    """A search argument. Identities have no quotes of their own; what would break out is refused."""
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!r} cannot be searched for")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
