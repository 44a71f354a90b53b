"""By what each shipped agent makes its answers, in words: parts of recipes, told without loading the agents.

An agent takes its own words from here, so that a command which only decides and the director at work cannot say
different things. Whoever changes how an agent works changes its number here, and its evidence begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.agents.intents import Intent
from mainstay.kernel.ids import derive

PROPOSER = "proposer 1, flags 1"
REPLY_CHECKS = "reply-checks 2"
FLAGS = "flags 2"
LESSONS = "lessons 1"  # what a draft learns from edits by
LEAN_MIN = 0.60  # similarity: below this a past answer is shown as evidence, and not used

NEIGHBOURS = 10  # examples that vote on what a text is about
KEYWORD_TEMPERATURE = 0.066
GUESSES_BY_WORDS = f"keywords knn{NEIGHBOURS} t{KEYWORD_TEMPERATURE}"
BY_WORDS = "words"  # in place of an embedder


def intent(judge: str, flags: str = FLAGS) -> str:
    """What annotates, with this way to judge and to flag."""
    return f"intent 2, {flags}, {judge}"


def judge(intents: Sequence[Intent], guesses: str = GUESSES_BY_WORDS, by: str = BY_WORDS) -> str:
    """What judges after these examples, by this rule of thumb. Weights are no part of it: what was learned keeps it."""
    # A changed example is another recipe: evidence of the old one says nothing about it.
    parts = [part for one in intents for part in (one.id, one.name, one.description, *one.examples)]
    return f"triage 1, {guesses}, {by}, {derive('intents', *parts, size=6).hex()}"


def writer(model: str, lean_min: float = LEAN_MIN) -> str:
    """What drafts, whatever the template, with this model or (empty) by templates alone."""
    by = f", {written_by(model)}" if model else ""
    return f"reply-writer 2, lean {lean_min}, {LESSONS}{by}"


def written_by(model: str) -> str:
    """The part that a model makes: another model or another prompt restarts its evidence."""
    from mainstay.agents.prompt import instructions

    return f"model {model}, prompt {instructions('reply').digest}"


def program(trusted: str) -> str:
    """A program of the operator's: the bytes that are trusted, since others are another way of making it."""
    return f"executable {trusted}"
