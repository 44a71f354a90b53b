"""The way an HTTP exchange with a model's endpoint goes: bounded, direct and once.

An answer is read up to a bound, so that nobody can fill the memory; it is read whole before anything parses it, so
that half an answer is never taken for one; and what the provider reports of its usage is taken out for `exchange`,
because the layers above turn a missing report into zeros and throw a good answer away with a bad one.

No redirect is followed, since it would carry the prompt and the key to an address that nobody allowed, and no proxy of
the environment is used for the same reason. Only headers that the exchange needs are sent: the library would add what
machine this is, and what its environment says. A connection serves one call: one that was kept and silently closed by
the other side would end a later call in doubt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpx2

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
# Answers are read as they are: a packed one may be a thousand times as long as what arrives.
HEADERS: Final = {"Accept-Encoding": "identity"}

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
_OF_THE_BODY: Final = (b"content-length", b"transfer-encoding")
_AGENT: Final = (b"User-Agent", b"mainstay")

_exchange: ContextVar[list[Any] | None] = ContextVar("_exchange", default=None)


class Unreadable(httpx2.TransportError):
    """An answer that is not read: too long, or packed though that was not asked for."""


@contextmanager
def exchange() -> Iterator[list[Any]]:
    """The reports of usage that come with the answers within this block, as they stand there; None for none."""
    reports: list[Any] = []
    token = _exchange.set(reports)
    try:
        yield reports
    finally:
        _exchange.reset(token)


def http_client(endpoint: str, timeout_s: float) -> httpx2.AsyncClient:
    """A client for one endpoint."""
    return httpx2.AsyncClient(
        transport=Wire(httpx2.AsyncHTTPTransport(verify=_verified(endpoint), limits=_ONCE)),
        headers=HEADERS,
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
    )


def blocking_http_client(endpoint: str, timeout_s: float) -> httpx2.Client:
    """The same for callers that wait."""
    return httpx2.Client(
        transport=BlockingWire(httpx2.HTTPTransport(verify=_verified(endpoint), limits=_ONCE)),
        headers=HEADERS,
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
    )


class Wire(httpx2.AsyncBaseTransport):
    """A transport that reads answers whole, within a bound."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises `httpx2.TransportError`."""
        response = await self._inner.handle_async_request(_bare(request))
        body = bytearray()
        try:
            _plain(response)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for part in response.stream:
                _add(body, part)
        finally:
            await response.aclose()
        return _whole(response, bytes(body), request)

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()


class BlockingWire(httpx2.BaseTransport):
    """`Wire` for callers that wait."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises `httpx2.TransportError`."""
        response = self._inner.handle_request(_bare(request))
        body = bytearray()
        try:
            _plain(response)
            assert isinstance(response.stream, httpx2.SyncByteStream)
            for part in response.stream:
                _add(body, part)
        finally:
            response.close()
        return _whole(response, bytes(body), request)

    def close(self) -> None:
        """Close what is below."""
        self._inner.close()


_ONCE: Final = httpx2.Limits(max_keepalive_connections=0)


def _verified(endpoint: str) -> bool:
    """Certificates are verified wherever there are any. Loading those of the authorities takes 40 ms."""
    return not endpoint.startswith("http://")


def _bare(request: httpx2.Request) -> httpx2.Request:
    needed = [(name, value) for name, value in request.headers.raw if name.lower() in _NEEDED]
    request.headers = httpx2.Headers([*needed, _AGENT])
    return request


def _plain(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreadable("the answer is packed, though it was asked for as it is")


def _add(body: bytearray, part: bytes) -> None:
    body += part
    if len(body) > BODY_BYTES_MAX:
        raise Unreadable(f"the answer is longer than {BODY_BYTES_MAX:,} bytes")


def _whole(response: httpx2.Response, body: bytes, request: httpx2.Request) -> httpx2.Response:
    reports = _exchange.get()
    if reports is not None:
        body, report = _without_report(body)
        reports.append(report)
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_BODY]
    return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


def _without_report(body: bytes) -> tuple[bytes, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return body, None
    if not isinstance(answer, dict) or "usage" not in answer:
        return body, None
    report = answer.pop("usage")
    return json.dumps(answer).encode(), report
