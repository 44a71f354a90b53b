"""Who is at the other end of a request: the one who connected, or the one that a stated proxy names.

What a request says about its own origin (`X-Forwarded-For`, `X-Forwarded-Proto`) is believed from the proxy that
`[console] proxy` states, and from nobody else. Of a chain only the last address counts: the one that the proxy saw
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.types import Scope

from mainstay.config.console import ConsoleSettings

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and over what."""

    address: str
    scheme: str
    proxied: bool = False

    @property
    def local(self) -> bool:
        """Whether they are on this machine, and nobody stands between."""
        return not self.proxied and _loopback(self.address)


def client_of(scope: Scope, headers: Mapping[str, list[str]], settings: ConsoleSettings) -> Client | None:
    """Who asks; None for somebody who has no business here: past the proxy, or in the open from elsewhere."""
    peer = _plain(scope["client"][0]) if scope.get("client") else UNKNOWN
    scheme = str(scope.get("scheme", "http"))
    forwarded = headers.get("x-forwarded-for", [])
    if settings.proxy and peer == settings.proxy and (forwarded or not _loopback(peer)):
        protocols = headers.get("x-forwarded-proto", [])
        said = protocols[-1].rpartition(",")[2].strip().lower() if protocols else ""
        address = _plain(forwarded[-1].rpartition(",")[2].strip()) if forwarded else UNKNOWN
        return Client(address, "https" if said == "https" else scheme, proxied=True) if said else None
    if scheme == "https" or _loopback(peer):
        return Client(peer, scheme)
    return None


def _plain(address: str) -> str:
    """An address as it is compared: IPv4 is IPv4, however it came."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
