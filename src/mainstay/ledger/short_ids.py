"""Ids as people type them: a few digits of what a list showed are enough.

Ids of cards are told apart by how they begin, ids of runs (which begin with the time) by how they end; both are taken
either way. Nothing is guessed: what fits several is refused with the candidates.
"""

from __future__ import annotations

from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.ledger.store import EventReader, Value

SHORT_ID_MIN = 4
_CALLED = {"approvals": ("card", "approvals"), "dead_letters": ("dead letter", "dead-letters")}  # in errors
_SCAN_MAX = 100_000


def find_card(store: EventReader, short: str) -> dict[str, Value]:
    """The approval that a whole or short id means. Raises `NotFound` or `AmbiguousId`."""
    row = store.get("approvals", (find_id(store, "approvals", "approval", short),))
    assert row is not None
    return row


def find_id(store: EventReader, table: str, column: str, short: str) -> str:
    """The one id in a view that begins so; of several, the one that ends so is not guessed."""
    wanted = short.strip().lower()
    if store.get(table, (wanted,)) is not None:
        return wanted
    what, command = _CALLED.get(table, ("run", "runs"))
    if len(wanted) < SHORT_ID_MIN or not all(one in "0123456789abcdef" for one in wanted):
        raise NotFound(
            f"{short!r} is no id of a {what}.",
            why=f"Ids are hex digits; {SHORT_ID_MIN} of them are enough where no other begins so.",
            remedy=f"`mainstay {command}` lists them.",
        )
    rows = store.select(table, order=column, after=wanted[:-1] + _before(wanted[-1]), limit=_SCAN_MAX)
    fitting: list[str] = []
    for row in rows:
        value = str(row[column])
        if value.startswith(wanted):
            fitting.append(value)
        elif value > wanted:
            break
    if not fitting and what != "card":
        # Run ids begin with the time: their ends tell them apart, so the end is a short id too.
        fitting = [
            str(row[column])
            for row in store.select(table, order=column, descending=True, limit=_SCAN_MAX)
            if str(row[column]).endswith(wanted)
        ]
    if not fitting:
        raise NotFound(
            f"There is no {what} {short!r}.",
            why="No id in this workspace begins so.",
            remedy=f"`mainstay {command}` lists them.",
        )
    if len(fitting) > 1:
        raise AmbiguousId(
            f"{short!r} fits {len(fitting)} {what}s.",
            why="For example " + ", ".join(fitting[:3]) + ".",
            remedy="Write more of the id.",
            candidates=fitting[:20],
        )
    return fitting[0]


def _before(digit: str) -> str:
    """What sorts directly before every id that continues with this hex digit."""
    return chr(ord(digit) - 1) + "\x7f"
