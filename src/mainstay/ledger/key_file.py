"""A file that holds one secret key: made once, durably, and readable for its owner alone."""

from __future__ import annotations

from pathlib import Path

from mainstay.kernel.errors import SecretError
from mainstay.ledger.durable import flush_folder, write_durably


def create_key_file(path: Path, key: bytes, name: str, *, lost: str, instead: str) -> None:
    """Write a key, durably; never over one that is there. `lost`: what would go with that one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, key)
        flush_folder(path.parent)
    except FileExistsError:
        raise SecretError(
            f"There is a {name} already.", why=f"{path} exists, and {lost}.", remedy=instead, path=str(path)
        ) from None
    except OSError as error:
        raise SecretError(
            f"The {name} cannot be written.",
            why=f"{path}: {error.strerror}.",
            remedy="Make the folder writable for you, or name another one in MAINSTAY_KEY_HOME.",
            path=str(path),
        ) from error


def read_key_file(
    path: Path, name: str, size: int, *, or_else: str = "", seen: str = "", then: str = ""
) -> bytes | None:
    """The key; None where there is none yet. Raises `SecretError` for one that is damaged, or open to others.

    `or_else`: what helps beside a copy, where it is damaged. `seen`, `then`: what follows if others could read it, and
    what to do after it was closed to them.
    """
    try:
        status = path.stat()
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(
            f"The {name} cannot be read.",
            why=f"{path}: {error.strerror}.",
            remedy="Make it readable for you.",
            path=str(path),
        ) from error
    if status.st_mode & 0o077:
        raise SecretError(
            f"Others can read the {name}.",
            why=f"The mode of {path} is {status.st_mode & 0o777:o}{seen}.",
            remedy=f"chmod 600 {path}{then}",
            path=str(path),
        )
    if len(key) != size:
        raise SecretError(
            f"The {name} is damaged.",
            why=f"{path} has {len(key)} bytes instead of {size}.",
            remedy=f"Copy it anew from where you keep it{or_else}.",
            path=str(path),
        )
    return key
