"""Where an outgoing HTTP request may go: the rules of the egress guard (`net.egress`).

Rules of this file:

- http and https, to the public internet; besides, to the exact `host:port` of an endpoint in the operator's own
  network, where the settings name one. Nothing else: no other scheme, no address in disguise, no name and password in
  the address, no zone.
- The name is looked up here, every address that comes back is judged, and the connection goes to an address that was
  judged (`net.egress_http`). What the name means a moment later plays no part.
- No redirect is followed and no proxy of the environment is used.

Pure but for `looked_up`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mainstay.net.addresses import Address, is_own, nature, spelled

PORTS: Final = {"http": 80, "https": 443}
ADDRESSES_MAX: Final = 32
BYTES_MAX: Final = 1_000_000
TIMEOUT_S: Final = 10.0
TOTAL_S: Final = 20.0

Resolve = Callable[[str, int], Sequence[str]]  # (host, port) -> addresses, as text. Raises `OSError`


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request wants to go."""

    scheme: str
    host: str  # lower case, without a dot at its end
    port: int
    userinfo: bool = False

    @property
    def place(self) -> str:
        """`host:port`, as `allow` names it."""
        return f"{self.host}:{self.port}"


class Closed(Exception):
    """A request may not go there: one sentence."""


def target_of(url: str) -> Target:
    """The target of a web address that stands in the settings. Raises `Closed`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Closed("this is not a web address") from None
    scheme = parts.scheme.lower()
    port = PORTS.get(scheme, 0) if port is None else port
    return Target(scheme, _host(parts.hostname or ""), port, parts.username is not None)


def own(url: str, *, own_network: bool = False) -> frozenset[str]:
    """What `allow` is for a configured endpoint: its `host:port` where it is in the operator's own network.

    That is where the operator wrote `localhost` or an address of such a network, or said so of a name (`own_network`).
    """
    try:
        target = target_of(url)
    except Closed:
        return frozenset()
    address = spelled(target.host)
    written = target.host == "localhost" or (address is not None and is_own(address))
    return frozenset((target.place,)) if written or own_network else frozenset()


def wrong_with(url: str, *, allow: Collection[str] = ()) -> str:
    """Why a web address could never be asked, known without a look-up; empty if it may be."""
    try:
        judged(target_of(url), allow)
    except Closed as closed:
        return str(closed)
    return ""


def judged(target: Target, allow: Collection[str]) -> Address | None:
    """The address that a target spells, if it may be asked; None for a name. Raises `Closed`."""
    if target.scheme not in PORTS:
        raise Closed(f"only http and https leave this machine, not {target.scheme[:20] or 'nothing'}:")
    if target.userinfo:
        raise Closed("a name or password stands in the address")
    if not target.host or not 0 < target.port < 65536:
        raise Closed("the address names no host")
    if "%" in target.host or not target.host.isascii() or not target.host.isprintable():
        raise Closed("the host has characters that no host has")
    address = spelled(target.host)
    if address is None:
        return None
    if str(address) != target.host and not _same(target.host, address):
        raise Closed(f"the host {target.host[:60]} is an address in disguise")
    return passed(target, (address,), allow)[0]


def passed(target: Target, addresses: Sequence[Address], allow: Collection[str]) -> tuple[Address, ...]:
    """The addresses of a target, if every one of them may be asked. Raises `Closed`."""
    if not addresses:
        raise Closed(f"nobody knows the host {target.host[:80]}")
    own_place = target.place in allow
    for address in addresses:
        found = nature(address)
        if found and not (own_place and is_own(address)):
            raise Closed(
                f"{target.host[:80]} leads to an address of the kind {found}, and requests leave for the public "
                "internet alone"
            )
    return tuple(addresses[:ADDRESSES_MAX])


def parsed(addresses: Sequence[str]) -> tuple[Address, ...]:
    """Addresses as a resolver gives them. Raises `Closed` for one that is none, or bound to a zone."""
    try:
        return tuple(dict.fromkeys(ip_address(one) for one in addresses if not _zoned(one)))
    except ValueError:
        raise Closed("the resolver gave something that is no address") from None


def looked_up(host: str, port: int) -> tuple[str, ...]:
    """All addresses of a name. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(str(one[4][0]) for one in found)


def why_refused(error: BaseException | None) -> str:
    """The sentence with which the guard refused, if it is the reason for an error; else empty."""
    while error is not None:
        if isinstance(error, Closed):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _host(host: str) -> str:
    return host.lower().removesuffix(".")


def _zoned(address: str) -> bool:
    if "%" in address:
        raise Closed("an address that is bound to a zone is not asked")
    return False


def _same(host: str, address: Address) -> bool:
    """Whether the host is a plain spelling of an IPv6 address, of which there are several."""
    try:
        return ":" in host and ip_address(host.strip("[]")) == address
    except ValueError:
        return False
