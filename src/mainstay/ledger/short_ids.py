"""Ids as people type them: a few digits of what a list showed are enough.

Ids of cards are told apart by how they begin, ids of runs (which begin with the time) by how they end; both are taken
either way. Nothing is guessed: what fits several is refused with the candidates.
"""

from __future__ import annotations

from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.ledger.store import EventReader, Value

SHORT_ID_MIN = 4
ENDING = "ending"  # the column of a view's last `SHORT_ID_MIN` digits
_CALLED = {"approvals": ("card", "approvals"), "dead_letters": ("dead letter", "dead-letters")}  # in errors
_SCAN_MAX = 100_000
SLICE_FIRST = 8
FITTING_MAX = 1_000  # ids that are counted before it is said that there are more


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
    fitting = _beginning_so(store, table, column, wanted)
    if not fitting and what != "card":
        # Run ids begin with the time: their ends tell them apart, so the end is a short id too.
        fitting = _ending_so(store, table, column, wanted)
    if not fitting:
        raise NotFound(
            f"There is no {what} {short!r}.",
            why="No id in this workspace begins so.",
            remedy=f"`mainstay {command}` lists them.",
        )
    if len(fitting) > 1:
        raise AmbiguousId(
            f"{short!r} fits {_counted(fitting)} {what}s.",
            why="For example " + ", ".join(fitting[:3]) + ".",
            remedy="Write more of the id.",
            candidates=fitting[:20],
        )
    return fitting[0]


def _beginning_so(store: EventReader, table: str, column: str, wanted: str) -> list[str]:
    """Ids that begin so, in order: a look at the key, a slice at a time, since most short ids fit one."""
    found: list[str] = []
    after, size = wanted[:-1] + _before(wanted[-1]), SLICE_FIRST
    while len(found) <= FITTING_MAX:
        rows = store.select(table, order=column, after=after, limit=size)
        some = [value for row in rows if (value := str(row[column])).startswith(wanted)]
        found += some
        if len(some) < size:
            break
        after, size = some[-1], FITTING_MAX
    return found


def _ending_so(store: EventReader, table: str, column: str, wanted: str) -> list[str]:
    """Ids that end so, the latest first: by the last digits where the view has an index of them."""
    where: dict[str, Value] = {}
    known = store.select(table, limit=1)
    if known and ENDING in known[0]:  # not so of a view that an older Mainstay made
        where = {ENDING: wanted[-SHORT_ID_MIN:]}
    rows = store.select(table, where=where, order=column, descending=True, limit=_SCAN_MAX)
    return [value for row in rows if (value := str(row[column])).endswith(wanted)]


def _counted(fitting: list[str]) -> str:
    return str(len(fitting)) if len(fitting) <= FITTING_MAX else f"more than {FITTING_MAX:,}"


def _before(digit: str) -> str:
    """What sorts directly before every id that continues with this hex digit."""
    return chr(ord(digit) - 1) + "\x7f"
