"""The socket of the web server: where it is bound, and when it may be reached from elsewhere."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.errors import ConfigError
from mainstay.workspace.console_password import ConsolePassword

BACKLOG = 512


def require_safe(settings: ConsoleSettings, password: ConsolePassword) -> None:
    """Raises `ConfigError` for a certificate that is not there, and for a door to elsewhere without a password."""
    for place in (settings.cert, settings.key):
        if place is not None and not place.is_file():
            raise ConfigError(
                f"there is no {place}",
                file="mainstay.toml",
                key="console.cert",
                remedy="name the files of your certificate",
            )
    if not settings.loopback and not password.is_set:
        raise ConfigError(
            f"{settings.host!r} can be reached from elsewhere, and no password is set",
            file="mainstay.toml",
            key="console.host",
            why="anybody there could knock, and nobody could log in",
            remedy="set one with `mainstay console password`, or listen on 127.0.0.1",
        )


def bound_anywhere() -> socket.socket:
    """A socket on this machine alone: at the usual port, or at any that is free."""
    usual = ConsoleSettings()
    try:
        return bound(usual)
    except OSError:
        return bound(replace(usual, port=0))


def bound(settings: ConsoleSettings) -> socket.socket:
    """A socket that listens where the settings say. Raises `OSError` where that is taken, or is none."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
