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

_NOTED = "mst-note-"
_NOTED_ID = re.compile(r"mst-note-([0-9a-f]{32})-([0-9a-f]{32})@")
_LOOKED_AT, _WINDOW = 20, 256_000  # identities, and bytes of a report
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


def notification_id(seal_key: bytes, value: str, domain: str) -> str:
    """The identity of a notification's mail: one that proves itself, so that what answers it is known too."""
    return f"{_NOTED}{value}-{seal(seal_key, 'own_notification', value)}@{domain}"


def answers_notification(mail: ParsedMail, raw: bytes, seal_key: bytes) -> bool:
    """Whether this is about a notification of ours: an answer, an automatic one, or a report that it did not arrive.

    A report seldom says in its own header what it is about: then the mail it encloses is looked through.
    """
    named = [mail.in_reply_to, *mail.references[-_LOOKED_AT:]]
    if mail.bounce or mail.auto_submitted:
        window = raw[:_WINDOW].decode("latin-1")
        named += [match[0] for match, _ in zip(_NOTED_ID.finditer(window), range(_LOOKED_AT), strict=False)]
    for one in named:
        found = _NOTED_ID.match(one)
        if found is not None and hmac.compare_digest(seal(seal_key, "own_notification", found[1]), found[2]):
            return True
    return False


def recognise(mail: ParsedMail, own_addresses: tuple[str, ...], seal_key: bytes) -> Own | None:
    """What of ours this mail is, if it is. A mark without a valid seal means nothing, and a reply under another sender
    is not ours. A notification may come from any of the operator's accounts, so its seal alone says whose it is."""
    given = mail.header(SEAL_HEADER)
    from_self = mail.from_self(own_addresses)
    kinds: tuple[tuple[Own, str], ...] = (("witness", KEY_HEADER), ("own_notification", NOTIFICATION_HEADER))
    for kind, header in kinds:
        value = mail.header(header)
        if kind == "witness" and not from_self:
            continue
        if value and hmac.compare_digest(seal(seal_key, kind, value).encode(), given.encode()):
            return kind
    return None
