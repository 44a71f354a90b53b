"""Who asks, and what they were granted: the same scopes as a token of the API, by whichever way they came.

Rules of this file: what a client may do is said by whoever let it in, never by the client. A scope that only persons
hold (`kernel.scopes`) is worth nothing in the hands of an agent, wherever it got it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mainstay.kernel.scopes import AGENT, OF_AGENTS, OPERATOR

NAME_CHAR_MAX = 60
USUAL = frozenset({"read", "memory", "start", "propose"})


class Held(Protocol):
    """A token, as far as it matters here."""

    @property
    def name(self) -> str: ...
    @property
    def holder(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def actor(self) -> str: ...
    @property
    def via(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Client:
    """A client that was let in. `actor` is who it acts as in the ledger, `via` by what it came."""

    name: str
    holder: str
    scopes: frozenset[str]
    actor: str
    via: str = ""

    def may(self, scope: str) -> bool:
        """Whether it was granted this, and may hold it at all."""
        return scope in self.scopes and (self.holder == OPERATOR or scope in OF_AGENTS)

    @property
    def proposes_as(self) -> str:
        """Under whose name its proposals stand: its own, also where it came with a token of the operator's."""
        return self.actor if self.holder != OPERATOR else f"client:{self.name}"


NOBODY = Client("nobody", AGENT, frozenset(), f"{AGENT}:nobody")
"""A client that nobody let in: it was granted nothing."""


def of_token(token: Held) -> Client:
    """Who came with this token."""
    return Client(token.name, token.holder, token.scopes, token.actor, token.via)


def beside(name: str) -> Client:
    """A client that the operator started on this machine: an agent, with what agents may hold."""
    plain = "".join(one for one in name if one.isprintable()).strip()[:NAME_CHAR_MAX] or "mcp"
    return Client(plain, AGENT, USUAL, f"agent:{plain}")
