"""What can be asked about the web server without it: a link to log in, the password, and who is logged in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.errors import DirectorUnavailable
from mainstay.kernel.values import Json
from mainstay.ledger.store import EventReader
from mainstay.net.secrets import Secret
from mainstay.runtime.clock import Clock
from mainstay.workspace.doors import Door, SocketDoor, director_runs
from mainstay.workspace.folder import Folder


class Console:
    """The web server of one workspace, from outside."""

    def __init__(
        self,
        folder: Folder,
        settings: Callable[[], ConsoleSettings],
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], EventReader],
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._door = door
        self._store = store
        self._clock = clock

    def login_link(self) -> Json:
        """A link that logs a browser on this machine in, once, within ten minutes. Raises `DirectorUnavailable`."""
        if not director_runs(self._folder):
            raise DirectorUnavailable(
                "No director is at work in this workspace.",
                why="The web server is part of it.",
                remedy="Start it with `mainstay up`; it prints a link as well.",
            )
        return SocketDoor(self._folder).ask("login_link", {})

    def set_password(self, password: Secret) -> tuple[str, int]:
        """Set the password for logging in from elsewhere: where its hash lies, and how many devices it logged out.

        Whoever knew the one before is out: every device has to log in anew.
        """
        from mainstay.workspace.console_password import ConsolePassword

        kept = ConsolePassword(self._folder.id, self._settings())
        kept.set(password)
        return kept.place, self.dismiss("") if self._folder.ledger.exists() else 0

    def devices(self) -> list[Json]:
        """The devices that are logged in, newest first."""
        if not self._folder.ledger.exists():
            return []
        now = self._clock.now()
        from mainstay.runtime.devices import not_dismissed

        return [row for row in not_dismissed(self._store()) if _whole(row["until"]) > now]

    def dismiss(self, device: str, *, actor: str = "operator") -> int:
        """Log a device out by its id or the beginning of it, with `""` every one; how many were in."""
        with self._door() as door:
            return _whole(door.ask("dismiss", {"device": device, "actor": actor})["dismissed"])


def _whole(value: object) -> int:
    assert isinstance(value, int), "a count or a time"
    return value
