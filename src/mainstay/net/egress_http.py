"""The transports behind `net.egress`: look up, judge, connect to what was judged, read a bounded answer.

A request is sent to the address itself, with the name where a server looks for it: in Host, and in the TLS handshake,
where the certificate is held against it. So there is nothing left to look up after the judgement. A connection serves
one request: another one could be for another name at the same address.

This module imports `httpx2`; only `mainstay.net.egress` and the models' wire import it, when first needed.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx2

from mainstay.net import egress_rules as rules
from mainstay.net.addresses import Address
from mainstay.net.egress_rules import BYTES_MAX, TOTAL_S, Closed, Resolve, Target

HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "mainstay"}
_ONCE: Final = httpx2.Limits(max_keepalive_connections=0)
_OF_THE_BODY: Final = (b"content-length", b"transfer-encoding")


class Refused(httpx2.ConnectError):
    """The guard lets no request go there. Nothing was sent."""


class Unreadable(httpx2.TransportError):
    """An answer that is not read: too long, or packed though that was not asked for."""


class Guarded(httpx2.BaseTransport):
    """The transport for callers that wait."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        total_s: float = TOTAL_S,
        bytes_max: int = BYTES_MAX,
        verify: Any = True,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow = frozenset(allow)
        self._total_s = total_s
        self._bytes_max = bytes_max
        self._resolve = resolve
        self._unverified = verify is False
        self._inner = httpx2.HTTPTransport(verify=verify, limits=_ONCE, trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises `httpx2.TransportError`: `Refused`, `Unreadable` and what it raises."""
        target = _target(request, unverified=self._unverified)
        with _deadline(self._total_s, request) as late:
            try:
                for last, address in _each(self._addresses(target)):
                    try:
                        response = self._inner.handle_request(_pinned(request, target, address))
                    except (httpx2.ConnectError, httpx2.ConnectTimeout):
                        if last or late.is_set():
                            raise
                    else:
                        return self._read(request, response)
                raise AssertionError("a target has addresses")
            except httpx2.TransportError as error:
                if late.is_set() and not isinstance(error, Refused | Unreadable):
                    raise httpx2.ReadTimeout(f"no whole answer within {self._total_s:g} s") from error
                raise

    def close(self) -> None:
        """Close what is below."""
        self._inner.close()

    def _addresses(self, target: Target) -> tuple[Address, ...]:
        with _refusing():
            literal = rules.judged(target, self._allow)
            if literal is not None:
                return (literal,)
            return _within(self._total_s, target, self._resolve or rules.looked_up, self._allow)

    def _read(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        body = bytearray()
        try:
            _plain(response)
            assert isinstance(response.stream, httpx2.SyncByteStream)
            for part in response.stream:
                _add(body, part, self._bytes_max)
        finally:
            response.close()
        return _whole(request, response, bytes(body))


class AsyncGuarded(httpx2.AsyncBaseTransport):
    """The transport for an event loop."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        total_s: float = TOTAL_S,
        bytes_max: int = BYTES_MAX,
        verify: Any = True,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow = frozenset(allow)
        self._total_s = total_s
        self._bytes_max = bytes_max
        self._resolve = resolve
        self._unverified = verify is False
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, limits=_ONCE, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end. Raises what `Guarded.handle_request` raises."""
        target = _target(request, unverified=self._unverified)
        try:
            async with asyncio.timeout(self._total_s):
                for last, address in _each(await self._addresses(target)):
                    try:
                        response = await self._inner.handle_async_request(_pinned(request, target, address))
                    except (httpx2.ConnectError, httpx2.ConnectTimeout):
                        if last:
                            raise
                    else:
                        return await self._read(request, response)
                raise AssertionError("a target has addresses")
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no whole answer within {self._total_s:g} s") from None

    async def aclose(self) -> None:
        """Close what is below."""
        await self._inner.aclose()

    async def _addresses(self, target: Target) -> tuple[Address, ...]:
        with _refusing():
            literal = rules.judged(target, self._allow)
            if literal is not None:
                return (literal,)
            resolve = self._resolve or rules.looked_up
            return await asyncio.to_thread(_passed, target, resolve, self._allow)

    async def _read(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        body = bytearray()
        try:
            _plain(response)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for part in response.stream:
                _add(body, part, self._bytes_max)
        finally:
            await response.aclose()
        return _whole(request, response, bytes(body))


class GuardedClient(httpx2.Client):
    """A client that follows no redirect, whatever a call asks for: it would take what it carries elsewhere."""

    def __init__(self, guarded: httpx2.BaseTransport, timeout_s: float, **options: Any) -> None:
        headers = {**HEADERS, **options.pop("headers", {})}
        super().__init__(transport=guarded, timeout=timeout_s, trust_env=False, headers=headers, **options)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """As `httpx2.Client.send`, without redirects."""
        return super().send(request, **{**options, "follow_redirects": False})


class AsyncGuardedClient(httpx2.AsyncClient):
    """The same for an event loop."""

    def __init__(self, guarded: httpx2.AsyncBaseTransport, timeout_s: float, **options: Any) -> None:
        headers = {**HEADERS, **options.pop("headers", {})}
        super().__init__(transport=guarded, timeout=timeout_s, trust_env=False, headers=headers, **options)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """As `httpx2.AsyncClient.send`, without redirects."""
        return await super().send(request, **{**options, "follow_redirects": False})


def _target(request: httpx2.Request, *, unverified: bool) -> Target:
    url = request.url
    if unverified and url.scheme != "http":
        raise Refused("this client was made for a plain connection, and verifies nobody")
    host = url.raw_host.decode("ascii", "replace").lower().removesuffix(".")
    return Target(url.scheme, host, url.port or rules.PORTS.get(url.scheme, 0), bool(url.userinfo))


def _passed(target: Target, resolve: Resolve, allow: Collection[str]) -> tuple[Address, ...]:
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"nobody knows the host {target.host[:80]}") from error
    return rules.passed(target, rules.parsed(found), allow)


def _within(total_s: float, target: Target, resolve: Resolve, allow: Collection[str]) -> tuple[Address, ...]:
    """The same, waited for so long at most: the system's resolver takes its own time, and cannot be told to stop."""
    ended: list[tuple[Address, ...] | BaseException] = []

    def look() -> None:
        try:
            ended.append(_passed(target, resolve, allow))
        except BaseException as error:  # for whoever waits
            ended.append(error)

    looking = threading.Thread(target=look, name="resolver", daemon=True)
    looking.start()
    looking.join(total_s)
    if not ended:
        raise httpx2.ConnectTimeout(f"nobody said in time where {target.host[:80]} is")
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Closed as closed:
        raise Refused(str(closed)) from closed


def _each(addresses: tuple[Address, ...]) -> Iterator[tuple[bool, Address]]:
    for place, address in enumerate(addresses, 1):
        yield place == len(addresses), address


def _pinned(request: httpx2.Request, target: Target, address: Address) -> httpx2.Request:
    """The same request to an address. The client has set Host from the name already."""
    extensions = dict(request.extensions)
    if str(address) != target.host and target.scheme == "https":
        extensions["sni_hostname"] = target.host
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers.raw,
        stream=request.stream,
        extensions=extensions,
    )


def _plain(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreadable("the answer is packed, though it was asked for as it is")


def _add(body: bytearray, part: bytes, bytes_max: int) -> None:
    body += part
    if len(body) > bytes_max:
        raise Unreadable(f"the answer is longer than {bytes_max:,} bytes")


def _whole(request: httpx2.Request, response: httpx2.Response, body: bytes) -> httpx2.Response:
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_BODY]
    return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


@contextmanager
def _deadline(total_s: float, request: httpx2.Request) -> Iterator[threading.Event]:
    """Cut the connection off when its time is over: a server that drips bytes would never run into a time-out."""
    late, open_sockets = threading.Event(), list[socket.socket]()
    before = request.extensions.get("trace")

    def trace(event: str, info: Any) -> None:
        if event == "connection.connect_tcp.complete":
            found = info["return_value"].get_extra_info("socket")
            # A copy: TLS takes the descriptor of the first one over, and this one must live as long as the timer.
            open_sockets.append(found.dup())
        if before is not None:
            before(event, info)

    def cut() -> None:
        late.set()
        for one in open_sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(total_s, cut)
    timer.daemon = True
    request.extensions = {**request.extensions, "trace": trace}
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        for one in open_sockets:
            one.close()
