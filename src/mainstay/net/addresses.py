"""Which network addresses are the public internet's, and which spellings of an address there are.

Pure. An address is open when every way of reading it is: an IPv6 address that carries an IPv4 one (mapped, compatible,
translated, NAT64, 6to4, Teredo, ISATAP) is judged by that one too, since some machine on the way unpacks it.

The standard library knows the registries (`is_global`); it leaves multicast and what is carried inside to us. Libraries
for this exist and are either bound to one HTTP client that we do not use, or private parts of another library.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

# What the registry in the standard library of some supported Python still takes for public.
_CLOSED_4: Final = tuple(
    IPv4Network(net)
    for net in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_CLOSED_6: Final = tuple(
    IPv6Network(net)
    for net in (
        *("::/8", "64:ff9b:1::/48", "100::/64", "2001:2::/48", "2001:10::/28", "2001:20::/28"),
        *("2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
_PRIVATE_4: Final = tuple(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_SHARED: Final = IPv4Network("100.64.0.0/10")
_ULA: Final = IPv6Network("fc00::/7")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TEREDO: Final = IPv6Network("2001::/32")
_6TO4: Final = IPv6Network("2002::/16")
_MAPPED: Final = tuple(IPv6Network(net) for net in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96"))
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # the third quarter of such an address
_OWN: Final = ("loopback", "private", "shared")


def spelled(host: str) -> Address | None:
    """The address that a host name spells, in any of the spellings that a resolver takes; None for a name.

    Besides the usual ones these are `2130706433`, `0x7f.1`, `0177.0.0.1` and `127.1`.
    """
    text = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ip_address(text)
    except ValueError:
        pass
    # A resolver reads numbers in the old way of C; whatever is not made of them it takes for a name.
    if not text or not text.isascii() or not all(_number(part) for part in text.split(".")):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def carried(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that may be unpacked from an address on its way."""
    if isinstance(address, IPv4Address):
        return ()
    value = int(address)
    found: list[int] = []
    if value > 1 and (address in _NAT64 or any(address in net for net in _MAPPED)):
        found.append(value & 0xFFFF_FFFF)  # `::` and `::1` are themselves
    if address in _6TO4:
        found.append(value >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        found += [value >> 64 & 0xFFFF_FFFF, ~value & 0xFFFF_FFFF]  # the server, and the client turned round
    if value >> 32 & 0xFFFF_FFFF in _ISATAP:
        found.append(value & 0xFFFF_FFFF)
    return tuple(IPv4Address(one) for one in found)


def nature(address: Address) -> str:
    """What an address is, when it is not one of the public internet: `loopback`, `private`, ...; empty if it is."""
    for one in (*carried(address), address):
        found = _nature(one)
        if found:
            return found
    return ""


def is_own(address: Address) -> bool:
    """Whether it may be a machine of the operator's own network: this one, or a private address.

    Link-local is not among them: what answers there belongs to the network and not to its user, such as the metadata
    of a cloud.
    """
    inner = carried(address)
    if inner and not (isinstance(address, IPv6Address) and address.ipv4_mapped):
        return False  # an address in disguise is not how anybody names a machine of theirs
    return all(_nature(one) in _OWN for one in (inner or (address,)))


def _nature(address: Address) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return _nature(address.ipv4_mapped)
    if address.is_loopback:
        return "loopback"
    if address.is_unspecified:
        return "unspecified"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if isinstance(address, IPv6Address):
        if address in _6TO4 or address in _NAT64:
            return ""  # as good as what they carry, which is looked at by itself
        if address in _TEREDO or any(address in net for net in _CLOSED_6) or not address.is_global:
            return "private" if address in _ULA else "reserved"
        return ""
    if address in _SHARED:
        return "shared"
    if any(address in net for net in _PRIVATE_4):
        return "private"
    if any(address in net for net in _CLOSED_4) or not address.is_global:
        return "reserved"
    return ""


def _number(part: str) -> bool:
    digits = part.lower()
    if digits.startswith("0x"):
        return all(one in "0123456789abcdef" for one in digits[2:])
    return digits.isdigit()
