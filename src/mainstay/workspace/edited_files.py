"""The files that are edited through Mainstay: those of workflows/, templates/ and policies/, and no other ever.

A file is named by its folder and its plain name, looked up relative to the opened folder, and no link is followed, so
that no name leads anywhere else. What is written is there whole or not at all, with the mode that it had.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mainstay.config.policies import SIZE_MAX as POLICY_SIZE_MAX
from mainstay.kernel.errors import CommandRefused, ConfigError, FileChanged, NotFound, StorageFull
from mainstay.kernel.ids import digest
from mainstay.kernel.values import Digest
from mainstay.workflows.document import NAME, NAME_RULE, SIZE_MAX

NOTHING = Digest("")  # of a file that is not there
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")  # of a file that is there already
LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the three folders."""

    word: str  # "workflow"
    folder: str
    ending: str
    size_max: int  # bytes of one file


WORKFLOW = Kind("workflow", "workflows", ".yaml", SIZE_MAX)
TEMPLATE = Kind("template", "templates", ".md", SIZE_MAX)
POLICY = Kind("policy", "policies", ".toml", POLICY_SIZE_MAX)
KINDS = {one.word: one for one in (WORKFLOW, TEMPLATE, POLICY)}
_OF_FOLDER = {one.folder: one for one in KINDS.values()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies."""

    kind: Kind
    name: str  # without its ending

    @property
    def file(self) -> str:
        """Its place in the workspace, as people write it."""
        return f"{self.kind.folder}/{self.leaf}"

    @property
    def leaf(self) -> str:
        """Its name in its folder."""
        return self.name + self.kind.ending


def place_of(kind: Kind, name: str) -> Place:
    """A file by its name. Raises `NotFound` for a name that no file of ours can have."""
    if PLAIN.fullmatch(name) is None:
        raise NotFound(
            f"There is no {kind.word} of this name.",
            why="Names here are plain letters, digits, '.', '-' and '_'.",
            remedy=f"Look at the list of what lies in {kind.folder}/.",
        )
    return Place(kind, name)


def place_named(file: str) -> Place:
    """The same by its place in the workspace, such as "templates/refund.md"."""
    folder, _, leaf = file.partition("/")
    kind = _OF_FOLDER.get(folder)
    if kind is None or not leaf.endswith(kind.ending):
        raise NotFound(
            f"{file[:80]!r} is no file that is edited here.",
            why="That are workflows/*.yaml, templates/*.md and policies/*.toml.",
            remedy="Edit any other file with an editor.",
        )
    return place_of(kind, leaf.removesuffix(kind.ending))


def require_new_name(place: Place) -> None:
    """Raises `CommandRefused` for a name that a new file should not have."""
    if NAME.fullmatch(place.name) is None:
        raise CommandRefused(
            f"{place.name[:80]!r} is not a name for a {place.kind.word}.",
            why=f"{NAME_RULE[:1].upper()}{NAME_RULE[1:]}.",
            remedy="Give it another name.",
        )


def listed(root: Path, kind: Kind) -> list[Place]:
    """The files that are there, by name; those whose names only an editor can handle are left out."""
    try:
        found = sorted(entry.name for entry in os.scandir(root / kind.folder))
    except OSError:
        return []
    names = [name.removesuffix(kind.ending) for name in found if name.endswith(kind.ending)]
    return [Place(kind, name) for name in names if PLAIN.fullmatch(name)][:LISTED_MAX]


def read(root: Path, place: Place) -> bytes | None:
    """What it says; None where it is not there. Raises `CommandRefused` for what is no plain file."""
    try:
        with _folder(root, place) as folder:
            return _read(folder, place)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(place, error) from error


def digest_of(content: bytes | None) -> Digest:
    """What a reader is bound to: the digest of what they saw."""
    return NOTHING if content is None else digest(content)


def write(root: Path, place: Place, content: bytes, *, shown: Digest) -> None:
    """Let it say this, if it still says what was shown. Raises `CommandRefused`, and `StorageFull`: nothing changed."""
    if len(content) > place.kind.size_max:
        raise too_large(place)
    work = f".{place.leaf}.{os.getpid()}.partial"  # a name that no loader reads
    try:
        with _folder(root, place, make=True) as folder:
            with suppress(FileNotFoundError):
                os.unlink(work, dir_fd=folder)
            try:
                _write(folder, work, content, mode=_mode(folder, place))
                require_shown(place, _read_if_there(folder, place), shown)
                os.replace(work, place.leaf, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(work, dir_fd=folder)
            os.fsync(folder)
    except OSError as error:
        raise _unwritable(place, error) from error


def remove(root: Path, place: Place, *, shown: Digest) -> None:
    """Take it away, if it still says what was shown."""
    try:
        with _folder(root, place) as folder:
            require_shown(place, _read_if_there(folder, place), shown)
            os.unlink(place.leaf, dir_fd=folder)
            os.fsync(folder)
    except OSError as error:
        raise _unwritable(place, error) from error


def require_shown(place: Place, content: bytes | None, shown: Digest) -> None:
    """Raises `FileChanged` where somebody wrote it meanwhile."""
    if digest_of(content) == shown:
        return
    if content is None:
        what = f"{place.file} was removed meanwhile."
    elif shown == NOTHING:
        what = f"{place.file} is there already."
    else:
        what = f"{place.file} was changed meanwhile."
    raise FileChanged(
        what,
        why="It does not say what you were shown. Nothing was written.",
        remedy="Look at what differs; your text is still here.",
        file=place.file,
    )


def folder_digest(definitions: Mapping[str, str]) -> Digest:
    """What the files of a folder would put in force, by name: whoever applies them says by it what they were shown."""
    return digest("".join(f"{name} {one}\n" for name, one in sorted(definitions.items())).encode())


def require_looked_at(looked_at: str, found: Mapping[str, str], in_force: Mapping[str, str]) -> None:
    """Raises `FileChanged`, which says what the files would change now, where they are not those that were shown."""
    if not looked_at or folder_digest(found) == looked_at:
        return
    come = sorted(name for name, one in found.items() if in_force.get(name) != one)
    go = sorted(in_force.keys() - found.keys())
    now = [f"put {', '.join(come)} in force"] * bool(come) + [f"retire {', '.join(go)}"] * bool(go)
    raise FileChanged(
        "The workflows in the folder are not the ones that you were shown.",
        why=f"A file was written in between: they would {' and '.join(now) or 'change nothing'} now.",
        remedy="Nothing was changed. Look at them once more, then put them in force.",
        registers=come,
        retires=go,
    )


def too_large(place: Place) -> ConfigError:
    """What is said of a text that would not be read."""
    return ConfigError(
        f"the text has more than {place.kind.size_max:,} bytes",
        file=place.file,
        why="more would not be read",
        remedy="shorten it",
    )


@contextmanager
def _folder(root: Path, place: Place, *, make: bool = False) -> Iterator[int]:
    """The folder of the file, opened: what lies in it is named relative to it from here on."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    outer = os.open(root, flags)
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(place.kind.folder, dir_fd=outer)
        inner = os.open(place.kind.folder, flags | os.O_NOFOLLOW, dir_fd=outer)
    finally:
        os.close(outer)
    try:
        yield inner
    finally:
        os.close(inner)


def _read(folder: int, place: Place) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(place.leaf, flags, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(place.kind.size_max + 1)


def _read_if_there(folder: int, place: Place) -> bytes | None:
    try:
        return _read(folder, place)
    except FileNotFoundError:
        return None


def _mode(folder: int, place: Place) -> int | None:
    try:
        found = os.stat(place.leaf, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode)


def _write(folder: int, work: str, content: bytes, *, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(work, flags, 0o666 if mode is None else mode, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(handle, mode)
        file.write(content)
        file.flush()
        os.fsync(handle)


def _unreadable(place: Place, error: OSError) -> CommandRefused:
    return CommandRefused(
        f"{place.file} cannot be read here.", why=_why(place, error), remedy="Look at it with an editor."
    )


def _unwritable(place: Place, error: OSError) -> CommandRefused | StorageFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(
            "There is not enough space for this file.",
            why=f"{place.file}: {error.strerror}. It says what it said before.",
            remedy="Free some space, then save it again.",
        )
    return CommandRefused(
        f"{place.file} cannot be written.",
        why=f"{_why(place, error)} Nothing was changed.",
        remedy="Look at the folder and its permissions, or edit it with an editor.",
    )


def _why(place: Place, error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"It, or {place.kind.folder}/, is a link, and no link is followed."
    return f"{error.strerror or type(error).__name__}."
