"""What a process tells the service manager that started it: ready, alive, stopping. Nothing where there is none.

The protocol is one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)); a name that begins with `@` lies in
the kernel's own space of names.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_SHARE = 3  # a third of the watchdog's time between two signs: one may be late, or lost


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send `READY=1`, `WATCHDOG=1`, `STOPPING=1`; whether anybody listens. Never raises: it is a courtesy."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as to:
            to.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
    except OSError:
        return False
    return True


def watchdog_every_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to say `WATCHDOG=1`; None where nobody waits for it."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000 / _SHARE
