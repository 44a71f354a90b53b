"""One-time links for logging in on this machine: whoever can read the director's terminal, or ask its socket, is the
operator.

They live in the memory of the director alone and end with it. Only a hash of each is kept there, so that a link is
compared by what nobody can time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from mainstay.runtime.clock import Clock

LIFE_S = 600.0
KEPT_MAX = 16  # the oldest goes


class LoginLinks:
    """The links that can be used still."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._good_until: OrderedDict[bytes, float] = OrderedDict()

    def issue(self) -> str:
        """A new one's token: 32 random bytes, good once and for ten minutes."""
        token = secrets.token_urlsafe(32)
        self._good_until[_hash(token)] = self._clock.monotonic_s() + LIFE_S
        while len(self._good_until) > KEPT_MAX:
            self._good_until.popitem(last=False)
        return token

    def spend(self, token: str) -> bool:
        """Use one; whether it was good. It is good for nothing more, in either case."""
        until = self._good_until.pop(_hash(token), None)
        return until is not None and self._clock.monotonic_s() < until


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
