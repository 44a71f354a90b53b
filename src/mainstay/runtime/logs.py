"""The director's log: one JSON object a line, in files that take turns, so that it never fills a disk.

Rules of this file:

- A line says when, how grave, what kind of thing (`event`, a name for programs: one for each place that logs), what
  in words (`said`), and of which run and task where it is about one.
- Words are our own. Of an exception that comes from elsewhere its type is told and never its text, which may quote a
  person: a server's refusal names whom it refused. Of our own errors what happened and what to do; why, only where no
  outside system has a say in it. What looks like an address is put out of sight all the same, and everything is cut.
  Bodies, subjects and secrets are in no record that gets here, and tracebacks show no values.
- Nothing that goes wrong with the log stops any work.
"""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from errno import errorcode
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import (
    ConfigError,
    DirectorError,
    LedgerError,
    MainstayError,
    Unavailable,
    WorkspaceError,
)
from mainstay.net.withheld import without_secrets

FILE = "director.log"
SAID_MAX = 1_000
FIELD_MAX = 80
EVENT_WORDS = 6
FIELDS = ("run", "task", "workflow", "act", "adapter", "error")  # of what a line is about: ids and names
# No outside system has a say in why these are raised.
_OF_OUR_OWN = (ConfigError, WorkspaceError, LedgerError, DirectorError, Unavailable)
_WORD = re.compile(r"[a-z][a-z0-9]*")
_VARIES = re.compile(r"%[-#0 +]*[0-9.]*[a-z]|'s\b")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]+@[^\s<>()\[\]\"',;:@]+")


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """When, level, what was said; of an exception type and place, never its text."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "at": int(record.created * 1_000_000),
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": event_of(record),
            "said": said_by(record),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if isinstance(value, int | str) and value != "":
                line[name] = value if isinstance(value, int) else discreet(value)[:FIELD_MAX]
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["exception"] = record.exc_info[0].__name__
            line["where"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames[-8:]]
        return json.dumps(line, ensure_ascii=False)


def event_of(record: logging.LogRecord) -> str:
    """What kind of thing it is: as it was named, else by the words of the place that logs, without what varies."""
    named = getattr(record, "event", None)
    if isinstance(named, str) and named:
        return discreet(named)[:FIELD_MAX]
    words = _WORD.findall(_VARIES.sub(" ", str(record.msg).lower()))
    return "_".join(words[:EVENT_WORDS])[:FIELD_MAX] or record.name


def said_by(record: logging.LogRecord) -> str:
    """What a record says, with nothing in it of what an exception from elsewhere says."""
    args = record.args
    if isinstance(record.msg, BaseException):
        return discreet(of_error(record.msg))
    if not isinstance(args, tuple) or not any(isinstance(one, BaseException) for one in args):
        return discreet(record.getMessage())
    safe = tuple(of_error(one) if isinstance(one, BaseException) else one for one in args)
    try:
        return discreet(str(record.msg) % safe)
    except (TypeError, ValueError):
        return discreet(str(record.msg))


def of_error(error: BaseException) -> str:
    """As much of an error as may be kept."""
    if isinstance(error, MainstayError):
        why = error.why if isinstance(error, _OF_OUR_OWN) else ""
        return " ".join(part for part in (error.what, why, error.remedy) if part)
    if isinstance(error, OSError) and error.errno is not None and error.errno in errorcode:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"  # the system's words, not those of the error
    return type(error).__name__


def discreet(text: str) -> str:
    """On one line, cut, without addresses of people."""
    return _ADDRESS.sub("[address]", " ".join(without_secrets(text).split()))[:SAID_MAX]


class LogFile(RotatingFileHandler):
    """A file that only its owner reads, and that is silent about its own failures."""

    def _open(self) -> Any:
        opened = super()._open()
        os.fchmod(opened.fileno(), 0o600)
        return opened

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """A full disk costs lines of the log, and nothing else."""


def log_to(folder: Path, *, size_mb: int, count: int, level: str = "info") -> LogFile | None:
    """Write what the director says into `folder` from now on, from this level up; None where that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = LogFile(
            folder / FILE,
            maxBytes=size_mb * 1_000_000,
            backupCount=count,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError:
        return None
    handler.setFormatter(Lines())
    handler.setLevel(level.upper())
    logger = logging.getLogger("mainstay")
    logger.addHandler(handler)
    if logger.level == logging.NOTSET or logger.level > handler.level:
        logger.setLevel(min(logging.INFO, handler.level))
    return handler


def stop_logging(handler: LogFile | None) -> None:
    """Close it."""
    if handler is not None:
        logging.getLogger("mainstay").removeHandler(handler)
        with suppress(OSError):  # what was not written yet may find no room
            handler.close()


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Every line there is, oldest first. What is no line of ours is left out."""
    for path in files(folder):
        try:
            with path.open(encoding="utf-8", errors="replace") as opened:
                yield from parsed(opened)
        except OSError:
            continue  # it was turned over while we looked


def files(folder: Path) -> list[Path]:
    """The log's files, oldest first."""
    old = sorted(
        (path for path in folder.glob(f"{FILE}.*") if path.suffix[1:].isdigit()),
        key=lambda path: -int(path.suffix[1:]),
    )
    return [*old, *([folder / FILE] if (folder / FILE).exists() else [])]


def parsed(raw: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Lines of text as records."""
    for line in raw:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and {"at", "level", "said"} <= found.keys():
            yield found  # lines of earlier versions name no event
