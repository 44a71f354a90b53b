"""What every answer carries: nothing runs, loads or frames a page but what it brings itself, and no cache keeps it."""

from __future__ import annotations

from starlette.types import Message, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
ENCRYPTED = ((b"strict-transport-security", b"max-age=31536000"),)
NOT_KEPT = (b"cache-control", b"no-store")
_REPLACED = frozenset(name for name, _ in (*ALWAYS, *ENCRYPTED)) | {b"server"}


def secured(send: Send, *, encrypted: bool, closing: list[bool]) -> Send:
    """The same way back, with these headers on every answer. `closing` non-empty: the connection ends with it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [one for one in message.get("headers", ()) if one[0].lower() not in _REPLACED]
            more = [*ALWAYS, *(ENCRYPTED if encrypted else ())]
            if not any(name.lower() == b"cache-control" for name, _ in given):
                more.append(NOT_KEPT)
            if closing:
                more.append((b"connection", b"close"))
            message = {**message, "headers": [*given, *more]}
        await send(message)

    return sending
