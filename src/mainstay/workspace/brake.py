"""The brake on mail loops: so many replies to one correspondent in an hour leave by themselves, and then they ask.

Two programs that answer each other are the classic disaster of this kind of product, and no mark in their mails is
sure to tell them. So replies are counted, by what was sent (the ledger knows, also after a restart) and by what was
proposed since the start (several may be under way at once); the larger number holds. What is above the limit is not
refused: a person may well write to somebody often.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import HOUR, Instant, Json
from mainstay.ledger.projections.written import WRITING
from mainstay.ledger.store import EventReader
from mainstay.runtime.clock import Clock

CORRESPONDENTS_MAX = 10_000  # remembered at once; whoever wrote longest ago is forgotten first


class ReplyBrake:
    """Counts replies of each account to each correspondent."""

    def __init__(self, store: EventReader, clock: Clock, limits: Mapping[str, int]) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits  # by adapter instance: `replies_per_hour_max`
        self._proposed: dict[tuple[str, SubjectId], deque[Instant]] = {}

    def features(self, instance: str, act: str, subject: SubjectId | None) -> Json:
        """What policy must know of one more reply, which is counted from now on."""
        limit = self._limits.get(instance)
        if limit is None or subject is None or act not in WRITING:
            return {}
        now = self._clock.now()
        count = max(
            self._sent_since(now, instance, subject, limit), self._propose(now, instance, subject, limit)
        )
        return {"replies_last_hour": count, "over_reply_limit": count >= limit}

    def _sent_since(self, now: Instant, instance: str, subject: SubjectId, limit: int) -> int:
        rows = self._store.select(
            "written",
            where={"subject": subject, "adapter": instance},
            order="position",
            descending=True,
            limit=limit + 1,
        )
        return sum(isinstance(at := row["at"], int) and at > now - HOUR for row in rows)

    def _propose(self, now: Instant, instance: str, subject: SubjectId, limit: int) -> int:
        proposed = self._proposed.pop((instance, subject), None) or deque(maxlen=limit + 1)
        while proposed and proposed[0] <= now - HOUR:
            proposed.popleft()
        before = len(proposed)
        proposed.append(now)
        self._proposed[instance, subject] = proposed
        if len(self._proposed) > CORRESPONDENTS_MAX:
            del self._proposed[next(iter(self._proposed))]
        return before
