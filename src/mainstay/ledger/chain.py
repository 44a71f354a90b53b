"""The hash chain: how one event's hash follows from the hash before it.

    hash = SHA-256(previous ‖ envelope ‖ actor ‖ stream ‖ correlation ‖ data)

The envelope has a fixed size, names carry their length, and `data` comes last and takes the rest, so no two
different events spell the same bytes. Names are hashed, not the integers that a store keeps in their place:
a store may number its streams as it likes, two stores given the same input have the same hashes, and
renaming a stream breaks the chain. A correlation that is the stream itself is written as an empty name.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

# position, version, type, schema, at, causation, transaction
_pack = Struct(">QIHHqQ16s").pack


def name_part(name: str) -> bytes:
    """A name as it enters the hash: its length, then its bytes."""
    data = name.encode()
    return len(data).to_bytes(4, "big") + data


def link(
    previous: bytes,
    position: int,
    version: int,
    type: int,
    schema: int,
    at: int,
    causation: int,
    transaction: bytes,
    names: bytes,  # `name_part` of actor, stream and correlation, in this order
    data: bytes,
) -> bytes:
    """The hash of one event. Positional arguments only in spirit: it is called for every event."""
    assert len(transaction) == 16, "a transaction id has 16 bytes"
    return sha256(
        previous + _pack(position, version, type, schema, at, causation, transaction) + names + data
    ).digest()
