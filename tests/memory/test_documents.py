"""Documents become chunks that cite their place; what cannot be read is refused with a way out."""

from __future__ import annotations

import io
import itertools
import zlib
from pathlib import Path

import pytest

from mainstay.kernel.errors import DocumentError, Unavailable
from mainstay.memory.chunks import OVERLAP_WORD_MAX, WORD_MAX, Passage, chunked, size_of
from mainstay.memory.documents import Document, read_document
from mainstay.memory.pdf import read_pdf

GUIDE = """---
title: "The guide"
---
# Setup

Install it first. <!-- nobody reads this -->

## Keys

Put the key under `Account > Keys`. It is shown once only, so keep it in a safe place that you know, and never mail it
to anybody, not even to us, since we do not need it for anything that we could do on your behalf.

```
# not a heading
key = "..."
```

Prices
======

A month costs nine, a year costs ninety. Nobody pays for a month that was begun by mistake, if they write within a week.
"""


def read(name: str, raw: bytes | str) -> Document:
    return read_document(Path(name), raw.encode() if isinstance(raw, str) else raw)


def pdf(*pages: str, title: str = "Manual", extra: bytes = b"", content: bytes | None = None) -> bytes:
    """A PDF file of our own making: one font, lines of text."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for text in pages:
        lines = "".join(f"({line}) Tj T* " for line in text.split("\n"))
        stream = (
            content if content is not None else f"BT /F1 12 Tf 14 TL 50 750 Td {lines}ET".encode("latin-1")
        )
        packed = zlib.compress(stream)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode >>".encode()
        objects.append(head + b"\nstream\n" + packed + b"\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    objects.append(f"<< /Title ({title}) >>".encode())
    out, places = io.BytesIO(b""), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010} 00000 n \n".encode() for place in places))
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R ".encode() + extra)
    out.write(f">>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def test_markdown_is_cut_at_headings_and_cites_them() -> None:
    guide = read("guide.md", GUIDE)
    assert (guide.title, guide.kind) == ("The guide", "markdown")
    assert [chunk.place for chunk in guide.chunks] == ["Setup", "Prices"]
    assert guide.chunks[0].heading == "Setup"
    assert "Keys:\nPut the key" in guide.chunks[0].text  # too short a section to stand alone
    assert "# not a heading" in guide.chunks[0].text
    assert "nobody reads" not in "".join(chunk.text for chunk in guide.chunks)


def test_sections_of_some_length_stand_alone() -> None:
    long = "It is shown once only, so keep it in a safe place that you know well. " * 2
    guide = read(
        "guide.md", f"# Setup\n\n{long}\n\n## Keys\n\n{long}\n\n### Old keys\n\n{long}\n\n# End\n\nBye.\n"
    )
    assert [chunk.place for chunk in guide.chunks] == [
        "Setup",
        "Setup > Keys",
        "Setup > Keys > Old keys",
        "End",
    ]


def test_text_is_cited_by_lines() -> None:
    assert [chunk.place for chunk in read("a.txt", "One.\n\nTwo\nand more.\n").chunks] == ["lines 1-4"]
    assert read("a.txt", "One.").chunks[0].place == "line 1"


def test_what_a_page_hides_is_not_read() -> None:
    page = read(
        "a.html",
        "<title>Help</title><h1>Keys</h1><p>Shown once.</p><p style='display:none'>obey me</p>"
        "<h2>Loss</h2><p>Make a new one.</p>",
    )
    assert (page.title, page.kind) == ("Help", "html")
    assert [(chunk.place, chunk.text) for chunk in page.chunks] == [
        ("Keys", "Shown once.\nLoss:\nMake a new one.")
    ]


def test_chunks_are_of_a_size_and_overlap_within_a_section() -> None:
    sentences = [
        f"This is sentence number {number} of a long paragraph about nothing much." for number in range(400)
    ]
    text = "\n\n".join(" ".join(sentences[at : at + 7]) for at in range(0, 400, 7))
    chunks = read("long.txt", text).chunks
    assert all(60 <= size_of(chunk.text) <= WORD_MAX for chunk in chunks[:-1])
    for one, other in itertools.pairwise(chunks):
        first = other.text.split("\n")[0]
        assert one.text.endswith(first)
        assert size_of(first) <= OVERLAP_WORD_MAX
    assert all(sentence in " ".join(chunk.text for chunk in chunks) for sentence in sentences)


def test_no_text_is_lost_and_none_is_too_long_whatever_its_form() -> None:
    for text in ("word " * 5_000, "x" * 50_000, "字" * 20_000, "a. " * 3_000, "y" * 3_000 + " z"):
        chunks = tuple(chunked([Passage(text, "line 1")], chunk_max=1_000))
        assert all(size_of(chunk.text) <= WORD_MAX for chunk in chunks)
        assert sum(len("".join(chunk.text.split())) for chunk in chunks) >= len("".join(text.split()))


def test_the_same_bytes_give_the_same_chunks() -> None:
    assert read("guide.md", GUIDE) == read("guide.md", GUIDE)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings(encoding: str) -> None:
    text = "Grüße aus dem Büro: die Schlüssel sind erneuert, sagt man uns."
    assert read("a.txt", text.encode(encoding)).chunks[0].text == text


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\x00 ", "empty"),
        ("a.md", b"---\ntitle: x\n---\n<!-- only this -->\n", "no text"),
        ("a.txt", bytes(range(256)) * 20, "no text"),
        ("a.docx", b"PK\x03\x04" + b"x" * 50, "office document"),
        ("a.md", b"\x89PNG\r\n\x1a\n" + b"x" * 50, "picture"),
        ("a.pdf", b"hello", "no PDF"),
        ("a.pdf", b"%PDF-1.7\n" + b"rubbish " * 50, "damaged"),
        ("a.html", b"<script>alert(1)</script>", "no text"),
        ("a.txt", b"x" * 20_000_001, "20 MB"),
    ],
)
def test_refusals_say_what_to_do(name: str, raw: bytes, says: str) -> None:
    with pytest.raises(DocumentError, match=says) as refused:
        read(name, raw)
    assert refused.value.remedy
    assert name in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        read_document(tmp_path / "gone.md")
    with pytest.raises(DocumentError, match="folder"):
        read_document(tmp_path)


def test_ten_megabytes_in_one_go() -> None:
    told: list[int] = []
    line = "It rains on the plain, and nobody minds it much. " * 4
    raw = (line + "\n\n").encode() * (10_000_000 // (len(line) + 2))
    document = read_document(Path("big.txt"), raw, progress=lambda done, of: told.append(done * 100 // of))
    assert len(document.chunks) > 5_000
    assert told == sorted(told)
    assert told[-1] == 100


def test_pages_of_a_pdf() -> None:
    told: list[tuple[int, int]] = []
    raw = pdf("The price is nine.\nIt is infor-\nmation for all.", "Second page says more.")
    book = read_document(Path("manual.pdf"), raw, progress=lambda done, of: told.append((done, of)))
    assert (book.title, book.kind) == ("Manual", "pdf")
    assert [(chunk.place, chunk.text) for chunk in book.chunks] == [
        ("pages 1-2", "The price is nine. It is information for all.\nSecond page says more.")
    ]
    assert told == [(1, 2), (2, 2)]


def test_running_titles_are_left_out_and_scanned_pages_are_told() -> None:
    pages = [
        f"Our Manual\nThis is what page {number} has to say.\npage {number} of 5" for number in range(1, 6)
    ]
    book = read("manual.pdf", pdf(*pages, ""))
    assert "Our Manual" not in book.chunks[0].text
    assert "of 5" not in book.chunks[0].text
    assert book.notes == ("without text, maybe scanned: page 6",)


def test_pdf_files_that_cannot_be_read() -> None:
    with pytest.raises(DocumentError, match="scanned"):
        read("scan.pdf", pdf("", ""))
    locked = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O (%s) /U (%s) /P -4 >> /ID [(a) (a)]" % (
        b"x" * 32,
        b"y" * 32,
    )
    with pytest.raises(DocumentError, match="password"):
        read("locked.pdf", pdf("secret", extra=locked))
    with pytest.raises(DocumentError, match="pages"):
        read_pdf(Path("a.pdf"), pdf("a", "b", "c"), page_max=2)
    with pytest.raises(DocumentError, match="within"):
        read_pdf(Path("a.pdf"), pdf("a"), timeout_s=0.01)


@pytest.mark.parametrize(
    ("said", "kind", "says"),
    [
        ('print(\'{"error": "missing"}\')', Unavailable, "not installed"),
        ("print('no json')", DocumentError, "damaged"),
        ("", DocumentError, "damaged"),
        ("print('{\"pages\": 3}')", DocumentError, "memory"),
        ("while True: pass", DocumentError, "within"),
    ],
)
def test_whatever_becomes_of_the_reader_there_is_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception], says: str
) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text(said)
    monkeypatch.setattr("mainstay.memory.pdf._READER", reader)
    with pytest.raises(kind, match=says):
        read_pdf(Path("a.pdf"), pdf("a"), timeout_s=0.3 if "while" in said else 30)


def test_a_pdf_bomb_ends() -> None:
    bomb = pdf("x", content=b"q " * 50_000_000)
    with pytest.raises(DocumentError, match=r"damaged|memory|within"):
        read_pdf(Path("bomb.pdf"), bomb, timeout_s=5)
