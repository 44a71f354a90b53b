"""A parsed file that remembers where everything stood, and the strict reading of it.

YAML and TOML both become a `Document`: plain values, and the line of every key. A `Section` is one table of
it, read key by key with the type each must have. Whatever is wrong is an error that names file, key and line;
a misspelt key is answered with the nearest right one. `Problems` gathers errors, so that a person mends a
file once and not five times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any

from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import parse_duration, parse_money

Path = tuple[str | int, ...]  # ("tasks", "draft", "in") or ("rule", 2, "when")

SIZE_MAX = 256 * 1024  # bytes of one file; the largest that people write are a hundredth of this
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Document:
    """The values of one file, the lines they stood on, and the error that this kind of file raises."""

    file: str
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[Path, int] = field(default_factory=dict)
    error_type: type[ConfigError] = ConfigError

    def line(self, path: Path) -> int | None:
        """The line of a key, or of the nearest table around it that has one."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return None

    def error(self, path: Path, what: str, *, why: str = "", remedy: str = "") -> ConfigError:
        """An error about the value at `path`, ready to raise."""
        return self.error_type(
            clipped(what),
            file=self.file,
            key=clipped(dotted(path)),
            line=self.line(path),
            why=why,
            remedy=remedy,
        )

    @property
    def top(self) -> Section:
        """The outermost table."""
        return Section(self, (), self.data)


@dataclass(frozen=True)
class Section:
    """One table. Each method reads one key, and raises the document's error where the value is wrong.

    A `default` stands for a key that is absent; without one, the key is required.
    """

    document: Document
    path: Path
    data: Mapping[str, Any]

    def error(self, key: str, what: str, *, why: str = "", remedy: str = "") -> ConfigError:
        """An error about one key, or with `key=""` about the whole table."""
        return self.document.error((*self.path, key) if key else self.path, what, why=why, remedy=remedy)

    def only(self, *names: str) -> None:
        """Refuse every key but these."""
        for key in self.data:
            if key not in names:
                raise self.error(key, f"there is no key {key!r} here", remedy=suggestion(key, names))

    def has(self, key: str) -> bool:
        """Whether the key is written, even as null."""
        return key in self.data

    def value(self, key: str) -> Any:
        """The value, of whatever type; the key is required."""
        if key not in self.data:
            where = dotted(self.path)
            inside = f" in {where}" if where else ""
            raise self.error("", f"the key {key!r} is missing{inside}", remedy=f"add {key!r}")
        return self.data[key]

    def text(self, key: str, default: str | None = None) -> str:
        """A string that says something; an empty one only where that is the default."""
        if default is not None and key not in self.data:
            return default
        value = self.value(key)
        if value == "" and default == "":
            return ""
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{key!r} must be a text, and is {kind(value)}", remedy=_quote_hint(value))
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """A name: lower-case letters, digits, `-` and `_`, a letter first."""
        value = self.text(key, default)
        if default is not None and value == default:
            return value
        if NAME.fullmatch(value) is None:
            raise self.error(key, f"{value!r} is not a name", why=NAME_RULE)
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"{key!r} cannot be {value!r}", remedy=suggestion(value, choices))
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """`true` or `false`."""
        if default is not None and key not in self.data:
            return default
        value = self.value(key)
        if not isinstance(value, bool):
            raise self.error(key, f"{key!r} must be true or false, and is {kind(value)}")
        return value

    def whole(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        if default is not None and key not in self.data:
            return default
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"{key!r} must be a whole number, and is {kind(value)}")
        if not least <= value <= most:
            raise self.error(key, f"{key!r} must lie between {least} and {most}, and is {_short(value)}")
        return value

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, none twice."""
        if default is not None and key not in self.data:
            return default
        value = self.value(key)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
            raise self.error(key, f"{key!r} must be a list of texts, and is {kind(value)}")
        twin = next((one for index, one in enumerate(value) if one in value[:index]), None)
        if twin is not None:
            raise self.error(key, f"{twin!r} stands twice in {key!r}", remedy="keep one of them")
        return tuple(value)

    def money(self, key: str, default: int | None = None) -> int | None:
        """Micro-units of an amount in US dollars that is written as text: `"0.02"`."""
        amount: int | None = self._parsed(key, parse_money, 'write it as text, such as "2.00"', default)
        return amount

    def duration_us(self, key: str, default: int | None = None) -> int | None:
        """Microseconds of an ISO 8601 duration: `PT30S`, `P2D`."""
        length: int | None = self._parsed(key, parse_duration, "write PT30S, PT12H or P2D", default)
        return length

    def parsed(self, key: str, parse: Callable[[str], Any], remedy: str) -> Any:
        """A text as `parse` reads it, which raises `ValueError` for what it does not take; None where it is absent."""
        return self._parsed(key, parse, remedy, None)

    def table(self, key: str) -> Section:
        """A table inside this one; an absent one reads as empty."""
        value = self.data.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, f"{key!r} must be a table of keys and values, and is {kind(value)}")
        return Section(self.document, (*self.path, key), value)

    def tables(self, key: str) -> tuple[Section, ...]:
        """A list of tables inside this one; an absent one reads as empty."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, f"{key!r} must be a list of tables, and is {kind(value)}")
        for index, one in enumerate(value):
            if not isinstance(one, Mapping):
                raise self.document.error(
                    (*self.path, key, index), f"this must be a table, and is {kind(one)}"
                )
        return tuple(Section(self.document, (*self.path, key, index), one) for index, one in enumerate(value))

    def _parsed(self, key: str, parse: Callable[[str], Any], remedy: str, default: int | None) -> Any:
        if key not in self.data:
            return default
        value = self.data[key]
        if not isinstance(value, str):
            raise self.error(key, f"{key!r} cannot be {_short(value)}", remedy=remedy)
        try:
            return parse(value)
        except ValueError as error:
            raise self.error(key, f"{key!r} cannot be read: {error}", remedy=remedy) from None


NAME_RULE = "a name has lower-case letters, digits, '-' and '_', begins with a letter and is at most 64 long"


@dataclass
class Problems:
    """Everything wrong that was found so far."""

    found: list[ConfigError] = field(default_factory=list)

    @contextmanager
    def caught(self, *, known: bool = False) -> Iterator[None]:
        """Remember an error of the block and go on after it. `known`: some of it may have been found before."""
        try:
            yield
        except ConfigError as error:
            told = {str(one) for one in self.found} if known else set()
            self.found += [one for one in (error, *error.also) if str(one) not in told]

    def raise_any(self) -> None:
        """Raise the first error, if there is one; the others stand in its `also`."""
        if not self.found:
            return
        first, *rest = self.found
        if rest:
            first.also = tuple(rest)
            first.fields["also"] = [str(error) for error in rest]
        raise first


def dotted(path: Path) -> str:
    """A path as people write it: `tasks.draft.in`, `rule[2].when`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def clipped(text: str) -> str:
    """A text for an error, cut where somebody wrote a book into a key."""
    return text if len(text) <= 300 else text[:300] + "..."


def suggestion(wrong: str, right: Collection[str]) -> str:
    """What was probably meant: the nearest right word, or all of them where they are few."""
    near = get_close_matches(wrong[:100], [*right], n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    names = sorted(right)
    if not names:
        return "there are none yet"
    return "there is " + ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def kind(value: Any) -> str:
    """The type of a value, in words."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text" if value.strip() else "an empty text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a table"
        case _:
            return "a date or a time"


def is_scalar(value: Any) -> bool:
    """Whether a value may stand in a literal or a comparison: a text, a finite number, true or false."""
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, str | int)


def read_text(raw: bytes, file: str, error_type: type[ConfigError], *, size_max: int = SIZE_MAX) -> str:
    """The text of a file: UTF-8 and not too large, with plain line ends."""
    if len(raw) > size_max:
        raise error_type(
            f"the file has {len(raw)} bytes, and at most {size_max} are read", file=file, remedy="split it"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise error_type(
            "the file is not UTF-8 text", file=file, line=line, remedy="save it as UTF-8"
        ) from None
    return text.replace("\r\n", "\n")


def _short(value: Any) -> str:
    # A number of thousands of digits cannot even be turned into text by default; it is wrong anyway.
    if isinstance(value, int) and abs(value) > 10**18:
        return "very large"
    return repr(value)[:80]


def _quote_hint(value: Any) -> str:
    return "put quotes around it" if isinstance(value, int | float) else ""
