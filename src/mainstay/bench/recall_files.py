"""The two files of `mainstay evaluate recall`: records in order, and questions with the records that answer them.

JSON lines from outside: every line is checked, and what is wrong is told with file and line, all of it at once up to
`PROBLEMS_MAX`. Nothing is guessed and nothing skipped, since a measurement of half a file is worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import Instant
from mainstay.memory.loose_time import read_time

PROBLEMS_MAX = 10
_RECORD = (
    'a record is {"id": "m1", "text": "...", "actor": "...", "time": "2026-05-04T10:00", "thread": "..."}'
)
_QUESTION = 'a question is {"question": "...", "evidence": ["m1"], "thread": "..."}; "thread" may be left out'


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the records."""

    id: str
    text: str
    actor: str
    at: Instant
    thread: str


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the questions."""

    text: str
    evidence: tuple[str, ...]
    thread: str


@dataclass(frozen=True, slots=True)
class RecallFiles:
    """What was read. `untimed` records have a time that cannot be read, or none."""

    records: tuple[Record, ...]
    questions: tuple[Question, ...]
    untimed: int


def read_files(records: Path, questions: Path) -> RecallFiles:
    """Both files. Raises `ConfigError` with every problem found, by file and line."""
    problems: list[ConfigError] = []
    found: dict[str, Record] = {}
    for line, data in _lines(records, problems, _RECORD):
        record = _record(data, records, line, problems)
        if record is not None and record.id in found:
            problems.append(
                _wrong(records, line, "id", f"the id {record.id[:80]!r} stands in an earlier line already")
            )
        elif record is not None:
            found[record.id] = record
    _stop(problems, records, found, "no record", _RECORD)
    threads = {record.thread for record in found.values()}
    asked = []
    for line, data in _lines(questions, problems, _QUESTION):
        question = _question(data, questions, line, problems, found.keys(), threads)
        if question is not None:
            asked.append(question)
    _stop(problems, questions, asked, "no question", _QUESTION)
    return RecallFiles(tuple(found.values()), tuple(asked), sum(not record.at for record in found.values()))


def _lines(path: Path, problems: list[ConfigError], example: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.strip():
                    continue
                if len(problems) >= PROBLEMS_MAX:
                    return
                data = _object(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
                if isinstance(data, dict):
                    yield number, data
                else:
                    problems.append(_wrong(path, number, "", data, example))
    except OSError as error:
        raise ConfigError(
            "The file cannot be read",
            file=str(path),
            why=str(error.strerror or error),
            remedy="Check the path.",
        ) from error


def _object(raw: bytes) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with it."""
    try:
        data = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return "the line is not UTF-8 text"
    except (ValueError, RecursionError) as error:
        return f"the line is not JSON ({str(error)[:120]})"
    return data if isinstance(data, dict) else "the line is JSON, but no object"


def _record(data: dict[str, Any], path: Path, line: int, problems: list[ConfigError]) -> Record | None:
    before = len(problems)
    name = data.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name:
        problems.append(_wrong(path, line, "id", "there is no id, or it is no text", _RECORD))
    if not isinstance(data.get("text"), str):
        problems.append(_wrong(path, line, "text", "there is no text", _RECORD))
    actor, thread = (_text(data.get(key)) for key in ("actor", "thread"))
    if len(problems) > before:
        return None
    return Record(str(name), data["text"], actor, read_time(data.get("time")), thread)


def _question(
    data: dict[str, Any], path: Path, line: int, problems: list[ConfigError], ids: Any, threads: set[str]
) -> Question | None:
    before = len(problems)
    text, evidence, thread = data.get("question"), data.get("evidence"), _text(data.get("thread"))
    if not isinstance(text, str) or not text.strip():
        problems.append(_wrong(path, line, "question", "there is no question", _QUESTION))
    if not isinstance(evidence, list) or not evidence:
        problems.append(_wrong(path, line, "evidence", "there is no list of ids", _QUESTION))
        evidence = []
    named = tuple(dict.fromkeys(map(_text, evidence)))
    problems += [
        _wrong(path, line, "evidence", f"no record has the id {one[:80]!r}")
        for one in named
        if one not in ids
    ]
    if thread and thread not in threads:
        problems.append(_wrong(path, line, "thread", f"no record is in the thread {thread[:80]!r}"))
    return Question(str(text), named, thread) if len(problems) == before else None


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _wrong(path: Path, line: int, key: str, what: str, example: str = "") -> ConfigError:
    return ConfigError(what, file=str(path), line=line, key=key, remedy=example)


def _stop(problems: list[ConfigError], path: Path, found: Any, nothing: str, example: str) -> None:
    if not problems and not found:
        raise ConfigError(f"The file has {nothing}", file=str(path), remedy=example)
    if problems:
        first, *rest = problems[:PROBLEMS_MAX]
        first.also = tuple(rest)
        raise first
