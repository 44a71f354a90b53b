"""A mailbox of the workspace."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.adapters.base import Source


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox: where it comes from, and who we are in it."""

    instance: str  # the adapter's name in mainstay.toml
    mailbox: str  # what workflows call it
    source: Source
    own_addresses: tuple[str, ...]
    seal_key: bytes
    poll_s: float = 60.0
