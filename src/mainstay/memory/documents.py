"""Documents for memory: a file becomes chunks, and each chunk can be cited by its place.

Rules of this file: deterministic, bounded in size and time, and clear about what it cannot read: every refusal is a
`DocumentError` that says what the file is and what to do. What a person would not see of a document is not read.
How a text is cut stands in `chunks`; PDF files are taken apart in `pdf`, by a process of their own. Where a chunk is
stored, and by whom, is decided elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.kernel.errors import DocumentError
from mainstay.memory.chunks import Chunk, Passage, chunked
from mainstay.memory.decoding import decoded
from mainstay.memory.markdown import passages_of_markdown, passages_of_text
from mainstay.memory.pdf import read_pdf
from mainstay.net.hypertext import Line, read_html

TEXT_BYTES_MAX = 20_000_000
PDF_BYTES_MAX = 100_000_000
CHUNK_MAX = 50_000
HTML_TAG_MAX = 200_000  # the parser takes quadratic time only on tags that nest, which documents do not
HTML_DEEP_TAG_MAX = 20_000

KINDS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".rst": "text",
    ".htm": "html",
    ".html": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}

# What files begin with that people take for documents, and what can be done with them.
_FOREIGN = (
    (b"PK\x03\x04", "an office document or an archive", "save it as PDF, Markdown or text, and import that"),
    (b"\xd0\xcf\x11\xe0", "an old office document", "save it as PDF, Markdown or text, and import that"),
    (b"{\\rtf", "a rich text file", "save it as PDF or text, and import that"),
    (b"\x89PNG", "a picture", "have its text recognised first (OCR), and import the result"),
    (b"\xff\xd8\xff", "a picture", "have its text recognised first (OCR), and import the result"),
    (b"GIF8", "a picture", "have its text recognised first (OCR), and import the result"),
    (b"\x1f\x8b", "a compressed file", "unpack it, and import what is in it"),
    (b"SQLite format 3", "a database", "export what shall be remembered as text"),
)

Progress = Callable[[int, int], None]  # done, and of how many: pages of a PDF, bytes of anything else


@dataclass(frozen=True, slots=True)
class Document:
    """A document as chunks. `digest` is that of the file; `notes` say what of it could not be read."""

    title: str
    kind: str  # markdown, text, html, pdf
    digest: str  # sha256 of the bytes, in hex
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...] = ()


def read_document(path: Path, raw: bytes | None = None, *, progress: Progress | None = None) -> Document:
    """The document in `path`, or in `raw` under that name. Raises `DocumentError` for what cannot be read."""
    content = _content(path) if raw is None else raw
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise DocumentError(
            f"{path.name} is empty", remedy="check that it was saved, and import it again", file=str(path)
        )
    kind = _kind(path, content)
    _bounded(path, len(content), PDF_BYTES_MAX if kind == "pdf" else TEXT_BYTES_MAX)
    title, passages, notes = _read(path, kind, content, progress)
    chunks = tuple(chunked(passages, chunk_max=CHUNK_MAX + 1))
    if not chunks:
        raise DocumentError(
            f"{path.name} has no text that a person could read",
            remedy="import a file that has some",
            file=str(path),
        )
    if len(chunks) > CHUNK_MAX:
        raise DocumentError(
            f"{path.name} gives more than {CHUNK_MAX:,} pieces",
            remedy="split it, and import the parts that matter",
            file=str(path),
        )
    return Document(title or path.stem, kind, hashlib.sha256(content).hexdigest(), chunks, notes)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            why = "it is a folder" if path.is_dir() else "there is no such file"
            raise DocumentError(
                f"{path} cannot be read", why=why, remedy="name a file that is there", file=str(path)
            )
        _bounded(path, path.stat().st_size, PDF_BYTES_MAX)
        with path.open("rb") as file:
            return file.read(PDF_BYTES_MAX + 1)
    except OSError as error:
        raise DocumentError(
            f"{path} cannot be read",
            why=error.strerror or type(error).__name__,
            remedy="check the file and its permissions",
            file=str(path),
        ) from error


def _bounded(path: Path, size: int, size_max: int) -> None:
    if size > size_max:
        raise DocumentError(
            f"{path.name} has {size / 1e6:,.0f} MB, and at most {size_max / 1e6:,.0f} MB are read of such a file",
            remedy="split it, and import the parts that matter",
            file=str(path),
            size=size,
        )


def _kind(path: Path, content: bytes) -> str:
    """By what is in the file first: a name can lie."""
    # The header may stand behind a little rubbish; readers of PDF files look so far.
    if b"%PDF-" in content[:1024]:
        return "pdf"
    for start, what, remedy in _FOREIGN:
        if content.startswith(start):
            raise DocumentError(
                f"{path.name} is {what}",
                why="Markdown, text, HTML and PDF are read",
                remedy=remedy,
                file=str(path),
            )
    named = KINDS.get(path.suffix.lower(), "")
    if named == "pdf":
        raise DocumentError(
            f"{path.name} is no PDF file, whatever its name says",
            remedy="export it as PDF again, or give it the name of what it is",
            file=str(path),
        )
    if not named and content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return "html"
    return named or "text"


def _read(
    path: Path, kind: str, content: bytes, progress: Progress | None
) -> tuple[str, Iterator[Passage], tuple[str, ...]]:
    if kind == "pdf":
        book = read_pdf(path, content, progress=progress)
        return book.title, iter(book.passages), book.notes
    text, note = decoded(path, content)
    notes = (note,) if note else ()
    tell = _telling(progress, len(text), len(content))
    if kind == "html":
        page = read_html(text, char_max=len(text), tag_max=_tag_max(text))
        cut = ("it is too large to be read whole: the end is missing",) if page.cut else ()
        return page.title, tell(_passages_of_lines(page.lines)), notes + cut
    if kind == "markdown":
        title, passages = passages_of_markdown(text)
        return title, tell(passages), notes
    return "", tell(passages_of_text(text)), notes


def _tag_max(text: str) -> int:
    # Many more opened than closed: nothing but nesting, or an attempt at the parser.
    opened, closed = text.count("<"), text.count("</")
    return HTML_TAG_MAX if closed * 4 >= opened else HTML_DEEP_TAG_MAX


def _telling(
    progress: Progress | None, chars: int, size: int
) -> Callable[[Iterator[Passage]], Iterator[Passage]]:
    """Passages as they come, telling how many bytes of the file they amount to."""

    def tell(passages: Iterator[Passage]) -> Iterator[Passage]:
        done = told = 0
        for passage in passages:
            yield passage
            done += len(passage.text)
            if progress is not None and done - told >= 200_000:
                told = done
                progress(min(size, done * size // max(1, chars)), size)
        if progress is not None:
            progress(size, size)

    return tell


def _passages_of_lines(lines: tuple[Line, ...]) -> Iterator[Passage]:
    """The visible lines of a page: headings make the place, lines between empty ones are a paragraph."""
    headings: list[tuple[int, str]] = []
    paragraph: list[str] = []
    number = 0
    for line in (*lines, Line("")):
        if line.text and not line.level:
            paragraph.append(line.text)
            continue
        if paragraph:
            number += 1
            heading = " > ".join(text for _, text in headings)
            yield Passage("\n".join(paragraph), heading or f"paragraph {number}", heading)
            paragraph = []
        if line.level:
            headings = [one for one in headings if one[0] < line.level] + [(line.level, line.text)]
