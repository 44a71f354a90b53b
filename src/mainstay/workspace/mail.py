"""From the settings of an e-mail account to its adapter and its mailbox."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mainstay.adapters import email
from mainstay.adapters.base import CallResult, FindResult, Source
from mainstay.config import accounts
from mainstay.config.accounts import AdapterSettings
from mainstay.kernel.values import SECOND, Instant
from mainstay.net.secrets import Secret, SecretStore
from mainstay.runtime.mailbox import Mailbox


@dataclass(frozen=True, slots=True)
class MailAccount:
    """One account, ready to be used: what acts, and what brings mail in (if anything does)."""

    instance: str
    adapter: email.EmailAdapter
    mailbox: Mailbox | None


class HashedLabels:
    """Labels in a file that names no mail: a Message-ID often tells who wrote, so only a keyed hash is kept."""

    def __init__(self, file: email.LabelFile, key: bytes) -> None:
        self._file = file
        self._key = key

    async def put(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Add labels to a mail."""
        return await self._file.put(self._name(message_id), labels)

    async def has(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has all of them."""
        return await self._file.has(self._name(message_id), labels)

    async def take(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Take labels off a mail."""
        return await self._file.take(self._name(message_id), labels)

    async def lacks(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has none of them."""
        return await self._file.lacks(self._name(message_id), labels)

    def _name(self, message_id: str) -> str:
        return hmac.digest(self._key, message_id.encode("utf-8", "surrogatepass"), "sha256")[:16].hex()


def mail_account(
    settings: AdapterSettings,
    *,
    operator_name: str,
    secrets: SecretStore,
    seal_key: bytes,
    labels: Path,
    oldest: Instant | None,
) -> MailAccount:
    """The account that the settings describe. Raises `SecretError` or `AdapterError`; connects to nothing.

    `oldest`: when the ledger's oldest run began, if there is one.
    """
    own = (settings.address, *settings.aliases)
    imap = imap_account(settings, secrets)
    shelf = email.ImapShelf(imap, own_addresses=own, seal_key=seal_key) if imap else None
    adapter = email.EmailAdapter(
        own=email.Address(settings.address, operator_name),
        outbox=_outbox(settings, secrets, shelf, oldest),
        labels=shelf or HashedLabels(email.LabelFile(labels), seal_key),
        seal_key=seal_key,
        aliases=settings.aliases,
    )
    source = _source(settings, imap)
    mailbox = None
    if source is not None:
        mailbox = Mailbox(settings.name, settings.mailbox, source, own, seal_key, settings.poll_s)
    return MailAccount(settings.name, adapter, mailbox)


def imap_account(settings: AdapterSettings, secrets: SecretStore) -> email.ImapAccount | None:
    """The IMAP side of the account, if there is one."""
    source = settings.source
    if not isinstance(source, accounts.ImapSource):
        return None
    return email.ImapAccount(
        host=source.host,
        user=source.user,
        password=secrets.standing(source.password),
        port=source.port,
        tls=source.tls,  # type: ignore[arg-type]
        inbox=source.folder,
        sent=source.sent or None,
    )


def smtp_account(settings: AdapterSettings, secrets: SecretStore) -> email.SmtpAccount | None:
    """The SMTP side of the account, if there is one."""
    send = settings.send
    if not isinstance(send, accounts.SmtpSend):
        return None
    password: Secret | None = secrets.standing(send.password) if send.password else None
    return email.SmtpAccount(
        host=send.host,
        port=send.port,
        tls=send.tls,  # type: ignore[arg-type]
        user=send.user or None,
        password=password,
    )


def _outbox(
    settings: AdapterSettings, secrets: SecretStore, shelf: email.ImapShelf | None, oldest: Instant | None
) -> email.MaildirDelivery | email.SmtpOutbox:
    send = settings.send
    if isinstance(send, accounts.MaildirSend):
        delivery = email.MaildirDelivery(send.path)
        delivery.prepare(oldest=oldest)
        return delivery
    smtp = smtp_account(settings, secrets)
    assert smtp is not None
    return email.SmtpOutbox(smtp, shelf=shelf, witness=send.witness)


def _source(settings: AdapterSettings, imap: email.ImapAccount | None) -> Source | None:
    start = _start(settings)
    match settings.source:
        case accounts.MboxSource(path=path):
            return email.MboxSource(path, start=start)
        case accounts.MaildirSource(path=path):
            return email.MaildirSource(path, start=start)
        case accounts.ImapSource():
            assert imap is not None
            return email.ImapSource(imap, start=start, poll_s=settings.poll_s)
        case None:
            return None


def _start(settings: AdapterSettings) -> email.Start:
    if settings.start == "now":
        return "now"
    if settings.start == "all":
        return "all"
    return datetime.fromtimestamp(int(settings.start) / SECOND, UTC).date()
