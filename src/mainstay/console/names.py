"""The names under which this server may be asked for, exactly. Any other name is a page elsewhere that points at us.

A browser that was sent here by a name of somebody else's (DNS rebinding) says that name; so one that is not on the
list is refused before anything is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from mainstay.config.console import ConsoleSettings

LOCAL = ("127.0.0.1", "localhost", "[::1]")
_USUAL = {"http": 80, "https": 443}


def own_names(settings: ConsoleSettings, port: int) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Host to origin: the names for those on this machine, and the names for everybody."""
    scheme = "https" if settings.encrypts else "http"
    local = {_host(name, port, scheme): _origin(scheme, name, port) for name in LOCAL}
    everywhere: dict[str, str] = {}
    if not settings.loopback and settings.host not in ("0.0.0.0", "::", "*"):
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        everywhere[_host(name, port, "https")] = _origin("https", name, port)
    if settings.public_url:
        parts = urlsplit(settings.public_url)
        everywhere[parts.netloc.lower()] = f"{parts.scheme}://{parts.netloc.lower()}"
        usual = _USUAL.get(parts.scheme)
        if parts.port is None and usual:
            everywhere[f"{parts.netloc.lower()}:{usual}"] = f"{parts.scheme}://{parts.netloc.lower()}"
    return local, everywhere


def _host(name: str, port: int, scheme: str) -> str:
    return name.lower() if _USUAL[scheme] == port else f"{name.lower()}:{port}"


def _origin(scheme: str, name: str, port: int) -> str:
    return f"{scheme}://{_host(name, port, scheme)}"
