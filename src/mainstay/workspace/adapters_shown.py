"""`Workspace.adapters`: each configured adapter, how it is, how far it was read, and what it can do. Reading alone.

    for one in workspace.adapters.all():
        print(one.name, one.state, one.reason, one.remedy)

Nobody is called for it: health is what the director noticed. Pausing is `steering.pause("adapter", NAME)`, reading once
is `ingest(NAME)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.config.accounts import (
    AdapterSettings,
    ImapSource,
    MaildirSend,
    MaildirSource,
    MboxSource,
    Send,
    SmtpSend,
    Source,
)
from mainstay.governance.incidents import OpenIncident, open_incidents
from mainstay.kernel.contract import Contract, Repeatability
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.store import EventReader
from mainstay.runtime.clock import Clock

if TYPE_CHECKING:
    from mainstay.config.settings import Settings

CURSOR_MAX = 120  # characters of a cursor that are shown
LIMIT = 1_000
WELL, PAUSED, RESTING, SILENT, UNREAD = "well", "paused", "resting", "silent", "not read yet"


@dataclass(frozen=True, slots=True)
class Breaker:
    """An operation that is left alone for a while."""

    operation: str
    until: Instant
    failures: int
    reason: str


@dataclass(frozen=True, slots=True)
class AdapterState:
    """One of them. `state` is the gravest thing that is so."""

    name: str
    use: str
    address: str
    reads: str  # where things come from, in words; empty: from nowhere
    sends: str  # and where they go
    poll_s: float
    contract: Contract
    state: str  # well, paused, resting (a breaker is open), silent, not read yet
    reason: str
    remedy: str
    heard_at: Instant  # when its source was last read to a new place; 0: never
    cursor: str
    counts: Mapping[str, int]  # received, duplicates, dropped, rejected
    paused: Json | None  # by whom, when, why
    breakers: tuple[Breaker, ...]
    rate: Rate | None  # how often acts may start there
    replies_per_hour_max: int


class AdaptersShown:
    """The adapters of one workspace, for whoever looks."""

    def __init__(
        self,
        store: Callable[[], EventReader | None],
        settings: Callable[[], Settings],
        read_reason: Callable[[Json], Json],
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._read_reason = read_reason
        self._clock = clock

    def all(self) -> tuple[AdapterState, ...]:
        """Each, by name. Raises `ConfigError`."""
        settings, store = self._settings(), self._store()
        rates = dict(settings.throttles)
        if store is None:
            return tuple(_told(one, {}, None, (), None, rates) for one in settings.adapters.values())
        cursors = {str(row["source"]): row for row in store.select("cursors", limit=LIMIT)}
        pauses = {str(row["name"]): self._read_reason(row) for row in _of_adapters(store)}
        breakers: dict[str, list[Breaker]] = {}
        for row in map(self._read_reason, store.select("breakers", limit=LIMIT)):
            breakers.setdefault(str(row["adapter"]), []).append(_breaker(row))
        silent = {one.subject: one for one in open_incidents(store) if one.kind == "source_silent"}
        return tuple(
            _told(
                one,
                cursors.get(one.mailbox) or cursors.get(one.name) or {},
                pauses.get(one.name),
                tuple(breakers.get(one.name, ())),
                silent.get(one.mailbox) or silent.get(one.name),
                rates,
            )
            for one in settings.adapters.values()
        )


def _of_adapters(store: EventReader) -> list[Json]:
    return [row for row in store.select("pauses", limit=LIMIT) if row["scope"] == "adapter"]


def _told(
    one: AdapterSettings,
    cursor: Mapping[str, Any],
    pause: Json | None,
    breakers: tuple[Breaker, ...],
    silent: OpenIncident | None,
    rates: Mapping[str, Rate],
) -> AdapterState:
    from mainstay.adapters.email.contract import contract

    heard_at = _whole(cursor.get("at"))
    state, reason, remedy = _state(one, heard_at, pause, breakers, silent)
    return AdapterState(
        name=one.name,
        use=one.use,
        address=one.address,
        reads=_reads(one.source),
        sends=_sends(one.send),
        poll_s=one.poll_s,
        contract=contract(repeatability_of(one)),
        state=state,
        reason=reason,
        remedy=remedy,
        heard_at=Instant(heard_at),
        cursor=_cursor(str(cursor.get("cursor") or "")),
        counts={name: _whole(cursor.get(name)) for name in ("received", "duplicates", "dropped", "rejected")},
        paused=pause,
        breakers=breakers,
        rate=rates.get(f"adapter:{one.name}"),
        replies_per_hour_max=one.replies_per_hour_max,
    )


def _state(
    one: AdapterSettings,
    heard_at: int,
    pause: Json | None,
    breakers: tuple[Breaker, ...],
    silent: OpenIncident | None,
) -> tuple[str, str, str]:
    """In one word, why, and what to do."""
    if pause is not None:
        why = str(pause["reason"] or "no reason was given")
        return PAUSED, f"Paused by {pause['actor']}: {why}", "Nothing new starts there until it goes on."
    if breakers:
        names = ", ".join(breaker.operation for breaker in breakers)
        return (
            RESTING,
            f"{names} failed {breakers[0].failures} times in a row: {breakers[0].reason}",
            "One call tries again by itself; `mainstay doctor` checks the account.",
        )
    if silent is not None:
        remedy = "; ".join(silent.candidates)
        return SILENT, silent.what, remedy[:1].upper() + remedy[1:] + "."
    if one.source is not None and not heard_at:
        return UNREAD, "Its source was not read yet.", "Read it now, or wait for the director's next look."
    return WELL, "", ""


def repeatability_of(one: AdapterSettings) -> Repeatability:
    """How replies of this account may be repeated: it follows from how they leave."""
    if isinstance(one.send, MaildirSend):
        return Repeatability.KEYED
    return Repeatability.FINDABLE if isinstance(one.source, ImapSource) else Repeatability.ONCE


def _reads(source: Source | None) -> str:
    match source:
        case ImapSource():
            return f"IMAP {source.user} at {source.host}:{source.port}, {source.folder}"
        case MboxSource():
            return f"mailbox file {source.path.name}"
        case MaildirSource():
            return f"Maildir {source.path.name}"
        case None:
            return ""


def _sends(send: Send) -> str:
    match send:
        case SmtpSend():
            return f"SMTP {send.host}:{send.port}"
        case MaildirSend():
            return f"delivery folder {send.path.name}: nothing leaves this machine"


def _cursor(text: str) -> str:
    """A place in a source as words: `offset 103672, number 119`; hashes are left out."""
    try:
        found = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        return ""
    if not isinstance(found, dict):
        return text[:CURSOR_MAX]
    told = [f"{name.replace('_', ' ')} {value:,}" for name, value in found.items() if isinstance(value, int)]
    return ", ".join(told)[:CURSOR_MAX]


def _breaker(row: Json) -> Breaker:
    return Breaker(
        str(row["operation"]), Instant(_whole(row["until"])), _whole(row["failures"]), str(row["reason"])
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
