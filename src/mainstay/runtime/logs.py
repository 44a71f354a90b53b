"""The director's log: one JSON object a line, in files that take turns, so that it never fills a disk.

Rules of this file:

- A line says when, how grave and what. `said` comes from our own words and from errors, whose texts name machines,
  paths and classes of failure; it is cut, and what looks like an address is put out of sight: a server's refusal quotes
  whom it refused. Bodies, subjects and secrets are in no record that gets here, and tracebacks show no values.
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
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

FILE = "director.log"
SAID_MAX = 1_000
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]+@[^\s<>()\[\]\"',;:@]+")


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """When, level, what was said; of an exception type and place, never its text."""
        line: dict[str, Any] = {
            "at": int(record.created * 1_000_000),
            "level": record.levelname.lower(),
            "said": discreet(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["exception"] = record.exc_info[0].__name__
            line["where"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames[-8:]]
        return json.dumps(line, ensure_ascii=False)


def discreet(text: str) -> str:
    """On one line, cut, without addresses of people."""
    return _ADDRESS.sub("[address]", " ".join(text.split()))[:SAID_MAX]


class LogFile(RotatingFileHandler):
    """A file that only its owner reads, and that is silent about its own failures."""

    def _open(self) -> Any:
        opened = super()._open()
        os.fchmod(opened.fileno(), 0o600)
        return opened

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """A full disk costs lines of the log, and nothing else."""


def log_to(folder: Path, *, size_mb: int, count: int) -> LogFile | None:
    """Write what the director says into `folder` from now on; None where that cannot be."""
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
    logger = logging.getLogger("mainstay")
    logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
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
        except ValueError:
            continue
        if isinstance(found, dict) and {"at", "level", "said"} <= found.keys():
            yield found
