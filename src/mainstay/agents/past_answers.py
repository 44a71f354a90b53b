"""Answers of before: what they say, for whom they hold, and what of them may be said to somebody else.

An answer in the operator's own file of approved replies is meant for everybody. One that was written to somebody here
may hold what is theirs, so it is used again only where nothing in it may be (`agents.impersonal`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from mainstay.agents.base import Recalled
from mainstay.agents.impersonal import GAP, House, Person, impersonal
from mainstay.agents.sentences import sentences

RUN = "run"  # the field of an answer that was written to somebody here, and not into the operator's file

_COUNTING = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_COUNTING.split(), 2)} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "hundred": "100",
}
_NUMBER = re.compile(rf"\b(?:\d+|{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)


def answer_in(recalled: Recalled | None) -> str:
    """What was answered; empty where it is no reply."""
    answer = recalled.fields.get("answer") if recalled else None
    return answer.strip() if isinstance(answer, str) else ""


def holds_for(recalled: Recalled, asked: str) -> bool:
    """Whether an answer holds for this question: it does for those who say the same numbers that it took over."""
    took_over = _numbers(recalled.text) & _numbers(answer_in(recalled))
    return took_over <= _numbers(asked)


def is_somebodys(recalled: Recalled, house: House) -> bool:
    """Whether an answer that was written to somebody here has anything in it that may be theirs."""
    if not recalled.fields.get(RUN):
        return False
    return any(GAP.search(line) for line in _bare(answer_in(recalled), recalled.text, house))


def impersonal_answer(recalled: Recalled, house: House) -> Recalled:
    """A past reply as a model is shown it: of one that was written to somebody here, nothing that may be theirs."""
    if not recalled.fields.get(RUN):
        return recalled
    answer = " ".join(_bare(answer_in(recalled), recalled.text, house))
    question = " ".join(_bare(recalled.text, recalled.text, house))
    return replace(recalled, text=question, fields={**recalled.fields, "answer": answer})


def _bare(text: str, said: str, house: House) -> list[str]:
    """The sentences of a text without what may be somebody's; `said` is what that person wrote."""
    nobody = Person({}, (), said)
    return [impersonal(unit.text, nobody, house) for unit in sentences(text)]


def _numbers(text: str) -> frozenset[str]:
    words = (word.casefold() for word in _NUMBER.findall(text))
    return frozenset(_NUMBER_WORDS.get(word, word) for word in words)
