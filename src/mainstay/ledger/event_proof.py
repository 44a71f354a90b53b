"""The proof that one event stands in a ledger, for somebody who may not see the others: a signed root, and some hashes.

Whoever checks it needs nothing but the proof and a public key that they trust. It shows what was recorded, when and by
whom, at which place in the order, and nothing of what else was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from struct import error as StructError  # noqa: N812

import msgspec

from mainstay.kernel.errors import NotFound
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.merkle import inclusion_proof, is_included
from mainstay.ledger.signing import fingerprint, is_signed
from mainstay.ledger.statements import Checkpoint, Restored, Statement, spelled
from mainstay.ledger.store import GENESIS, ORIGIN, EventReader, Position, RecordedEvent

FORMAT = "mainstay event proof 1"
SLICE = 1_000


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event, as it was recorded, and what leads from it to a root that was signed."""

    format: str
    position: int
    stream: str
    version: int
    type: int
    schema: int
    at: int
    correlation: str
    causation: int
    actor: str
    transaction: str
    data: str  # the stored bytes, as text: they are JSON
    previous: str  # the hash of the event before it
    path: tuple[str, ...]  # hashes beside the way up to the root
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows; `wrong` says why it shows nothing."""

    proof: Proof | None
    wrong: str = ""


def prove(store: EventReader, statements: Sequence[Statement], position: int) -> Proof:
    """The proof of an event under the first checkpoint that covers it; reads the ledger up to there. Or `NotFound`."""
    signed = [one for one in _of_the_ledger_as_it_is(statements) if one.through >= position]
    if position < 1 or not signed:
        raise NotFound(
            f"No checkpoint covers position {position}.",
            why="Only what was signed can be proved.",
            remedy="`mainstay audit sign` signs all there is now.",
        )
    one = min(signed, key=lambda each: each.through)
    hashes: list[bytes] = []
    found: RecordedEvent | None = None
    after = ORIGIN
    while len(hashes) < one.through and (
        events := store.read_all(after=after, limit=min(SLICE, one.through - len(hashes)))
    ):
        found = next((event for event in events if event.position == position), found)
        hashes += [event.hash for event in events]
        after = Position(events[-1].position)
    if found is None or len(hashes) < one.through:
        raise NotFound(
            f"There is no event {position}.", remedy="`mainstay audit verify` says what is missing."
        )
    return Proof(
        format=FORMAT,
        position=position,
        stream=found.stream,
        version=found.version,
        type=found.type,
        schema=found.schema,
        at=found.at,
        correlation="" if found.correlation == found.stream else found.correlation,
        causation=found.causation,
        actor=found.actor,
        transaction=found.transaction.hex(),
        data=found.data.decode(),
        previous=(hashes[position - 2] if position > 1 else GENESIS).hex(),
        path=tuple(each.hex() for each in inclusion_proof(hashes, position - 1)),
        checkpoint=one,
    )


def _of_the_ledger_as_it_is(statements: Sequence[Statement]) -> list[Checkpoint]:
    """Without those of a history that a restored backup took the place of: their roots are over other events."""
    found: list[Checkpoint] = []
    for one in statements:
        if isinstance(one, Checkpoint):
            found.append(one)
        elif isinstance(one, Restored):
            found = [earlier for earlier in found if earlier.through <= one.backup_head]
    return found


def checked_proof(raw: bytes, trusted: Collection[str]) -> Proved:
    """What a proof shows to whoever trusts these public keys (hex)."""
    try:
        proof = msgspec.json.decode(raw, type=Proof)
        names = name_part(proof.actor) + name_part(proof.stream) + name_part(proof.correlation)
        hash = link(
            *(
                bytes.fromhex(proof.previous),
                proof.position,
                proof.version,
                proof.type,
                proof.schema,
                proof.at,
            ),
            *(proof.causation, bytes.fromhex(proof.transaction), names, proof.data.encode()),
        )
        path = [bytes.fromhex(one) for one in proof.path]
        one = proof.checkpoint
        root, signature, message = bytes.fromhex(one.root), bytes.fromhex(one.signature), spelled(one)
    except (msgspec.MsgspecError, ValueError, AssertionError, StructError) as error:
        return Proved(None, f"It is no proof: {error}.")
    if proof.format != FORMAT:
        return Proved(None, f"Its format is {proof.format[:40]!r}.")
    keys = [bytes.fromhex(key) for key in trusted if fingerprint(bytes.fromhex(key)) == one.key]
    if not any(is_signed(key, signature, message) for key in keys):
        return Proved(None, "Its checkpoint is not signed by a key that you trust.")
    if not is_included(hash, proof.position - 1, one.through, path, root):
        return Proved(None, "This event is not under the root that was signed.")
    return Proved(proof)
