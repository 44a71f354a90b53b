"""Markdown and plain text as paragraphs with their places.

Rules of this file: pure and linear. Of Markdown only what divides a text is understood: headings of both kinds, fenced
code, front matter, comments, and empty lines; the rest stays as it was written, since that is how people quote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mainstay.memory.chunks import Passage

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FRONT = re.compile(r"\A---\n(.{0,20000}?)\n(?:---|\.\.\.)(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\n]{0,500}\)")
HEADING_CHAR_MAX = 150


def passages_of_markdown(text: str) -> tuple[str, Iterator[Passage]]:
    """The title, and the paragraphs; each has its headings for a place, or its lines where there are none."""
    front = _FRONT.match(text)
    named = _FRONT_TITLE.search(front[1]) if front else None
    # What is taken out leaves its line ends behind, so that the numbers of lines still hold.
    body = "\n" * front[0].count("\n") + text[front.end() :] if front else text
    if "-->" in body:
        body = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), body)
    lines = body.split("\n")
    title = (
        named[1] if named else next((_bare(match[2]) for match in map(_HEADING.match, lines) if match), "")
    )
    return title[:HEADING_CHAR_MAX], _Reader(lines).passages()


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._headings: list[tuple[int, str]] = []
        self._held: list[str] = []
        self._start = 1

    def passages(self) -> Iterator[Passage]:
        fence = ""
        for number, line in enumerate(self._lines, 1):
            mark = _FENCE.match(line)
            if fence or mark:
                self._hold(number, line)
                if mark and not fence:
                    fence = mark[1]
                elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                    fence = ""
                continue
            heading = _HEADING.match(line)
            under = _UNDERLINE.match(line)
            if heading:
                yield from self._paragraph(number - 1)
                self._enter(len(heading[1]), heading[2])
            elif (
                under and len(self._held) == 1 and not self._held[0].lstrip().startswith(("-", "*", ">", "|"))
            ):
                level, text = 1 if under[1].startswith("=") else 2, self._held[0]
                self._held = []
                self._enter(level, text)
            elif not line.strip():
                yield from self._paragraph(number - 1)
            else:
                self._hold(number, line)
        yield from self._paragraph(len(self._lines))

    def _hold(self, number: int, line: str) -> None:
        if not self._held:
            self._start = number
        self._held.append(line.rstrip())

    def _enter(self, level: int, text: str) -> None:
        heading = _bare(text)[:HEADING_CHAR_MAX]
        if heading:
            self._headings = [one for one in self._headings if one[0] < level] + [(level, heading)]

    def _paragraph(self, end: int) -> Iterator[Passage]:
        if self._held:
            heading = " > ".join(text for _, text in self._headings)
            yield Passage("\n".join(self._held).strip(), heading or _lines(self._start, end), heading)
            self._held = []


def passages_of_text(text: str) -> Iterator[Passage]:
    """Paragraphs of a plain text, each with its lines for a place."""
    held: list[str] = []
    start = 1
    for number, line in enumerate((*text.split("\n"), ""), 1):
        if line.strip():
            if not held:
                start = number
            held.append(line.rstrip())
        elif held:
            yield Passage("\n".join(held).strip(), _lines(start, number - 1))
            held = []


def _lines(start: int, end: int) -> str:
    return f"line {start}" if start >= end else f"lines {start}-{end}"


def _bare(text: str) -> str:
    """A heading without marks of emphasis and links."""
    return " ".join(_LINK.sub(r"\1", text).replace("`", "").replace("*", "").split())
