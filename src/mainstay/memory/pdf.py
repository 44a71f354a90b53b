"""PDF files as passages with their pages, read by a process of its own that cannot hang this one.

Rules of this file: the reader (`pdf_pages`) has limits on pages, memory and time, and is ended when the time is up;
whatever becomes of it, the answer is a document or a `DocumentError` that says what to do. Lines that stand at the top
or the foot of most pages are left out; words that were cut at the end of a line are joined.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import DocumentError, Unavailable
from mainstay.memory.chunks import Passage

PAGE_MAX = 3_000
MEMORY_MAX = 1_500_000_000  # bytes
TIMEOUT_S = 120.0
LINE_BYTES_MAX = 2_000_000  # of what the reader may say in one line

_READER = Path(__file__).with_name("pdf_pages.py")
_INSTALL = "install it with: pip install 'mainstay[documents]'"
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_CUT_WORD = re.compile(r"(\w)[-\u00ad\u2010]\n(?=[^\W\d_])(?=\w*[a-zß-ÿ])")
_DIGITS = re.compile(r"\d+")
_EDGE_PAGES_MIN, _EDGE_SHARE_MIN = 4, 0.6


@dataclass(frozen=True, slots=True)
class Book:
    """What a PDF file says."""

    title: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()


def read_pdf(
    path: Path,
    content: bytes,
    *,
    progress: Callable[[int, int], None] | None = None,
    page_max: int = PAGE_MAX,
    timeout_s: float = TIMEOUT_S,
) -> Book:
    """The text of a PDF file by pages. Raises `DocumentError`, and `Unavailable` without the reader."""
    pages: list[str] = []
    lost: list[int] = []
    title, total, ended = "", 0, False
    for said in _said(path, content, page_max, timeout_s):
        if "error" in said and "page" not in said:
            raise _refusal(path, said["error"], str(said.get("why", "")))
        if "pages" in said:
            title, total = str(said.get("title", "")), int(said["pages"])
        elif "page" in said:
            pages.append(str(said.get("text", "")))
            if "error" in said:
                lost.append(int(said["page"]))
            if progress is not None:
                progress(len(pages), total)
        ended = ended or bool(said.get("end"))
    if not ended:
        raise _refusal(path, "memory" if total else "damaged", "")
    if len(lost) == total and total:
        raise _refusal(path, "damaged", "no page of it can be read")
    empty = [number for number, text in enumerate(pages, 1) if not text.strip() and number not in lost]
    if len(empty) + len(lost) == total:
        raise _refusal(path, "scanned", "")
    notes = (
        *((f"without text, maybe scanned: {_numbers(empty)}",) if empty else ()),
        *((f"could not be read: {_numbers(lost)}",) if lost else ()),
    )
    return Book(title, tuple(_passages(pages)), notes)


def _said(path: Path, content: bytes, page_max: int, timeout_s: float) -> Iterator[dict[str, Any]]:
    """What the reader says, line by line, until it ends or its time is up."""
    command = [sys.executable, "-P", str(_READER), str(page_max), str(MEMORY_MAX), str(int(timeout_s) + 1)]
    known = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ
    }
    late = threading.Event()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=known | {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
    ) as reader:

        def end() -> None:
            late.set()
            reader.kill()

        assert reader.stdin is not None
        assert reader.stdout is not None
        deadline = threading.Timer(timeout_s, end)
        deadline.daemon = True
        # The file goes in from a thread: the reader may end before it has taken all of it.
        feeder = threading.Thread(target=_feed, args=(reader.stdin, content), daemon=True)
        deadline.start()
        feeder.start()
        try:
            while line := reader.stdout.readline(LINE_BYTES_MAX):
                yield _understood(path, line)
        finally:
            deadline.cancel()
            reader.kill()
            feeder.join()
    if late.is_set():
        raise _refusal(path, "time", f"{timeout_s:.0f} seconds")


def _feed(pipe: Any, content: bytes) -> None:
    try:
        with pipe:
            pipe.write(content)
    except OSError:
        return  # it ended first, and has said why


def _understood(path: Path, line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError as error:
        raise _refusal(path, "damaged", "") from error
    assert isinstance(said, dict)
    return said


def _refusal(path: Path, kind: str, why: str) -> DocumentError | Unavailable:
    name = path.name
    if kind == "missing":
        return Unavailable(
            f"{name} cannot be read", why="the reader of PDF files is not installed", remedy=_INSTALL
        )
    what, remedy = {
        "encrypted": (f"{name} is locked with a password", "save it without one, and import that"),
        "scanned": (
            f"{name} has no text: it seems to be scanned",
            "have its text recognised first (OCR), and import the result",
        ),
        "pages": (
            f"{name} has {why} pages, and at most {PAGE_MAX:,} are read",
            "split it, and import the parts",
        ),
        "text": (f"{name} has more text than is read of one file", "split it, and import the parts"),
        "time": (f"{name} was not read within {why}", "print it to a new PDF file, and import that"),
        "memory": (
            f"{name} needs more memory than a document may take",
            "print it to a new PDF file, and import that",
        ),
    }.get(kind, (f"{name} is a damaged PDF file", "open it, print it to a new PDF file, and import that"))
    return DocumentError(what, why=why if kind == "damaged" else "", remedy=remedy, file=str(path), kind=kind)


def _numbers(pages: Sequence[int]) -> str:
    shown = ", ".join(map(str, pages[:10]))
    more = f" and {len(pages) - 10} more" if len(pages) > 10 else ""
    return f"page{'s' if len(pages) > 1 else ''} {shown}{more}"


def _passages(pages: Sequence[str]) -> Iterator[Passage]:
    split = [[line.strip() for line in text.replace("\r", "\n").split("\n")] for text in pages]
    edges = _edges(split)
    for number, lines in enumerate(split, 1):
        kept = _without_edges(lines, edges)
        text = _CUT_WORD.sub(r"\1", "\n".join(kept))
        for paragraph in _BLANK.split(text):
            joined = " ".join(paragraph.split())
            if joined:
                yield Passage(joined, f"page {number}")


def _edge(line: str) -> str:
    """A running title in the form that all pages share: page numbers differ."""
    return _DIGITS.sub("#", line.casefold())


def _edges(pages: Sequence[Sequence[str]]) -> frozenset[str]:
    if len(pages) < _EDGE_PAGES_MIN:
        return frozenset()
    counted: Counter[str] = Counter()
    for lines in pages:
        said = [line for line in lines if line]
        counted.update({_edge(line) for line in (*said[:1], *said[-1:])})
    return frozenset(edge for edge, count in counted.items() if count >= len(pages) * _EDGE_SHARE_MIN)


def _without_edges(lines: Sequence[str], edges: frozenset[str]) -> Sequence[str]:
    said = [place for place, line in enumerate(lines) if line]
    if not edges or len(said) < 3:
        return lines
    dropped = {place for place in (said[0], said[-1]) if _edge(lines[place]) in edges}
    return [line for place, line in enumerate(lines) if place not in dropped]
