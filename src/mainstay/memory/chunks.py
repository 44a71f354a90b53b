"""Cutting a document into pieces of a size that can be found and cited.

Rules of this file: pure, deterministic, linear in the text. Paragraphs under one heading are joined until a piece has
`WORD_FULL` words, and none has more than `WORD_MAX`; a longer paragraph is cut where a sentence ends. Where a section
is cut, the next piece begins with the last sentence of the one before, if that is short: the answer may stand across
the cut. A section of a few words goes with the next one of the same chapter, since alone it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WORD_FULL = 120  # a piece of so many words takes no more paragraphs
WORD_MAX = 200
OVERLAP_WORD_MAX = 30
SECTION_WORD_MIN = 15  # a section below this is joined with the one after it
_LETTERS_PER_WORD = 12  # at most: for scripts without spaces, and lines that are one word

_NUMBERED = re.compile(r"^(page|line|paragraph)s? (\d+)(?:-(\d+))?$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph of a document, and where it stands."""

    text: str
    place: str  # "page 3", "Setup > Keys", "lines 10-24"
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document. `place` is how it is cited; `heading` helps finding it and is not part of the text."""

    text: str
    place: str
    heading: str = ""


def size_of(text: str) -> int:
    """How many words a text amounts to."""
    return max(len(text.split()), len(text) // _LETTERS_PER_WORD)


def chunked(passages: Iterable[Passage], *, chunk_max: int) -> Iterator[Chunk]:
    """The pieces, in order; no more than `chunk_max`."""
    piece = _Piece()
    made = 0
    for passage in passages:
        for part in _parts(passage):
            size = size_of(part.text)
            if piece.closes_before(part, size):
                yield piece.chunk()
                made += 1
                if made >= chunk_max:
                    return
                piece = piece.next_for(part, size)
            piece.add(part, size)
    if piece.own_size:
        yield piece.chunk()


@dataclass(slots=True)
class _Piece:
    """A chunk that is being filled."""

    parts: list[Passage] = field(default_factory=list)
    overlap: str = ""
    size: int = 0
    own_size: int = 0  # without the overlap

    def closes_before(self, part: Passage, size: int) -> bool:
        if not self.own_size:
            return False
        if part.heading != self.parts[-1].heading:
            return self.own_size >= SECTION_WORD_MIN or not _kin(self.parts[-1].heading, part.heading)
        return self.size + size > WORD_MAX or self.size >= WORD_FULL

    def next_for(self, part: Passage, size: int) -> _Piece:
        if part.heading != self.parts[-1].heading:
            return _Piece()
        last = _sentences(self.parts[-1].text)[-1]
        length = size_of(last)
        if length > OVERLAP_WORD_MAX or length + size > WORD_MAX:
            return _Piece()
        return _Piece(overlap=last, size=length)

    def add(self, part: Passage, size: int) -> None:
        self.parts.append(part)
        self.size += size
        self.own_size += size

    def chunk(self) -> Chunk:
        first, last = self.parts[0], self.parts[-1]
        texts: list[str] = [self.overlap] if self.overlap else []
        for before, part in zip((None, *self.parts), self.parts, strict=False):
            # A heading on the way is part of what is said.
            if before is not None and part.heading != before.heading:
                texts.append(part.heading.rpartition(" > ")[2] + ":")
            texts.append(part.text)
        return Chunk("\n".join(texts), _span(first.place, last.place), first.heading)


def _kin(one: str, other: str) -> bool:
    """Whether two headings stand in the same chapter, or one above the other."""
    first, second = one.split(" > "), other.split(" > ")
    return first[:-1] == second[:-1] or second[: len(first)] == first


def _span(first: str, last: str) -> str:
    if first == last:
        return first
    one, other = _NUMBERED.match(first), _NUMBERED.match(last)
    if one is None or other is None or one[1] != other[1]:
        return first
    return f"{one[1]}s {one[2]}-{other[3] or other[2]}"


def _parts(passage: Passage) -> Iterator[Passage]:
    """The passage, or what it is cut into where it is too long."""
    if size_of(passage.text) <= WORD_MAX:
        if passage.text.strip():
            yield passage
        return
    held: list[str] = []
    size = 0
    for sentence in (piece for one in _sentences(passage.text) for piece in _pieces(one)):
        length = size_of(sentence)
        if held and size + length > WORD_MAX * 3 // 4:
            yield Passage(" ".join(held), passage.place, passage.heading)
            held, size = [], 0
        held.append(sentence)
        size += length
    if held:
        yield Passage(" ".join(held), passage.place, passage.heading)


def _sentences(text: str) -> list[str]:
    found = [part.strip() for part in _SENTENCE_END.split(text)]
    return [part for part in found if part] or [text.strip()]


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence that is longer than a chunk, by words; a word that is, by letters."""
    if size_of(sentence) <= WORD_MAX // 2:
        yield sentence
        return
    letters = WORD_MAX // 2 * _LETTERS_PER_WORD
    held: list[str] = []
    length = 0
    for word in sentence.split():
        for start in range(0, len(word), letters):
            part = word[start : start + letters]
            if held and (len(held) >= WORD_MAX // 2 or length + len(part) > letters):
                yield " ".join(held)
                held, length = [], 0
            held.append(part)
            length += len(part) + 1
    if held:
        yield " ".join(held)
