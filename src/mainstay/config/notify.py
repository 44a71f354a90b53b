"""`[notify]` of mainstay.toml: how the operator is told what waits, also when the director is down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mainstay.config.reading import reference
from mainstay.kernel.values import MINUTE
from mainstay.net.egress import own, wrong_with
from mainstay.workflows.document import Section

DETAILS = ("none", "title")
_QUIET = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where it is told by HTTP, signed."""

    url: str
    secret: str  # a reference
    own_network: bool = False  # the name leads into the operator's own network

    @property
    def allow(self) -> frozenset[str]:
        """What the egress guard lets pass for it besides the public internet."""
        return own(self.url, own_network=self.own_network)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is told, in minutes of the operator's day; over midnight where it ends before it begins."""

    begin: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether it is quiet at this minute of the day."""
        if self.begin <= self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """How the operator is told."""

    address: str = ""
    adapter: str = ""  # the instance that sends it; empty: the first that sends by SMTP
    command: tuple[str, ...] = ()  # a program of the operator's own; the text is its input
    down_after_us: int = 10 * MINUTE
    webhook: WebhookSettings | None = None
    every_us: int = 15 * MINUTE  # between two notifications by the same way
    quiet: QuietHours | None = None
    urgent: bool = False  # what is in doubt, and the kill switch, are told in quiet hours too
    detail: str = "none"  # "title": cards bear their titles, which may be personal


def read_notify(section: Section, adapters: Mapping[str, object]) -> NotifySettings:
    """`[notify]`."""
    section.only(
        *("address", "adapter", "command", "down_after", "webhook", "every", "quiet", "urgent", "detail")
    )
    adapter = section.choice("adapter", tuple(adapters)) if section.has("adapter") else ""
    address = section.text("address", "")
    if address and not _is_address(address):
        raise section.error("address", f"{address[:80]!r} is no address", remedy='write "ada@example.org"')
    usual = NotifySettings()
    return NotifySettings(
        address,
        adapter,
        section.words("command", ()),
        _at_least_a_minute(section, "down_after", usual.down_after_us, "a restart takes a moment"),
        _webhook(section.table("webhook")) if section.has("webhook") else None,
        _at_least_a_minute(section, "every", usual.every_us, "a flood would be a flood of mails"),
        _quiet(section) if section.has("quiet") else None,
        section.flag("urgent", False),
        section.choice("detail", DETAILS, "none"),
    )


def _is_address(text: str) -> bool:
    from mainstay.adapters.email.address import (
        is_address,  # brings all of e-mail: only where there is something to ask
    )

    return text.isascii() and is_address(text)


def _at_least_a_minute(section: Section, key: str, usual: int, why: str) -> int:
    length = section.duration_us(key, usual)
    assert length is not None
    if length < MINUTE:
        raise section.error(key, "that is too soon", why=why, remedy='write at least "PT1M"')
    return length


def _quiet(section: Section) -> QuietHours:
    text = section.text("quiet")
    match = _QUIET.fullmatch(text)
    if match is None:
        raise section.error("quiet", f"{text[:40]!r} are no hours", remedy='write "22:00-07:00"')
    first, begin, last, end = (int(one) for one in match.groups())
    hours = QuietHours(first * 60 + begin, last * 60 + end)
    if hours.begin == hours.end:
        raise section.error("quiet", "that is no time at all", remedy='write "22:00-07:00", or leave it out')
    return hours


def _webhook(section: Section) -> WebhookSettings:
    section.only("url", "secret", "own_network")
    made = WebhookSettings(
        section.text("url"), reference(section, "secret"), section.flag("own_network", False)
    )
    wrong = wrong_with(made.url, allow=made.allow)
    if wrong:
        raise section.error("url", wrong, remedy='write "https://hooks.example.org/desk"')
    if made.url.startswith("http:") and not made.allow:
        raise section.error(
            "url", "it must be encrypted", why="it leaves your network", remedy="write https://"
        )
    return made
