"""Bytes of a text file as text: which encoding it is in, and whether it is a text at all.

Rules of this file: a byte-order mark decides; then UTF-8 where the bytes are that; then UTF-16 where every other byte
is empty; then Windows-1252, which every Western file of the last century is in. What has more control characters than
a text is refused as no text.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from mainstay.kernel.errors import DocumentError

_MARKS = (  # the longer ones first: a mark of UTF-16 begins one of UTF-32
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 200_000
_CONTROL_SHARE_MAX = 0.01
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")


def decoded(path: Path, content: bytes) -> tuple[str, str]:
    """The text with plain line ends, and a note where its encoding had to be guessed. Raises `DocumentError`."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if encoding:
        return _plain(content.decode(encoding, "replace")), ""
    if b"\x00" in content[:_LOOKED_AT]:
        wide = _wide(content[:_LOOKED_AT])
        if not wide:
            raise _no_text(path)
        return _plain(content.decode(wide, "replace")), f"it was read as {wide.upper()}"
    sample = content[:_LOOKED_AT]
    if len(sample.translate(None, _CONTROLS)) < len(sample) * (1 - _CONTROL_SHARE_MAX):
        raise _no_text(path)
    try:
        return _plain(content.decode("utf-8")), ""
    except UnicodeDecodeError as error:
        # A UTF-8 file with one broken byte late in it is still one.
        if not content[: error.start].isascii():
            return _plain(content.decode("utf-8", "replace")), "some of its bytes are no UTF-8"
        return _plain(content.decode("cp1252", "replace")), "it was read as Windows-1252"


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: of Western text every other byte is empty."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\x00", "")


def _no_text(path: Path) -> DocumentError:
    return DocumentError(
        f"{path.name} is no text: it holds bytes that no text has",
        why="Markdown, text, HTML and PDF are read",
        remedy="export it as one of these, and import that",
        file=str(path),
    )
