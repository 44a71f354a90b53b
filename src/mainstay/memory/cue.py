"""What a question says about its answer besides its words: of whom, of when, and what kind of answer it wants.

Pure. Made for English, and cautious: what it does not recognise says nothing and changes no score. "last week" and
"in May" are read against the time of asking.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mainstay.kernel.values import DAY, SECOND, Instant
from mainstay.memory.terms import MONTHS, raw_words, term

_MONTH = "|".join(MONTHS)
_DATED = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?({_MONTH})\b(?:\s+(\d{{1,2}})(?!\d)(?:st|nd|rd|th)?)?,?\s*(\d{{4}})?"
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})(?:-(\d{2}))?\b")
_YEAR = re.compile(r"\b(?:in|of|during|since|year)\s+((?:19|20)\d{2})\b")
_BACK = re.compile(r"\b(?:(yesterday)|(today)|(?:last|this|past)\s+(week|month|year))\b")
_WHEN = re.compile(
    r"\bwhen\b|\bhow (?:long|often|soon)\b|\b(?:what|which) (?:date|day|year|month|time|week)\b"
)
_MANY = re.compile(
    r"\bhow (?:many|much|old|far|big|tall|large)\b|\b(?:what|which) (?:price|amount|number|age|cost|size)\b"
)
_SPANS = {"week": 7, "month": 31, "year": 366}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, its end not included."""

    begin: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Cue:
    """A question as ranking sees it.

    Attributes:
        words: All its words, folded.
        names: Words that may name somebody: possessives without their ending.
        spans: The times it names.
        months: Months that it names without a year, from 1.
        wants_time: It asks when, or how long.
        wants_number: It asks how many, or how much.
    """

    text: str
    words: tuple[str, ...]
    names: frozenset[str]
    spans: tuple[Span, ...]
    months: frozenset[int]
    wants_time: bool
    wants_number: bool

    def terms(self, without: frozenset[str] = frozenset()) -> list[str]:
        """What its words are indexed by, except these names."""
        kept = (word for word in self.words if _bare(word) not in without)
        return [one for one in map(term, kept) if one]


def read_cue(text: str, now: Instant) -> Cue:
    """What the text says about its answer."""
    folded = text.casefold()
    words = tuple(raw_words(text))
    spans, months = _times(folded, now)
    return Cue(
        text,
        words,
        frozenset(map(_bare, words)),
        spans,
        months,
        bool(_WHEN.search(folded)),
        bool(_MANY.search(folded)),
    )


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")


def _times(folded: str, now: Instant) -> tuple[tuple[Span, ...], frozenset[int]]:
    spans: list[Span] = []
    months: set[int] = set()
    for match in _DATED.finditer(folded):
        before, name, after, year = match.groups()
        day = before or after
        if name == "may" and not (
            day or year or re.search(r"\b(?:in|of|during|since|last|this|early|late|mid) may\b", folded)
        ):
            continue  # the verb
        month = MONTHS.index(name) + 1
        if year:
            spans += _span(int(year), month, int(day) if day else 0)
        else:
            months.add(month)
    for match in _ISO.finditer(folded):
        spans += _span(int(match[1]), int(match[2]), int(match[3] or 0))
    if not spans:
        for match in _YEAR.finditer(folded):
            spans.append(Span(_instant(int(match[1]), 1, 1), _instant(int(match[1]) + 1, 1, 1)))
    spans += [_back(match, now) for match in _BACK.finditer(folded)]
    return tuple(spans), frozenset(months)


def _span(year: int, month: int, day: int) -> list[Span]:
    if not (1970 <= year <= 9000 and 1 <= month <= 12 and day <= monthrange(year, month)[1]):
        return []
    begin = _instant(year, month, day or 1)
    days = 1 if day else monthrange(year, month)[1]
    return [Span(begin, Instant(begin + days * DAY))]


def _back(match: re.Match[str], now: Instant) -> Span:
    midnight = now - now % DAY
    if match[1]:
        return Span(Instant(midnight - DAY), Instant(midnight))
    if match[2]:
        return Span(Instant(midnight), Instant(midnight + DAY))
    return Span(Instant(midnight - _SPANS[match[3]] * DAY), Instant(midnight + DAY))


def _instant(year: int, month: int, day: int) -> Instant:
    return Instant(int((datetime(year, month, day, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1)))


def month_of(at: Instant) -> int:
    """The month of a time, from 1."""
    return (_EPOCH + timedelta(seconds=at // SECOND)).month


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
