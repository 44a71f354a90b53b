"""The key that checkpoints are signed with: Ed25519, a file of its own beside the master key.

It lies outside the ledger, the workspace and every backup, so that whoever can write to those cannot sign for what they
wrote. Others know it by its public half; a fingerprint of that (16 bytes of its SHA-256) names it in every statement.

A key that takes another's place waits as `NAME.signing.next` until the old one has vouched for it and every place was
told; then it takes the name, and the old one is gone.

The library that signs is loaded where it is needed: a look at a workspace does without.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.ledger.key_file import create_key_file, read_key_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES, SIGNATURE_BYTES, FINGERPRINT_BYTES = 32, 64, 16
_NAME = "signing key"
SUFFIX, NEXT = ".signing", ".next"


class SigningKey:
    """A key in hand."""

    def __init__(self, private: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.fingerprint = fingerprint(self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes that only this key makes of the message."""
        return self._key.sign(message)


def fingerprint(public: bytes) -> str:
    """What names a key."""
    return sha256(public).digest()[:FINGERPRINT_BYTES].hex()


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key signed the message."""
    from cryptography.exceptions import InvalidSignature

    try:
        _opened(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(16)
def _opened(public: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(public)


def signing_key_path(master: Path) -> Path:
    """Where the signing key of a workspace lies: beside its master key."""
    return master.with_suffix(SUFFIX)


def next_key_path(path: Path) -> Path:
    """Where the key waits that takes this one's place."""
    return path.with_name(path.name + NEXT)


def create_signing_key(path: Path, *, random_bytes: Callable[[int], bytes] = os.urandom) -> SigningKey:
    """Make a key, durably, readable for its owner alone. Never writes over one that is there."""
    private = random_bytes(KEY_BYTES)
    create_key_file(
        path,
        private,
        _NAME,
        lost="what it signed could not be gone on with",
        instead="Change it with `mainstay audit rotate-key`.",
    )
    return SigningKey(private)


def read_signing_key(path: Path) -> SigningKey | None:
    """The key; None where there is none yet. Raises `SecretError` for one that is damaged, or open to others."""
    private = read_key_file(
        path,
        _NAME,
        KEY_BYTES,
        or_else=", or begin anew with `mainstay audit renew`",
        seen=", so what it signs proves nothing",
        then="; then change it with `mainstay audit rotate-key`.",
    )
    return SigningKey(private) if private is not None else None
