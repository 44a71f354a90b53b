"""Typed ids, and the derivation of one id from another.

Nothing in the kernel is drawn at random: an id is a hash of what it identifies, so that the same request has
the same id in every attempt, process and replay. Run ids begin with the time of their trigger, so that they
sort in the order of their making and an index over them grows at its end.
"""

from __future__ import annotations

from hashlib import blake2b, sha256
from typing import NewType

from mainstay.kernel.values import Digest

StreamId = NewType("StreamId", str)  # "run:<id>", "inbox:<adapter>", "workspace"
RunId = NewType("RunId", str)  # 32 hex digits: 12 of milliseconds, 20 of hash
ApprovalId = NewType("ApprovalId", str)  # 16 hex digits
IdempotencyKey = NewType("IdempotencyKey", str)  # 32 hex digits
TransactionId = NewType("TransactionId", bytes)  # 16 bytes: 6 of milliseconds, 10 of hash
SubjectId = NewType("SubjectId", str)  # keyed hash of a correspondent's address; 32 hex digits

WORKSPACE = StreamId("workspace")


def derive(*parts: str | int | bytes, size: int = 16) -> bytes:
    """`size` bytes that depend on every part and on where one part ends and the next begins."""
    spelled: list[bytes] = []
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        spelled += (len(data).to_bytes(4, "big"), data)
    return blake2b(b"".join(spelled), digest_size=size).digest()


def digest(data: bytes) -> Digest:
    """The content address of stored bytes."""
    return Digest(sha256(data).hexdigest())


def transaction_id(at: int, *parts: str | int | bytes) -> TransactionId:
    """A 16-byte id that sorts by time; `at` in microseconds."""
    return TransactionId((at // 1000).to_bytes(6, "big") + derive(*parts, size=10))


def run_id(at: int, *parts: str | int | bytes) -> RunId:
    """The id of the run that `parts` (workflow and trigger) start; `at` is the trigger's recorded time."""
    return RunId(transaction_id(at, "run", *parts).hex())


def run_stream(run: RunId) -> StreamId:
    """The stream that holds the events of a run."""
    return StreamId("run:" + run)


def run_of(stream: StreamId) -> RunId:
    """The run whose stream this is."""
    return RunId(stream[4:])


def idempotency_key(run: RunId, task: int, semantic_request: Digest) -> IdempotencyKey:
    """One key for all attempts of the same request: the hash of run, task and semantic request."""
    return IdempotencyKey(derive("key", run, task, semantic_request).hex())


def effect_digest(
    *, adapter: str, operation: str, contract: str, price_micros: int | None, key: str, payload: bytes
) -> Digest:
    """What an approval binds: the exact bytes that will leave, by which contract and at what price."""
    hasher = sha256()
    for part in (adapter, operation, contract, str(price_micros), key):
        hasher.update(len(part.encode()).to_bytes(4, "big") + part.encode())
    hasher.update(payload)
    return Digest(hasher.hexdigest())


def approval_id(run: RunId, task: int, effect: Digest, asked: int = 0) -> ApprovalId:
    """The card that asks about exactly this effect for the `asked`-th time again.

    Ten digits of hash and six of the task's number: a card that is answered is found without a search, and a late
    answer to an earlier card of the same effect answers no later one.
    """
    return ApprovalId(f"{derive('approval', run, task, effect, asked, size=5).hex()}{task:06x}")


def approval_task(approval: ApprovalId) -> int | None:
    """The number of the task whose card this is; None for what is no approval id."""
    try:
        return int(approval[10:], 16) if len(approval) == 16 else None
    except ValueError:
        return None


def fraction(*parts: str | int | bytes) -> float:
    """A number in [0, 1) derived from `parts`: jitter and sampling that every replay draws alike."""
    return int.from_bytes(derive(*parts, size=8), "big") / 2**64
