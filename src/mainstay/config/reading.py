"""What several tables of `mainstay.toml` hold: paths, secrets by reference, hosts."""

from __future__ import annotations

from pathlib import Path

from mainstay.kernel.errors import SecretError
from mainstay.net.secrets import split_reference
from mainstay.workflows.document import Section

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TLS = ("tls", "starttls", "none")


def path_of(section: Section, key: str, folder: Path) -> Path:
    """An absolute path; a relative one starts at the workspace folder."""
    text = section.text(key)
    if "\0" in text:
        raise section.error(key, "a path has no such characters")
    try:
        return folder.absolute() / Path(text).expanduser()
    except RuntimeError:
        raise section.error(
            key, f"nobody's home is meant by {text!r}", remedy="write the whole path"
        ) from None


def reference(section: Section, key: str) -> str:
    """A reference to a secret. What is no reference is taken for the secret itself and never shown."""
    text = section.text(key)
    try:
        split_reference(text)
    except SecretError as error:
        raise section.error(key, error.what, why=error.why, remedy=error.remedy) from None
    return text


def host(section: Section, key: str) -> str:
    """The name of a machine, without scheme and port."""
    text = section.text(key)
    if (
        "/" in text
        or any(character.isspace() for character in text)
        or (":" in text and text not in LOOPBACK)
    ):
        raise section.error(key, f"{text!r} is not the name of a machine", remedy='write "mail.example.org"')
    return text


def connection(section: Section, host_name: str, ports: dict[str, int]) -> tuple[int, str]:
    """Port and encryption. `ports` gives the usual port of each; a usual port says which encryption it means."""
    port = section.whole("port", 0, least=1, most=65535)
    usual = next((tls for tls, number in ports.items() if number == port and tls != "none"), "tls")
    tls = section.choice("tls", TLS, usual)
    if tls == "none" and host_name not in LOOPBACK:
        raise section.error(
            "tls",
            f"the connection to {host_name} must be encrypted",
            why="password and mail would travel in the open",
            remedy='write tls = "tls" or tls = "starttls"',
        )
    return port or ports[tls], tls
