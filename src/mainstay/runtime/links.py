"""Links to single cards: made for one effect, found again by a keyed hash alone, good once and until their expiry.

What travels in a notification is the token: 32 random bytes. The ledger keeps its hash, with which nobody can decide. A
link decides nothing by itself: who opens it has to be logged in (`mainstay.console.pages.approval_link`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from mainstay.kernel.commands import IssueLink
from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import EventReader

TOKEN_BYTES = 32
TOKEN_MAX = 100


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the ledger knows it."""

    link: str  # the keyed hash of its token
    approval: ApprovalId
    digest: Digest  # of the effect that it may decide about
    expires_at: Instant
    used_at: Instant | None

    def good(self, now: Instant) -> bool:
        """Whether it can be used still."""
        return self.used_at is None and now < self.expires_at


def issue(
    vault: Vault, approval: ApprovalId, digest: Digest, *, expires_at: Instant
) -> tuple[str, IssueLink]:
    """A new link's token, and the command that makes it known. The token is kept nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, IssueLink(_hashed(vault, token), approval, digest, expires_at)


def look_up(store: EventReader, vault: Vault, token: str, now: Instant) -> Link | None:
    """The link of a token, also when it was used or has expired; None for one that was never made."""
    if not 0 < len(token) <= TOKEN_MAX:
        return None
    row = store.get("links", (_hashed(vault, token),))
    if row is None:
        return None
    used, expires = row["used_at"], row["expires_at"]
    assert isinstance(expires, int), "every link expires"
    return Link(
        str(row["link"]),
        ApprovalId(str(row["approval"])),
        Digest(str(row["digest"])),
        Instant(expires),
        Instant(used) if isinstance(used, int) else None,
    )


def _hashed(vault: Vault, token: str) -> str:
    return vault.keyed_hash("link", token).hex()
