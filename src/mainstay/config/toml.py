"""TOML with line numbers.

The standard library parses; it forgets where things stood. So the same text is walked a second time, for keys
and lines only. The walk comes after a successful parse and may therefore be simple: it knows headers, keys,
strings and brackets, and trusts that they are well formed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from mainstay.kernel.errors import ConfigError
from mainstay.workflows.document import Document, Path, read_text

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\s,\[\]{}#\"']+(?: [0-9][^\s,\[\]{}#]*)?")  # numbers, words, and a date with a time
_AT = re.compile(r"\(at line (\d+), column \d+\)")
# A dotted key costs the parser the square of its length, in memory too. Bounded and possessive, so that looking for
# one is cheap whatever the text.
_LONG_KEY = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:[A-Za-z0-9_-]{1,200}+|"(?:[^"\\\n]|\\.){0,200}+"|'[^'\n]{0,200}+')"""
    r"""(?:[ \t]*+\.[ \t]*+(?:[A-Za-z0-9_-]{1,200}+|"(?:[^"\\\n]|\\.){0,200}+"|'[^'\n]{0,200}+')){32}"""
)
_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)+")
_BLANK = re.compile(r"[ \t]*")


def parse_toml(raw: bytes, file: str, error_type: type[ConfigError] = ConfigError) -> Document:
    """The tables of a TOML file. Raises `error_type` with the line where the text is not TOML."""
    text = read_text(raw, file, error_type)
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        where = text.count("\n", 0, long_key.start()) + 1
        raise error_type("more than 32 names are joined by dots", file=file, line=where)
    try:
        data = tomllib.loads(text)
        lines = locate(text)
    except RecursionError:
        raise error_type("tables or lists are nested too deeply", file=file) from None
    except ValueError as error:  # TOMLDecodeError is one; a number of thousands of digits is a plain one
        said = str(error)
        at = _AT.search(said)
        line = int(at[1]) if at else text.count("\n") + 1 if "end of document" in said else None
        why = _AT.sub("", said).replace("(at end of document)", "").strip()
        remedy = "look at the quotes, brackets and commas here"
        raise error_type("this is not TOML", file=file, line=line, why=why, remedy=remedy) from None
    return Document(file, data, lines, error_type)


def locate(text: str) -> Mapping[Path, int]:
    """The line of each table, key and list item of a text that is known to be TOML."""
    walker = _Walker(text)
    walker.document()
    return walker.lines


class _Walker:
    """Walks the text once. `at` is where it has come to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # how many tables each array of tables has so far
        self._line = 1
        self._counted = 0  # up to where lines were counted

    def document(self) -> None:
        """Headers and keys, to the end."""
        table: Path = ()
        self.skip(_SPACE)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_SPACE)

    def header(self) -> Path:
        """`[table]` or `[[array of tables]]`."""
        line, twice = self.line(), self.text.startswith("[[", self.at)
        self.at += 2 if twice else 1
        names = self.names()
        self.at += 2 if twice else 1
        path: Path = ()
        for depth, name in enumerate(names, 1):
            path = (*path, name)
            if twice and depth == len(names):
                self._counts[path] = self._counts.get(path, 0) + 1
            self.lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def pair(self, table: Path) -> None:
        """`a.b = value`."""
        line, path = self.line(), table
        for name in self.names():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self.value(path)

    def names(self) -> list[str]:
        """A dotted key, bare or quoted, and the blanks around it."""
        names: list[str] = []
        while True:
            self.skip(_BLANK)
            if self.text[self.at : self.at + 1] in ('"', "'"):
                names.append(self.quoted())
            else:
                match = _BARE.match(self.text, self.at)
                assert match is not None, "the parser accepted this text"
                names.append(match[0])
                self.at = match.end()
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def value(self, path: Path) -> None:
        """Any value; lists and inline tables are walked too."""
        self.skip(_BLANK)
        here = self.text[self.at : self.at + 1]
        if here == "[":
            self.items(path, "]")
        elif here == "{":
            self.items(path, "}")
        elif here in ('"', "'"):
            self.skip(_STRING)
        else:
            self.skip(_PLAIN)

    def items(self, path: Path, end: str) -> None:
        """What lies between brackets."""
        self.at += 1
        index = 0
        while True:
            self.skip(_SPACE)
            here = self.text[self.at]
            if here in (end, ","):
                self.at += 1
                if here == end:
                    return
            elif end == "}":
                self.pair(path)
            else:
                self.lines[(*path, index)] = self.line()
                self.value((*path, index))
                index += 1

    def quoted(self) -> str:
        """A quoted key, as the parser understands it."""
        start = self.at
        self.skip(_STRING)
        return str(tomllib.loads("key = " + self.text[start : self.at])["key"])

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Move past what matches, if anything does."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def line(self) -> int:
        """The line of `at`; counted onwards, never from the beginning again."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line
