"""One real mail server for the tests of this folder; each test has a mailbox of its own."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import imap_tools
import pytest

from mainstay.adapters.email import Address, EmailAdapter, ImapAccount, ImapShelf, SmtpAccount, SmtpOutbox
from mainstay.net.secrets import Secret
from tests.servers import dovecot

SEAL_KEY = b"a key of sixteen bytes or more"


@dataclass
class Account:
    """A mailbox on the server, its owner, and everything that uses it."""

    server: dovecot.Dovecot
    address: str

    @property
    def imap(self) -> ImapAccount:
        return ImapAccount(
            host="127.0.0.1",
            port=self.server.imap_port,
            tls="none",
            user=self.address,
            password=Secret(dovecot.PASSWORD),
            timeout_s=60.0,
        )

    @property
    def smtp(self) -> SmtpAccount:
        return SmtpAccount(
            host="127.0.0.1",
            port=self.server.submission_port,
            tls="none",
            user=self.address,
            password=Secret(dovecot.PASSWORD),
            timeout_s=60.0,
        )

    @property
    def shelf(self) -> ImapShelf:
        return ImapShelf(self.imap, own_addresses=(self.address,), seal_key=SEAL_KEY)

    def adapter(self, *, witness: bool = True) -> EmailAdapter:
        return EmailAdapter(
            own=Address(self.address, "North Desk"),
            outbox=SmtpOutbox(self.smtp, shelf=self.shelf, witness=witness),
            labels=self.shelf,
            seal_key=SEAL_KEY,
        )

    def receive(self, subject: str, *, message_id: str, body: str = "Hello") -> None:
        """A customer's mail arrives."""
        self.server.deliver(
            self.address,
            f"From: ann@example.com\r\nTo: {self.address}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{message_id}>\r\n\r\n{body}\r\n".encode(),
        )


@pytest.fixture(scope="module")
def mail_server(require_binary: Callable[[str], str]) -> Iterator[dovecot.Dovecot]:
    with dovecot.running(require_binary("dovecot")) as server:
        yield server


_number = itertools.count()


@pytest.fixture
def account(mail_server: dovecot.Dovecot) -> Iterator[Account]:
    account = Account(mail_server, f"help{next(_number)}@example.org")
    with imap_tools.MailBoxUnencrypted("127.0.0.1", mail_server.imap_port) as mailbox:
        mailbox.login(account.address, dovecot.PASSWORD).folder.create("Sent")
    yield account
    mail_server.relay.refused.clear()
    mail_server.relay.before_answer = None
