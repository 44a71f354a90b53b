"""What to do about an attempt that failed: one table, read by failure and by how the operation may be
repeated.

`TRANSIENT`, `THROTTLED` and `STOPPED` carry proof that nothing happened, so even an operation that may be called only
once is called again. `TIMEOUT`, `LOST`, `IN_DOUBT` and `BUG` carry none: there the contract decides. Nothing
is retried whose contract does not allow it, and nothing that may have happened is given up in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId, fraction
from mainstay.kernel.values import DAY, MINUTE, SECOND

RETRY_BASE_US = SECOND
RETRY_MAX_US = 15 * MINUTE
LOOKUP_BASE_US = 5 * SECOND


class Remedy(Enum):
    """The ways on."""

    RETRY = auto()
    LOOK_UP = auto()
    ASK = auto()
    GIVE_UP = auto()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of a failed attempt; `repeatability` is None for thinking, which changes nothing.

    `tried` says that an earlier call may have arrived, which no proof about the last one takes away.
    """

    failure: FailureClass
    attempt: int
    attempt_max: int
    repeatability: Repeatability | None = None
    tried: bool = False


# After these the effect may have happened.
UNPROVEN = frozenset({FailureClass.TIMEOUT, FailureClass.LOST, FailureClass.IN_DOUBT, FailureClass.BUG})


def remedy(diagnosis: Diagnosis) -> Remedy:
    """The way on."""
    last = diagnosis.attempt >= diagnosis.attempt_max
    match diagnosis.failure:
        case FailureClass.REFUSED | FailureClass.INVALID | FailureClass.POISONED:
            return Remedy.ASK if diagnosis.tried else Remedy.GIVE_UP
        case FailureClass.TRANSIENT | FailureClass.THROTTLED | FailureClass.STOPPED:
            if not last:
                return Remedy.RETRY
            return Remedy.ASK if diagnosis.tried else Remedy.GIVE_UP
        case FailureClass.TIMEOUT | FailureClass.LOST | FailureClass.IN_DOUBT | FailureClass.BUG:
            return _unproven(diagnosis, last=last)
        case _:
            assert_never(diagnosis.failure)


def candidates(diagnosis: Diagnosis) -> tuple[Remedy, ...]:
    """Every way on that the contract allows for this failure, the one that `remedy` takes among them."""
    if diagnosis.failure in (FailureClass.REFUSED, FailureClass.INVALID, FailureClass.POISONED):
        return (Remedy.ASK,) if diagnosis.tried else (Remedy.GIVE_UP,)
    if diagnosis.failure in (FailureClass.TRANSIENT, FailureClass.THROTTLED, FailureClass.STOPPED):
        return (Remedy.RETRY, Remedy.ASK) if diagnosis.tried else (Remedy.RETRY, Remedy.GIVE_UP)
    match diagnosis.repeatability:
        case None:
            return (Remedy.RETRY, Remedy.GIVE_UP)
        case Repeatability.KEYED:
            return (Remedy.RETRY, Remedy.ASK)
        case Repeatability.FINDABLE:
            return (Remedy.LOOK_UP, Remedy.ASK)
        case Repeatability.ONCE:
            return (Remedy.ASK,)
        case _:
            assert_never(diagnosis.repeatability)


def _unproven(diagnosis: Diagnosis, *, last: bool) -> Remedy:
    match diagnosis.repeatability:
        case None:
            # Our own code, or an agent's, raised: the same input gives the same answer.
            give_up = last or diagnosis.failure is FailureClass.BUG
            return Remedy.GIVE_UP if give_up else Remedy.RETRY
        case Repeatability.KEYED:
            return Remedy.ASK if last else Remedy.RETRY
        case Repeatability.FINDABLE:
            return Remedy.LOOK_UP
        case Repeatability.ONCE:
            return Remedy.ASK
        case _:
            assert_never(diagnosis.repeatability)


def retry_delay_us(run: RunId, task: int, attempt: int, retry_after_us: int | None = None) -> int:
    """Exponential backoff, jittered between half and all of the step; `Retry-After`, up to a day, is a lower bound.

    The jitter is a hash of run, task and attempt, so that every replay waits as long ("equal jitter" in
    M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
    """
    step = min(RETRY_MAX_US, RETRY_BASE_US << min(attempt - 1, 20))
    delay = step // 2 + int(step // 2 * fraction("jitter", run, task, attempt))
    return max(delay, min(retry_after_us or 0, DAY))  # who says "in ten years" is asked again tomorrow


def lookup_delay_us(started_us_ago: int) -> int:
    """How long until the next look-up: as long again as has passed, between five seconds and a minute."""
    return min(MINUTE, max(LOOKUP_BASE_US, started_us_ago))
