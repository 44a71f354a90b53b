"""Workspaces to try the whole product on: the shipped sample, at a mailbox file or at a real mail server.

Also the director as a process of its own (`Running`), which is ended or killed by its own id, never by name.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from mainstay.data import sample_path
from mainstay.workspace import Card, Workspace
from mainstay.workspace.folder import Folder, adopt
from tests.prepared import lend_graph
from tests.servers import dovecot

CUSTOMER = "ann@example.com"
QUESTION = "Hello,\n\nI cannot log in any more. The sign-in link in the mail says it has expired.\n\nAnn\n"

SMTP_DESK = """
[workspace]
name = "desk"

[operator]
name = "North Desk"
address = "{address}"
signature = "North Desk"

[adapters.support]
use = "email"
address = "{address}"
aliases = ["help@northdesk.example"]  # whose links the sample's templates have
imap = {{ host = "127.0.0.1", port = {imap}, tls = "none", user = "{address}", password = "env:E2E_PASSWORD" }}
send = {{ smtp = "127.0.0.1", port = {smtp}, tls = "none" }}
start = "{start}"
{more}
"""

FILE_DESK = """
[workspace]
name = "desk"

[operator]
name = "North Desk"
address = "help@example.org"
signature = "North Desk"

[adapters.support]
use = "email"
address = "help@example.org"
aliases = ["help@northdesk.example"]
source = {{ {source} }}
send = {{ maildir = "outbox" }}
start = "{start}"
{more}
"""

# `mainstay up` without its output: says "up" when the doors are open.
UP = """
import asyncio, logging, sys
from pathlib import Path
from mainstay.kernel.errors import MainstayError
from mainstay.workspace.folder import find_folder
from mainstay.workspace.serving import Service

async def work(service):
    service.stop_on_signals()
    await service.run(lambda: print("up", flush=True))

logging.basicConfig(level=logging.INFO)
try:
    asyncio.run(work(Service(find_folder(Path(sys.argv[1])))))
except MainstayError as error:
    print(f"{type(error).__name__}: {error}", flush=True)
    sys.exit(error.exit_code)
"""


@dataclass
class Desk:
    """A workspace on disk."""

    root: Path
    processes: list["Running"] = field(default_factory=list)

    @property
    def folder(self) -> Folder:
        return Folder(self.root)

    def open(self) -> Workspace:
        return Workspace.open(self.root)

    def up(self) -> "Running":
        """A director of its own process, with its doors open."""
        process = self.starting()
        line = process.line()
        assert line == "up", f"it did not come up: {line}\n{process.log()}"
        return process

    def starting(self) -> "Running":
        """The same, not waited for."""
        log = self.root.parent / f"log{len(self.processes)}"
        with log.open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-c", UP, str(self.root)], stdout=subprocess.PIPE, stderr=errors
            )
        self.processes.append(Running(child, log))
        return self.processes[-1]

    # What lies in the ledger is looked at, not asked for, so that a director that is gone can be looked at too.

    def cards(self) -> list[Card]:
        with self.open() as workspace:
            return workspace.approvals() if self.folder.ledger.exists() else []

    def card(self) -> Card:
        """The one card that waits, when there is one."""
        dovecot.until(lambda: bool(self.cards()), "a card that waits", 60.0)
        (card,) = self.cards()
        return card

    def runs(self) -> list[dict[str, Any]]:
        with self.open() as workspace:
            return workspace.runs(limit=1000) if self.folder.ledger.exists() else []

    def status(self, run: str) -> str:
        with self.open() as workspace:
            return str(workspace.run(run)[0]["status"])

    def until_status(self, run: str, status: str) -> None:
        dovecot.until(lambda: self.status(run) == status, f"run {run} {status}", 60.0)

    def story(self, run: str) -> str:
        with self.open() as workspace:
            return workspace.explain(run).as_text()

    def event_types(self, run: str) -> list[str]:
        with self.open() as workspace:
            return [type(event).__name__ for _, event in workspace.events(run)]

    def delivered(self) -> list[Path]:
        """What lies in the delivery folder."""
        return sorted((self.root / "outbox" / "new").iterdir()) if (self.root / "outbox").exists() else []


@dataclass
class Running:
    """A director in a process of its own."""

    child: subprocess.Popen[bytes]
    log_file: Path

    def line(self) -> str:
        """The next line that it says; empty when it is gone."""
        assert self.child.stdout is not None
        return self.child.stdout.readline().decode().strip()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, by its own id."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)

    def gone(self) -> int:
        """Wait until it has ended; how it did."""
        return self.child.wait(timeout=60.0)

    def stop(self) -> int:
        """End it in order."""
        self.child.send_signal(signal.SIGTERM)
        return self.gone()

    def close(self) -> None:
        if self.child.poll() is None:
            self.kill()
        self.child.wait(timeout=60.0)
        if self.child.stdout is not None:
            self.child.stdout.close()


@dataclass
class Mailbox:
    """A user's mailbox on the real server, and the customers who write to it."""

    server: dovecot.Dovecot
    address: str

    def write(
        self,
        message_id: str,
        *,
        text: str = QUESTION,
        subject: str = "cannot log in",
        sender: str = CUSTOMER,
        answers: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """A mail arrives."""
        content = mail(
            message_id,
            to=self.address,
            text=text,
            subject=subject,
            sender=sender,
            answers=answers,
            headers=headers,
        )
        self.server.deliver(self.address, content)

    def sent(self) -> list[str]:
        """Message-IDs in Sent."""
        return self._ids("Sent")

    def inbox(self) -> list[str]:
        """Message-IDs in the Inbox."""
        return self._ids("INBOX")

    def answer_by_hand(self, message_id: str, *, answers: str) -> None:
        """The operator answers from a phone: its program files the mail in Sent."""
        content = mail(message_id, to=CUSTOMER, sender=self.address, text="Done by phone.\n", answers=answers)
        with self._login() as mailbox:
            mailbox.append(content, "Sent", flag_set=["\\Seen"])

    def create_sent(self) -> None:
        with self._login() as mailbox:
            mailbox.folder.create("Sent")

    def accepted(self) -> list[str]:
        """Message-IDs that the relay took from this user."""
        return [
            str(message_id)
            for (recipients, _), message_id in zip(
                self.server.relay.accepted, self.server.relay.ids(), strict=True
            )
            if self.address in recipients
        ]

    def _ids(self, folder: str) -> list[str]:
        with self._login() as mailbox:
            mailbox.folder.set(folder, readonly=True)
            found = [one.headers.get("message-id", ("",))[0] for one in mailbox.fetch(mark_seen=False)]
        return [one.strip().strip("<>") for one in found]

    def _login(self) -> Any:
        import imap_tools

        mailbox = imap_tools.MailBoxUnencrypted("127.0.0.1", self.server.imap_port)
        return mailbox.login(self.address, dovecot.PASSWORD)


def mail(
    message_id: str,
    *,
    to: str = "help@example.org",
    text: str = QUESTION,
    subject: str = "cannot log in",
    sender: str = CUSTOMER,
    answers: str = "",
    headers: dict[str, str] | None = None,
) -> bytes:
    """One mail, as it travels."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = f"<{message_id}>"
    message["Date"] = "Mon, 02 Mar 2026 08:14:00 +0000"
    if answers:
        message["In-Reply-To"] = message["References"] = f"<{answers}>"
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    return message.as_bytes().replace(b"\n", b"\r\n")


def mbox(*mails: bytes) -> bytes:
    """Mails as they lie in an mbox file."""
    return b"".join(
        b"From someone@example.com Mon Mar  2 08:14:00 2026\n"
        + one.replace(b"\r\n", b"\n").rstrip(b"\n")
        + b"\n\n"
        for one in mails
    )


def lay_out(root: Path, settings: str, *, graph: bool = True) -> Desk:
    """The sample workspace with other settings, and the embedder's graph where it will want it."""
    shutil.copytree(sample_workspace(), root)
    (root / "mainstay.toml").write_text(settings)
    adopt(Folder(root))
    if graph:
        lend_graph(Folder(root).cache)
    return Desk(root)


def sample_workspace() -> Path:
    return Path(str(sample_path("workspace")))


def smtp_settings(
    mailbox: Mailbox, *, start: str = "now", imap: int = 0, smtp: int = 0, more: str = ""
) -> str:
    """Settings for a mailbox on the server; other ports where something stands between."""
    return SMTP_DESK.format(
        address=mailbox.address,
        imap=imap or mailbox.server.imap_port,
        smtp=smtp or mailbox.server.submission_port,
        start=start,
        more=more,
    )


def file_settings(*, source: str = 'mbox = "inbox.mbox"', start: str = "all", more: str = "") -> str:
    """Settings for a mailbox file and a delivery folder."""
    return FILE_DESK.format(source=source, start=start, more=more)


@contextlib.contextmanager
def ended(desk: Desk) -> Iterator[Desk]:
    """Whatever happens, no director is left behind."""
    try:
        yield desk
    finally:
        for process in desk.processes:
            process.close()
