"""What a request that is not served is refused with; `errors` makes the answer of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A request that is not served."""

    def __init__(
        self,
        status: int,
        what: str,
        *,
        why: str = "",
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        kind: str = "",
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """`kind`: what a program tells refusals apart by; where none is named, the status says enough."""
        super().__init__(what)
        self.kind = kind
        self.fields = dict(fields or {})
        self.status = status
        self.what = what
        self.why = why
        self.remedy = remedy
        self.headers = dict(headers or {})


def fault() -> Refused:
    """What is said of a fault."""
    return Refused(
        500,
        "This should not have happened.",
        why="A fault in Mainstay. What was acknowledged is in the ledger.",
        remedy="Look at the list before you decide again; `mainstay logs` says what went wrong.",
    )


def nothing_here() -> Refused:
    """What is said of an address that leads nowhere."""
    return Refused(
        404, "There is nothing at this address.", why="No page has it.", remedy="Begin at the home page."
    )
