"""Labelled messages from a CSV file, and intents with their descriptions: what `evaluate triage` is given.

Rules of this file: all of it comes from outside, so every fault is named with its file and line, and nothing is
skipped in silence but lines that are blank. `oos` and `unknown` are labels for messages that belong to no intent.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.agents.triage.decision import UNKNOWN_WORDS
from mainstay.kernel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TEXT, LABELS = "text", ("label", "intent", "category")
_FIELD_MAX = 64 * 1024 * 1024
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message, and the intent that its operator would name."""

    id: str
    text: str
    label: str


def read_labelled(path: Path) -> tuple[Labelled, ...]:
    """The messages of a file in its order. Raises `ConfigError`."""
    rows = list(_rows(path))
    if not rows:
        raise ConfigError(
            "The file is empty.", file=str(path), remedy=f"Its first line names {TEXT} and label."
        )
    names = [name.strip().lower() for name in rows[0][1]]
    label = next((name for name in LABELS if name in names), None)
    if TEXT not in names or label is None:
        apart = next((mark for mark in ";\t" if len(names) == 1 and mark in names[0]), None)
        raise ConfigError(
            f"The columns are {', '.join(names)[:200]}; {TEXT} and {LABELS[0]} are needed.",
            file=str(path),
            line=rows[0][0],
            remedy=f"Name them in the first line, as in `{TEXT},{LABELS[0]}`."
            if apart is None
            else "Save it with commas between the columns: here it is another mark.",
        )
    messages = _messages(path, rows[1:], names.index(TEXT), names.index(label))
    if not messages:
        raise ConfigError("The file has no message below its first line.", file=str(path))
    return messages


def _messages(
    path: Path, rows: Sequence[tuple[int, list[str]]], text: int, label: int
) -> tuple[Labelled, ...]:
    messages, broken = list[Labelled](), list[int]()
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(text, label) or not row[text].strip() or not row[label].strip():
            broken.append(line)
            continue
        messages.append(Labelled(f"row:{len(messages) + 1}", row[text], row[label].strip()))
    if broken:
        named = ", ".join(map(str, broken[:_NAMED_MAX]))
        more = f" and {len(broken) - _NAMED_MAX} more" if len(broken) > _NAMED_MAX else ""
        raise ConfigError(
            f"{len(broken)} of the rows have no text or no label: in line {named}{more}.",
            file=str(path),
            line=broken[0],
            remedy="Fill or remove them; `oos` labels what belongs to no intent.",
        )
    return tuple(messages)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_FIELD_MAX)
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"The file is no CSV: {error}.",
            file=str(path),
            line=line,
            remedy="Close the quotation marks of that row.",
        ) from error


def read_descriptions(path: Path) -> dict[str, str]:
    """Intents and what they are about: JSON, a workspace's intents.toml, or CSV `id,description`."""
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return _from_toml(path)
    return _from_json(path) if suffix == ".json" else _from_csv(path)


def described(messages: Sequence[Labelled]) -> dict[str, str]:
    """The labels themselves as intents, their names read as words: `card_arrival` is "card arrival"."""
    labels = sorted({one.label for one in messages} - UNKNOWN_WORDS)
    return {label: label.replace("_", " ").replace("-", " ") for label in labels}


def _from_toml(path: Path) -> dict[str, str]:
    from mainstay.config.intents import read_intents

    found = read_intents(_bytes(path), str(path))
    return {one.id: f"{one.name}. {one.description}" for one in found}


def _from_json(path: Path) -> dict[str, str]:
    try:
        told = json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise ConfigError(f"The file is no JSON: {error}.", file=str(path), line=line) from error
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        raise ConfigError(
            "The file must be one object of texts.",
            file=str(path),
            remedy='Write {"id": "what it is about", …}.',
        )
    return _checked(path, told)


def _from_csv(path: Path) -> dict[str, str]:
    rows = list(_rows(path))
    names = [name.strip().lower() for name in rows[0][1]] if rows else []
    if "id" not in names or "description" not in names:
        raise ConfigError(
            "The columns id and description are needed.",
            file=str(path),
            line=1,
            remedy="Name them in the first line, or give a .json or .toml file.",
        )
    id, description = names.index("id"), names.index("description")
    found: dict[str, str] = {}
    for line, row in rows[1:]:
        if len(row) <= max(id, description) or not row[id].strip():
            raise ConfigError("The row has no id or no description.", file=str(path), line=line)
        found[row[id].strip()] = row[description]
    return _checked(path, found)


def _checked(path: Path, found: dict[str, str]) -> dict[str, str]:
    taken = sorted(UNKNOWN_WORDS & set(found))
    if taken:
        raise ConfigError(
            f"{taken[0]!r} cannot be the id of an intent: it stands for messages that belong to none.",
            file=str(path),
            remedy="Leave it out.",
        )
    if not found:
        raise ConfigError("The file names no intent.", file=str(path))
    return found


def _text(path: Path) -> str:
    raw = _bytes(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The file is not UTF-8: byte {error.start} means nothing there.",
            file=str(path),
            line=raw[: error.start].count(b"\n") + 1,
            remedy="Save it as UTF-8.",
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            "The file cannot be read.", file=str(path), why=why, remedy="Check the path and who may read it."
        ) from error
