"""A new workspace folder: the commented files that `mainstay init` writes.

Nothing that exists is ever overwritten, so the command may be given again after a file was deleted by
mistake. The files are package data in `mainstay/data/workspace`; only the name is filled in.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mainstay.kernel.errors import ConfigError, WorkspaceUnsafe
from mainstay.workflows.document import NAME, NAME_RULE

NAME_MARK = "my-workspace"  # stands in the shipped mainstay.toml where the name belongs
_HIDDEN = {"gitignore": ".gitignore"}  # a dot file would be lost in some packages


def scaffold(folder: Path, name: str) -> tuple[str, ...]:
    """Write the files that are missing; which ones they were, relative to the folder.

    Raises `ConfigError` for a name that is none, and `WorkspaceUnsafe` where the folder cannot be written to.
    """
    if NAME.fullmatch(name) is None:
        raise ConfigError(f"{name[:80]!r} cannot be the name of a workspace", why=NAME_RULE)
    written: list[str] = []
    try:
        own_intents = _has_own_intents(folder)
        for source, place in _shipped(files("mainstay.data").joinpath("workspace"), ""):
            if own_intents and place.startswith("templates/"):
                continue  # a shipped template belongs to a shipped intent, and these are somebody's own
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            if place == "mainstay.toml":
                text = text.replace(NAME_MARK, name)
            try:
                with target.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            except FileExistsError:
                continue
            written.append(place)
    except OSError as error:
        raise WorkspaceUnsafe(
            f"{folder} cannot be written to",
            why=error.strerror or type(error).__name__,
            remedy="choose another folder, or make this one writable",
        ) from None
    return tuple(written)


def _has_own_intents(folder: Path) -> bool:
    shipped = files("mainstay.data").joinpath("workspace", "intents.toml").read_bytes()
    try:
        return (folder / "intents.toml").read_bytes() != shipped
    except FileNotFoundError:
        return False


def _shipped(folder: Traversable, prefix: str) -> list[tuple[Traversable, str]]:
    found: list[tuple[Traversable, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _shipped(entry, f"{prefix}{entry.name}/")
        else:
            found.append((entry, prefix + _HIDDEN.get(entry.name, entry.name)))
    return found
