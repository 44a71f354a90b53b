"""A real Dovecot on loopback, with a relay behind its submission service: what a provider is in small.

A mail that is submitted goes to the relay (aiosmtpd). The relay keeps what it got; what is addressed to a
user of this server it puts into that user's Inbox, so that a witness copy really arrives. Each server has
its own short folder, free ports, and is ended by its own process id.
"""

import contextlib
import ctypes
import grp
import ipaddress
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "correct-horse"
DEADLINE_S = 60.0

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap submission lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
hostname = mail.example.org
mail_location = maildir:{folder}/mail/%n
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {submission_port}
  }}
  inet_listener submissions {{
    port = {submissions_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  unix_listener lmtp {{
    mode = 0600
  }}
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
submission_relay_trusted = yes
submission_max_mail_size = 100M
"""


@dataclass
class Relay:
    """What stands behind the submission service. `refused` are recipients that it does not take."""

    lmtp_port: int = 0
    domain: str = "example.org"
    refused: set[str] = field(default_factory=set)
    accepted: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None  # called when the mail is kept and not yet confirmed

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = bytes(envelope.original_content or b"")
        self.accepted.append((tuple(envelope.rcpt_tos), content))
        own = [address for address in envelope.rcpt_tos if address.endswith("@" + self.domain)]
        if own and self.lmtp_port:
            lmtp(self.lmtp_port, envelope.mail_from or "", own, content)
        if self.before_answer is not None:
            self.before_answer()
        return "250 2.0.0 kept"

    def ids(self) -> list[str]:
        """Message-IDs of what was accepted, without angle brackets."""
        return [str(message_from_bytes(content)["Message-ID"]).strip("<>") for _, content in self.accepted]


def lmtp(port: int, sender: str, recipients: list[str], content: bytes) -> None:
    """Deliver to users of the server; each recipient has a transaction, since each gets an answer."""
    for recipient in recipients:
        with smtplib.LMTP("127.0.0.1", port, local_hostname="localhost") as client:
            client.sendmail(sender or "", [recipient], content)


@dataclass
class Dovecot:
    """A running server."""

    folder: Path
    imap_port: int
    submission_port: int
    lmtp_port: int
    imaps_port: int
    submissions_port: int
    relay: Relay
    process: subprocess.Popen[bytes]

    @property
    def authority(self) -> Path:
        """The certificate that its clients have to trust."""
        return self.folder / "cert.pem"

    def deliver(self, user: str, content: bytes) -> None:
        """Put a mail into a user's Inbox, as a provider would."""
        lmtp(self.lmtp_port, "somebody@example.com", [user], content)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def answers(port: int, greeting: bytes) -> bool:
    """Whether a server greets at this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            return connection.recv(64).startswith(greeting)
    except OSError:
        return False


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Ask again until it holds. Only for what another process does, which cannot tell us."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {deadline_s} s")
        time.sleep(0.02)


@contextlib.contextmanager
def running(binary: str) -> Iterator[Dovecot]:
    """A server of one's own, up when this yields and gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
    relay = Relay()
    relay_port = free_ports(1)[0]
    controller = Controller(
        relay, hostname="127.0.0.1", port=relay_port, server_hostname="localhost", data_size_limit=100_000_000
    )
    controller.start()
    try:
        for _ in range(3):  # another program may take a free port before Dovecot does
            server = _started(binary, folder, relay, relay_port)
            if server is not None:
                break
        else:
            raise RuntimeError(
                "dovecot did not start:\n" + (folder / "log").read_text(errors="replace")[-2000:]
            )
        try:
            yield server
        finally:
            _ended(server.process)
    finally:
        controller.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _started(binary: str, folder: Path, relay: Relay, relay_port: int) -> Dovecot | None:
    imap_port, submission_port, lmtp_port, imaps_port, submissions_port = free_ports(5)
    relay.lmtp_port = lmtp_port
    user, group = _user()
    for part in ("run", "state", "mail"):
        (folder / part).mkdir(exist_ok=True)
    _certificate(folder)
    config = folder / "dovecot.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            user=user,
            group=group,
            password=PASSWORD,
            imap_port=imap_port,
            submission_port=submission_port,
            lmtp_port=lmtp_port,
            imaps_port=imaps_port,
            submissions_port=submissions_port,
            relay_port=relay_port,
        )
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user, group)
    process = subprocess.Popen(
        [binary, "-F", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_us if sys.platform == "linux" else None,
    )
    server = Dovecot(
        folder, imap_port, submission_port, lmtp_port, imaps_port, submissions_port, relay, process
    )

    def up() -> bool:
        ports = ((imap_port, b"* OK"), (submission_port, b"220"), (lmtp_port, b"220"))
        return process.poll() is not None or all(answers(*port) for port in ports)

    try:
        until(up, "dovecot")
    except TimeoutError:
        _ended(process)
        return None
    return server if process.poll() is None else None


def _end_with_us() -> None:
    """A test run that is killed leaves no server behind: the kernel tells the server when its parent is
    gone."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _certificate(folder: Path) -> None:
    """A certificate for loopback that signs itself, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)
    loopback = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _user() -> tuple[str, str]:
    """Who the server's workers are: imap-login refuses to be root."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return account.pw_name, grp.getgrgid(account.pw_gid).gr_name


def _ended(process: subprocess.Popen[bytes]) -> None:
    """The master ends its own children when it is asked to."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
