"""The ways to the operator while a director is at work: e-mail, a signed webhook, a program of their own.

Which there are follows from `[notify]`: `address` wants e-mail, `webhook` a webhook, `command` a program instead of
e-mail. Without any of them what waits stands in the lists and in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from mainstay.adapters.base import CallResult, Done, InDoubt, NotNow, Refused
from mainstay.adapters.email.compose import Composed, Envelope
from mainstay.adapters.email.delivery import MaildirDelivery
from mainstay.adapters.email.smtp import deliver
from mainstay.config.accounts import AdapterSettings, MaildirSend
from mainstay.config.notify import WebhookSettings
from mainstay.config.settings import Settings
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import SECOND
from mainstay.net.secrets import SecretStore
from mainstay.net.webhook_out import key_of, post
from mainstay.runtime.clock import Clock
from mainstay.runtime.notices import Notices, Thing
from mainstay.runtime.notifying import Delivered, Line
from mainstay.runtime.operator_time import calendar_of
from mainstay.workspace.mail import smtp_account
from mainstay.workspace.notification_text import Composer
from mainstay.workspace.telling import Message, Run, address_of, composed, run_command, sending


@dataclass(slots=True)
class EmailWay:
    """Through a configured account, marked as ours."""

    account: AdapterSettings
    to: str
    seal_key: bytes
    composer: Composer
    clock: Clock
    secrets: SecretStore

    @property
    def name(self) -> str:
        """See `Way.name`."""
        return f"e-mail through {self.account.name}"

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        """See `Way.tell`."""
        told = await self.composer.compose(things)
        message = Message(told.title, told.text, told.identity)
        mail = composed(self.account, self.to, message, now=self.clock.now(), seal_key=self.seal_key)
        identity = str(mail["Message-ID"]).strip("<>")
        envelope = Envelope(self.account.address, (self.to,), identity, witness=False)
        try:
            result = await self._hand_over(envelope, mail.as_bytes(), told.identity)
        except MainstayError as error:
            return Delivered(False, error.what)
        if isinstance(result, Done):
            return Delivered(True)
        # Never what the server said: it names whom it refuses, and an incident stands in the open.
        match result:
            case NotNow(retry_after_s=after):
                return Delivered(
                    False, "the server takes nothing now", int(after * SECOND) if after else None
                )
            case InDoubt():
                return Delivered(False, "the server's answer was lost")
            case Refused():
                return Delivered(False, "the server refused the mail")
            case _:
                assert_never(result)

    async def _hand_over(self, envelope: Envelope, message: bytes, key: str) -> CallResult:
        send = self.account.send
        if isinstance(send, MaildirSend):
            whole = Composed(envelope, message, "", envelope.recipients, diverted=False)
            return await MaildirDelivery(send.path).send(whole.payload, key=IdempotencyKey(key))
        smtp = smtp_account(self.account, self.secrets)
        assert smtp is not None, "an account delivers into a folder or by SMTP"
        return await deliver(smtp, envelope, message)


@dataclass(slots=True)
class WebhookWay:
    """A signed request through the egress guard."""

    settings: WebhookSettings
    composer: Composer
    clock: Clock
    secrets: SecretStore

    @property
    def name(self) -> str:
        """See `Way.name`."""
        return "webhook"

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        """See `Way.tell`."""
        try:
            key = key_of(self.secrets.resolve(self.settings.secret).reveal())
        except MainstayError as error:
            return Delivered(False, error.what)
        told = await self.composer.compose(things)
        posted = await asyncio.to_thread(
            lambda: post(
                self.settings.url,
                key=key,
                identity=told.identity,
                at_s=self.clock.now() // SECOND,
                body=told.body,
                allow=self.settings.allow,
            )
        )
        after = posted.retry_after_s
        return Delivered(posted.ok, posted.reason, int(after * SECOND) if after is not None else None)


@dataclass(slots=True)
class CommandWay:
    """A program of the operator's own; the text is its input."""

    command: tuple[str, ...]
    composer: Composer
    run: Run = run_command

    @property
    def name(self) -> str:
        """See `Way.name`."""
        return f"command {self.command[0]}"

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        """See `Way.tell`."""
        told = await self.composer.compose(things)
        code = await asyncio.to_thread(self.run, self.command, f"{told.title}\n\n{told.text}\n".encode())
        return Delivered(code == 0, f"it ended with {code}")


@dataclass(frozen=True, slots=True)
class NoWay:
    """One that was asked for and is not there."""

    name: str
    reason: str

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        """See `Way.tell`."""
        return Delivered(False, self.reason)


def lines_of(
    settings: Settings, composer: Composer, clock: Clock, *, seal_key: Callable[[], bytes]
) -> list[Line]:
    """Every way that the settings ask for, each with a queue of its own."""
    notify, secrets = settings.notify, SecretStore()
    ways: list[EmailWay | WebhookWay | CommandWay | NoWay] = []
    if notify.command:
        ways.append(CommandWay(notify.command, composer))
    elif notify.address:
        account = sending(settings) or _into_a_folder(settings)
        if account is None:
            ways.append(NoWay("e-mail", "no account of [adapters] sends mail"))
        else:
            to = address_of(settings, account)
            ways.append(EmailWay(account, to, seal_key(), composer, clock, secrets))
    if notify.webhook is not None:
        ways.append(WebhookWay(notify.webhook, composer, clock, secrets))
    there, hours = calendar_of(settings.workspace.zone), notify.quiet

    def notices() -> Notices:
        return Notices(
            notify.every_us, lambda now: hours is not None and hours.holds(there(now)[1]), notify.urgent
        )

    return [Line(one, notices()) for one in ways]


def _into_a_folder(settings: Settings) -> AdapterSettings | None:
    named = settings.notify.adapter
    able = [one for one in settings.adapters.values() if isinstance(one.send, MaildirSend)]
    return next((one for one in able if named in ("", one.name)), None)
