"""The way an HTTP exchange with a model's endpoint goes: past the egress guard, bounded and once.

The guard (`mainstay.net.egress`) sees to where it goes, and that an answer is read whole, within a bound, before
anything parses it, so that half an answer is never taken for one. Here, what the provider reports of its usage is taken
out for `exchange`, because the layers above turn a missing report into zeros and throw a good answer away with a bad
one.

Only headers that the exchange needs are sent: the library would add what machine this is, and what its environment
says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpx2

from mainstay.models.settings import ModelSettings
from mainstay.net.egress import own
from mainstay.net.egress_http import AsyncGuarded, AsyncGuardedClient, Guarded, GuardedClient

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
TOTAL_MAX_S: Final = 3_600.0  # more than any `timeout_s`, which ends an exchange before

_NEEDED: Final = frozenset(
    (
        b"host",
        b"authorization",
        b"content-type",
        b"content-length",
        b"accept",
        b"accept-encoding",
        b"connection",
    )
)
_AGENT: Final = (b"User-Agent", b"mainstay")

_exchange: ContextVar[list[Any] | None] = ContextVar("_exchange", default=None)


@contextmanager
def exchange() -> Iterator[list[Any]]:
    """The reports of usage that come with the answers within this block, as they stand there; None for none."""
    reports: list[Any] = []
    token = _exchange.set(reports)
    try:
        yield reports
    finally:
        _exchange.reset(token)


def http_client(settings: ModelSettings) -> httpx2.AsyncClient:
    """A client for the endpoint of a model."""
    guarded = AsyncGuarded(total_s=TOTAL_MAX_S, **_guard(settings))
    return AsyncGuardedClient(Wire(guarded), settings.timeout_s)


def blocking_http_client(settings: ModelSettings, timeout_s: float) -> httpx2.Client:
    """The same for callers that wait, for so long at most."""
    guarded = Guarded(total_s=timeout_s, **_guard(settings))
    return GuardedClient(BlockingWire(guarded), timeout_s)


class Wire(httpx2.AsyncBaseTransport):
    """A transport that sends what is needed alone, and takes the report of usage out of the answer."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises `httpx2.TransportError`."""
        return _reported(await self._inner.handle_async_request(_bare(request)))

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


class BlockingWire(httpx2.BaseTransport):
    """`Wire` for callers that wait."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises `httpx2.TransportError`."""
        return _reported(self._inner.handle_request(_bare(request)))

    def close(self) -> None:
        """Close what is below."""
        self._inner.close()


def _guard(settings: ModelSettings) -> dict[str, Any]:
    # Certificates are verified wherever there are any. Loading those of the authorities takes 40 ms.
    encrypted = not settings.endpoint.startswith("http://")
    allow = own(settings.endpoint, own_network=settings.own_network)
    return {"allow": allow, "bytes_max": BODY_BYTES_MAX, "verify": encrypted}


def _bare(request: httpx2.Request) -> httpx2.Request:
    needed = [(name, value) for name, value in request.headers.raw if name.lower() in _NEEDED]
    request.headers = httpx2.Headers([*needed, _AGENT])
    return request


def _reported(response: httpx2.Response) -> httpx2.Response:
    reports = _exchange.get()
    if reports is None:
        return response
    body, report = _without_report(response.content)
    reports.append(report)
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
    return httpx2.Response(response.status_code, headers=headers, content=body, request=response.request)


def _without_report(body: bytes) -> tuple[bytes, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return body, None
    if not isinstance(answer, dict) or "usage" not in answer:
        return body, None
    report = answer.pop("usage")
    return json.dumps(answer).encode(), report
