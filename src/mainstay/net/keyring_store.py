"""The system's keyring as a store of secrets. Its library is optional, and imported when it is needed."""

from __future__ import annotations

from typing import Any, Final

from mainstay.kernel.errors import SecretError, Unavailable

SERVICE: Final = "mainstay"


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise Unavailable(
            "the keyring needs a package that is not installed",
            remedy="pip install 'mainstay[secrets]', or use env:NAME",
        ) from None
    return keyring


def get(name: str) -> str | None:
    """What it keeps under a name; None for nothing. Raises `SecretError` where it does not answer."""
    keyring = _keyring()
    try:
        value = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return None if value is None else str(value)


def put(name: str, value: str) -> None:
    """Keep a value under a name, in place of what was there. Raises `SecretError` where it is not kept."""
    keyring = _keyring()
    try:
        keyring.set_password(SERVICE, name, value)
        kept = keyring.get_password(SERVICE, name) == value
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    if not kept:  # a keyring that takes everything and keeps nothing is what a headless machine has
        raise _no_keyring(None)


def _no_keyring(error: Exception | None) -> SecretError:
    return SecretError(
        "the keyring of this system did not answer",
        why=type(error).__name__ if error is not None else "it keeps nothing",
        remedy="unlock it; on a machine without one use age:NAME, an encrypted file in the key home",
    )
