"""What the operator vouches for through the director: programs of their own, and secrets that they replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay.kernel.commands import DistrustExecutable, RecordSecretRotation, TrustExecutable
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.runtime.tick import Answer, Request

Ask = Callable[[Request], Awaitable[Answer]]


class Vouching:
    """Keeps what the operator vouches for.

    `renewed` is told when other bytes are trusted than before, `replaced` when a secret has another value.
    """

    def __init__(
        self,
        ask: Ask,
        renewed: Callable[[], None] = lambda: None,
        replaced: Callable[[], None] = lambda: None,
    ) -> None:
        self._ask = ask
        self._renewed = renewed
        self._replaced = replaced

    async def trust(self, name: str, digest: str, actor: str) -> Json:
        """Trust these bytes of a program."""
        answer = await self._ask(Request(TrustExecutable(name, Digest(digest), actor), actor))
        self._renewed()
        return {"trusted": name, "digest": digest, "changed": bool(answer.events)}

    async def distrust(self, name: str, actor: str) -> Json:
        """Trust it no more."""
        answer = await self._ask(Request(DistrustExecutable(name, actor), actor))
        self._renewed()
        return {"distrusted": name, "changed": bool(answer.events)}

    async def rotated(self, reference: str, expires_at: int, actor: str) -> Json:
        """Keep that a secret was replaced; its value never comes here."""
        command = RecordSecretRotation(reference, actor, Instant(expires_at))
        answer = await self._ask(Request(command, actor))
        self._replaced()
        return {"reference": reference, "recorded": bool(answer.events)}
