"""Two entries of a history, compared: those that the address names, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mainstay.console.lines_diff import Row, lines_diff
from mainstay.workspace.edit_history import Entry


@dataclass(frozen=True, slots=True)
class Compared:
    """The older and the newer, and the lines that differ; `known` is false where a text was not kept."""

    old: Entry
    new: Entry
    rows: Sequence[Row]
    known: bool


def compared(
    entries: Sequence[Entry], old: int, new: int, text_of: Callable[[Entry], str | None]
) -> Compared | None:
    """The entries at these positions (`old` left out: the one before `new`), older first; None where there are none."""
    by_position = {one.position: one for one in entries}
    newer = by_position.get(new)
    if newer is None:
        return None
    older = by_position.get(old) or next((one for one in entries if one.position < new), None)
    if older is None or older.position == newer.position:
        return None
    if older.position > newer.position:
        older, newer = newer, older
    texts = [text_of(one) if one.digest else "" for one in (older, newer)]
    if texts[0] is None or texts[1] is None:
        return Compared(older, newer, (), known=False)
    return Compared(older, newer, lines_diff(texts[0], texts[1]), known=True)
