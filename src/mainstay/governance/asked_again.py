"""What was rejected, or expired, and is asked about anew: the run that goes on from there, and its card.

Rules of this file: pure reading. A card is asked about again once: the run that does so has an id made from the card
and the moment of its rejection, so that whoever asks twice, from two devices at once, or after a crash, finds the same
one. A run that somebody restarted by hand counts as well, also before it has a card: two drafts of one answer would
wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mainstay.kernel.ids import RunId, run_id
from mainstay.ledger.store import EventReader, Value

ENDED_WITHOUT = ("rejected", "expired")  # nothing left, and nobody but a person may have it asked again
_CHILDREN, _CARDS = 1_000, 100


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """Where it is asked anew."""

    run: RunId
    status: str  # of that run
    approval: str = ""  # its card; empty while there is none yet


def run_that_asks(row: Mapping[str, Value]) -> RunId:
    """The id of the run that asks again about what this card was about; `row` of the view `approvals`."""
    return run_id(_whole(row["decided_at"]), "asked again", str(row["approval"]))


def asked_again(store: EventReader, row: Mapping[str, Value]) -> AskedAgain | None:
    """Where the act of this card is asked about since it was rejected or expired; None where nowhere."""
    if row["status"] not in ENDED_WITHOUT:
        return None
    children = store.select("runs", where={"parent": row["run"]}, limit=_CHILDREN)
    found: list[tuple[int, AskedAgain]] = []
    for child in children:
        run, status = RunId(str(child["run"])), str(child["status"])
        where = {"run": run, "task": row["task"]}
        cards = store.select("approvals", where=where, order="position", descending=True, limit=_CARDS)
        newest = next(
            (one for one in cards if _whole(one["requested_at"]) >= _whole(row["decided_at"])), None
        )
        if newest is not None:
            found.append((_whole(newest["position"]), AskedAgain(run, status, str(newest["approval"]))))
        elif run == run_that_asks(row) or child["ended_at"] is None:  # it may be drafting yet
            found.append((0, AskedAgain(run, status)))
    return max(found, key=lambda one: one[0])[1] if found else None


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0
