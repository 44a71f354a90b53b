"""Words as numbers: what a text is indexed by.

A raw word is looked up once and remembered, stop words and endings included, so that indexing a text is one regular
expression and one dictionary look-up a word. Numbers are handed out in order of appearance and mean nothing outside
the index that handed them out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TEXT_CHAR_MAX = 32_000  # of one unit; what is longer comes in chunks

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ASCII_WORD = re.compile(
    r"[a-z0-9]+(?:'[a-z0-9]+)?", re.ASCII
)  # the same, of folded ASCII, in two thirds of the time
_STOP_WORDS = (
    "a about above after again all also am an and any are aren't as at be because been before being below "
    "between both but by can can't could couldn't did didn't do does doesn't doing don't during each for "
    "from further get got had hadn't has hasn't have haven't having he he's her here hers herself hi him "
    "himself his how i i'd i'll i'm i've if in into is isn't it it's its itself just let's like me more "
    "most my myself no nor not now of off oh on once only or other our ours ourselves out over own same "
    "she she's should shouldn't so some such than that that's the their theirs them themselves then there "
    "there's these they they're they've this those through to too under until up us very was wasn't we "
    "we're we've were weren't what what's when where which while who who's whom why will with won't would "
    "wouldn't yeah yes you you'd you'll you're you've your yours yourself hello hey thanks thank please "
    "dear regards"
)
_STOP = frozenset(_STOP_WORDS.split())
SELF, TIME, NUMBER = 1, 2, 4  # kinds of word; SELF is 1 so that it can be counted
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SELF = frozenset(
    ("i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine", "we", "we're", "we've", "our", "us")
)
_TIMES = frozenset(MONTHS) - {"may", "march"} | {
    *("yesterday", "today", "tomorrow", "tonight", "morning", "ago", "last", "next", "recently"),
    *("day", "days", "week", "weeks", "weekend", "weekends", "month", "months", "year", "years"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("spring", "summer", "autumn", "winter"),
}
_NUMBERS = frozenset(
    (
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "dozen",
        "hundred",
    )
)
_VOWELS = frozenset("aeiouy")
_DOUBLED = frozenset(("bb", "dd", "gg", "mm", "nn", "pp", "rr", "tt"))


def fold(text: str) -> str:
    """The text as words are looked for in it: lower case, one kind of apostrophe."""
    if text.isascii():
        return text[:TEXT_CHAR_MAX].lower()
    return unicodedata.normalize("NFKC", text[:TEXT_CHAR_MAX]).casefold().replace("’", "'")


def raw_words(text: str) -> list[str]:
    """All words of a text, folded, in order, stop words among them."""
    folded = fold(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def term(word: str) -> str:
    """What a folded word is indexed by; empty for a stop word."""
    if word in _STOP:
        return ""
    if word.endswith("'s"):
        word = word[:-2]
    return "" if word in _STOP else stem(word)


def stem(word: str) -> str:
    """The word without its ending, so that "painted" and "paintings" meet "paint"; made for English."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            root = word[: -len(ending)]
            if len(root) >= 3 and not _VOWELS.isdisjoint(root):
                word = root[:-1] if root[-2:] in _DOUBLED else root
            break
    if word.endswith("y") and len(word) > 3:
        word = word[:-1] + "i"
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _singular(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the index sees it.

    Attributes:
        terms: The numbers of its words, in order, repeated as often as they stand there.
        words: How many words it has, stop words among them.
        marks: What kinds of word it has: `TIME`, `NUMBER`.
        selves: How many words speak of the speaker.
    """

    terms: list[int]
    words: int
    marks: int
    selves: int


class Terms:
    """The vocabulary of one index."""

    def __init__(self) -> None:
        self._by_word = _Numbers(self._learn)
        self._marks: dict[str, int] = {}  # of those words that have one
        self._by_term: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_term)

    def read(self, text: str) -> Reading:
        """The text by its words; new words get numbers."""
        words = raw_words(text)
        terms = [number for number in map(self._by_word.__getitem__, words) if number >= 0]
        marks = selves = 0
        if not self._marks.keys().isdisjoint(words):
            for mark in filter(None, map(self._marks.get, words)):
                marks |= mark
                selves += mark & SELF
        return Reading(terms, len(words), marks, selves)

    def known(self, terms: Sequence[str]) -> list[int]:
        """The number of each term, -1 for those that no text has."""
        return [self._by_term.get(one, -1) for one in terms]

    def _learn(self, word: str) -> int:
        mark = _mark(word)
        if mark:
            self._marks[word] = mark
        one = term(word)
        return self._by_term.setdefault(one, len(self._by_term)) if one else -1


class _Numbers(dict[str, int]):
    """The number of each word that was met, -1 for a stop word; one that is new is learned when it is asked for."""

    def __init__(self, learn: Callable[[str], int]) -> None:
        super().__init__()
        self._learn = learn

    def __missing__(self, word: str) -> int:
        number = self[word] = self._learn(word)
        return number


def _mark(word: str) -> int:
    digits = any(letter.isdigit() for letter in word)
    mark = SELF if word in _SELF else 0
    if word in _TIMES or (digits and ":" in word):
        mark |= TIME
    return mark | NUMBER if digits or word in _NUMBERS else mark
