"""YAML, the small part of it that a workflow needs: mappings, lists and scalars, each with its line.

The parser's events are read one by one, and nothing is ever constructed from them but plain values: tags,
anchors, aliases, merge keys, twin keys, a second document and deep nesting are refused where they stand.
Scalars are read by the rules of YAML 1.2, so that `on`, `no` and `2026-01-31` are texts, as people expect.

`${task.field}` may be written without quotes, even inside `{...}` where YAML would take its brace for a
mapping: it is hidden from the parser behind characters of the same width, so that lines and columns stay
right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mainstay.kernel.errors import ConfigError, WorkflowError
from mainstay.workflows.document import Document, Path, clipped, dotted, read_text

DEPTH_MAX = 32

_REFERENCE = re.compile(r"\$\{([\w.\- ]*)\}")
_HIDDEN = "\ue000\ue001\ue002"  # private-use characters stand for "${" and "}" while the parser looks
_SHOW = str.maketrans(_HIDDEN, "${}")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}


def parse_yaml(raw: bytes, file: str, error_type: type[ConfigError] = WorkflowError) -> Document:
    """The one mapping of a YAML file. Raises `error_type` for everything that this language does not have."""
    text = read_text(raw, file, error_type)
    if any(character in text for character in _HIDDEN):
        line = next(number for number, row in enumerate(text.split("\n"), 1) if set(row) & set(_HIDDEN))
        raise error_type("private-use characters have no meaning here", file=file, line=line)
    hidden = _REFERENCE.sub(lambda match: f"{_HIDDEN[:2]}{match[1]}{_HIDDEN[2]}", text)
    builder = _Builder(file, error_type, {})
    try:
        # Comments and quotes are the parser's business; it sees the text with references hidden.
        data = builder.document(yaml.parse(hidden, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, file, error_type) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The last two: the parser turns "\UFFFFFFFF" into a character without asking whether it is one.
        why = str(error).translate(_SHOW).split("\n")[0]
        raise error_type("this is not YAML", file=file, why=why) from None
    return Document(file, data, builder.lines, error_type)


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str, error_type: type[ConfigError]) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    rows = text.split("\n")
    row = rows[line - 1] if line is not None and line <= len(rows) else ""
    remedy = "look at the quotes, brackets and indentation of this line"
    if "\t" in row:
        remedy = "indent with spaces, not tabs"
    elif "${" in row:
        remedy = "a reference is ${task.field}; put quotes around anything else"
    why = (error.problem or "").translate(_SHOW)
    return error_type("this is not YAML", file=file, line=line, why=why, remedy=remedy)


@dataclass
class _Builder:
    """Turns events into values, noting the line of every key."""

    file: str
    error_type: type[ConfigError]
    lines: dict[Path, int]

    def document(self, events: Iterator[Any]) -> dict[str, Any]:
        """The single document of a stream, which must be a mapping."""
        next(events)  # the start of the stream
        first = next(events)
        if isinstance(first, yaml.StreamEndEvent):
            raise self.error(first, (), "the file is empty")
        if first.version or first.tags:
            raise self.error(first, (), "directives (%) are not read", remedy="leave the line out")
        root = next(events)
        if not isinstance(root, yaml.MappingStartEvent):
            raise self.error(root, (), "the file must be a mapping of keys to values")
        data: dict[str, Any] = self.value(root, events, ())
        next(events)  # the end of the document
        more = next(events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise self.error(more, (), "a file holds one document", remedy="move the second to its own file")
        return data

    def value(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        """The value that begins with `event`; takes its own events from the stream and no more."""
        self.refuse_extras(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if len(path) >= DEPTH_MAX:
            raise self.error(event, path[:3], f"nesting deeper than {DEPTH_MAX} levels is not read")
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, path)
        return self.mapping(events, path)

    def sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        """The items up to the end of this list."""
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            where = (*path, len(items))
            self.lines[where] = event.start_mark.line + 1
            items.append(self.value(event, events, where))
        return items

    def mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        """The pairs up to the end of this mapping."""
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.key(event, path)
            where = (*path, key)
            if key in found:
                raise self.error(event, where, f"the key {key!r} stands twice", remedy="keep one of them")
            self.lines[where] = event.start_mark.line + 1
            found[key] = self.value(next(events), events, where)
        return found

    def key(self, event: Any, path: Path) -> str:
        """The text of a key."""
        self.refuse_extras(event, path)
        value = self.scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(value, str) or not value:
            raise self.error(event, path, "a key must be a text", remedy="put quotes around it")
        if value == "<<" and event.style is None:
            raise self.error(event, path, "merge keys (<<) are not read", remedy="write the keys out")
        return value

    def scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        """A text, a number, true, false or null, by the rules of YAML 1.2."""
        text = str(event.value).translate(_SHOW)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self.error(event, path, "half a surrogate pair is not a character")
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")) or text.lstrip("+-").isdigit():
                raise self.error(event, path, "this number is too large")
            return number
        return text

    def refuse_extras(self, event: Any, path: Path) -> None:
        """Refuse what makes YAML more than plain data."""
        if isinstance(event, yaml.AliasEvent):
            raise self.error(event, path, f"aliases (*{event.anchor}) are not read", remedy=_WRITE_OUT)
        if getattr(event, "anchor", None):
            raise self.error(event, path, f"anchors (&{event.anchor}) are not read", remedy=_WRITE_OUT)
        if getattr(event, "tag", None):
            tag = str(event.tag).translate(_SHOW).replace("tag:yaml.org,2002:", "!!")
            raise self.error(
                event,
                path,
                f"tags ({tag[:60]}) are not read",
                why="a workflow is plain data",
                remedy="remove the tag",
            )

    def error(self, event: Any, path: Path, what: str, *, why: str = "", remedy: str = "") -> ConfigError:
        """An error at the line of an event."""
        line = event.start_mark.line + 1
        return self.error_type(
            clipped(what), file=self.file, key=clipped(dotted(path)), line=line, why=why, remedy=remedy
        )


_WRITE_OUT = "write the value out where it is used"
