"""Sending by SMTP, and an exact answer to "how far did it come?".

Until the final dot of the message nothing is handed over: every failure before it is `Refused` (5xx) or
`NotNow` (4xx, or no connection). After the dot only the relay knows: its answer decides, and where the
answer is lost the result is `InDoubt`. A mail goes to all of its recipients or to none, the witness
included: with one refused, it is given up before the message is sent.

After acceptance the mail is filed in Sent, once, where the provider does not do it. That it could not be
filed does not undo the sending: the response says so.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import aiosmtplib
from aiosmtplib import SMTP, SMTPResponseException

from mainstay.adapters.base import CallResult, Done, FindResult, Found, InDoubt, NotNow, Refused, Unknown
from mainstay.adapters.email.account import SmtpAccount, require_safe, tls_context
from mainstay.adapters.email.compose import Envelope, split_payload
from mainstay.adapters.email.imap_session import ImapFailed
from mainstay.adapters.email.imap_shelf import ImapShelf
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.ids import IdempotencyKey

LOGIN_RETRY_S = 900.0  # a wrong password is mended by a person
BUSY_RETRY_S = 60.0

# What a lost connection, a silent server or a broken TLS looks like from here.
_LOST = (
    aiosmtplib.SMTPServerDisconnected,
    aiosmtplib.SMTPTimeoutError,
    aiosmtplib.SMTPConnectError,
    OSError,
    TimeoutError,
)


class SmtpOutbox:
    """Sends through one relay. With a shelf to look into it is findable, without one it is once."""

    def __init__(self, account: SmtpAccount, *, shelf: ImapShelf | None, witness: bool) -> None:
        require_safe(account)
        self._account = account
        self._shelf = shelf
        self._witness = witness

    @property
    def repeatability(self) -> Repeatability:
        """See `Outbox.repeatability`."""
        return Repeatability.FINDABLE if self._shelf is not None else Repeatability.ONCE

    @property
    def witness(self) -> bool:
        """See `Outbox.witness`."""
        return self._witness

    async def send(self, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """Hand the message over to the relay."""
        envelope, message = split_payload(payload)
        result = await deliver(self._account, envelope, message)
        if not isinstance(result, Done):
            return result
        return Done(
            {"message_id": envelope.message_id, "sent_copy": await self._filed(envelope, key, message)}
        )

    async def find(self, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """Look for the witness in the Inbox and for the copy in Sent. Not to see it proves nothing."""
        envelope, message = split_payload(payload)
        if self._shelf is None:
            return Unknown("there is no mailbox to look into")
        try:
            there = await self._shelf.find(envelope.message_id, key)
        except ImapFailed as failed:
            return Unknown(f"the mailbox could not be looked into: {failed.reason}")
        except AdapterError as error:
            return Unknown(str(error))
        if not there:
            return Unknown("it lies neither in the Inbox nor in Sent")
        return Found(
            {"message_id": envelope.message_id, "sent_copy": await self._filed(envelope, key, message)}
        )

    async def _filed(self, envelope: Envelope, key: IdempotencyKey, message: bytes) -> bool:
        if self._shelf is None:
            return False
        try:
            return await self._shelf.file_sent(envelope.message_id, key, message)
        except (ImapFailed, AdapterError):
            return False


async def deliver(account: SmtpAccount, envelope: Envelope, message: bytes) -> CallResult:
    """One mail through one connection."""
    client = new_client(account)
    try:
        refusal = await _opened(client, account)
        if refusal is None:
            refusal = await _announced(client, account, envelope, len(message))
        if refusal is not None:
            return refusal
        return await _handed_over(client, account, message)
    finally:
        await _goodbye(client)


def new_client(account: SmtpAccount) -> SMTP:
    """A client for this relay, not yet connected."""
    return SMTP(
        hostname=account.host,
        port=account.port,
        use_tls=account.tls == "tls",
        start_tls=account.tls == "starttls",
        tls_context=tls_context(account.ca_file) if account.tls != "none" else None,
        timeout=account.timeout_s,
        local_hostname="localhost",  # our own name is nobody's business, and looking it up can take long
    )


async def _opened(client: SMTP, account: SmtpAccount) -> CallResult | None:
    """Connect and log in; a result if that failed. Nothing was handed over, so it may always be tried
    again."""
    try:
        await client.connect()
    except ssl.SSLError as error:
        return NotNow(f"{account.host} has no certificate we can trust: {error.reason}", LOGIN_RETRY_S)
    except SMTPResponseException as error:
        return NotNow(f"{account.host} is not ready: {_said(error)}", BUSY_RETRY_S)
    except (aiosmtplib.SMTPException, *_LOST) as error:
        return NotNow(f"{account.host} cannot be reached: {error}")
    if account.user is None or account.password is None:
        return None
    try:
        await client.login(account.user, account.password.reveal())
    except SMTPResponseException as error:
        return NotNow(f"{account.host} refused to let {account.user} in: {_said(error)}", LOGIN_RETRY_S)
    except (aiosmtplib.SMTPException, *_LOST) as error:
        return NotNow(f"{account.host} did not let {account.user} in: {error}", LOGIN_RETRY_S)
    return None


async def _announced(client: SMTP, account: SmtpAccount, envelope: Envelope, size: int) -> CallResult | None:
    """Sender and recipients; a result if one of them is not taken."""
    place = f"{account.host} does not take the sender {envelope.sender}"
    try:
        options = [f"SIZE={size}"] if client.supports_extension("size") else []
        await client.mail(envelope.sender, options=options)
        for recipient in envelope.recipients:
            place = f"{account.host} does not take the recipient {recipient}"
            await client.rcpt(recipient)
    except SMTPResponseException as error:
        return _judged(error, place)
    except _LOST as error:
        return NotNow(f"the connection to {account.host} was lost before the message: {error}")
    except ValueError as error:
        return Refused(f"{place}: {error}")
    return None


async def _handed_over(client: SMTP, account: SmtpAccount, message: bytes) -> CallResult:
    """DATA, in two steps: what fails before the server asked for the message is no doubt at all."""
    protocol = client.protocol
    if protocol is None:
        return NotNow(f"the connection to {account.host} was lost before the message")
    try:
        asked = await client.execute_command(b"DATA", timeout=account.timeout_s)
    except SMTPResponseException as error:
        return _judged(error, f"{account.host} does not want the message")
    except _LOST as error:
        return NotNow(f"the connection to {account.host} was lost before the message: {error}")
    if asked.code != 354:
        no = aiosmtplib.SMTPDataError(asked.code, asked.message)
        return _judged(no, f"{account.host} does not want the message")
    try:
        protocol.write(_stuffed(message))
        answer = await protocol.read_response(timeout=account.data_timeout_s)
    except SMTPResponseException as error:
        return InDoubt(f"{account.host} answered what cannot be understood: {_said(error)}")
    except _LOST as error:
        return InDoubt(f"the connection to {account.host} was lost before it confirmed the message: {error}")
    if answer.code // 100 == 2:
        return Done()
    if answer.code // 100 in (4, 5):
        return _judged(
            aiosmtplib.SMTPDataError(answer.code, answer.message), f"{account.host} refused the message"
        )
    return InDoubt(f"{account.host} answered {answer.code} to the message")


def _stuffed(message: bytes) -> bytes:
    """As it travels: a dot more before lines that begin with one, and the final dot. Lines end in CRLF
    already."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _judged(error: SMTPResponseException, place: str) -> CallResult:
    """4xx may be tried again, 5xx gives the same answer; an answer that is neither came from no mail
    server."""
    if 500 <= error.code < 600:
        return Refused(f"{place}: {_said(error)}")
    return NotNow(f"{place}: {_said(error)}", BUSY_RETRY_S)


def _said(error: SMTPResponseException) -> str:
    return f"{error.code} {' '.join(error.message.split())[:200]}"


async def _goodbye(client: SMTP) -> None:
    """QUIT if somebody listens. The mail is settled by now: nothing here changes the result."""
    if client.is_connected:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=2.0)
    client.close()
