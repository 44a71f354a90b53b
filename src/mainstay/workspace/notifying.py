"""The notifier of a director at work, wired from the settings of its workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay.kernel.commands import ClearIncident, DetectIncident
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import RunState
from mainstay.runtime.notifying import Notifying
from mainstay.runtime.tick import Answer, Request
from mainstay.workspace.held import Held
from mainstay.workspace.notification_text import Composer
from mainstay.workspace.ways import lines_of


def notifying_of(
    held: Held,
    *,
    ask: Callable[[Request], Awaitable[Answer]],
    incident: Callable[[DetectIncident | ClearIncident], None],
) -> Notifying:
    """What tells the operator of this workspace what waits."""
    assembly, director = held.assembly, held.director
    settings = assembly.untyped.settings
    composer = Composer(
        *(settings.workspace.name, held.store, assembly.artifacts, held.clock, ask),
        public_url=settings.console.public_url,
        detail=settings.notify.detail,
    )

    def state_of(run: RunId) -> RunState | None:
        one = director.runs.get(run)
        return one.state if one is not None else None

    return Notifying(
        *(held.store, director.codec, held.clock),
        lines_of(settings, composer, held.clock, seal_key=lambda: assembly.seal_key),
        *(ask, incident, held.folder.state / "notified.json"),
        state_of,
    )
