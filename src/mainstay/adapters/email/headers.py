"""Header fields as text: decoding of encoded words, unfolding, and cleaning of what must not be in one line.

Everything here is total: any bytes give some text, and what was odd about them is noted in a `Notes`. The
standard library's header classes are not used, since they raise on a few malformed fields and cost a
millisecond for each.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass, field

_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,80}\?[bBqQ]\?)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_BREAK = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_TURNING = re.compile(
    r"[\u202a-\u202e\u2066-\u2069]"
)  # changes of writing direction, which can disguise a file name

# Text codecs of Python that no mail uses, and some of which take quadratic time.
_NOT_FOR_MAIL = frozenset(
    {
        "idna",
        "punycode",
        "unicode-escape",
        "unicode_escape",
        "raw-unicode-escape",
        "raw_unicode_escape",
        "undefined",
        "utf-7",
    }
)
# What senders say and what they mean, as browsers read it.
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}


@dataclass(slots=True)
class Notes:
    """What was found wrong on the way; each defect is kept once, in the order of its finding."""

    defects: list[str] = field(default_factory=list)
    unknown_charset: bool = False

    def add(self, defect: str) -> None:
        """Remember a defect."""
        if defect not in self.defects and len(self.defects) < 50:
            self.defects.append(defect)


def decode_bytes(data: bytes, charset: str, notes: Notes) -> str:
    """Text of `data`. A charset nobody knows is read as UTF-8 if that fits, as Latin-1 otherwise, and
    noted."""
    name = _codec(charset) if charset else "utf-8"
    if name is None:
        notes.unknown_charset = True
        notes.add(f"unknown character set {charset[:40]!r}")
        name = "utf-8"
    try:
        return data.decode(name)
    except (UnicodeError, ValueError):
        pass
    if name == "utf-8":
        if charset:
            notes.add("bytes that do not fit the declared character set")
        return data.decode("latin-1")
    notes.add("bytes that do not fit the declared character set")
    return data.decode(name, "replace")


def _codec(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name
    except (LookupError, ValueError, UnicodeError):
        return None
    if name in _NOT_FOR_MAIL:
        return None
    name = _MEANT.get(name, name)
    try:
        b"a".decode(name)  # not of nothing: that succeeds for every name
    except LookupError:  # a codec, but not one of text: base64, zlib and the like
        return None
    except UnicodeError:
        pass  # one letter is too little for UTF-16
    return name


def header_text(raw: str, name: str, notes: Notes) -> str:
    """One line of text of a raw field (which may hold surrogates for 8-bit bytes), without anything that
    breaks lines."""
    text = raw
    if not text.isascii():
        text = decode_bytes(text.encode("utf-8", "surrogateescape"), "", notes)
    text = _words(_FOLD.sub("", text), notes)
    return one_line(text, name, notes).strip()


def one_line(text: str, name: str, notes: Notes) -> str:
    """`text` without line breaks and control characters; each kind found is noted, since it is never an
    accident."""
    if text.isprintable():
        return text
    broken = text.rstrip("\r\n")
    if _BREAK.search(broken):
        notes.add(f"line break inside {name}")
    broken = _BREAK.sub(" ", broken)
    if _CONTROL.search(broken):
        notes.add(f"control characters inside {name}")
        broken = _CONTROL.sub("", broken)
    if _TURNING.search(broken):
        notes.add(f"disguised writing direction inside {name}")
        broken = _TURNING.sub("", broken)
    return broken


def _words(text: str, notes: Notes) -> str:
    """Decode encoded words. Neighbours of one charset are joined as bytes first: some senders split in mid-
    character."""
    if "=?" not in text:
        return text
    text = _BETWEEN_WORDS.sub(r"\1", text)
    out: list[str] = []
    waiting, charset, end = b"", "", 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        data = _word_bytes(match.group(2).lower(), match.group(3), notes)
        if waiting and (between or match.group(1).lower() != charset):
            out.append(decode_bytes(waiting, charset, notes))
            waiting = b""
        out.append(between)
        waiting, charset, end = waiting + data, match.group(1).lower().split("*")[0], match.end()
    if waiting:
        out.append(decode_bytes(waiting, charset, notes))
    out.append(text[end:])
    return "".join(out)


def _word_bytes(encoding: str, content: str, notes: Notes) -> bytes:
    data = content.encode("utf-8", "replace")
    if encoding == "q":
        return binascii.a2b_qp(data.replace(b"_", b"=20"))
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        notes.add("broken encoded word in a header")
        return data
