"""What became of a text, word by word, as a person reads it.

Pure. A word keeps the blanks after it, so that nothing is lost: what stayed and what went, joined, is the old text to
the letter; what stayed and what came is the new one. Changes that are parted by fewer than `APART` words that stayed
are told as one, so that phrases are read and not confetti.

The shortest way from one text to the other is searched (Myers, "An O(ND) difference algorithm and its variations",
Algorithmica 1, 1986). Texts that have little in common, or are very long, are told as a whole that went and a whole
that came: nobody reads a thousand changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SAME, GONE, NEW = "same", "gone", "new"
APART = 4  # words
CHANGES_MAX = 400  # words that went or came, before the middle counts as written anew
_WORDS = re.compile(r"\s+|\S+\s*")
_WORD = re.compile(r"\S+")

Parts = list[tuple[str, str]]  # kind and text


def words_diff(old: str, new: str) -> Parts:
    """The parts of both texts in order; where something took the place of something, what went comes first."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    start, end = _common(before, after)
    stop_before, stop_after = len(before) - end, len(after) - end
    kept = [(at, at) for at in range(start)]
    kept += [(x + start, y + start) for x, y in _kept(before[start:stop_before], after[start:stop_after])]
    kept += [(stop_before + at, stop_after + at) for at in range(end)]
    return _told(before, after, kept)


def _common(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many words at the beginning and at the end are the same."""
    shorter, start, end = min(len(before), len(after)), 0, 0
    while start < shorter and before[start] == after[start]:
        start += 1
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, end


def _kept(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Which words of the one stayed as which of the other, in order."""
    furthest, trail = {1: 0}, []
    for changes in range(min(CHANGES_MAX, len(before) + len(after)) + 1):
        trail.append(dict(furthest))
        for line in range(-changes, changes + 1, 2):
            down = line == -changes or (line != changes and furthest[line - 1] < furthest[line + 1])
            x = furthest[line + 1] if down else furthest[line - 1] + 1
            y = x - line
            while x < len(before) and y < len(after) and before[x] == after[y]:
                x, y = x + 1, y + 1
            furthest[line] = x
            if x >= len(before) and y >= len(after):
                return _walk_back(trail, x, y)
    return []


def _walk_back(trail: Sequence[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for changes in range(len(trail) - 1, -1, -1):
        furthest, line = trail[changes], x - y
        down = line == -changes or (line != changes and furthest[line - 1] < furthest[line + 1])
        came = line + 1 if down else line - 1
        from_x = furthest[came]
        from_y = from_x - came
        while x > max(from_x, 0) and y > max(from_y, 0):
            x, y = x - 1, y - 1
            kept.append((x, y))
        x, y = from_x, from_y
    return kept[::-1]


def _told(before: Sequence[str], after: Sequence[str], kept: Sequence[tuple[int, int]]) -> Parts:
    parts: Parts = []
    x = y = 0
    for run in _runs(kept, len(before), len(after)):
        (from_x, from_y), (to_x, to_y) = run
        parts += [(GONE, "".join(before[x:from_x])), (NEW, "".join(after[y:from_y]))]
        parts.append((SAME, "".join(before[from_x:to_x])))
        x, y = to_x, to_y
    parts += [(GONE, "".join(before[x:])), (NEW, "".join(after[y:]))]
    return _trimmed(parts)


def _trimmed(parts: Parts) -> Parts:
    """A word of which only the blanks behind it changed stayed, and so did the blanks after what was replaced."""
    found: Parts = []
    for kind, text in parts:
        if kind == NEW and found and found[-1][0] == GONE:
            gone, start, end = found.pop()[1], 0, 0
            old, new = _WORD.match(gone), _WORD.match(text)
            if old and new and old[0] == new[0]:
                start = old.end()
            most = min(len(gone), len(text)) - start
            while end < most and gone[-1 - end] == text[-1 - end] and gone[-1 - end].isspace():
                end += 1
            more = [
                (SAME, gone[:start]),
                (GONE, gone[start : len(gone) - end]),
                (NEW, text[start : len(text) - end]),
                (SAME, gone[len(gone) - end :]),
            ]
        else:
            more = [(kind, text)]
        for one in more:
            if one[1] and found and found[-1][0] == one[0]:
                found[-1] = (one[0], found[-1][1] + one[1])
            elif one[1]:
                found.append(one)
    return found


def _runs(
    kept: Sequence[tuple[int, int]], old: int, new: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Stretches that stayed: where each begins and ends in both; short ones between two changes are left out."""
    runs: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for x, y in kept:
        if runs and runs[-1][1] == (x, y):
            runs[-1] = (runs[-1][0], (x + 1, y + 1))
        else:
            runs.append(((x, y), (x + 1, y + 1)))
    return [one for one in runs if one[1][0] - one[0][0] >= APART or one[0] == (0, 0) or one[1] == (old, new)]
