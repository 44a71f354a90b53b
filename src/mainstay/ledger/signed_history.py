"""What was signed about a ledger, as all places tell it: whether they agree, and whether somebody vouches for it.

Rules of this file:

- The first place is the one beside the keys, which is told before all others: it may lack nothing that another has.
- Another place may lack the end, for it may have been away; that is only noted.
- Places that differ were edited, or each was shown another history. Neither is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainstay.ledger.checkpoints import Kept, longest, read_file
from mainstay.ledger.followed import Broken
from mainstay.ledger.statements import KeyAdopted, Statement, vouched_for
from mainstay.ledger.store import ORIGIN


@dataclass(frozen=True, slots=True)
class History:
    """What was signed, proved as far as it can be by itself."""

    statements: tuple[Statement, ...] = ()
    notes: tuple[str, ...] = ()


def history_of(places: Sequence[Path], *, trusted: Collection[str], workspace: str = "") -> History | Broken:
    """What was signed, by keys that one of `trusted` (public, hex) vouches for; without any, only noted."""
    kept = [read_file(path, workspace) for path in places]
    for one in kept:
        if one.wrong and (one is kept[0] or one.readable):
            return _broken(f"{one.wrong}.")
    whole = longest(kept)
    notes: list[str] = []
    for one in kept:
        if one.statements != whole[: len(one.statements)]:
            return _broken(_split(one, next(other for other in kept if other.statements == whole)))
        lacking = len(whole) - len(one.statements)
        if one is kept[0] and lacking:
            what = "is missing" if not one.there else f"lacks the last {lacking} of {len(whole)} statements"
            return _broken(f"{one.path} {what}: it was cut or replaced.")
        if not one.readable:
            notes.append(f"{one.wrong}; it was not looked at.")
        elif lacking:
            notes.append(
                f"{one.path} lacks the last {lacking} statements; it gets them when it can be written."
            )
    if whole and not trusted:
        keys = ", ".join(one.public for one in whole if isinstance(one, KeyAdopted))
        notes.append(f"Nobody said which key to trust: the statements name {keys} themselves.")
    elif whole and not vouched_for(whole, trusted):
        keys = ", ".join(one.key for one in whole if isinstance(one, KeyAdopted))
        return _broken(f"They are signed by {keys}, and no key that you trust vouches for that.")
    return History(whole, tuple(notes))


def _split(one: Kept, other: Kept) -> str:
    pairs = zip(one.statements, other.statements, strict=False)
    number = next(number for number, (left, right) in enumerate(pairs, 1) if left != right)
    return (
        f"{one.path} and {other.path} tell different histories from line {number} on, and both are signed: "
        "somebody was shown another ledger."
    )


def _broken(reason: str) -> Broken:
    return Broken(ORIGIN, reason, checkpoints=True)
