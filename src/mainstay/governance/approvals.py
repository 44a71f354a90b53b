"""What waits for the operator: cards, acts in doubt, and acts that could not be taken back, as the views keep them.

What a card shows of the effect itself lies in sealed blobs (`payload`, `card`); opening them is left to the
caller, who knows what may be shown where. The card of an act in a forked run, and of one that takes another back, has
to be read with that other effect: `governance.earlier` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId, SubjectId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import EventStore, Value

WAITING = "waiting"
COMPENSATION = "compensation"
LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Card:
    """One effect that waits, or waited, for a person's yes to exactly `digest`."""

    approval: ApprovalId
    status: (
        str  # waiting, granted, edited, denied, rejected, expired, cancelled, superseded, happened, withdrawn
    )
    run: RunId
    task: int
    workflow: str
    act: str
    adapter: str
    finality: str
    digest: Digest
    payload: Digest
    card: Digest
    price_micros: int | None
    subject: SubjectId | None
    rule: str
    reason: str
    requested_at: Instant
    expires_at: Instant
    decided_at: Instant | None
    actor: str | None
    open_us: int
    position: int
    undo: bool  # it takes back what the run did
    undoes: int | None  # the task that it takes back
    parent: RunId | None  # the run that this one goes on from

    @property
    def waits(self) -> bool:
        """Whether an answer is still asked for."""
        return self.status == WAITING

    @property
    def read_with(self) -> bool:
        """Whether it must not be answered without the effect that `governance.earlier` finds."""
        return self.undo or self.parent is not None


@dataclass(frozen=True, slots=True)
class Doubt:
    """An act of which only the operator can say whether it happened, or that could not be taken back."""

    run: RunId
    task: int
    kind: str  # in_doubt, compensation
    workflow: str
    act: str
    adapter: str
    key: IdempotencyKey
    digest: Digest
    card: Digest
    attempt: int
    reason: str
    since: Instant
    position: int
    undo: bool  # it takes back what the run did
    undoes: int | None  # the task that it takes back
    parent: RunId | None  # the run that this one goes on from

    @property
    def proposed(self) -> bool:
        """Whether there was an effect: a compensation may fail before its executor proposed one."""
        return bool(self.digest)


def waiting(store: EventStore, *, limit: int = LISTED_MAX) -> list[Card]:
    """The cards that wait, longest first."""
    rows = store.select("approvals", where={"status": WAITING}, order="requested_at", limit=limit)
    return [_card(row) for row in rows]


def recent(store: EventStore, *, limit: int = 100) -> list[Card]:
    """Cards of every status, newest first."""
    rows = store.select("approvals", order="position", descending=True, limit=limit)
    return [_card(row) for row in rows]


def card(store: EventStore, approval: str) -> Card:
    """One card by its id, or by the beginning of the id of one that waits.

    Raises `NotFound` or `AmbiguousId`.
    """
    row = store.get("approvals", (approval,))
    if row is not None:
        return _card(row)
    fitting = [one for one in waiting(store) if approval and one.approval.startswith(approval)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AmbiguousId(
            why=f"{approval!r} is the beginning of {len(fitting)} waiting cards.",
            remedy="Type more of it: " + ", ".join(one.approval for one in fitting[:5]) + ".",
            id=approval,
        )
    raise NotFound(
        f"There is no card {approval!r}.",
        why="No approval has this id, and no waiting one begins like it.",
        remedy="`mainstay approvals` lists what waits.",
        approval=approval,
    )


def in_doubt(store: EventStore, *, limit: int = LISTED_MAX) -> list[Doubt]:
    """The acts in doubt and those that could not be taken back, longest first."""
    rows = store.select("in_doubt", limit=limit)
    return sorted((Doubt(**_columns(Doubt, row)) for row in rows), key=lambda one: (one.since, one.position))


def not_taken_back(store: EventStore, *, limit: int = LISTED_MAX) -> list[Doubt]:
    """Of these, only the ones that are known to have failed to take something back."""
    return [one for one in in_doubt(store, limit=limit) if one.kind == COMPENSATION]


def _card(row: Mapping[str, Value]) -> Card:
    return Card(**_columns(Card, row))


def _columns(kind: type[Any], row: Mapping[str, Value]) -> dict[str, Any]:
    columns = {one.name: row[one.name] for one in fields(kind)}
    return columns | {"undo": bool(columns["undo"])}
