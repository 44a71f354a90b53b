"""The password of the web server: kept as an argon2id hash, never as itself.

The hash lies in a file of its own in the key home, outside of the workspace and its backups, unless `[console]
password` names another place by reference. Checking takes as long where no password is set, or the hash is damaged,
as where one is, so that the time tells nothing.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.errors import CommandRefused, SecretError, Unavailable
from mainstay.ledger.master_key import key_home
from mainstay.net.secrets import Secret, SecretStore, split_reference

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LENGTH_MIN, LENGTH_MAX = 12, 1_024
_ARGON2ID = "$argon2id$"


class ConsolePassword:
    """The password of one workspace."""

    def __init__(
        self, workspace_id: str, settings: ConsoleSettings, store: SecretStore | None = None
    ) -> None:
        self._reference = settings.password
        self._file = key_home() / f"{workspace_id}.console"
        self._store = store or SecretStore()

    @property
    def place(self) -> str:
        """Where the hash lies, for a person."""
        return self._reference or str(self._file)

    @property
    def is_set(self) -> bool:
        """Whether there is one. Raises `SecretError` for what is there and is no hash of a password."""
        return bool(self._read())

    def set(self, password: Secret) -> None:
        """Keep the hash of a new one. Raises `CommandRefused` for one that is too easy to guess."""
        text = password.reveal()
        if not LENGTH_MIN <= len(text) <= LENGTH_MAX or len(set(text)) < 5:
            raise CommandRefused(
                "This password is too easy to guess." if len(text) < LENGTH_MAX else "It is too long.",
                why=f"It needs {LENGTH_MIN} to {LENGTH_MAX:,} characters, and more than a few different ones.",
                remedy="Four or five words at random are easy to remember.",
            )
        hashed = _hasher().hash(text)
        if self._reference and split_reference(self._reference)[0] in ("keyring", "age"):
            self._store.store(self._reference, Secret(hashed))
        elif self._reference:
            raise SecretError(
                f"{self._reference} is only read, never written",
                why="environment and mounted files are somebody else's to write",
                remedy="write keyring:NAME or age:NAME, or leave the line out of mainstay.toml",
            )
        else:
            _write(self._file, hashed + "\n")

    def verify(self, password: str) -> bool:
        """Whether this is it. Takes as long when none is set."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            kept = self._read()
        except SecretError:
            kept = ""
        try:
            _hasher().verify(kept or _nobodys(), password[:LENGTH_MAX])
        except (VerificationError, InvalidHashError):
            return False
        return bool(kept)

    def _read(self) -> str:
        if self._reference:
            kept = self._store.resolve(self._reference).reveal()
        elif self._file.exists():
            kept = self._store.resolve(f"file:{self._file}").reveal()
        else:
            return ""
        if not kept.startswith(_ARGON2ID):
            raise SecretError(
                f"{self.place} holds no hash of a password",
                why="a password itself is kept nowhere",
                remedy="set it with `mainstay console password`",
            )
        return kept


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError:
        raise Unavailable(
            "Passwords cannot be checked.",
            why="The package argon2-cffi is not installed.",
            remedy='pip install "mainstay[console]"',
        ) from None
    return PasswordHasher()  # its defaults are those of RFC 9106 for little memory: 64 MiB, three passes


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher().hash(os.urandom(16).hex())


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = path.with_suffix(".tmp")
        handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)  # also of one that was left over
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        begun.replace(path)
    except OSError as error:
        raise SecretError(
            "The password cannot be kept.",
            why=f"{path}: {error.strerror}.",
            remedy="Make the folder writable for you, or name another one in MAINSTAY_KEY_HOME.",
        ) from error
