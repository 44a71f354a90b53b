"""Texts as they were meant where they were written around a filter: letters of other alphabets, digits for letters,
letters set apart, and text packed into base64.

Rules of this file: pure, total, bounded; it only reads. Each reading is given beside the text itself and never in its
place, so an ordinary text loses nothing by being read twice. The table of look-alikes is our own and short: letters
that stand for a Latin one in most typefaces. What no person would see is taken out by `flags.folded` before.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata

READING_MAX = 20_000  # characters
PACKED_MAX = 20  # pieces of base64 that are opened

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_LOOKALIKES = {
    "a": "аɑαаạ",
    "b": "ЬьƄвҌ",
    "c": "сϲⅽᴄ",
    "d": "ԁⅾɗ",
    "e": "еҽℯєε",
    "f": "ƒғ",
    "g": "ɡցġ",
    "h": "һհ",
    "i": "іıɩιíìї",
    "j": "јʝ",
    "k": "κкӄ",
    "l": "ӏⅼʟɭłⲓ",
    "m": "мⅿʍ",
    "n": "ոпղη",
    "o": "оοσօᴏ০",
    "p": "рρϸ",
    "q": "ԛգ",
    "r": "гᴦɾг",
    "s": "ѕꜱʂ",
    "t": "тτƭ",
    "u": "υսᴜц",
    "v": "νѵᴠ",
    "w": "ԝωѡɯ",
    "x": "хχҳ",
    "y": "уүγყ",
    "z": "ᴢʐ",
}
_AS_LATIN = {ord(other): latin for latin, others in _LOOKALIKES.items() for other in others}
_FOREIGN = frozenset(map(chr, _AS_LATIN))
_WORD = re.compile(r"[^\W\d_]+")
_DIGITS = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
)
_SPELLED = re.compile(r"(?<!\S)(?=\S*[a-z])(?=\S*[01345789@$!])[a-z01345789@$!]{4,30}(?=[.,;:?]?(?:\s|$))")
_APART = re.compile(r"(?<![^\W_])(?:[^\W\d_]([ .\-_*·|])(?:[^\W\d_]\1){2,30}[^\W\d_])(?![^\W_])")
_WIDE = re.compile(
    r"(?<![^\W_])(?:[^\W\d_] ){2,20}[^\W\d_](?:\s{2,}(?:[^\W\d_]{2,12}|(?:[^\W\d_] ){1,20}[^\W\d_])(?![^\W_])){1,20}"
)
_PACKED = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,4000}={0,2}(?![\w+/=])")


def readings(text: str) -> tuple[str, ...]:
    """What `text`, folded, may have been meant to say, where that is something else than it says."""
    found: dict[str, None] = {}
    for form in (_relettered(text), _apart(text), _spelled(_relettered(text))):
        if form != text:
            found[form] = None
    return tuple(found)


def unpacked(text: str) -> str:
    """The readable texts that were packed into base64 or numbered letters; empty where there are none."""
    pieces = [
        _opened(match[0])
        for match, _ in zip(_PACKED.finditer(text[:READING_MAX]), range(PACKED_MAX), strict=False)
    ]
    unescaped = html.unescape(text[:READING_MAX]) if "&#" in text else ""
    return "\n".join(filter(None, (*pieces, unescaped)))


def unaccented(text: str) -> str:
    """Without accents, as many people write and as rules are compared."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


def drawn_together(text: str) -> str:
    """Words whose letters stand apart, with wider gaps between the words, as words. For text before it is folded."""
    return _WIDE.sub(lambda run: re.sub(r"\s{2,}", "\n", run[0]).replace(" ", "").replace("\n", " "), text)


def _relettered(text: str) -> str:
    """Words that mix Latin letters with look-alikes, or consist of look-alikes alone, in Latin letters."""
    if text.isascii():
        return text
    return _WORD.sub(lambda word: _latin(word[0]), text)


def _latin(word: str) -> str:
    if not any(char in _FOREIGN for char in word):
        return word
    plain = word.translate(_AS_LATIN)
    # An honest Russian or Greek word has letters that look like nothing Latin.
    return plain if all(char in _LATIN for char in unaccented(plain)) else word


def _apart(text: str) -> str:
    return _APART.sub(lambda run: run[0].replace(run[1], ""), text)


def _spelled(text: str) -> str:
    return _SPELLED.sub(lambda word: word[0].translate(_DIGITS), text)


def _opened(piece: str) -> str:
    # A word, a path or an identifier is no packed text: it decodes to bytes that nobody reads.
    padded = piece.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
        text = data.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    readable = sum(char.isalpha() or char in " .,:;!?'\n" for char in text)
    return text if " " in text and readable >= len(text) * 0.85 else ""
