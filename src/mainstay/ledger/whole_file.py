"""A file that is there whole or not at all, for its owner alone: exports and proofs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mainstay.kernel.errors import CommandRefused, StorageFull
from mainstay.ledger.durable import flush_folder


@contextmanager
def whole_file(path: Path, *, replacing: bool = False, never_in: Sequence[Path] = ()) -> Iterator[BinaryIO]:
    """Write a file (mode 0600) that gets its name when the block ends well; else nothing is left.

    Raises `CommandRefused` where something is there already, or the place is none; with `replacing` a file that is
    there is replaced, whatever a link in its place points to stays as it is. Nothing is ever written in `never_in`.
    """
    place = path.absolute()
    _require_place(place, replacing=replacing, never_in=never_in)
    work = place.with_name(f".{place.name}.{os.getpid()}.partial")
    try:
        handle = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _name(work, place, replacing=replacing)
        finally:
            with suppress(FileNotFoundError):
                work.unlink()
        flush_folder(place.parent)
    except OSError as error:
        raise _refused(error, place) from error


def _require_place(place: Path, *, replacing: bool, never_in: Sequence[Path]) -> None:
    real = place.parent.resolve() / place.name
    for folder in never_in:
        if real.is_relative_to(folder.resolve()):
            raise CommandRefused(
                f"Nothing is written to {place}.",
                why=f"It lies in {folder}, which is Mainstay's own.",
                remedy="Name a file elsewhere.",
            )
    if place.is_dir() and not place.is_symlink():
        raise CommandRefused(f"{place} is a folder.", remedy="Name a file in it.")
    if not replacing and (place.exists() or place.is_symlink()):
        raise _there(place)
    if place.parent.exists() and not place.parent.is_dir():
        raise CommandRefused(
            f"{place} cannot be written.",
            why=f"{place.parent} is no folder.",
            remedy="Name a file in a folder that you may write to.",
        )
    if not place.parent.is_dir():
        raise CommandRefused(
            f"There is no folder {place.parent}.",
            why="The file needs a folder to be written into.",
            remedy=f"Make it with `mkdir -p {place.parent}`, or name another file.",
        )


def _name(work: Path, place: Path, *, replacing: bool) -> None:
    if replacing:
        work.replace(place)
        return
    try:
        os.link(work, place)
    except FileExistsError:
        raise _there(place) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        work.rename(place)  # a file system without links: nothing was there a moment ago


def _there(place: Path) -> CommandRefused:
    return CommandRefused(
        f"{place} is there already.",
        why="Nothing is written over.",
        remedy="Name a new file, remove that one first, or write over it with --force.",
    )


def _refused(error: OSError, place: Path) -> CommandRefused | StorageFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(
            "There is not enough space for this file.",
            why=f"{place.parent}: {error.strerror}.",
            remedy="Free some space, or name another disk. Nothing is left of it.",
            path=str(place),
        )
    return CommandRefused(
        f"{place} cannot be written.",
        why=error.strerror or type(error).__name__,
        remedy="Name a file in a folder that you may write to.",
    )
