"""`[adapters.NAME]`: where things come from and where they go.

A source is a mailbox file, a Maildir or an IMAP account; a way out is a delivery folder or SMTP. Both may be
written as `source = { ... }` and `send = { ... }`, and the source also by its kind alone: `imap = { ... }`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from mainstay.config.reading import connection, host, path_of, reference
from mainstay.kernel.values import MINUTE, SECOND, Instant
from mainstay.workflows.document import NAME, NAME_RULE, Section, kind

SOURCES = ("mbox", "maildir", "imap")
_IMAP_PORTS = {"tls": 993, "starttls": 143, "none": 143}
USES = ("email",)
_SMTP_PORTS = {"tls": 465, "starttls": 587, "none": 25}


@dataclass(frozen=True, slots=True)
class MboxSource:
    """A mailbox file."""

    path: Path


@dataclass(frozen=True, slots=True)
class MaildirSource:
    """A Maildir."""

    path: Path


@dataclass(frozen=True, slots=True)
class ImapSource:
    """An account on an IMAP server."""

    host: str
    user: str
    password: str  # a reference to a secret
    port: int = 993
    tls: str = "tls"  # or "starttls"; "none" on this machine only
    folder: str = "INBOX"
    sent: str = ""  # empty: found by its special use
    idle: bool = True


@dataclass(frozen=True, slots=True)
class MaildirSend:
    """A delivery folder: what is sent is put there, and nothing leaves this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class SmtpSend:
    """Submission to a server. With an empty `user` it is not asked for a log-in."""

    host: str
    user: str = ""
    password: str = ""  # a reference to a secret
    port: int = 465
    tls: str = "tls"
    witness: bool = True  # our own address is one more recipient; the copy proves that the mail was accepted


Source = MboxSource | MaildirSource | ImapSource
Send = MaildirSend | SmtpSend
Start = Literal["now", "all"] | Instant


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """One configured instance of an adapter."""

    name: str
    use: str  # which adapter: "email"
    mailbox: str  # `message.mailbox` of what comes in
    address: str  # the operator's own address here; only mail must have one
    send: Send
    source: Source | None = None
    aliases: tuple[str, ...] = ()  # further addresses of the operator
    start: Start = "now"  # older mail becomes memory, never runs
    poll_s: float = 60.0
    replies_per_hour_max: int = 3  # to one correspondent; the brake on mail loops


def read_adapter(adapters: Section, name: str, folder: Path) -> AdapterSettings:
    """One table of `[adapters]`."""
    if NAME.fullmatch(name) is None:
        raise adapters.error(name, f"{name!r} cannot be the name of an adapter", why=NAME_RULE)
    section = adapters.table(name)
    section.only(
        "use",
        "mailbox",
        "address",
        "aliases",
        "source",
        *SOURCES,
        "send",
        "start",
        "poll",
        "replies_per_hour_max",
    )
    source = _source(section, folder)
    guess = source.user if isinstance(source, ImapSource) else None
    mail = section.data.get("use") == "email" or section.has("address")
    address = _address(section, guess) if mail else ""
    poll_us = section.duration_us("poll", MINUTE)
    assert poll_us is not None
    if poll_us < 5 * SECOND:
        raise section.error("poll", "a server is asked every five seconds at most", remedy='write "PT1M"')
    aliases = section.words("aliases", ())
    for alias in aliases:
        if not _is_address(alias):
            raise section.error("aliases", f"{alias!r} is not an address")
    return AdapterSettings(
        name=name,
        use=section.choice("use", USES),
        mailbox=section.name("mailbox", name),
        address=address,
        send=_send(section, source, folder),
        source=source,
        aliases=aliases,
        start=_start(section),
        poll_s=poll_us / SECOND,
        replies_per_hour_max=section.whole("replies_per_hour_max", 3, least=0, most=1000),
    )


def _source(section: Section, folder: Path) -> Source | None:
    table = section.table("source") if section.has("source") else section
    if table is not section:
        table.only(*SOURCES)
    found = [word for word in SOURCES if table.has(word)]
    if table is not section and any(section.has(word) for word in SOURCES):
        raise section.error("source", "there are two sources", remedy="keep 'source' or the other")
    if len(found) > 1:
        raise table.error(
            found[1], f"there are several sources: {', '.join(found)}", remedy="keep one of them"
        )
    if not found:
        if table is not section:
            raise section.error(
                "source", "this source names nothing", remedy="give one of mbox, maildir, imap"
            )
        return None
    match found[0]:
        case "mbox":
            return MboxSource(path_of(table, "mbox", folder))
        case "maildir":
            return MaildirSource(path_of(table, "maildir", folder))
        case _:
            return _imap(table.table("imap"))


def _imap(section: Section) -> ImapSource:
    section.only("host", "port", "user", "password", "tls", "folder", "sent", "idle")
    name = host(section, "host")
    port, tls = connection(section, name, _IMAP_PORTS)
    return ImapSource(
        host=name,
        user=section.text("user"),
        password=reference(section, "password"),
        port=port,
        tls=tls,
        folder=section.text("folder", "INBOX"),
        sent=section.text("sent", ""),
        idle=section.flag("idle", True),
    )


def _send(adapter: Section, source: Source | None, folder: Path) -> Send:
    if not adapter.has("send"):
        return MaildirSend(folder.absolute() / "outbox")
    section = adapter.table("send")
    if section.has("maildir"):
        section.only("maildir")
        return MaildirSend(path_of(section, "maildir", folder))
    section.only("smtp", "maildir", "port", "user", "password", "tls", "witness")
    if not section.has("smtp"):
        raise adapter.error("send", "this names no way out", remedy="give maildir or smtp")
    name = host(section, "smtp")
    port, tls = connection(section, name, _SMTP_PORTS)
    user, password = _login(section, source)
    return SmtpSend(name, user, password, port, tls, section.flag("witness", True))


def _login(section: Section, source: Source | None) -> tuple[str, str]:
    # Most providers take the same log-in on both ways, so it need not be written twice. `user = ""`: none.
    if section.data.get("user") == "":
        if section.has("password"):
            raise section.error("password", "there is a password, and no user", remedy="add the user")
        return "", ""
    if isinstance(source, ImapSource):
        user = section.text("user", source.user)
        return user, reference(section, "password") if section.has("password") else source.password
    if section.has("user") or section.has("password"):
        return section.text("user"), reference(section, "password")
    return "", ""


def _address(section: Section, guess: str | None) -> str:
    if not section.has("address") and guess is not None and _is_address(guess):
        return guess
    address = section.text("address")
    if not _is_address(address):
        raise section.error("address", f"{address!r} is not an address", remedy='write "help@example.org"')
    return address


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return (
        bool(at and local and "." in domain.strip("."))
        and text.isprintable()
        and not set(text) & set(' ,;<>"')
    )


def _start(section: Section) -> Start:
    value = section.data.get("start", "now")
    if value in ("now", "all"):
        return "now" if value == "now" else "all"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise section.error(
                "start", f"{value[:80]!r} is no start", remedy='write "now", "all" or a date: 2026-01-31'
            ) from None
    if not isinstance(value, date):
        raise section.error(
            "start", f"a start cannot be {kind(value)}", remedy='write "now", "all" or a date'
        )
    moment = (
        value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Instant(int(moment.timestamp()) * 1_000_000)
