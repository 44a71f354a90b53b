"""The port to outside systems: `Adapter` acts, `Source` brings things in.

An effect is rendered once, whole, before anybody approves it: `render` is deterministic in its arguments
and does no I/O, `call` sends exactly the rendered bytes. So what was approved is what is sent. An adapter
answers with values; it raises only where its own code is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mainstay.kernel.contract import Contract, Finality
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant, Json

UNASKED = "unasked"  # set in a request whose effect no person is asked about before it leaves


@dataclass(frozen=True, slots=True)
class RiskyField:
    """A field of an effect that can do harm, and where its value came from."""

    name: str  # "recipient", "amount", ...
    value: str
    source: str  # for people: "the From header of the incoming mail"
    seen_before: bool = False
    came_from: str = "message"  # for rules: "message", "model", "workflow", "operator"; unnamed is untrusted


@dataclass(frozen=True, slots=True)
class Rendered:
    """One effect, whole: exactly what will leave, and what a person must know to judge it."""

    payload: bytes  # all that `call` needs, to the last byte
    title: str  # one line for a list: "Re: Invoice 12"
    recipients: tuple[str, ...] = ()
    finality: Finality = Finality.FINAL_HIGH
    price_micros: int | None = 0  # None: unknown, so ask
    risky: tuple[RiskyField, ...] = ()
    attachments: tuple[str, ...] = ()
    amount_micros: int | None = None  # that it moves; None: it moves none


@dataclass(frozen=True, slots=True)
class Done:
    """The other side has it."""

    response: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side said no for good; trying again gives the same answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It did not happen, and may if tried later (throttled, unreachable before anything was handed over)."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may have happened: the answer was lost after something was handed over."""

    reason: str


CallResult = Done | Refused | NotNow | InDoubt


@dataclass(frozen=True, slots=True)
class Found:
    """It happened."""

    response: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """It did not happen; the other side's answer is authoritative."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was not seen; that proves nothing."""

    reason: str = ""


FindResult = Found | Absent | Unknown


class Adapter(Protocol):
    """Talks to one outside system."""

    @property
    def contract(self) -> Contract:
        """The versioned operations."""
        ...

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """The whole effect. Deterministic, no I/O. Raises `ValueError` with a reason for a request it
        cannot render."""
        ...

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """Do it: hand over exactly `payload`."""
        ...

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """Did it happen? `Absent` only when the other side's answer is authoritative."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that came in, as raw as it came."""

    raw: bytes
    received_at: Instant
    origin: str  # for people: "inbox.mbox, message 12"
    folder: str = "inbox"  # "inbox" | "sent": what lies in Sent was written by the operator or by us
    # total size in bytes where `raw` holds only the headers because the rest is too large
    oversize: int | None = None
    history: bool = False  # lay there before this source was connected: becomes memory, never starts a run


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a pull brought, and how far the source has come. `cursor` is the source's own, opaque
    and JSON-able."""

    items: tuple[Item, ...]
    cursor: Json
    more: bool = False  # another pull would bring more at once


class Source(Protocol):
    """Brings things in."""

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        """At most `limit` items after `cursor` (`{}` at the beginning). Pulling again from the same cursor
        repeats.

        Raises `AdapterError` where the other side cannot be reached or refuses: wait, and pull again from
        the same cursor.
        """
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when something may have come, or after `timeout_s`."""
        ...
