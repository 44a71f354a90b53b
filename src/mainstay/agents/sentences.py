"""A text as paragraphs and sentences, so that what was changed can be told, and be put into another text.

Blanks and line breaks within a sentence do not count: a letter that was wrapped elsewhere says the same. A paragraph
that was not touched comes out as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

WIDTH = 76  # at which a paragraph that was changed is wrapped

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_END = re.compile(r"""(?<=[.!?])["')\]]{0,2}\s+(?=["'(\[{]{0,3}(?:[^\W\d_a-zß-ÿ]|\d|https?:))""")
_ABBREVIATED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|nr|vs|approx|ca|bzw|incl|etc|e\.g|i\.e|z\.b|d\.h|u\.a)\.|\b[a-z]\.|^\d{1,2}\.)$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, its blanks folded; `opens` where it begins a paragraph, `line` where it begins a line."""

    text: str
    opens: bool = False
    line: bool = False


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text in order."""
    found: list[Sentence] = []
    for paragraph in _PARAGRAPH.split(text.replace("\r\n", "\n").strip()):
        opens = True
        for number, piece in enumerate(_lines(paragraph)):
            for place, one in enumerate(_split(piece)):
                found.append(Sentence(one, opens, line=number > 0 and place == 0))
                opens = False
    return tuple(found)


def joined(units: Sequence[Sentence]) -> str:
    """A text of these sentences, each paragraph wrapped."""
    paragraphs: list[list[str]] = []
    for unit in units:
        if unit.opens or not paragraphs:
            paragraphs.append([unit.text])
        elif unit.line:
            paragraphs[-1].append(unit.text)
        else:
            paragraphs[-1][-1] += f" {unit.text}"
    return "\n\n".join("\n".join(_wrapped(line) for line in lines) for lines in paragraphs)


def with_changes(text: str, before: Sequence[Sentence], after: Sequence[Sentence]) -> str:
    """The text with these sentences in place of those it was split into: untouched paragraphs stay as they are."""
    written = _PARAGRAPH.split(text.replace("\r\n", "\n").strip())
    as_it_was = dict(zip(_paragraphs(before), written, strict=False))
    return "\n\n".join(as_it_was.get(one) or joined(one) for one in _paragraphs(after))


def _paragraphs(units: Sequence[Sentence]) -> list[tuple[Sentence, ...]]:
    found: list[list[Sentence]] = []
    for unit in units:
        if unit.opens or not found:
            found.append([])
        found[-1].append(unit)
    return [tuple(one) for one in found]


def _lines(paragraph: str) -> list[str]:
    """Pieces that are lines of their own: items of a list, and short lines as a greeting or a signature has them."""
    lines = [line for line in paragraph.split("\n") if line.strip()]
    pieces: list[str] = []
    for number, line in enumerate(lines):
        # Where a next word would have fitted, the line was broken on purpose.
        before = lines[number - 1] if number else ""
        broken = len(before) + 1 + len(line.split()[0]) < WIDTH - 16 and not before.rstrip().endswith(
            (",", ";")
        )
        if number and not _LISTED.match(line) and not (broken and len(before) < WIDTH // 2):
            pieces[-1] += " " + line
        else:
            pieces.append(line)
    return pieces


def _split(piece: str) -> list[str]:
    text = " ".join(piece.split())
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        head = text[start : match.start()]
        if _ABBREVIATED.search(head):
            continue
        end = match.start() + len(match[0].rstrip())
        found.append(text[start:end])
        start = match.end()
    return [*found, text[start:]] if start < len(text) else found


def _wrapped(line: str) -> str:
    return fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
