"""Two texts line by line, as a person reads a change of a file: what stayed around it, what went, what came.

Pure. Where lines took the place of lines, the words that differ are told apart (`words_diff`). Long stretches that
stayed are left out, and texts that have little in common are told as a whole that went and a whole that came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mainstay.console.words_diff import GONE, NEW, SAME, Parts, words_diff

LEFT_OUT = "left out"
AROUND = 3  # lines that are shown before and after a change
LINES_MAX = 3_000  # lines that are compared, of either text; between what both begin and end with
ROWS_MAX = 2_000  # that are told
EQUAL_MAX = (
    200_000  # pairs of equal lines; with more, lines that stand everywhere are not held against each other
)
APART_MAX = 400  # pairs of lines of which the words are told apart: nobody reads more of them
WORDS_LINE_MAX = 2_000  # characters: of a longer line the words are not told apart
ALIKE = 0.3  # share of the words of two lines that must be the same, or neither was made from the other


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `old` and `new` are its numbers, 0 where a text does not have it."""

    kind: str  # SAME, GONE, NEW, LEFT_OUT
    old: int
    new: int
    parts: Parts


def lines_diff(old: str, new: str) -> list[Row]:
    """The rows in order; none where the texts are the same."""
    if old == new:
        return []
    before, after = old.split("\n"), new.split("\n")
    if old.endswith("\n") and new.endswith("\n"):
        before, after = before[:-1], after[:-1]
    if not old:
        before = []
    if not new:
        after = []
    rows: list[Row] = []
    count = 0
    for block, stands_for in _blocks(before, after):
        rows += block if len(rows) < ROWS_MAX else ()
        count += stands_for
    if count > ROWS_MAX:
        left = count - ROWS_MAX
        rows = [*rows[:ROWS_MAX], Row(LEFT_OUT, 0, 0, [(SAME, f"{left:,} more lines")])]
    return rows


def counts(rows: Sequence[Row]) -> tuple[int, int]:
    """How many lines came, and how many went."""
    return sum(one.kind == NEW for one in rows), sum(one.kind == GONE for one in rows)


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[list[Row], int]]:
    """The rows of each stretch, no more than are told, and how many there would be."""
    steps = list(_steps(before, after))
    for index, (tag, i1, i2, j1, j2) in enumerate(steps):
        if tag == "equal":
            first, last = index == 0, index == len(steps) - 1
            rows = _around(before[i1:i2], i1, j1, first=first, last=last)
            yield rows, len(rows)
        else:
            yield _changed(before[i1:i2], after[j1:j2], i1, j1), i2 - i1 + j2 - j1


def _steps(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """What to do with which lines; what both begin and end with is found first, since most edits are small."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    stop_before, stop_after = len(before) - end, len(after) - end
    if start:
        yield "equal", 0, start, 0, start
    if max(stop_before, stop_after) - start > LINES_MAX:
        yield "replace", start, stop_before, start, stop_after
    else:
        one, other = before[start:stop_before], after[start:stop_after]
        known = Counter(one)
        crowded = sum(known[line] for line in other) > EQUAL_MAX  # then all of them would take seconds
        matcher = SequenceMatcher(None, one, other, autojunk=crowded)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            yield tag, start + i1, start + i2, start + j1, start + j2
    if end:
        yield "equal", stop_before, len(before), stop_after, len(after)


def _around(lines: Sequence[str], old: int, new: int, *, first: bool, last: bool) -> list[Row]:
    """The lines that stayed: all of a few, else those next to the changes."""

    def rows(start: int, end: int) -> list[Row]:
        return [Row(SAME, old + at + 1, new + at + 1, [(SAME, lines[at])]) for at in range(start, end)]

    head, tail = 0 if first else AROUND, 0 if last else AROUND
    if len(lines) <= head + tail + 1:
        return rows(0, len(lines))
    left = len(lines) - head - tail
    told = f"{left:,} lines stay as they are" if left > 1 else "a line stays as it is"
    between = Row(LEFT_OUT, 0, 0, [(SAME, told)])
    return [*rows(0, head), between, *rows(len(lines) - tail, len(lines))]


def _changed(gone: Sequence[str], came: Sequence[str], old: int, new: int) -> list[Row]:
    """Lines that went, then those that came; of as many as took each other's place the words are told apart."""
    pairs = APART_MAX if len(gone) == len(came) else 0
    went, arrived = [], []
    for at, line in enumerate(gone[:ROWS_MAX]):
        parts = _words(line, came[at], GONE) if at < pairs else [(GONE, line)]
        went.append(Row(GONE, old + at + 1, 0, parts))
    for at, line in enumerate(came[: max(0, ROWS_MAX - len(gone))]):
        parts = _words(gone[at], line, NEW) if at < pairs else [(NEW, line)]
        arrived.append(Row(NEW, 0, new + at + 1, parts))
    return went + arrived


def _words(old: str, new: str, side: str) -> Parts:
    """One of two lines: what it shares with the other, and what it has alone."""
    whole: Parts = [(side, old if side == GONE else new)]
    if max(len(old), len(new)) > WORDS_LINE_MAX:
        return whole
    parts = words_diff(old, new)
    same = sum(len(text) for kind, text in parts if kind == SAME)
    if same < ALIKE * max(len(old), len(new)):
        return whole
    return [(kind, text) for kind, text in parts if kind in (SAME, side)]
