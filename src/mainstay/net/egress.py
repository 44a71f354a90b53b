"""The egress guard: the only place that makes HTTP clients. What it lets pass is told in `net.egress_rules`.

What needs the package `httpx2` is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mainstay.kernel.errors import Unavailable
from mainstay.net.egress_rules import BYTES_MAX, TIMEOUT_S, TOTAL_S, own, why_refused, wrong_with

if TYPE_CHECKING:
    from httpx2 import AsyncBaseTransport, AsyncClient, BaseTransport, Client

__all__ = ["async_client", "async_transport", "client", "own", "transport", "why_refused", "wrong_with"]


def client(
    *,
    allow: Collection[str] = (),
    timeout_s: float = TIMEOUT_S,
    total_s: float = TOTAL_S,
    bytes_max: int = BYTES_MAX,
    **options: Any,
) -> Client:
    """An HTTP client behind the guard. `total_s` bounds a request from its start to the last byte of its answer."""
    http = _http()
    made: Client = http.GuardedClient(
        http.Guarded(allow=allow, total_s=total_s, bytes_max=bytes_max), timeout_s, **options
    )
    return made


def async_client(
    *,
    allow: Collection[str] = (),
    timeout_s: float = TIMEOUT_S,
    total_s: float = TOTAL_S,
    bytes_max: int = BYTES_MAX,
    **options: Any,
) -> AsyncClient:
    """The same for an event loop."""
    http = _http()
    made: AsyncClient = http.AsyncGuardedClient(
        http.AsyncGuarded(allow=allow, total_s=total_s, bytes_max=bytes_max), timeout_s, **options
    )
    return made


def transport(*, allow: Collection[str] = (), **options: Any) -> BaseTransport:
    """What such a client stands on, for libraries that bring a client of their own."""
    made: BaseTransport = _http().Guarded(allow=allow, **options)
    return made


def async_transport(*, allow: Collection[str] = (), **options: Any) -> AsyncBaseTransport:
    """The same for an event loop."""
    made: AsyncBaseTransport = _http().AsyncGuarded(allow=allow, **options)
    return made


def _http() -> Any:
    try:
        from mainstay.net import egress_http
    except ImportError as error:
        raise Unavailable(
            f"outgoing requests need a package that is missing: {error.name}", remedy="pip install httpx2"
        ) from None
    return egress_http
