"""E-mail: mailboxes as sources, replies and labels as operations.

Where what is:

    mime, body, html, quote, headers, address   a received mail as values (`parse`)
    machine, thread, marks                      judgements on it: by a machine? which conversation? ours?
    mbox, maildir, imap                         sources; files and imap_session are what they share
    compose                                     a reply, rendered to the last byte
    delivery, smtp, imap_shelf, labels          what carries replies and keeps labels
    contract, adapter                           the three operations: what they promise, and doing them
    account, checks                             settings of an account, and whether it works
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainstay.adapters.email.account import ImapAccount, SmtpAccount
    from mainstay.adapters.email.adapter import EmailAdapter
    from mainstay.adapters.email.address import Address, addresses_in
    from mainstay.adapters.email.body import Attachment
    from mainstay.adapters.email.checks import Check, Report, check_account
    from mainstay.adapters.email.compose import split_payload
    from mainstay.adapters.email.delivery import MaildirDelivery
    from mainstay.adapters.email.files import Start, parse_start
    from mainstay.adapters.email.imap import ImapSource
    from mainstay.adapters.email.imap_shelf import ImapShelf
    from mainstay.adapters.email.labels import LabelFile
    from mainstay.adapters.email.machine import automatic
    from mainstay.adapters.email.maildir import MaildirSource
    from mainstay.adapters.email.marks import recognise
    from mainstay.adapters.email.mbox import MboxSource
    from mainstay.adapters.email.mime import ParsedMail, Rejected, parse, reference
    from mainstay.adapters.email.smtp import SmtpOutbox
    from mainstay.adapters.email.thread import thread_of

__all__ = [
    "Address",
    "Attachment",
    "ParsedMail",
    "Rejected",
    "addresses_in",
    "automatic",
    "parse",
    "recognise",
    "reference",
    "thread_of",
    "ImapSource",
    "MaildirSource",
    "MboxSource",
    "Start",
    "parse_start",
    "EmailAdapter",
    "ImapShelf",
    "LabelFile",
    "MaildirDelivery",
    "SmtpOutbox",
    "split_payload",
    "Check",
    "ImapAccount",
    "Report",
    "SmtpAccount",
    "check_account",
]

# Each is loaded when it is first named: what an account can do is asked without anything that speaks to a server.
_WHERE = {
    "ImapAccount": "account",
    "SmtpAccount": "account",
    "EmailAdapter": "adapter",
    "Address": "address",
    "addresses_in": "address",
    "Attachment": "body",
    "Check": "checks",
    "Report": "checks",
    "check_account": "checks",
    "split_payload": "compose",
    "MaildirDelivery": "delivery",
    "Start": "files",
    "parse_start": "files",
    "ImapSource": "imap",
    "ImapShelf": "imap_shelf",
    "LabelFile": "labels",
    "automatic": "machine",
    "MaildirSource": "maildir",
    "recognise": "marks",
    "MboxSource": "mbox",
    "ParsedMail": "mime",
    "Rejected": "mime",
    "parse": "mime",
    "reference": "mime",
    "SmtpOutbox": "smtp",
    "thread_of": "thread",
}


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
