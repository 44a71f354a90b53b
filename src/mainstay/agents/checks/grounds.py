"""The checks for what a draft made up: facts that none of its sources has, and sources that it was not given.

A fact here is what can be compared without understanding it: a number, a link, an address. That a sentence is true is
judged by the person who reads it. Drafts are checked alike whoever made them; one that does not say what it rests upon
(an older one, or somebody else's) cannot be checked so.
"""

from __future__ import annotations

import re

from mainstay.agents.checks.subject import LOOK, Findings, Subject, finding
from mainstay.agents.impersonal import links_of, numbers_of

SHOWN_MAX = 5
_LISTED = re.compile(r"(?m)^\s*\d{1,2}[.)]\s")


def facts_of(text: str) -> set[str]:
    """Numbers, links and addresses of a text, as they are compared. The numbers of a list count its items only."""
    bare = _LISTED.sub("", text)
    return links_of(bare) | numbers_of(bare)


def unsupported(subject: Subject) -> Findings:
    """Every number, link and address comes from a source or a typed field."""
    draft = subject.draft
    if draft.grounds is None:
        return ()
    made_up = sorted(facts_of(draft.text) - set(draft.grounds))
    if not made_up:
        return ()
    return finding(
        "unsupported",
        LOOK,
        f"none of its sources says: {', '.join(made_up[:SHOWN_MAX])}"[:200],
        "make sure of it, or take it out",
    )


def unknown_source(subject: Subject) -> Findings:
    """A source that is cited was given."""
    draft = subject.draft
    if draft.grounds is None:
        return ()
    unknown = [source for source in draft.sources if source not in draft.given]
    if not unknown:
        return ()
    return finding(
        "unknown-source",
        LOOK,
        f"it cites what it was not given: {', '.join(unknown[:SHOWN_MAX])}"[:200],
        "do not trust what it says to stand there",
    )
