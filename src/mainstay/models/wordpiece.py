"""Text to token ids for uncased BERT vocabularies: clean, split, then take the longest known pieces.

Rules of the file: pure Python on the standard library, equal to the reference tokenizer token for token.
Where the published descriptions of the algorithm differ, the reference's behaviour rules: unassigned code
points are kept, private ones removed, and lower-casing looks at one character at a time (a Greek word that
ends in Σ gets σ, not ς).

Two differences are deliberate. `[CLS]`, `[SEP]` and the like in a text are ordinary characters and never
the special tokens, since text from outside has no say over structure. And only the first `TEXT_CHAR_MAX`
characters are read, so that a mail of 50 MB costs no more than a long one: the model itself sees no more
than the first 254 pieces.

Characters that Unicode added after the reference froze its tables may differ in scripts that the vocabulary
does not hold; both sides then say unknown, in a different number of pieces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

TOKENIZER_VERSION = 1
TOKEN_MAX = 256
TEXT_CHAR_MAX = 20_000

_WORD_CHAR_MAX = 100
_PAD, _UNKNOWN, _START, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"

# Blocks of ideographs, which are words of one character each.
_IDEOGRAPHS: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary and the longest-match rule over it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """`vocabulary` holds each piece at the index that is its id; pieces inside a word begin with `##`."""
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self.pad_id = self._ids[_PAD]
        self._unknown_id = self._ids[_UNKNOWN]
        self._start_id = self._ids[_START]
        self._end_id = self._ids[_END]

    def encode(self, text: str) -> list[int]:
        """At most `TOKEN_MAX` ids, framed by the start and end tokens."""
        ids = [self._start_id]
        for word in words(text[:TEXT_CHAR_MAX]):
            ids.extend(self._pieces(word))
            if len(ids) >= TOKEN_MAX - 1:
                break
        return [*ids[: TOKEN_MAX - 1], self._end_id]

    def _pieces(self, word: str) -> list[int]:
        """A word with any part that is not in the vocabulary is unknown as a whole."""
        if len(word) > _WORD_CHAR_MAX:
            return [self._unknown_id]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._ids.get(prefix + word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown_id]
            found.append(number)
            start = end
        return found


def words(text: str) -> Iterator[str]:
    """Lower-case words without accents; every punctuation mark and ideograph is a word of its own."""
    spaced = "".join(map(_clean, text))
    bare = "".join(map(_strip, unicodedata.normalize("NFD", spaced)))
    for run in bare.split():
        start = 0
        for place, character in enumerate(run):
            if _is_punctuation(character):
                if start < place:
                    yield run[start:place]
                yield character
                start = place + 1
        if start < len(run):
            yield run[start:]


# The caches below hold at most one entry per character seen; without them every look-up walks Unicode's
# tables.


@lru_cache(maxsize=4096)
def _clean(character: str) -> str:
    """Itself, a space, itself between spaces, or nothing."""
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if character == "\ufffd" or category in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if category in ("Zs", "Zl", "Zp"):
        return " "
    code = ord(character)
    if code >= 0x3400 and any(first <= code <= last for first, last in _IDEOGRAPHS):
        return f" {character} "
    return character


@lru_cache(maxsize=4096)
def _strip(character: str) -> str:
    """Nothing for an accent, else the lower case."""
    return "" if unicodedata.category(character) == "Mn" else character.lower()


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    """Unicode's punctuation, and every ASCII mark (such as $ and ^) whatever Unicode calls it."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")
