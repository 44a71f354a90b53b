"""A door through which everything is asked by a name: what was done under it is not done again (`runtime.asked_once`).

One call of the SDK may ask several things; the second and later ones have a name of their own, made from the first.
"""

from __future__ import annotations

from mainstay.kernel.values import Json
from mainstay.workspace.doors import Door

OPERATION = "once"
# What only looks, and what needs no name: a checkpoint of the same head is the same, a key is changed by its own name.
AS_IT_IS = frozenset({"status", "health", "metrics", "foresee_file", "sign_checkpoint", "rotate_signing_key"})


class OnceDoor:
    """In front of another door."""

    def __init__(self, door: Door, request: str, body: str) -> None:
        self._door = door
        self._request = request
        self._body = body
        self._count = 0

    @property
    def live(self) -> bool:
        """See `Door.live`."""
        return self._door.live

    def ask(self, operation: str, arguments: Json) -> Json:
        """See `Door.ask`."""
        if operation in AS_IT_IS:
            return self._door.ask(operation, arguments)
        self._count += 1
        part = f"#{self._count}" if self._count > 1 else ""
        said: Json = {"request": self._request + part, "body": self._body, "operation": operation}
        return self._door.ask(OPERATION, said | {"arguments": arguments})
