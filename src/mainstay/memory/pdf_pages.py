"""The process that takes a PDF file apart: bytes on standard input, one JSON line for each page on standard output.

A PDF file is a program in a dozen formats, and hostile ones exist. So this runs apart, with limits of its own on
memory, processor time and written files, and is told nothing of the workspace: no path, no variables. It is
started by file, imports nothing of Mainstay, and is ended from outside where it takes too long.

First line: `{"pages": n, "title": "…"}` or `{"error": kind, "why": "…"}`; then `{"page": 1, "text": "…"}` for each
page, with `"error"` in place of the text where a page cannot be read; last `{"end": true}`.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
import warnings
from typing import Any

PAGE_CHAR_MAX = 200_000
TEXT_CHAR_MAX = 20_000_000


def main() -> int:
    """Read, and say what was found."""
    page_max, memory_max, cpu_s = (int(value) for value in sys.argv[1:4])
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    try:
        import pypdf
    except ImportError:
        return _say(error="missing")
    _limit(memory_max, cpu_s)
    try:
        return _read(pypdf, sys.stdin.buffer.read(), page_max)
    except MemoryError:
        return _say(error="memory")
    except RecursionError:
        return _say(error="damaged", why="it is nested without end")
    except Exception as error:  # the reader is not ours, and hostile files are made to break it
        return _say(error="damaged", why=type(error).__name__)


def _limit(memory_max: int, cpu_s: int) -> None:
    for kind, value in (
        (resource.RLIMIT_AS, memory_max),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # not every system has every limit; the deadline outside holds anyway


def _read(pypdf: Any, content: bytes, page_max: int) -> int:
    reader = pypdf.PdfReader(io.BytesIO(content))
    # Many files are locked against changes alone, and open with no password.
    if reader.is_encrypted and not reader.decrypt(""):
        return _say(error="encrypted")
    pages = len(reader.pages)
    if pages > page_max:
        return _say(error="pages", why=str(pages))
    _say(pages=pages, title=_title(reader))
    total = 0
    for number in range(pages):
        try:
            text = reader.pages[number].extract_text()[:PAGE_CHAR_MAX]
        except MemoryError:
            raise
        except (Exception, RecursionError) as error:
            _say(page=number + 1, error=type(error).__name__)
            continue
        total += len(text)
        if total > TEXT_CHAR_MAX:
            return _say(error="text")
        # Half of a pair of code units is no character, and no JSON that others read.
        _say(page=number + 1, text=text.encode("utf-8", "replace").decode("utf-8"))
    return _say(end=True)


def _title(reader: Any) -> str:
    try:
        return " ".join(str(reader.metadata.title or "").split())[:200] if reader.metadata else ""
    except Exception:  # a title is not worth a document
        return ""


def _say(**fields: Any) -> int:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
