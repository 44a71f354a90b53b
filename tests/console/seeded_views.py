"""Rows in the views of the house that a test wants to see on a page, and that are gone after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mainstay.ledger.store import Delete, Put, RowChange, Value
from tests.security.web_house import WebHouse

Row = tuple[str, tuple[Value, ...], dict[str, Value]]


@contextmanager
def rows_in(web: WebHouse, *rows: Row) -> Iterator[None]:
    """Views only: no event says so, and no director would make them so."""

    def change(changes: Sequence[RowChange]) -> None:
        held = web.service.held
        held.store.append((), epoch=held.director.epoch, at=web.clock.now(), changes=changes)

    web.call(lambda: change([Put(*one) for one in rows]))
    try:
        yield
    finally:
        web.call(lambda: change([Delete(table, key) for table, key, _ in rows]))
