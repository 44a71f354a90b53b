"""What is left of a sentence when nothing in it tells of a person: what a lesson may keep.

A lesson is used for others than the one it was learned from, so it must carry nothing of theirs. The rule is what may
stay, not what must go:

- values of typed fields become their placeholders (`{{ message.sender_name }}`), to be filled with the next one's;
- links, addresses and numbers stay where the operator's own files have them; a number of at most two digits stays too,
  unless the message has it;
- a word with a capital inside of a sentence stays where the operator's own files have it; else it may be a name.

Everything else becomes a gap: `[name]`, `[number]`, `[link]`, `[address]`. A text with a gap can guide a model; it is
never put into a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

GAP = re.compile(r"\[(?:name|number|link|address)\]")
GAPS_MAX = 2  # of a sentence; one that is made of gaps says nothing
WORDS_MIN = 3  # that must be left beside the gaps
TEXT_CHAR_MAX = 20_000
NAME_CHAR_MAX = 200

_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_TOKEN = re.compile(r"\{\{ [a-z_.]+ \}\}|\[(?:name|number|link|address)\]|[^\W_]+(?:['’][^\W_]+)*")
_NUMBER = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_AFTER_A_NAME = frozenset(
    {"will", "is", "has", "was", "can", "from", "said", "told", "would", "wird", "hat", "ist"}
)
_ALWAYS = frozenset(
    (
        *(
            "i",
            "i'm",
            "i'll",
            "i've",
            "i'd",
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
        ),
        *(
            "september",
            "october",
            "november",
            "december",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
        ),
        *("saturday", "sunday"),
    )
)
NUMBER_DIGITS_MAX = 2


@dataclass(frozen=True, slots=True)
class House:
    """The words, numbers, links and addresses of the operator's own files: nobody's secret."""

    words: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()

    @classmethod
    def of(cls, texts: Iterable[str]) -> House:
        """What these texts say."""
        words: set[str] = set()
        numbers: set[str] = set()
        links: set[str] = set()
        for text in texts:
            links |= links_of(text)
            words |= {word.casefold() for word in _WORD.findall(text)}
            numbers |= numbers_of(text)
        return cls(frozenset(words), frozenset(numbers), frozenset(links))


def links_of(text: str) -> set[str]:
    """Links and mail addresses, as they are compared."""
    links = {link.rstrip(".,;:!?").casefold() for link in _LINK.findall(text)}
    return links | {address.rstrip(".").casefold() for address in _ADDRESS.findall(_LINK.sub(" ", text))}


def numbers_of(text: str) -> set[str]:
    """Everything with a digit in it, outside of links and addresses."""
    bare = _ADDRESS.sub(" ", _LINK.sub(" ", text))
    return {token.casefold() for token in _TOKEN.findall(bare) if _NUMBER.search(token)}


@dataclass(frozen=True)
class Person:
    """Of whom nothing may stay: the typed values by placeholder, the names, and what they wrote."""

    values: Mapping[str, str | None]
    names: tuple[str, ...] = ()
    text: str = ""

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers that they wrote; short ones are all that is asked for, so the beginning of a book will do."""
        return frozenset(numbers_of(self.text[:TEXT_CHAR_MAX]))

    @cached_property
    def name_words(self) -> frozenset[str]:
        """The words of their names."""
        words = (part.casefold() for name in self.names for part in _WORD.findall(name[:NAME_CHAR_MAX]))
        return frozenset(word for word in words if len(word) > 1)


def impersonal(sentence: str, person: Person, house: House) -> str:
    """The sentence with placeholders for typed values and gaps for all else that may be somebody's."""
    text = _placed(" ".join(sentence.split()), person.values)
    text = _LINK.sub(lambda match: _kept(match[0], house.links, "[link]"), text)
    text = _ADDRESS.sub(lambda match: _kept(match[0], house.links, "[address]"), text)
    kept = [(match.start(), match.end()) for found in (_LINK, _ADDRESS) for match in found.finditer(text)]
    tokens = list(_TOKEN.finditer(text))
    pieces: list[str] = []
    end = 0
    for place, match in enumerate(tokens):
        if any(start <= match.start() < stop for start, stop in kept):
            continue
        following = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        first = not text[: match.start()].strip(" \"'(")
        gap = _gap(match[0], first, following, person, house)
        if gap:
            pieces += (text[end : match.start()], gap)
            end = match.end()
    text = "".join((*pieces, text[end:]))
    return re.sub(r"\[name\](?:\s+\[name\])+", "[name]", text)


def telling(text: str) -> bool:
    """Whether enough is left for the sentence to say something."""
    gaps = len(GAP.findall(text))
    return not gaps or (gaps <= GAPS_MAX and len(_WORD.findall(GAP.sub(" ", text))) >= WORDS_MIN)


def common(text: str, house: House) -> str:
    """Of a text from outside the words that the operator's own files have too: what it is about, not whose it is."""
    return " ".join(word.casefold() for word in _WORD.findall(text) if word.casefold() in house.words)


def _placed(text: str, values: Mapping[str, str | None]) -> str:
    """Typed values replaced by their placeholders, the longest first, so that none is found inside of another."""
    known = sorted(
        (
            (" ".join(value.split()), name)
            for name, value in values.items()
            if value and len(value.strip()) > 1
        ),
        key=lambda one: (-len(one[0]), one[1]),
    )
    if not known:
        return text
    names = dict(reversed(known))
    either = "|".join(re.escape(value) for value, _ in known)
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", lambda match: f"{{{{ {names[match[0]]} }}}}", text)


def _kept(found: str, known: frozenset[str], gap: str) -> str:
    bare = found.rstrip(".,;:!?")
    return found if bare.casefold() in known else gap + found[len(bare) :]


def _gap(token: str, first: bool, following: str, person: Person, house: House) -> str:
    """What stands in place of a word that may be somebody's; empty where it may stay."""
    if token[0] in "{[":
        return ""
    folded = token.casefold()
    if _NUMBER.search(token):
        short = token.isdigit() and len(token) <= NUMBER_DIGITS_MAX and folded not in person.numbers
        return "" if short or folded in house.numbers else "[number]"
    if folded in house.words and folded not in person.name_words:
        return ""
    if folded in person.name_words:
        return "[name]"
    if not token[0].isupper() or folded in _ALWAYS or (token.isupper() and 2 <= len(token) <= 5):
        return ""
    if not first:
        return "[name]"
    return "[name]" if following[:1].isupper() or following.casefold() in _AFTER_A_NAME else ""
