"""A ledger, held against what was signed about it: what the chain alone cannot show.

A chain that was made anew from an edited event holds, and so does one whose tail was cut off. Neither holds against a
checkpoint that was signed before, outside of the ledger.

Rules of this file:

- The signed statements are proved first, by themselves (`ledger.statements`); here they are taken as true.
- A checkpoint that the ledger does not bear out is excused by one thing alone: a statement, signed after it, that a
  backup took the ledger's place, whose event stands in the ledger where it must.
- What the ledger says of its checkpoints must be among what was signed: else the file was cut, or somebody was shown
  another history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from mainstay.kernel.events import NUMBER_OF, CheckpointSigned, LedgerRestored
from mainstay.kernel.values import Instant
from mainstay.ledger.export import rfc3339
from mainstay.ledger.merkle import Frontier
from mainstay.ledger.segments import Row
from mainstay.ledger.statements import Checkpoint, Restored, Statement

_SIGNED, _RESTORED = NUMBER_OF[CheckpointSigned], NUMBER_OF[LedgerRestored]
_BOTH = frozenset((_SIGNED, _RESTORED))


class _Recorded(msgspec.Struct):
    through: int
    root: str
    signature: str


class _Replaced(msgspec.Struct):
    backup_head: int
    backup_hash: str


_recorded = msgspec.json.Decoder(_Recorded).decode
_replaced = msgspec.json.Decoder(_Replaced).decode


@dataclass(frozen=True, slots=True)
class Unborne:
    """What the ledger does not bear out, from a position on (0: not an event)."""

    position: int
    reason: str
    checkpoints: bool = False  # it is what was signed that is missing or other


@dataclass(slots=True)
class Against:
    """Takes the events of a ledger in order, and says where they are not what was signed."""

    statements: Sequence[Statement]
    frontier: Frontier = field(default_factory=Frontier)
    borne_out: int = 0  # checkpoints that the ledger bears out
    through: int = 0  # up to here
    replaced: int = 0  # checkpoints of a history that a backup took the place of
    notes: list[str] = field(default_factory=list)
    _awaited: dict[int, list[tuple[int, Checkpoint]]] = field(default_factory=dict)
    _order: deque[int] = field(default_factory=deque)
    _signatures: set[str] = field(default_factory=set)
    _restores: dict[tuple[int, str], int] = field(default_factory=dict)  # and after which statements
    _happened: list[tuple[int, int]] = field(
        default_factory=list
    )  # number of the statement, end of the backup
    _unsigned: int = 0  # where the ledger says that it was restored, and nobody signed it
    _begun: int = 0  # how far the ledger had come when the first key was adopted
    _earlier: int = 0

    def __post_init__(self) -> None:
        for one in self.statements:
            if isinstance(one, Checkpoint):
                self._awaited.setdefault(one.through, []).append((one.number, one))
                self._signatures.add(one.signature)
            elif isinstance(one, Restored):
                self._restores[one.backup_head, one.backup_hash] = one.number
            elif one.number == 1:
                self._begun = one.through
        self._order = deque(sorted(at for at in self._awaited if at > self.frontier.size))

    def know(self, signatures: Iterable[str]) -> None:
        """These were signed too, about what was held against them already."""
        self._signatures.update(signatures)

    def take(self, rows: Sequence[Row], hashes: Sequence[bytes]) -> Unborne | None:
        """The next events, which the chain has proved, with their hashes."""
        first = rows[0][0]
        for row in [row for row in rows if row[3] in _BOTH]:
            wrong = self._said(row)
            if wrong is not None:
                return wrong
        done = 0
        while self._order and self._order[0] < first + len(rows):
            through = self._order.popleft()
            cut = through - first + 1
            self.frontier.extend(hashes[done:cut])
            done = cut
            if (wrong := self._held(through, hashes[cut - 1])) is not None:
                return wrong
        self.frontier.extend(hashes[done:])
        return None

    def end(self, last: int) -> Unborne | None:
        """There are no more events."""
        for through in sorted(self._awaited):
            for number, one in self._awaited[through]:
                if self._excused(number, through):
                    self.replaced += 1
                elif through > last:
                    return Unborne(
                        last + 1,
                        f"It is missing: position {through} was signed on {_day(one)}, the last is {last}."
                        + self._claimed(),
                    )
        if self.replaced:
            self.notes.append(
                f"{self.replaced} checkpoints are of a history that a restored backup took the place of, as was signed."
            )
        if self._earlier:
            self.notes.append(
                f"{self._earlier} checkpoints from before position {self._begun} are not kept any more: what was "
                "signed begins there anew, as was signed."
            )
        return None

    def _said(self, row: Row) -> Unborne | None:
        """What the ledger itself says of checkpoints and restores."""
        position, kind, data = row[0], row[3], bytes(row[11])
        try:
            if kind == _SIGNED:
                one = _recorded(data)
                if one.signature in self._signatures:
                    return None
                if one.through <= self._begun:
                    self._earlier += 1
                    return None
                return Unborne(position, self._unknown(one), checkpoints=True)
            back = _replaced(data)
        except msgspec.MsgspecError as error:
            return Unborne(position, f"It makes no sense: {error}.")
        number = self._restores.get((back.backup_head, back.backup_hash))
        if number is not None and position == back.backup_head + 1:
            self._happened.append((number, back.backup_head))
        elif number is None:
            self._unsigned = position
        return None

    def _unknown(self, one: _Recorded) -> str:
        if any(known.root != one.root for _, known in self._awaited.get(one.through, ())):
            return (
                f"It records another root for position {one.through} than was signed: somebody was shown "
                "another history."
            )
        return (
            f"It records a checkpoint of position {one.through} that is not among those that were kept: "
            "they were cut or replaced."
        )

    def _held(self, through: int, hash: bytes) -> Unborne | None:
        left: list[tuple[int, Checkpoint]] = []
        for number, one in self._awaited[through]:
            if (one.hash, one.root) == (hash.hex(), self.frontier.root().hex()):
                self.borne_out += 1
                self.through = through
            elif self._excused(number, through):
                left.append((number, one))
            else:
                return Unborne(
                    self.through + 1,
                    f"From here to {through} history was rewritten: the chain holds, and is not the one that was "
                    f"signed on {_day(one)}." + self._claimed(),
                )
        self._awaited[through] = left
        return None

    def _excused(self, number: int, through: int) -> bool:
        return any(after > number and through > head for after, head in self._happened)

    def _claimed(self) -> str:
        if not self._unsigned:
            return ""
        return f" Position {self._unsigned} says that a backup was restored, but that was not signed."


def _day(one: Checkpoint) -> str:
    return rfc3339(Instant(one.at))[:19] + "Z"
