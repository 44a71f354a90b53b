"""Settings: what is set and where it stands, where things lie, what is installed; and how this browser likes it.

Nothing of the workspace is changed here: what a text file says better stays in the text file. Secrets are shown by
reference. Theme and single keys are cookies of this browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.preferences import KEYS, THEME, THEMES, remember
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import ConfigError
from mainstay.workspace import Workspace
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from mainstay.config.recorded import ShownTable
    from mainstay.workspace.settings_shown import BackupState, Extra, Places
    from mainstay.workspace.today import Started

SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class All:
    """All that the page shows."""

    tables: tuple[ShownTable, ...]
    mistake: ConfigError | None
    backup: BackupState | None
    places: Places
    started: Started | None
    stale: bool  # the file was changed after the director began
    version: str
    python: str
    extras: tuple[Extra, ...]


class SettingsPage:
    """What is set."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """All of it."""
        found, health = await asyncio.gather(
            self._front.read_elsewhere(_look), asyncio.to_thread(self._front.health)
        )
        return page(
            *(request, "settings.html"),
            found=found,
            extras=by_extra(found.extras),
            health=health,
            themes=THEMES,
            devices=len(self._front.devices.admitted()),
            now=self._front.clock.now(),
            file="mainstay.toml",
        )

    async def theme(self, request: Request) -> Response:
        """Light, dark, or as the system has it."""
        return await self._prefer(request, "theme", THEME, THEMES)

    async def keys(self, request: Request) -> Response:
        """Single keys on or off."""
        return await self._prefer(request, "keys", KEYS, SWITCH)

    async def _prefer(self, request: Request, field: str, cookie: str, choices: Sequence[str]) -> Response:
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, f"prefer {field}", fields)
        value = forms.text(fields, field, most=20)
        if value not in choices:
            raise Refused(
                400,
                "This is no choice.",
                why="No button of the page gives it.",
                remedy="Nothing was changed. Load the page again, and press one of its buttons.",
            )
        answer = done(request, "/settings#browser", "This browser remembers it.")
        remember(answer, request, cookie, value)
        return answer


def _look(workspace: Workspace) -> All:
    settings = workspace.settings
    tables: tuple[ShownTable, ...] = ()
    backup, mistake = None, None
    try:
        tables, backup = settings.all(), settings.backup()
    except ConfigError as error:
        mistake = error
    started = workspace.today.started()
    version, python, extras = settings.extras()
    return All(
        tables=tables,
        mistake=mistake,
        backup=backup,
        places=settings.places(),
        started=started,
        stale=started is not None and settings.changed_since(started.at),
        version=version,
        python=python,
        extras=extras,
    )


def by_extra(found: Sequence[Extra]) -> list[tuple[str, list[Extra]]]:
    """The libraries under the extra that they come with."""
    return [(name, list(ones)) for name, ones in groupby(found, key=lambda one: one.extra)]
