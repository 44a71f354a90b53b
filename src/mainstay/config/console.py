"""`[console]` of mainstay.toml: where the web server listens, under which name, and what keeps strangers out.

On this machine nothing is needed. Listening anywhere else takes encryption, ours (`cert` and `key`) or that of a
stated proxy; that a password is set as well is checked at the start, since it does not stand in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from mainstay.config.reading import LOOPBACK, path_of, reference
from mainstay.kernel.values import DAY, HOUR, MINUTE
from mainstay.workflows.document import Section

PORT = 8420
IDLE_US = 3 * DAY
SESSION_US = 30 * DAY


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The web console."""

    host: str = "127.0.0.1"
    port: int = PORT  # 0: none
    public_url: str = ""  # needed for links in notifications
    enabled: bool = True
    proxy: str = ""  # whose word about the client is taken; empty: nobody's
    cert: Path | None = None  # of our own encryption
    key: Path | None = None
    password: str = ""  # where the password's hash lies; empty: in the key home
    metrics_token: str = ""  # what a monitor shows instead of a session; empty: only a session opens /metrics
    idle_us: int = IDLE_US  # a device that is not used so long is logged out
    session_us: int = SESSION_US  # and any after so long
    port_named: bool = field(default=False, compare=False)  # it stands in the file: then it must be free

    @property
    def loopback(self) -> bool:
        """Whether it listens on this machine alone."""
        return self.host in LOOPBACK

    @property
    def encrypts(self) -> bool:
        """Whether it speaks TLS itself."""
        return self.cert is not None

    @property
    def served(self) -> bool:
        """Whether it is served at all."""
        return self.enabled and self.port != 0


def read_console(section: Section, folder: Path) -> ConsoleSettings:
    """`[console]`."""
    section.only(
        *("host", "port", "public_url", "enabled", "proxy", "cert", "key"),
        *("password", "metrics_token", "idle", "session"),
    )
    found = ConsoleSettings(
        host=section.text("host", "127.0.0.1"),
        port=section.whole("port", PORT, least=0, most=65535),
        public_url=_public_url(section),
        enabled=section.flag("enabled", True),
        proxy=_proxy(section),
        cert=path_of(section, "cert", folder) if section.has("cert") else None,
        key=path_of(section, "key", folder) if section.has("key") else None,
        password=reference(section, "password") if section.has("password") else "",
        metrics_token=reference(section, "metrics_token") if section.has("metrics_token") else "",
        idle_us=_length(section, "idle", IDLE_US, least=MINUTE),
        session_us=_length(section, "session", SESSION_US, least=HOUR),
        port_named=section.has("port"),
    )
    if (found.cert is None) != (found.key is None):
        raise section.error(
            "key" if found.key else "cert",
            "a certificate and its key belong together",
            why="one without the other encrypts nothing",
            remedy="name both files, or neither",
        )
    if not found.loopback and not found.encrypts and not found.proxy:
        raise section.error(
            "host",
            f"{found.host!r} can be reached from elsewhere, and nothing encrypts what is said there",
            why="password and approvals would travel in the open",
            remedy='name cert and key, or the proxy that encrypts (proxy = "10.0.0.1"), or listen on "127.0.0.1"',
        )
    return found


def _public_url(section: Section) -> str:
    url = section.text("public_url", "")
    parts = urlsplit(url)
    if url and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise section.error(
            "public_url",
            f"{url!r} is not safe for approvals",
            why="approvals travel over it",
            remedy="write https://... (http only on this machine)",
        )
    if url and (not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or "@" in url):
        raise section.error(
            "public_url", f"{url!r} is not the address of a machine", remedy="write https://desk.example.org"
        )
    return url.rstrip("/")


def _proxy(section: Section) -> str:
    text = section.text("proxy", "")
    if not text:
        return ""
    try:
        return str(ip_address(text))
    except ValueError:
        raise section.error(
            "proxy",
            f"{text!r} is not the address of one machine",
            why="whose word is taken about clients must be said exactly",
            remedy='write its IP address, such as "10.0.0.1"',
        ) from None


def _length(section: Section, key: str, default: int, *, least: int) -> int:
    found = section.duration_us(key, default)
    assert found is not None
    if found < least:
        raise section.error(key, "that is too short to work with", remedy="write PT12H or P3D")
    return found
