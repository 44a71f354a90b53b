"""No test reaches beyond loopback, whatever the code under test believes.

The suite must give the same answer on an aeroplane, and a mistake in it must never send real mail. So the few
functions of `socket` through which a process leaves the machine are replaced: an address or name that is not
loopback is refused with `BeyondLoopback`. Sockets of the file system pass. `sitecustomize.py` beside this
file brings the same guard into every Python process that a test starts; other programs are on their own.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

_LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


class BeyondLoopback(RuntimeError):
    """A test tried to leave the machine. No `OSError`: code that expects bad networks must not hide it."""


def refuse_beyond_loopback(host: object, *, doing: str) -> None:
    """Pass a loopback host; refuse every other with what was tried and what to do instead."""
    if not is_loopback(host):
        raise BeyondLoopback(
            f"{doing} {host!r} was refused: tests stay on loopback. "
            "Start a local server in the test, or hand the code a fake of its port (mainstay.testing)."
        )


def is_loopback(host: object) -> bool:
    """Whether this host can only be this machine. Any other name counts as elsewhere: asking would go out."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    name = name.lower().rstrip(".").partition("%")[0]
    if name in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _guard_method(name: str, address_at: Callable[[tuple[Any, ...]], Any]) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        address = address_at(args)
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            refuse_beyond_loopback(address[0], doing=f"socket.{name} to")
        return original(self, *args)

    guarded.__name__ = name
    setattr(socket.socket, name, guarded)


def _guard_lookup(name: str) -> None:
    original = getattr(socket, name)

    def guarded(host: object, *args: Any, **options: Any) -> Any:
        if not _is_address(
            host
        ):  # an address needs no look-up, so nothing leaves; connecting to it is refused later
            refuse_beyond_loopback(host, doing=f"socket.{name} of")
        return original(host, *args, **options)

    guarded.__name__ = name
    setattr(socket, name, guarded)


def install() -> None:
    """Guard this process from here on. A second call changes nothing."""
    if getattr(socket, "_mainstay_guarded", False):
        return
    socket._mainstay_guarded = True  # type: ignore[attr-defined]
    for method in ("connect", "connect_ex"):
        _guard_method(method, lambda args: args[0] if args else None)
    _guard_method("sendto", lambda args: args[-1] if args else None)
    _guard_method("sendmsg", lambda args: args[3] if len(args) > 3 else None)
    for lookup in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        _guard_lookup(lookup)
    # smtplib and aiosmtpd greet with this; the real one asks a name server.
    socket.getfqdn = lambda name="": name or "localhost"
