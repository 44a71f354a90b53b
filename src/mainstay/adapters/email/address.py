"""Addresses: reading lists of them out of header fields, judging and comparing single ones.

The reader is a single pass over the field with quotes, comments and angle brackets in mind. It prefers to
find nothing over finding something else than what a person would see, since answers are sent to what it
finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ADDRESS_MAX = 200  # addresses kept of one field

_ADDRESS = re.compile(
    r"^[^\s<>()\[\],;:\\\"@\x00-\x1f\x7f]{1,128}@[^\s<>()\[\],;:\\\"@\x00-\x1f\x7f]{1,253}$"
)
_INSIDE = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,100}")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox and the name it goes by. `email` keeps the case of its local part; the domain is lower-
    case."""

    email: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email

    @property
    def disguised(self) -> bool:
        """The name shows an address that is not this one."""
        shown = _INSIDE.search(self.name)
        return shown is not None and same_address(shown.group(), self.email) is False


def is_address(text: str) -> bool:
    """Whether this is one plain address, with nothing around it."""
    return len(text) <= 320 and _ADDRESS.match(text) is not None and ".." not in text.rpartition("@")[2]


def addresses_in(text: str) -> tuple[str, ...]:
    """The addresses that stand anywhere in a text, each once, in order; bounded."""
    found: dict[str, None] = {}
    for one in _INSIDE.finditer(text):
        found[one.group().rstrip(".-").lower()] = None
        if len(found) == ADDRESS_MAX:
            break
    return tuple(found)


def normal(email: str) -> str:
    """The form in which addresses are compared: all lower-case. No provider of today tells `Ann@` from
    `ann@`."""
    return email.strip().lower()


def same_address(one: str, other: str) -> bool:
    """Whether both name the same mailbox."""
    return normal(one) == normal(other)


def among(email: str, addresses: Iterable[str]) -> bool:
    """Whether `email` is one of `addresses`."""
    return normal(email) in {normal(address) for address in addresses}


def parse_addresses(text: str) -> tuple[Address, ...]:
    """The addresses of a field, in order, at most `ADDRESS_MAX`. What is not an address is left out."""
    found: list[Address] = []
    for entry in _entries(text):
        address = _address(entry)
        if address is not None:
            found.append(address)
        if len(found) >= ADDRESS_MAX:
            break
    return tuple(found)


@dataclass(slots=True)
class _Entry:
    """One entry of a list, taken apart."""

    plain: str = ""  # outside of quotes, comments and angle brackets
    quoted: str = ""
    comment: str = ""
    angle: str | None = None


def _entries(text: str) -> Iterable[_Entry]:
    """Split at commas and semicolons that are not inside of quotes, comments or angle brackets."""
    entry = _Entry()
    mode, depth, skip = "plain", 0, False
    for char in text:
        if skip:
            skip = False
            _put(entry, mode, char)
        elif char == "\\" and mode in ("quoted", "comment"):
            skip = True
        elif mode == "quoted":
            if char == '"':
                mode = "plain"
            else:
                entry.quoted += char
        elif mode == "comment":
            depth += {"(": 1, ")": -1}.get(char, 0)
            if depth == 0:
                mode = "plain"
            else:
                entry.comment += char
        elif mode == "angle":
            if char == ">":
                mode = "plain"
            else:
                entry.angle = (entry.angle or "") + char
        elif char == '"':
            mode = "quoted"
        elif char == "(":
            mode, depth = "comment", 1
        elif char == "<":
            mode, entry.angle = "angle", ""
        elif char in ",;":
            yield entry
            entry = _Entry()
        elif char == ":" and entry.angle is None and "@" not in entry.plain:
            entry = _Entry()  # the name of a group: its members follow
        else:
            entry.plain += char
    yield entry


def _put(entry: _Entry, mode: str, char: str) -> None:
    if mode == "quoted":
        entry.quoted += char
    else:
        entry.comment += char


def _address(entry: _Entry) -> Address | None:
    if entry.angle is not None:
        email = entry.angle.strip().rpartition(":")[2]  # without an ancient source route
        name = (
            " ".join((entry.quoted + " " + entry.plain).split())
            if entry.quoted
            else " ".join(entry.plain.split())
        )
    else:
        email = entry.plain.strip()
        name = " ".join((entry.quoted or entry.comment).split())
    if not is_address(email):
        return None
    local, _, domain = email.rpartition("@")
    return Address(email=f"{local}@{domain.lower()}", name=name[:200])
