"""What replies and labels need of an IMAP mailbox: look whether a reply is there, file it in Sent once, set
keywords.

Each question opens a connection of its own: they are rare, and a connection that lay idle for hours is the
one that fails in the moment of doubt. All of it runs in threads.
"""

from __future__ import annotations

import asyncio
import re

from imap_tools import BaseMailBox

from mainstay.adapters.base import Absent, CallResult, Done, FindResult, Found, NotNow, Refused, Unknown
from mainstay.adapters.email.account import ImapAccount
from mainstay.adapters.email.imap_session import (
    ImapFailed,
    fetch,
    find_sent,
    provider_files_sent,
    quoted,
    search,
    session,
)
from mainstay.adapters.email.marks import KEY_HEADER, recognise
from mainstay.adapters.email.mime import ParsedMail, parse
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.ids import IdempotencyKey

_KEYWORD = re.compile(r"[^A-Za-z0-9_$.-]")


class ImapShelf:
    """Looks into the mailbox of one account. `seal_key` tells our own copies from forged ones."""

    def __init__(self, account: ImapAccount, *, own_addresses: tuple[str, ...], seal_key: bytes) -> None:
        self._account = account
        self._own_addresses = own_addresses
        self._seal_key = seal_key

    async def find(self, message_id: str, key: IdempotencyKey) -> bool:
        """Whether a copy of the reply lies in Inbox or Sent. Raises `ImapFailed`."""
        return await asyncio.to_thread(self._find, message_id, key)

    async def file_sent(self, message_id: str, key: IdempotencyKey, message: bytes) -> bool:
        """See that the reply lies in Sent, once; whether it does. Raises `ImapFailed`."""
        return await asyncio.to_thread(self._file_sent, message_id, key, message)

    async def put(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Set keywords on a mail of the Inbox."""
        return await asyncio.to_thread(self._put, message_id, labels)

    async def take(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Take keywords off a mail of the Inbox."""
        return await asyncio.to_thread(self._put, message_id, labels, on=False)

    async def lacks(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has none of the keywords."""
        return await asyncio.to_thread(self._has, message_id, labels, on=False)

    async def has(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has all of the keywords."""
        return await asyncio.to_thread(self._has, message_id, labels)

    def _find(self, message_id: str, key: IdempotencyKey) -> bool:
        with session(self._account) as mailbox:
            sent = find_sent(mailbox, self._account)
            folders = [self._account.inbox] + ([sent] if sent is not None else [])
            return any(self._lies_in(mailbox, folder, message_id, key) for folder in folders)

    def _lies_in(self, mailbox: BaseMailBox, folder: str, message_id: str, key: IdempotencyKey) -> bool:
        """Some providers rewrite the Message-ID and keep our own field: either will do, if the seal holds."""
        mailbox.folder.set(folder, readonly=True)
        for header, value in (("Message-ID", message_id), (KEY_HEADER, key)):
            for uid in search(mailbox, "HEADER", header, quoted(value)):
                if any(self._ours(item.body, key) for item in fetch(mailbox, [uid], "BODY.PEEK[HEADER]")):
                    return True
        return False

    def _ours(self, header: bytes, key: IdempotencyKey) -> bool:
        mail = parse(header)
        if not isinstance(mail, ParsedMail) or mail.header(KEY_HEADER) != key:
            return False
        return recognise(mail, self._own_addresses, self._seal_key) == "witness"

    def _file_sent(self, message_id: str, key: IdempotencyKey, message: bytes) -> bool:
        with session(self._account) as mailbox:
            if provider_files_sent(mailbox, self._account):
                return True
            sent = find_sent(mailbox, self._account)
            if sent is None:
                return False
            # A crash between APPEND and its answer leaves a copy that this look-up finds the next time.
            if not self._lies_in(mailbox, sent, message_id, key):
                mailbox.append(message, sent, flag_set=["\\Seen"])
            return True

    def _put(self, message_id: str, labels: tuple[str, ...], *, on: bool = True) -> CallResult:
        keywords = tuple(keyword(label) for label in labels)
        try:
            with session(self._account) as mailbox:
                mailbox.folder.set(self._account.inbox)
                if not _keeps_keywords(mailbox):
                    return Refused(f"{self._account.host} keeps no labels on mails")
                uids = search(mailbox, "HEADER", "Message-ID", quoted(message_id))
                if not uids:
                    return Refused("the mail is no longer in the Inbox")
                for uid in uids:
                    mailbox.flag([str(uid)], list(keywords), on)
                return Done({"labels": list(labels) if on else []})
        except ImapFailed as failed:
            return NotNow(f"{self._account.host}: {failed.reason}")
        except (AdapterError, ValueError) as error:
            return Refused(str(error))

    def _has(self, message_id: str, labels: tuple[str, ...], *, on: bool = True) -> FindResult:
        try:
            with session(self._account) as mailbox:
                mailbox.folder.set(self._account.inbox, readonly=True)
                # Only a mail that is there can be said to lack something.
                word = "KEYWORD" if on else "UNKEYWORD"
                criteria = [part for label in labels for part in (word, keyword(label))]
                there = search(mailbox, "HEADER", "Message-ID", quoted(message_id), *criteria)
                return Found({"labels": list(labels) if on else []}) if there else Absent()
        except ImapFailed as failed:
            return Unknown(f"{self._account.host}: {failed.reason}")
        except (AdapterError, ValueError) as error:
            return Unknown(str(error))


def keyword(label: str) -> str:
    """A label as an IMAP keyword, which takes few characters."""
    return _KEYWORD.sub("_", label)[:60]


def _keeps_keywords(mailbox: BaseMailBox) -> bool:
    flags = mailbox.client.untagged_responses.get("PERMANENTFLAGS") or []
    return not flags or any(b"\\*" in line for line in flags)
