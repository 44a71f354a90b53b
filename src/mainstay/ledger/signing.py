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

from mainstay.kernel.errors import SecretError
from mainstay.ledger.durable import flush_folder, write_durably

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES, SIGNATURE_BYTES, FINGERPRINT_BYTES = 32, 64, 16
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
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, private)
        flush_folder(path.parent)
    except FileExistsError:
        raise SecretError(
            "There is a signing key already.",
            why=f"{path} exists, and what it signed could not be gone on with.",
            remedy="Change it with `mainstay audit rotate-key`.",
            path=str(path),
        ) from None
    except OSError as error:
        raise SecretError(
            "The signing key cannot be written.",
            why=f"{path}: {error.strerror}.",
            remedy="Make the folder writable for you, or name another one in MAINSTAY_KEY_HOME.",
            path=str(path),
        ) from error
    return SigningKey(private)


def read_signing_key(path: Path) -> SigningKey | None:
    """The key; None where there is none yet. Raises `SecretError` for one that is damaged, or open to others."""
    try:
        status = path.stat()
        private = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(
            "The signing key cannot be read.",
            why=f"{path}: {error.strerror}.",
            remedy="Make it readable for you.",
            path=str(path),
        ) from error
    if status.st_mode & 0o077:
        raise SecretError(
            "Others can read the signing key.",
            why=f"The mode of {path} is {status.st_mode & 0o777:o}, so what it signs proves nothing.",
            remedy=f"chmod 600 {path}; then change it with `mainstay audit rotate-key`.",
            path=str(path),
        )
    if len(private) != KEY_BYTES:
        raise SecretError(
            "The signing key is damaged.",
            why=f"{path} has {len(private)} bytes instead of {KEY_BYTES}.",
            remedy="Copy it anew from where you keep it, or begin anew with `mainstay audit renew`.",
            path=str(path),
        )
    return SigningKey(private)
