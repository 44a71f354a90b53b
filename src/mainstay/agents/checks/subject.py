"""What every check looks at, and what it answers with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from mainstay.agents.base import Finding, MessageView, Reply
from mainstay.agents.flags import Assessment, assess, folded

_PARAGRAPH = re.compile(r"\n\s*\n")

NOTE, LOOK, REFUSE = "note", "look", "refuse"


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the operator has settled, apart from any one draft."""

    own_domains: tuple[str, ...] = ()  # links may lead there, and below
    own_addresses: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    draft_char_max: int = 5_000
    confidence_min: float = 0.4


@dataclass(frozen=True)
class Subject:
    """A draft, and what is known of the message that it answers. `message` is None where nobody passed it."""

    draft: Reply
    message: MessageView | None
    rules: HouseRules
    confidence: float | None = None
    flags: tuple[str, ...] = ()

    @cached_property
    def body(self) -> str:
        """The text as rules read it: folded, with a full stop where a paragraph ends."""
        return folded(_PARAGRAPH.sub(" .\n", self.draft.text))

    @cached_property
    def text(self) -> str:
        """Subject and text as rules read them. The subject is mostly the sender's, so few rules look at it."""
        return f"{folded(self.draft.subject)} . {self.body}"

    @cached_property
    def assessment(self) -> Assessment | None:
        """What the message is suspected of."""
        return None if self.message is None else assess(self.message, self.rules.languages)

    @property
    def leaning(self) -> bool:
        """Whether the draft leans on a past reply, so that the plain template might mend it."""
        return bool(self.draft.sources)


Findings = tuple[Finding, ...]


def finding(check: str, severity: str, remark: str, remedy: str = "") -> Findings:
    """A single finding. The remark may name what was found; the remedy must not, since it is kept in the open."""
    return (Finding(check=check, severity=severity, remark=remark, remedy=remedy),)
