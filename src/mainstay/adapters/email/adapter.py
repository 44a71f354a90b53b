"""The e-mail adapter: three operations, `reply`, `label` and `unlabel`, over whatever carries them.

How a reply may be repeated depends on how it goes out (a delivery folder is keyed, SMTP with a mailbox to
look into is findable, SMTP alone is once), so the contract is built with the outbox. Labels are keyed
everywhere: to set or to take one that is set or taken already changes nothing.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

from mainstay.adapters.base import UNASKED, CallResult, FindResult, Refused, Rendered, RiskyField, Unknown
from mainstay.adapters.email.address import Address, among, same_address
from mainstay.adapters.email.compose import Composed, canonical, compose
from mainstay.adapters.email.contract import contract
from mainstay.kernel.contract import Contract, Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant, Json

LABEL_MAX = 20
_LABEL = re.compile(r"^[^\s\x00-\x1f\x7f(){%*\"\\\]]{1,60}$")


class Outbox(Protocol):
    """What carries replies."""

    @property
    def repeatability(self) -> Repeatability:
        """How `send` may be repeated."""
        ...

    @property
    def witness(self) -> bool:
        """Whether our own address is one more recipient, so that a copy proves the sending."""
        ...

    async def send(self, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """Hand over the message of `payload`."""
        ...

    async def find(self, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """Did it go out?"""
        ...


class Labels(Protocol):
    """What keeps labels."""

    async def put(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Add labels to a mail."""
        ...

    async def has(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has all of them."""
        ...

    async def take(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Take labels off a mail."""
        ...

    async def lacks(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has none of them."""
        ...


class EmailAdapter:
    """Replies and labels of one account. `own` is its address; `aliases` are other addresses of the
    operator."""

    def __init__(
        self, *, own: Address, outbox: Outbox, labels: Labels, seal_key: bytes, aliases: tuple[str, ...] = ()
    ) -> None:
        self._own = own
        self._own_addresses = (own.email, *aliases)
        self._outbox = outbox
        self._labels = labels
        self._seal_key = seal_key
        self._contract = contract(outbox.repeatability)

    @property
    def contract(self) -> Contract:
        """See `Adapter.contract`."""
        return self._contract

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """All addresses that are ours."""
        return self._own_addresses

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """See `Adapter.render`."""
        match operation:
            case "reply":
                return self._render_reply(request, key, at)
            case "label" | "unlabel":
                return _render_label(operation, request)
            case _:
                raise ValueError(f"e-mail has no operation {operation!r}; it has reply, label and unlabel")

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """See `Adapter.call`."""
        match operation:
            case "reply":
                return await self._outbox.send(payload, key=key)
            case "label":
                return await self._labels.put(*_split_label(payload))
            case "unlabel":
                return await self._labels.take(*_split_label(payload))
            case _:
                return Refused(f"e-mail has no operation {operation!r}")

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """See `Adapter.find`."""
        match operation:
            case "reply":
                return await self._outbox.find(payload, key=key)
            case "label":
                return await self._labels.has(*_split_label(payload))
            case "unlabel":
                return await self._labels.lacks(*_split_label(payload))
            case _:
                return Unknown(f"e-mail has no operation {operation!r}")

    def _render_reply(self, request: Json, key: IdempotencyKey, at: Instant) -> Rendered:
        if request.get(UNASKED) is True:
            request = {**request, "reply": {**request["reply"], "automatic": True}}
        composed = compose(
            request, own=self._own, key=key, at=at, seal_key=self._seal_key, witness=self._outbox.witness
        )
        if any(among(recipient, self._own_addresses) for recipient in composed.to):
            raise ValueError("the reply would go to one of our own addresses")
        return Rendered(
            payload=composed.payload,
            title=composed.subject,
            recipients=composed.to,
            finality=Finality.FINAL_HIGH if composed.diverted else Finality.FINAL_LOW,
            price_micros=0,
            risky=(*_risky(composed, request["message"]), *_from_outside(request)),
        )


def _risky(composed: Composed, message: Json) -> tuple[RiskyField, ...]:
    """Where each recipient came from."""
    sender = str(message.get("from") or "")
    seen = frozenset(map(str.lower, message.get("seen_before") or ()))
    fields: list[RiskyField] = []
    for recipient in composed.to:
        wrote = same_address(recipient, sender)
        source = (
            "the From header of the incoming mail"
            if wrote
            else f"the Reply-To header of the incoming mail, which was sent by {sender or 'nobody'}"
        )
        fields.append(RiskyField("recipient", recipient, source, seen_before=recipient.lower() in seen))
    return tuple(fields)


def _from_outside(request: Json) -> tuple[RiskyField, ...]:
    """What the text says that came in with the message, as far as it still stands there after an edit."""
    told, reply = request.get("origins"), request.get("reply")
    text = f"{reply.get('subject', '')}\n{reply.get('text', '')}" if isinstance(reply, dict) else ""
    return tuple(
        RiskyField(str(one.get("name", "")), str(one["value"]), str(one.get("source", "")))
        for one in (told if isinstance(told, list | tuple) else ())
        if isinstance(one, dict) and one.get("value") and str(one["value"]) in text
    )


def _render_label(operation: str, request: Json) -> Rendered:
    message = request.get("message")
    message_id = message.get("message_id") if isinstance(message, dict) else None
    if not isinstance(message_id, str) or not message_id:
        raise ValueError("the request has no message")
    labels = request.get("labels")
    if not isinstance(labels, list | tuple) or not labels or len(labels) > LABEL_MAX:
        raise ValueError(f"between 1 and {LABEL_MAX} labels can be set or taken at a time")
    for label in labels:
        if not isinstance(label, str) or _LABEL.match(label) is None:
            raise ValueError(f"{label!r} is not a label: at most 60 characters, without spaces and brackets")
    wanted = list(dict.fromkeys(labels))
    return Rendered(
        payload=canonical({"labels": wanted, "message_id": message_id}),
        title=f"{operation} " + ", ".join(wanted),
        finality=Finality.REVERSIBLE,
        price_micros=0,
    )


def _split_label(payload: bytes) -> tuple[str, tuple[str, ...]]:
    entry = json.loads(payload)
    return str(entry["message_id"]), tuple(map(str, entry["labels"]))
