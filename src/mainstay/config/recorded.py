"""Settings with where each comes from: a document that remembers which keys were asked for, and what stands for them.

No list of keys is kept beside the readers of `config`: they are run over a document that writes down what they take
(`Section.only`) and what they would go by without it. So what is shown is what is read, also of keys to come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any
from urllib.parse import urlsplit

from mainstay.config.settings import FILE, settings_of
from mainstay.config.toml import parse_toml
from mainstay.kernel.values import SECOND, money
from mainstay.workflows.document import Document, Path, Section

REFERENCES = ("env:", "keyring:", "age:", "file:")


@dataclass(frozen=True, slots=True)
class Shown:
    """One key: what it says, or what stands for it, and where it was read."""

    key: str
    value: str
    written: bool  # in the file; else it is the default
    line: int | None
    reference: bool  # to a secret: it says where that lies, never what it is


@dataclass(frozen=True, slots=True)
class ShownTable:
    """One table of the file, as its header names it."""

    name: str  # "adapters.support"
    heading: str  # what docs/workspace.md calls it: "[adapters.NAME]"
    line: int | None
    keys: tuple[Shown, ...]


def shown(raw: bytes, folder: File, file: str = FILE) -> tuple[ShownTable, ...]:
    """Every key of every table, in the order in which they are read. Raises `ConfigError`."""
    parsed = parse_toml(raw, file)
    document = _Recorded(parsed.file, parsed.data, parsed.lines, parsed.error_type)
    settings_of(document, folder)
    return tuple(
        ShownTable(
            ".".join(map(str, path)),
            heading_of(path),
            document.lines.get(path),
            tuple(_shown(document, path, name) for name in names),
        )
        for path, names in document.taken.items()
        if path and names
    )


def heading_of(path: Path) -> str:
    """The heading under which docs/workspace.md tells of a table."""
    if len(path) == 1:
        return f"[{path[0]}]"
    if len(path) == 2:
        return f"[{path[0]}.NAME]"
    return str(path[-1])


def _shown(document: _Recorded, path: Path, name: str) -> Shown:
    here = (*path, name)
    table = _at(document.data, path)
    if name in table:
        value = (
            f"see {'.'.join(map(str, here))}" if isinstance(table[name], Mapping) else _written(table[name])
        )
        if name == "url":
            value = _host(value)
        return Shown(name, value, True, document.line(here), value.startswith(REFERENCES))
    kind, default = document.asked.get(here, ("", None))
    return Shown(name, _default(kind, default), False, None, False)


def _at(data: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    for part in path:
        found = data.get(str(part), {})
        data = found if isinstance(found, Mapping) else {}
    return data


def _written(value: Any) -> str:
    """A value as the file has it, in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(map(_written, value))
        case _:
            return str(value)


def _host(url: str) -> str:
    """The machine that an address names: what comes after it may be as good as a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}/..." if parts.scheme else url


def _default(kind: str, value: Any) -> str:
    if value is None or value in ("", ()):
        return ""
    if kind == "money":
        return money(value)
    if kind == "duration":
        return _duration(value)
    return _written(value)


def _duration(us: int) -> str:
    """`PT5M`, `P2D`: as it would be written."""
    seconds = us // SECOND
    for size, unit in ((86_400, "D"), (3_600, "H"), (60, "M")):
        if seconds and seconds % size == 0:
            return f"P{seconds // size}D" if unit == "D" else f"PT{seconds // size}{unit}"
    return f"PT{seconds}S"


@dataclass(frozen=True)
class _Recorded(Document):
    """A document that remembers what was asked of it."""

    asked: dict[Path, tuple[str, Any]] = field(default_factory=dict)  # kind and default, by key
    taken: dict[Path, tuple[str, ...]] = field(default_factory=dict)  # the keys of a table

    @property
    def top(self) -> Section:
        return _RecordedSection(self, (), self.data)


@dataclass(frozen=True)
class _RecordedSection(Section):
    """One table of it."""

    def only(self, *names: str) -> None:
        self._record.taken[self.path] = names
        super().only(*names)

    def text(self, key: str, default: str | None = None) -> str:
        self._ask("text", key, default)
        return super().text(key, default)

    def flag(self, key: str, default: bool | None = None) -> bool:
        self._ask("flag", key, default)
        return super().flag(key, default)

    def whole(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        self._ask("whole", key, default)
        return super().whole(key, default, least=least, most=most)

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        self._ask("words", key, default)
        return super().words(key, default)

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        self._ask("text", key, default)
        return super().choice(key, choices, default)

    def money(self, key: str, default: int | None = None) -> int | None:
        self._ask("money", key, default)
        return super().money(key, default)

    def duration_us(self, key: str, default: int | None = None) -> int | None:
        self._ask("duration", key, default)
        return super().duration_us(key, default)

    def parsed(self, key: str, parse: Callable[[str], Any], remedy: str) -> Any:
        self._ask("text", key, None)
        return super().parsed(key, parse, remedy)

    def table(self, key: str) -> Section:
        found = super().table(key)
        return _RecordedSection(self.document, found.path, found.data)

    def tables(self, key: str) -> tuple[Section, ...]:
        return tuple(_RecordedSection(self.document, one.path, one.data) for one in super().tables(key))

    @property
    def _record(self) -> _Recorded:
        assert isinstance(self.document, _Recorded)
        return self.document

    def _ask(self, kind: str, key: str, default: Any) -> None:
        self._record.asked.setdefault((*self.path, key), (kind, default))
