"""The marks that our own mail carries, and their recognition when it comes back.

A sent reply returns as a witness in the Inbox and lies in Sent; a notification to the operator lands in the
same mailbox. Both must be known as ours before a body is stored, and nobody else may be able to make us
drop a mail: so the mark carries a seal, a keyed hash under the workspace's own key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal

from mainstay.adapters.email.mime import ParsedMail
from mainstay.kernel.ids import IdempotencyKey

KEY_HEADER = "X-Mainstay-Key"
NOTIFICATION_HEADER = "X-Mainstay-Notification"
SEAL_HEADER = "X-Mainstay-Seal"

Own = Literal["witness", "own_notification"]

_TOKEN = re.compile(r"^[A-Za-z0-9_.-]{1,100}$")


def seal(seal_key: bytes, kind: Own, value: str) -> str:
    """The seal of a mark. 32 hex digits."""
    if len(seal_key) < 16:
        raise ValueError("the key of the seal needs at least 16 bytes")
    return hmac.new(seal_key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()[:32]


def marks(seal_key: bytes, kind: Own, value: str) -> tuple[tuple[str, str], ...]:
    """The header fields that mark a mail as ours: `value` is the key of the send or the id of the
    notification."""
    if _TOKEN.match(value) is None:
        raise ValueError(f"{value!r} cannot stand in a mark")
    header = KEY_HEADER if kind == "witness" else NOTIFICATION_HEADER
    return (header, value), (SEAL_HEADER, seal(seal_key, kind, value))


def message_id(key: IdempotencyKey, domain: str) -> str:
    """The identity of the mail that is sent under this key, without angle brackets."""
    return f"mst-{key}@{domain}"


def recognise(mail: ParsedMail, own_addresses: tuple[str, ...], seal_key: bytes) -> Own | None:
    """What of ours this mail is, if it is. A mark without a valid seal, or under another sender, means
    nothing."""
    if not mail.from_self(own_addresses):
        return None
    given = mail.header(SEAL_HEADER)
    kinds: tuple[tuple[Own, str], ...] = (("witness", KEY_HEADER), ("own_notification", NOTIFICATION_HEADER))
    for kind, header in kinds:
        value = mail.header(header)
        if value and hmac.compare_digest(seal(seal_key, kind, value).encode(), given.encode()):
            return kind
    return None
