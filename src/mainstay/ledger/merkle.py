"""One hash over all events so far, and short proofs about it: the tree of RFC 6962 and RFC 9162.

    leaf = SHA-256(0x00 ‖ hash of the event)        node = SHA-256(0x01 ‖ left ‖ right)

The chain says that nothing changed only to who reads all of it; a root can be signed, and a proof of some thirty hashes
shows that one event is under it, or that a later root has grown out of it.

Rules of this file:

- A `Frontier` is all that is needed to go on: the roots of the full subtrees that the events so far make, at most one
  of each size. Adding n events costs n leaves and n nodes; no event is read again.
- `extend` works level by level over a whole slice: twice as fast as one event after another.
- What the tree is, is said once more in the plainest words by `root_of`; a property holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from struct import error as StructError  # noqa: N812

HASH_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"
_EMPTY = sha256(b"").digest()
_SIZE = Struct(">Q")


class Frontier:
    """The tree over the events so far, as far as adding to it needs."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # by height; empty where the binary form of the size has a 0

    def extend(self, entries: Sequence[bytes]) -> None:
        """Add events, by their hashes, in order."""
        row = [sha256(_LEAF + entry).digest() for entry in entries]
        self.size += len(row)
        height = 0
        while row:
            if height == len(self._peaks):
                self._peaks.append(b"")
            if self._peaks[height]:
                row.insert(0, self._peaks[height])
            self._peaks[height] = row.pop() if len(row) % 2 else b""
            pairs = iter(row)
            row = [sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            height += 1

    def root(self) -> bytes:
        """The root over all events so far."""
        found = b""
        for peak in self._peaks:
            if peak:
                found = _node(peak, found) if found else peak
        return found or _EMPTY

    def copy(self) -> Frontier:
        """Another one at the same point."""
        made = Frontier()
        made.size, made._peaks = self.size, list(self._peaks)
        return made

    def as_bytes(self) -> bytes:
        """A form to be kept: the size, then the peaks from the lowest up."""
        return _SIZE.pack(self.size) + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier | None:
        """What `as_bytes` gave; None for anything else. Only a root that was signed says that it is the right one."""
        try:
            (size,) = _SIZE.unpack_from(data)
        except StructError:
            return None
        if len(data) != _SIZE.size + HASH_BYTES * size.bit_count():
            return None
        made, place = cls(), _SIZE.size
        made.size = size
        for height in range(size.bit_length()):
            there = bool(size >> height & 1)
            made._peaks.append(data[place : place + HASH_BYTES] if there else b"")
            place += HASH_BYTES * there
        return made


def root_of(entries: Sequence[bytes]) -> bytes:
    """The root, as RFC 9162 (2.1.1) says it."""
    if not entries:
        return _EMPTY
    if len(entries) == 1:
        return _leaf(entries[0])
    middle = _split(len(entries))
    return _node(root_of(entries[:middle]), root_of(entries[middle:]))


def inclusion_proof(entries: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """What shows that the entry at `index` (from 0) is under the root of all of them."""
    assert 0 <= index < len(entries), "there is no such entry"
    if len(entries) == 1:
        return ()
    middle = _split(len(entries))
    if index < middle:
        return (*inclusion_proof(entries[:middle], index), root_of(entries[middle:]))
    return (*inclusion_proof(entries[middle:], index - middle), root_of(entries[:middle]))


def is_included(entry: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the entry is at `index` of the `size` entries under the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, _leaf(entry)
    for one in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = _node(one, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = _node(found, one)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(entries: Sequence[bytes], before: int) -> tuple[bytes, ...]:
    """What shows that the tree over all entries has grown out of the one over the first `before` of them."""
    assert 0 < before <= len(entries), "a tree grows out of a smaller one that is not empty"
    return _grown(entries, before, whole=True)


def is_consistent(before: int, root_before: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the one root has grown out of the other (RFC 9162, 2.1.4.2)."""
    if not 0 < before <= size:
        return False
    if before == size:
        return not proof and root_before == root
    path = list(proof)
    if before.bit_count() == 1:  # a full tree is a part of the larger one, and its root is known
        path.insert(0, root_before)
    if not path:
        return False
    place, last = before - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = _node(one, old), _node(one, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = _node(new, one)
        place, last = place >> 1, last >> 1
    return last == 0 and old == root_before and new == root


def _grown(entries: Sequence[bytes], before: int, *, whole: bool) -> tuple[bytes, ...]:
    if before == len(entries):
        return () if whole else (root_of(entries),)
    middle = _split(len(entries))
    if before <= middle:
        return (*_grown(entries[:middle], before, whole=whole), root_of(entries[middle:]))
    return (*_grown(entries[middle:], before - middle, whole=False), root_of(entries[:middle]))


def _leaf(entry: bytes) -> bytes:
    return sha256(_LEAF + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
