"""The checks for a text that a person wrote: those that look at words alone.

Promises of money or of a time are the person's own to make, and where a fact comes from they know best; so only what a
reader cannot see, what should never leave, and what the operator does not want said is told.
"""

from __future__ import annotations

from collections.abc import Callable

from mainstay.agents.base import Finding, Reply
from mainstay.agents.checks import leaks, obedience, wording
from mainstay.agents.checks.subject import Findings, HouseRules, Subject

OWN_WORDS: tuple[Callable[[Subject], Findings], ...] = (
    wording.missing_placeholder,
    wording.empty_or_too_long,
    wording.forbidden_words,
    wording.foreign_link,
    leaks.leaked_secret,
    obedience.hides_text,
)


def inspect_own_words(text: str, shown: str, rules: HouseRules) -> tuple[Finding, ...]:
    """What is found in `text` and was not found in the text that was shown: that one was looked at."""
    known = {(one.check, one.remark) for one in _findings(shown, rules)}
    return tuple(one for one in _findings(text, rules) if (one.check, one.remark) not in known)


def _findings(text: str, rules: HouseRules) -> list[Finding]:
    subject = Subject(Reply(text=text), None, rules)
    return [one for check in OWN_WORDS for one in check(subject)]
