"""Tokens of the API from outside: issue, list, revoke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mainstay.kernel.scopes import OPERATOR
from mainstay.kernel.values import Json
from mainstay.ledger.store import EventReader
from mainstay.runtime.clock import Clock
from mainstay.workspace.doors import Door

if TYPE_CHECKING:
    from mainstay.runtime.tokens import Token

USUAL_DAYS = 90


class TokenDesk:
    """Which programs and agents may use the API of one workspace."""

    def __init__(
        self,
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], EventReader | None],
        clock: Clock,
        hashed: Callable[[str, str], bytes],
    ) -> None:
        self._door = door
        self._store = store
        self._clock = clock
        self._hashed = hashed

    def issue(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        holder: str = OPERATOR,
        days: int = USUAL_DAYS,
        actor: str = OPERATOR,
        asked_as: str = "",
    ) -> Json:
        """A new token with its `secret`, which is shown this once and kept nowhere. Raises `CommandRefused`.

        `asked_as`: who asks and by which name, so that the same request has the same answer.
        """
        said: Json = {"name": name, "holder": holder, "scopes": list(scopes), "days": days, "actor": actor}
        with self._door() as door:
            return door.ask("token_issue", said | ({"asked_as": asked_as} if asked_as else {}))

    def standing(self) -> list[Json]:
        """The tokens that are good, newest first."""
        from mainstay.runtime.tokens import not_revoked

        store = self._store()
        now = self._clock.now()
        return [] if store is None else [row for row in not_revoked(store) if _whole(row["until"]) > now]

    def known(self, secret: str) -> Token | None:
        """Whose secret this is, while that token is good. Reads the ledger, also beside a director."""
        from mainstay.runtime.tokens import looked_up

        store = self._store()
        return None if store is None else looked_up(store, self._hashed, secret, self._clock.now())

    def revoke(self, token: str, *, reason: str = "", actor: str = OPERATOR) -> bool:
        """End a token, by its id, the beginning of it, or its name; whether it was good."""
        with self._door() as door:
            told = door.ask("token_revoke", {"token": token, "reason": reason, "actor": actor})
            return bool(told["revoked"])


def _whole(value: object) -> int:
    assert isinstance(value, int), "a time"
    return value
