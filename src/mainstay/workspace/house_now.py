"""How the house stands at this moment, for the rail of every page: what waits, whether the director works, and as of
when the ledger is known to be whole.

It is asked for at every page, so what takes a look into the ledger is kept until something moved there.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.governance.cards_waiting import put_off_until, still_put_off, unanswered
from mainstay.kernel.events import IncidentKind
from mainstay.ledger.store import EventReader
from mainstay.runtime.clock import Clock
from mainstay.runtime.loop import Loop
from mainstay.workspace.audit_state import ASKED_MARK, MARK, last_proved
from mainstay.workspace.folder import Folder
from mainstay.workspace.moves import BIT, Listener, Moves

CATCHING_UP = 500  # requests and effects that wait: more than a busy second leaves behind
MARK_EVERY_S = 10.0  # how late a proof by the child process may be noticed


@dataclass(frozen=True, slots=True)
class HouseNow:
    """See the module."""

    waiting: int  # cards, without those that were put off
    in_doubt: int
    open_runs: int
    position: int  # of the last event
    killed: bool  # the kill switch is on
    restored: bool  # and a restore threw it
    disk_full: bool
    queued: int  # what waits for the director, where that is much; else 0
    intact_at: int  # when the ledger was last proved whole; 0: not yet
    intact_to: int  # and through which position: what came since is not proved
    unsound: bool  # the last proof found something wrong


class HouseWatch:
    """Knows it at any time. Used in the director's loop alone."""

    def __init__(self, loop: Loop, store: EventReader, folder: Folder, clock: Clock, moves: Moves) -> None:
        self._loop, self._store, self._folder, self._clock, self._moves = loop, store, folder, clock, moves
        self._listener: Listener | None = None
        self._put_off_until: list[int] = []
        self._unanswered = self._in_doubt = 0
        self._signed = self._proved = (0, 0)  # when, and through which position
        self._restored = self._broken = False
        self._marked_s = float("-inf")

    def now(self) -> HouseNow:
        """See the module."""
        self._look()
        director = self._loop.director
        queued = self._loop.queued
        intact_at, intact_to = max(self._signed, self._proved)
        return HouseNow(
            waiting=self._unanswered - still_put_off(self._put_off_until, self._clock.now()),
            in_doubt=self._in_doubt,
            open_runs=len(director.runs),
            position=int(self._store.head),
            killed=director.killed,
            restored=director.killed and self._restored,
            disk_full=self._loop.disk_full,
            queued=queued if queued > CATCHING_UP else 0,
            intact_at=intact_at,
            intact_to=intact_to,
            unsound=self._broken or (IncidentKind.AUDIT_FAILED, "") in director.house.incidents,
        )

    def _look(self) -> None:
        if self._listener is None:
            self._listener = self._moves.listen()
            moved = BIT["approvals"] | BIT["doubts"] | BIT["house"]
        else:
            moved, _ = self._listener.take()
        if moved & BIT["approvals"]:
            self._unanswered = unanswered(self._store)
            self._put_off_until = put_off_until(self._store)
        if moved & BIT["doubts"]:
            self._in_doubt = self._store.count("in_doubt")
        if moved & BIT["house"]:
            signed = self._store.select("checkpoints", order="through", descending=True, limit=1)
            self._signed = (_number(signed[0]["at"]), _number(signed[0]["through"])) if signed else (0, 0)
            self._restored = self._thrown_by_restore()
        now_s = self._clock.monotonic_s()
        if now_s - self._marked_s >= MARK_EVERY_S:
            self._marked_s = now_s
            at, events, self._broken = proofs(self._folder)
            self._proved = at, events

    def _thrown_by_restore(self) -> bool:
        lost, thrown = (self._store.get("house", (key,)) for key in ("lost_since", "kill_switch"))
        if lost is None or thrown is None:
            return False
        return _number(thrown["position"]) == _number(lost["position"]) + 1  # both in one transaction


def proofs(folder: Folder) -> tuple[int, int, bool]:
    """When the whole ledger was last proved whole, by the day or because a person asked, and of how many events;
    and whether the newest proof of all found otherwise.
    """
    told = [one for mark in (MARK, ASKED_MARK) if (one := last_proved(folder, mark)) and "whole" in one]
    told.sort(key=lambda one: _number(one.get("at")))
    whole = [(_number(one.get("at")), _number(one.get("events"))) for one in told if one["whole"] is True]
    return *max(whole, default=(0, 0)), bool(told) and told[-1]["whole"] is not True


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
