"""What one page of cards that are alike shows: which of them stand on it, which come after, and which stand alone.

Pure. A page begins with a card and not with a number, so that it stays where it is while others are decided. What
cannot be shown whole is not among them: nobody has read it here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.console import card_words as words
from mainstay.console import queries
from mainstay.console.pages.approvals import Told
from mainstay.governance.batches import guard_of
from mainstay.workspace import CardLine, Preview
from mainstay.workspace.card_queue import Alike

PATH = "/approvals/batch"
CARDS_MAX = 40  # on one page: nobody reads more in one go
TEXT_MAX = 5_000  # characters of a text; a longer one is read on its card, and decided there
TOO_LONG = "its text is too long to be read among others"
Pair = tuple[str, str]  # a card, and the effect that it showed


@dataclass(frozen=True, slots=True)
class Kind:
    """Of which cards there is talk."""

    act: str
    workflow: str
    kind_class: str

    def address(self, start: str = "", **more: str) -> str:
        """The page of these, beginning with this card."""
        of = {"act": self.act, "workflow": self.workflow, "class": self.kind_class}
        return queries.address(PATH, **of, **{"from": start}, **more)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found."""

    kinds: list[Alike]
    kind: Kind | None
    cards: tuple[CardLine, ...] = ()  # that are decided together here
    before: int = 0  # that stand on the pages before
    count: int = 0  # on all pages, as far as they can be decided together
    earlier: str | None = None  # the card that the page before begins with; None: this is the first one
    later: str = ""  # the card that the next page begins with
    apart: tuple[
        tuple[CardLine, str], ...
    ] = ()  # that can only be decided by themselves, each with its reason
    ticked: frozenset[Pair] | None = (
        None  # what the buttons decide; None: all of it, as on a page that comes fresh
    )
    told: Told | None = None
    differs: bool = False  # what was asked for is of several kinds

    @property
    def unticked(self) -> bool:
        """Whether the page came with nothing ticked."""
        return self.ticked == frozenset()

    @property
    def next_size(self) -> int:
        """How many stand on the next page."""
        return min(CARDS_MAX, self.count - self.before - len(self.cards))

    @property
    def guard(self) -> str:
        """What binds an answer to these cards, and to what they show."""
        return guard_of([(one.approval, one.digest) for one in self.cards])

    def is_ticked(self, one: CardLine) -> bool:
        """Whether the buttons decide it, unless somebody unticks it."""
        return self.ticked is None or (one.approval, one.digest) in self.ticked


def seen_of(
    kinds: list[Alike],
    kind: Kind,
    preview: Preview,
    *,
    start: str = "",
    ticked: frozenset[Pair] | None = None,
    told: Told | None = None,
) -> Seen:
    """The page that begins with the card `start`, or with the first one where that is gone."""
    long = [one for one in preview.cards if is_long(one)]
    fitting = [one for one in preview.cards if one not in long]
    first = next((at for at, one in enumerate(fitting) if one.approval == start), 0)
    after = fitting[first + CARDS_MAX :]
    return Seen(
        kinds,
        kind,
        tuple(fitting[first : first + CARDS_MAX]),
        before=first,
        count=len(fitting) + preview.more,
        earlier=fitting[max(0, first - CARDS_MAX)].approval if first else None,
        later=after[0].approval if after else "",
        apart=(*((one, TOO_LONG) for one in long), *preview.apart),
        ticked=ticked,
        told=told,
    )


def is_long(one: CardLine) -> bool:
    """Whether it cannot be read here to its end."""
    facts = sum(len(name) + len(value) for name, value in one.facts)
    return words.shown(one.text, TEXT_MAX).cut or facts > TEXT_MAX


def first_kind(kinds: Sequence[Alike]) -> Kind | None:
    """The kind of which the most can be decided together."""
    together = [one for one in kinds if not one.alone]
    return Kind(together[0].act, together[0].workflow, together[0].kind_class) if together else None
