"""Outgoing webhooks, signed as the Standard Webhooks specification says, through the egress guard.

Three headers: `webhook-id` (the same for every attempt, so that the other side can drop a repetition),
`webhook-timestamp` (seconds; an old one is a replay) and `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over
`id.timestamp.body`. The secret is the text behind its reference; one that begins with `whsec_` is base64 from there on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection
from dataclasses import dataclass

from mainstay.kernel.errors import SecretError
from mainstay.net import egress

PREFIX = "whsec_"
SECRET_MIN = 16  # bytes
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64_000
_GONE = 410
_WAITS = (429, 503)
RETRY_AFTER_MAX_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one attempt."""

    ok: bool
    reason: str = ""  # never what the other side said: it may be anything
    retry_after_s: float | None = None
    for_good: bool = False  # it says that nothing more is wanted


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises `SecretError` for what is too short, or no base64."""
    try:
        key = (
            base64.b64decode(secret.removeprefix(PREFIX), validate=True)
            if secret.startswith(PREFIX)
            else None
        )
    except (binascii.Error, ValueError):
        raise SecretError("the webhook's secret is no base64 after whsec_") from None
    key = secret.encode() if key is None else key
    if len(key) < SECRET_MIN:
        raise SecretError(f"the webhook's secret has less than {SECRET_MIN} bytes")
    return key


def signature(key: bytes, identity: str, at_s: int, body: bytes) -> str:
    """What stands in `webhook-signature`."""
    signed = f"{identity}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(key: bytes, identity: str, at_s: int, body: bytes) -> dict[str, str]:
    """All that the other side needs to know that it comes from here, and when. Raises `ValueError` for a bad id."""
    if not identity.isascii() or not identity.isalnum():
        raise ValueError("an id is letters and digits")
    return {
        "content-type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature(key, identity, at_s, body),
    }


def post(
    url: str, *, key: bytes, identity: str, at_s: int, body: bytes, allow: Collection[str] = ()
) -> Posted:
    """One attempt; it blocks for some seconds at most. Anything but a success is told, never raised."""
    import httpx2

    sent = headers(key, identity, at_s, body)
    try:
        with egress.client(
            allow=allow, timeout_s=TIMEOUT_S, total_s=2 * TIMEOUT_S, bytes_max=ANSWER_BYTES_MAX
        ) as client:
            answer = client.post(url, content=body, headers=sent)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Posted(False, egress.why_refused(error) or f"it cannot be reached ({type(error).__name__})")
    status = answer.status_code
    if 200 <= status < 300:
        return Posted(True)
    after = _seconds(answer.headers.get("retry-after", "")) if status in _WAITS else None
    return Posted(False, f"it answered {status}", after, for_good=status == _GONE)


def _seconds(text: str) -> float | None:
    return (
        min(float(text), RETRY_AFTER_MAX_S) if text.isascii() and text.isdigit() and len(text) < 9 else None
    )
