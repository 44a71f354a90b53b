"""The ledger as CSV (RFC 4180), for a spreadsheet that must not be told what to do.

A spreadsheet takes a cell that begins with one of `= + - @` for a formula, and a formula can fetch, send and start
things; some also skip blanks and quotes before it, or take the wide forms of these characters for the plain ones. Text
that begins so gets a quote in front, which says that it is text. Numbers are written as numbers: a negative one is none
of this.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from string import ascii_letters, digits

from mainstay.ledger.codec import event_name
from mainstay.ledger.export import EVERYTHING, Opened, Selection, rfc3339, selected
from mainstay.ledger.store import EventReader, RecordedEvent

HEADS = (
    *("position", "time", "type", "stream", "version", "correlation", "causation", "actor"),
    *("transaction", "hash", "data"),
)
ROWS_TOGETHER = 500
_FORMULA = frozenset("=+-@")
_ENDS = frozenset("\t\r\n")
_HARMLESS = frozenset(ascii_letters + digits + "{")  # nearly every cell: no need to look twice
# Minus and dashes that look like the plain one and that NFKC leaves as they are, and the like of the others.
_ALIKE = frozenset("‐‑‒–—―−⁃➕➖⹀﬩˖⁺₊⁻₋⁼₌꞊゠᐀")
_QUOTES = frozenset("'\"`´‘’‚‛“”„‟«»‹›＂＇")

Cell = str | int


def neutral(cell: Cell) -> Cell:
    """The cell as no spreadsheet takes it for a formula."""
    if not isinstance(cell, str) or not cell or cell[0] in _HARMLESS:
        return cell
    if cell[0] in _ENDS or _begins_formula(cell):
        return "'" + cell
    return cell


def export_csv(
    store: EventReader, *, selection: Selection = EVERYTHING, opened: Opened | None = None
) -> Iterator[bytes]:
    """The events that are meant, as rows below a row of heads; some hundred of them at a time."""
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(HEADS)
    for number, recorded in enumerate(selected(store, selection), 1):
        data = recorded.data if opened is None else opened(recorded)
        write([neutral(cell) for cell in _cells(recorded, data)])
        if number % ROWS_TOGETHER == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cells(recorded: RecordedEvent, data: bytes) -> tuple[Cell, ...]:
    return (
        recorded.position,
        rfc3339(recorded.at),
        event_name(recorded.type, recorded.schema),
        recorded.stream,
        recorded.version,
        recorded.correlation,
        recorded.causation or "",
        recorded.actor,
        recorded.transaction.hex(),
        recorded.hash.hex(),
        data.decode("utf-8", "replace"),
    )


def _begins_formula(cell: str) -> bool:
    for one in cell:
        if one in _ALIKE:
            return True
        plain = unicodedata.normalize("NFKC", one)[:1]
        if plain in _FORMULA:
            return True
        if not (
            one in _QUOTES
            or plain.isspace()
            or unicodedata.category(one) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn")
        ):
            return False
    return False
